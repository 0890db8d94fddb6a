import doctest
import importlib
import pkgutil

import pytest

import biotl_core.data
from biotl_core.data.alphabets import ALPHABETS, first_bad_letter, guess_modality

MODULES = [module.name for module in pkgutil.iter_modules(biotl_core.data.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(f"biotl_core.data.{name}")).failed == 0


@pytest.mark.parametrize(
    ("sequence", "modality", "found"),
    [
        ("MKVX", "protein", None),
        ("MKV1L", "protein", (3, "1")),
        ("MKV-L", "protein", (3, "-")),
        ("mkv", "protein", (0, "m")),
        ("ACGTN", "dna", None),
        ("ACGU", "dna", (3, "U")),
        ("", "dna", None),
        ("CC(=O)Oc1ccccc1", "molecule", None),
        ("CC O", "molecule", (2, " ")),
    ],
)
def test_first_bad_letter(sequence, modality, found):
    assert first_bad_letter(sequence, modality) == found


def test_no_letter_is_plain_and_ambiguous_at_once():
    for alphabet in ALPHABETS.values():
        assert not set(alphabet.letters) & set(alphabet.ambiguous)
        assert len(set(alphabet.letters)) == len(alphabet.letters)


@pytest.mark.parametrize(
    ("sequences", "modality"),
    [
        (["MKVLAAG", "MSTNPKPQRK"], "protein"),
        (["acgtacgt", "ACGGTTNA"], "dna"),
        (["AUGGCUUAA", "GGGAAACCU"], "dna"),
        (["CCO", "c1ccccc1", "CC(=O)O"], "molecule"),
        (["C", "CC", "CCO", "CCCl", "C1CC1"], "molecule"),
        # Peptides of letters that are also atoms stay proteins: nothing but a SMILES sign could tell otherwise.
        (["KKLFF", "GIGKFLHSAK", "CNNP"], "protein"),
        (["GAVLI", "ACDEF", ""], "protein"),
        (["", ""], "protein"),
    ],
)
def test_guess_modality(sequences, modality):
    assert guess_modality(sequences) == modality


def test_a_few_odd_rows_do_not_change_the_guess():
    assert guess_modality(["ACGTACGTAA"] * 9 + ["MKVLQQ"]) == "dna"
    assert guess_modality(["MKVLQQPE"] * 9 + ["ACGTACGTAA"]) == "protein"
