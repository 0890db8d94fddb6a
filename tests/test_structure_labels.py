"""From structures to datasets: what each label says of known geometry, and what is left out."""

import numpy as np
import pytest
from structure_texts import HELIX_TEXT, SEQUENCE, chain_lines, pdb_text
from test_structure_chains import seqres

from biotl_core.errors import UserError
from biotl_core.structures.chains import read_chains, read_folder
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.labels import (
    LABELS,
    disorder,
    eight_state_letters,
    flexibility,
    make_dataset,
    relative_accessibility,
    three_states,
)

SOLVED = "EXPDTA    X-RAY DIFFRACTION\n"
LONG = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"


def one(text: str, name: str = "x.pdb"):
    return read_chains(text.encode(), name)[0]


def test_a_helix_is_alpha_and_a_hairpin_has_strands():
    helix = eight_state_letters(one(HELIX_TEXT))
    assert helix.count("H") > 14 and set(helix) <= set("HGTSC")
    hairpin = read_chains(EXAMPLE_STRUCTURES["hairpin"].file)[0]
    assert eight_state_letters(hairpin).count("E") >= 6
    assert set(three_states(hairpin)) <= set("HEC")


def test_gaps_are_unknown_and_disorder_is_what_seqres_names():
    lines = [line for line in chain_lines(LONG) if not 10 <= int(line[22:26]) <= 14]
    chain = one(pdb_text(*lines, header=seqres(LONG)))
    assert [k for k, letter in enumerate(disorder(chain)) if letter == "D"] == [9, 10, 11, 12, 13]
    assert three_states(chain)[9:14] == "?????"
    assert disorder(one(HELIX_TEXT)) is None


def test_b_factors_become_standard_deviations():
    values = flexibility(one(SOLVED + HELIX_TEXT))  # 10, 11, 12, ... in the file
    assert np.mean(values) == pytest.approx(0, abs=1e-3) and np.std(values) == pytest.approx(1, abs=1e-3)
    assert np.all(np.diff(values) > 0)
    assert flexibility(one(SOLVED + pdb_text(*chain_lines(SEQUENCE, b=[20.0] * 20)))) is None
    assert flexibility(one(HELIX_TEXT)) is None  # nothing says that these are B-factors and no confidence


def test_accessibility_needs_side_chains():
    assert relative_accessibility(one(HELIX_TEXT)) is None  # side chains end at the beta carbon


def variants(n: int, length: int = 40) -> list:
    """Chains of different random sequences on ideal helices."""
    rng = np.random.default_rng(0)
    letters = list("ACDEFGHIKLMNPQRSTVWY")
    return [
        one(SOLVED + pdb_text(*chain_lines("".join(rng.choice(letters, length)))), f"chain{k}.pdb")
        for k in range(n)
    ]


def test_a_dataset_is_ready_for_training():
    chains = variants(14)
    made = make_dataset([*chains, chains[0]], "ss3", "14 files")
    table = made.dataset.table
    assert len(table) == 14 and made.dataset.task_name == "residue_classification"
    assert (table["sequence"].str.len() == table["target"].str.len()).all()
    assert set(table["part"]) == {"train", "validation", "test"}
    assert "same sequence" in made.left_out["reason"].iloc[0]
    made.dataset.target_values()  # every letter is a class or unknown


def test_numbers_become_a_dataset_too():
    made = make_dataset(variants(12), "flexibility", "12 files")
    assert made.dataset.task_name == "residue_regression"
    assert all(len(values) == 40 for values in made.dataset.target_values())


def test_too_few_chains_and_labels_without_two_classes_are_said():
    with pytest.raises(UserError, match="at least 10"):
        make_dataset(variants(3), "ss3", "three")
    with pytest.raises(UserError, match="side chains are missing"):
        make_dataset(variants(3), "accessibility", "three")
    with pytest.raises(UserError, match="no label"):
        make_dataset(variants(3), "colour", "three")


@pytest.mark.data
@pytest.mark.parametrize("label", ["ss8", "accessibility", "flexibility"])
def test_real_structures_tell_every_label(shared_data, label):
    chains = read_folder(shared_data / "structures" / "globins")[0]
    made = make_dataset(chains, label, "globins")
    assert len(made.dataset.table) == 26
    if label == "ss8":
        assert np.mean([target.count("H") / len(target) for target in made.dataset.table["target"]]) > 0.5
    if label == "accessibility":
        values = np.concatenate(made.dataset.target_values())
        assert 0.2 < np.nanmean(values) < 0.4 and np.nanmin(values) >= 0
    assert LABELS[label].title
