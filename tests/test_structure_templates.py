"""The template engine: itself as template, relatives, strangers, and what it says of itself."""

from dataclasses import replace

import numpy as np
import pytest
from biotite.structure import concatenate

from biotl_core.errors import UserError
from biotl_core.structures.alignment import align_scores, align_sequences, align_structures
from biotl_core.structures.chains import read_chains, read_folder
from biotl_core.structures.engines import ENGINES, FoldSettings, predict_structure, why_out_of_reach
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.measures import local_lddt, tm_score
from biotl_core.structures.templates import TemplateLibrary, predict_from_templates


@pytest.fixture
def bundle():
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


def test_alignments_by_hand():
    pairs = align_sequences("MKTAYIAKQR", "TAYIAK")
    assert pairs.first.tolist() == [2, 3, 4, 5, 6, 7] and pairs.second.tolist() == list(range(6))
    scores = np.full((3, 4), -5.0)
    scores[0, 1] = scores[1, 2] = scores[2, 3] = 9.0
    assert align_scores(scores).second.tolist() == [1, 2, 3]


def test_a_chain_lies_on_itself(bundle):
    likeness, pairs = align_structures(bundle, bundle)
    assert likeness > 0.99 and (pairs.first == pairs.second).all()


def test_a_model_on_itself_is_itself_with_its_side_chains(bundle):
    model = predict_structure(bundle.sequence, "template", [bundle])
    assert tm_score(bundle.ca, model.ca) > 0.999
    assert model.confidence.mean() > 85
    assert len(model.atoms) == len(bundle.atoms)
    assert model.settings["template"] == bundle.name and model.confidence_kind == "expected lDDT"


@pytest.mark.parametrize(("name", "is_copied"), [("SER", True), ("SEP", False)])
def test_side_chains_of_modified_residues_are_not_copied(bundle, name, is_copied):
    serine = bundle.sequence.index("S", 1)
    atoms = bundle.atoms.copy()
    atoms.res_name[atoms.res_id == serine + 1] = name
    beta = atoms[(atoms.res_id == serine + 1) & (atoms.atom_name == "CB")]
    beta.atom_name[:], beta.element[:] = "OG", "O"
    beta.coord = beta.coord + 1.0
    template = replace(bundle, atoms=concatenate([atoms, beta]))
    model = predict_structure(bundle.sequence, "template", [template])
    assert (model.atoms.atom_name == "OG").any() == is_copied


def test_an_insertion_is_built_and_less_sure(bundle):
    sequence = bundle.sequence[:23] + "GSGS" + bundle.sequence[23:]
    model = predict_structure(sequence, "template", [bundle])
    assert len(model.ca) == len(sequence)
    assert np.abs(np.linalg.norm(np.diff(model.ca, axis=0), axis=1) - 3.8).max() < 0.5
    assert model.confidence[23:27].max() < model.confidence[5:18].min()
    assert any("no counterpart" in note for note in model.notes)


def test_a_stranger_is_refused_in_a_sentence(bundle):
    with pytest.raises(UserError, match="no near enough relative"):
        predict_structure("MWPGHYNCWPFTHMQYWNCHPWGYTFPMHWCNQYPGWHFTMCYPN" * 2, "template", [bundle])


@pytest.mark.parametrize(
    ("sequence", "says"),
    [
        ("MKTAYIAKQR7", "position 11"),
        ("MKT", "at least 10"),
        ("MKTAYIAKQR:MKTAYIAKQR", "one chain at a time"),
    ],
)
def test_what_is_no_sequence_is_said(bundle, sequence, says):
    with pytest.raises(UserError, match=says):
        predict_structure(sequence, "template", [bundle])


def test_engines_out_of_reach_say_what_to_do():
    for name in ("esmfold", "esmfold2"):
        assert "Models" in why_out_of_reach(ENGINES[name])
        with pytest.raises(UserError, match="not on this computer"):
            predict_structure("MKTAYIAKQRQISFVKSHFSRQ", name)
    with pytest.raises(UserError, match="needs structures"):
        predict_structure("MKTAYIAKQRQISFVKSHFSRQ", "template")
    with pytest.raises(UserError, match="no engine 'alphafold'"):
        predict_structure("MKTAYIAKQRQISFVKSHFSRQ", "alphafold")


def test_settings_that_make_no_sense_are_said():
    with pytest.raises(UserError, match="recycles"):
        FoldSettings(recycles=99)
    assert FoldSettings.from_dict({"recycles": 1, "unknown": 2}).of("esmfold")["recycles"] == 1


@pytest.mark.data
def test_globins_are_modelled_on_one_another(shared_data):
    globins = read_folder(shared_data / "structures" / "globins")[0]
    library = TemplateLibrary(globins)
    scores, agreement = [], []
    for k in (2, 4, 10, 16, 21):
        chain = globins[k]
        others = [j for j in range(len(globins)) if j != k]
        model = predict_from_templates(chain.sequence, chain.name, library, allowed=others)
        scores.append(tm_score(chain.ca, model.ca))
        agreement.append(np.corrcoef(local_lddt(chain.ca, model.ca), model.confidence)[0, 1])
    assert np.mean(scores) > 0.8
    assert np.mean(agreement) > 0.4


@pytest.mark.data
def test_a_globin_is_refused_among_antibodies(shared_data):
    folder = shared_data / "structures"
    globin = read_folder(folder / "globins")[0][0]
    with pytest.raises(UserError, match="no near enough relative"):
        predict_structure(globin.sequence, "template", read_folder(folder / "antibodies")[0][:12])
