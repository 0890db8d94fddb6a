"""Pictures and shapes of molecules."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.errors import UserError
from biotl_core.screening.drawing import as_sdf, atom_weights, conformer, draw_molecule


def test_an_svg_asks_nobody_for_anything():
    svg = draw_molecule("CC(=O)Oc1ccccc1C(=O)O", weights=np.linspace(-1, 1, 13))
    assert svg.lstrip().startswith("<?xml") and "</svg>" in svg
    assert "href" not in svg and "<script" not in svg and "<image" not in svg


def test_atoms_that_matter_get_the_weight():
    """A model that counts nitrogens: only the nitrogen's removal changes it."""
    weights = atom_weights("CCN", lambda smiles: np.array([float(s.count("N")) for s in smiles]))
    assert weights.tolist() == [0.0, 0.0, 1.0]


def test_a_conformer_has_hydrogens_and_depth():
    block = conformer("CCO")
    coordinates = np.array([line.split()[:3] for line in block.split("\n")[4:13]], dtype=float)
    assert coordinates.shape == (9, 3) and np.ptp(coordinates, axis=0).min() > 0.5
    assert block == conformer("CCO")


def test_what_cannot_be_read_is_told():
    for make in (draw_molecule, conformer):
        with pytest.raises(UserError, match="not a SMILES"):
            make("not one")


def test_an_sdf_can_be_read_again():
    from biotl_core.data.reading import read_bytes

    hits = pd.DataFrame({"name": ["a", "b"], "smiles": ["CCO", "c1ccccc1"], "prediction": [1.5, 2.5]})
    table = read_bytes(as_sdf(hits, ["prediction"]).encode(), "hits.sdf").table
    rows = table[["name", "smiles", "prediction"]].to_numpy().tolist()
    assert rows == [["a", "CCO", "1.5"], ["b", "c1ccccc1", "2.5"]]
