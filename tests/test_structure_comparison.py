"""Comparing structures: models of one protein by sequence, relatives by shape."""

import numpy as np
import pytest
from structure_texts import HELIX_TEXT

from biotl_core.errors import UserError
from biotl_core.structures.chains import read_chains, read_folder
from biotl_core.structures.comparison import (
    compare_all,
    compare_chains,
    deviation_table,
    score_table,
    superposed_file,
)
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.structure import read_structure


@pytest.fixture
def bundle():
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


def test_a_part_of_a_chain_is_laid_on_its_place(bundle):
    found = compare_chains(bundle, bundle.cut(10, 50))
    assert found.matched_by == "sequence" and found.identity == 1
    assert found.pairs.first.tolist() == list(range(10, 50))
    assert found.likeness.scores["tm_score"] == pytest.approx(40 / 69, abs=0.01)
    assert found.likeness.deviation.max() < 0.01


def test_a_moved_copy_comes_back(bundle):
    from dataclasses import replace

    atoms = bundle.atoms.copy()
    atoms.coord = atoms.coord[:, [1, 2, 0]] + [30, 0, 5]
    moved = replace(bundle, backbone=bundle.backbone[:, :, [1, 2, 0]] + [30, 0, 5], atoms=atoms, name="moved")
    comparison = compare_chains(bundle, moved)
    assert np.abs(comparison.atoms.coord - bundle.atoms.coord).max() < 0.01
    together = read_structure(superposed_file(bundle, [comparison]), "both.pdb")
    assert together.chains == ("A", "B")
    assert together.residues["b_factor"].max() < 0.01  # deviations, not B-factors


def test_tables_have_a_row_for_each_model_and_residue(bundle):
    compared = compare_all(bundle, [bundle, bundle.cut(0, 30)])
    scores, deviations = score_table(compared), deviation_table(bundle, compared)
    assert scores["tm_score"].iloc[0] > scores["tm_score"].iloc[1]
    assert len(deviations) == 69
    with pytest.raises(UserError, match="too many"):
        compare_all(bundle, [bundle] * 9)


def test_another_protein_is_matched_by_shape(bundle):
    helix = read_chains(HELIX_TEXT.encode(), "helix.pdb")[0]
    found = compare_chains(bundle, helix, "structure")
    assert found.matched_by == "structure" and len(found.pairs.first) >= 10
    assert found.likeness.scores["rmsd"] < 2


@pytest.mark.data
def test_distant_globins_share_their_fold(shared_data):
    first, second = read_folder(shared_data / "structures" / "globins")[0][:2]
    found = compare_chains(first, second)
    assert found.matched_by == "structure" and found.identity < 0.4
    assert found.likeness.scores["tm_score"] > 0.7
