"""Results of other predictors: every layout of expected errors, and what does not belong together."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from structure_texts import SEQUENCE, chain_lines, pdb_text

from biotl_core.errors import UserError
from biotl_core.structures.bundles import make_import_bundle
from biotl_core.structures.importing import import_result, read_pae, read_scores
from biotl_core.structures.result_files import pae_json

N = 20
PAE = np.abs(np.subtract.outer(np.arange(N), np.arange(N))).astype(float)
ROWS = PAE.tolist()
FIRST, SECOND = np.indices((N, N)) + 1

LAYOUTS = {
    "AlphaFold database": [{"predicted_aligned_error": ROWS, "max_predicted_aligned_error": 31.75}],
    "AlphaFold database, first": [
        {
            "residue1": FIRST.ravel().tolist(),
            "residue2": SECOND.ravel().tolist(),
            "distance": PAE.ravel().tolist(),
        }
    ],
    "ColabFold": {"plddt": [90.0] * N, "pae": ROWS, "max_pae": 19.0, "ptm": 0.8},
    "AlphaFold 3": {"pae": ROWS, "contact_probs": ROWS, "atom_plddts": [1.0]},
    "Protenix": {"token_pair_pae": ROWS, "ptm": 0.8},
    "ESM Atlas": {"predicted_aligned_error": ROWS},
    "bare": ROWS,
}


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.pdb"
    lines = chain_lines(SEQUENCE, b=[60.0 + k for k in range(N)])
    file.write_text(pdb_text(*lines, header="TITLE     ALPHAFOLD MODEL"))
    return file


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(tmp_path, layout):
    file = tmp_path / "pae.json"
    file.write_text(json.dumps(LAYOUTS[layout]))
    assert read_pae(file) == pytest.approx(PAE)


def test_arrays_of_boltz_and_chai_are_read(tmp_path):
    np.savez(tmp_path / "pae_model_0.npz", pae=PAE)
    np.save(tmp_path / "pae.npy", PAE[None])
    assert read_pae(tmp_path / "pae_model_0.npz") == pytest.approx(PAE)
    assert read_pae(tmp_path / "pae.npy") == pytest.approx(PAE)
    np.savez(tmp_path / "scores.model_idx_0.npz", ptm=np.array([0.7]), aggregate_score=np.array([0.6]))
    assert read_scores(tmp_path / "scores.model_idx_0.npz").scores == {"ptm": 0.7, "aggregate_score": 0.6}


def test_what_we_write_reads_back(tmp_path):
    (tmp_path / "pae.json").write_text(pae_json(PAE))
    assert read_pae(tmp_path / "pae.json") == pytest.approx(PAE)


def test_a_model_with_its_errors_is_a_result(model, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps(LAYOUTS["ColabFold"]))
    result = import_result(model, tmp_path / "scores.json")
    assert result.engine == "imported" and result.confidence_kind == "pLDDT"
    assert result.confidence[0] == pytest.approx(60) and result.scores["ptm"] == 0.8
    assert result.pae == pytest.approx(PAE)


def test_an_imported_model_is_bundled_as_our_own_are(model, tmp_path):
    (tmp_path / "pae.json").write_text(pae_json(PAE))
    with zipfile.ZipFile(BytesIO(make_import_bundle(model, tmp_path / "pae.json"))) as archive:
        names = {name.split("/")[1] for name in archive.namelist()}
    assert {"model.pdb", "model.cif", "model.html", "model_predicted_aligned_error.json"} <= names


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cut off"),
        ('"text"', "no result"),
        ("{}", "no expected errors"),
        ('{"pae": [[1, 2, 3]]}', "square"),
        ('{"pae": [[1, 2], [3]]}', "square"),
        ('{"pae": [[-1, 2], [3, 0]]}', "between 0 and 100"),
        ('{"residue1": [1], "residue2": [1], "distance": []}', "no expected errors"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, content, says):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(UserError, match=says):
        read_pae(tmp_path / "bad.json")


def test_files_of_two_models_do_not_go_together(model, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"pae": PAE[:5, :5].tolist()}))
    with pytest.raises(UserError, match="5 residues, but model"):
        import_result(model, tmp_path / "other.json")


def test_a_measured_structure_is_no_prediction(tmp_path):
    file = tmp_path / "solved.pdb"
    file.write_text(pdb_text(*chain_lines(SEQUENCE), header="EXPDTA    X-RAY DIFFRACTION"))
    with pytest.raises(UserError, match="does not look predicted"):
        import_result(file)
