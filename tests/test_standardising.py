"""One way to write each molecule."""

import pytest

from biotl_core.screening.standardising import MOST_HEAVY_ATOMS, standardise


def test_every_notation_of_a_molecule_is_one():
    assert len({standardise(text).smiles for text in ("OCC", "C(O)C", "CCO", " CCO ", "CCO ethanol")}) == 1


def test_stereo_is_kept():
    assert standardise("C[C@H](N)C(=O)O").smiles != standardise("C[C@@H](N)C(=O)O").smiles


@pytest.mark.parametrize(
    ("text", "smiles", "change"),
    [
        ("CCN.Cl", "CCN", "salt removed"),
        ("CC(=O)[O-].[Na+]", "CC(=O)O", "salt removed, charges removed"),
        ("C[N+](C)(C)C", "C[N+](C)(C)C", ""),
        ("c1ccccc1C.c1ccccc1O", "Cc1ccccc1", "largest part of a mixture kept"),
        ("CCO.CCO", "CCO", "salt removed"),
        ("C[N+](=O)[O-]", "C[N+](=O)[O-]", ""),
    ],
)
def test_the_largest_part_is_kept_uncharged(text, smiles, change):
    found = standardise(text)
    assert (found.smiles, found.change, found.reason) == (smiles, change, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no molecule"),
        ("not a molecule", "not a SMILES"),
        ("c1ccccc1C(", "not a SMILES"),
        ("MKTAYIAKQRQISFVKSHFSRQ", "protein sequence"),
        ("C" * 5000, "5,000 characters"),
        ("C" * (MOST_HEAVY_ATOMS + 1), "heavy atoms"),
        ("[Na+].[Cl-]", "no carbon"),
        ("\x00", "not a SMILES"),
    ],
)
def test_what_cannot_be_used_says_why(text, reason):
    found = standardise(text)
    assert found.smiles == "" and reason in found.reason
