"""Sequences to learn from: what is read, what is left out and said, and what is held out."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.new_sequences import read_pasted_sequences
from biotl_core.data.unlabelled import PIECE_LETTERS, Unlabelled, hold_out, read_unlabelled
from biotl_core.errors import UserError

AMINO = list("ACDEFGHIKLMNPQRSTVWY")


def families(n_families: int, members: int, length: int = 80) -> list[str]:
    """Families whose members differ in a tenth of their letters and in their length."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_families):
        parent = rng.choice(AMINO, length)
        for member in range(members):
            child = parent.copy()
            places = rng.choice(length, length // 10, replace=False)
            child[places] = rng.choice(AMINO, len(places))
            found.append("".join(child[: length - member]))
    return found


def unlabelled(sequences: list[str], modality="protein") -> Unlabelled:
    table = pd.DataFrame({"name": [f"s{i}" for i in range(len(sequences))], "sequence": sequences})
    return Unlabelled(table, modality, "test", table.head(0))


def test_doubles_count_once_and_foreign_letters_are_said():
    text = ">a\nMKTAYIAKQR\n>b\nmktayiakqr\n>c\nMKT1YIAKQR\n>d\nMKTAYIAKQRW*\n"
    read = read_unlabelled(read_pasted_sequences(text), "protein")
    assert read.table["sequence"].tolist() == ["MKTAYIAKQR", "MKTAYIAKQRW"]
    assert read.refused["row"].tolist() == [3]
    told = " ".join(read.notes)
    assert "1 row left out: Letter 4" in told and "1 sequence that stood there before" in told
    assert read.n_letters == 21


@pytest.mark.parametrize(
    ("text", "modality", "says"),
    [
        (
            ">a\nACGTACGTACGTACGTACGT\n>b\nACGTTTGACGTAGCGGCAAT",
            "protein",
            "DNA sequences, but this backbone reads",
        ),
        (">a\nMKTAYIAKQRQISFVK\n>b\nMKTWWIAKQRQ", "dna", "proteins, but this backbone reads"),
        ("CC(=O)Oc1ccccc1\nc1ccccc1C(=O)N", "protein", "molecules, but this backbone reads"),
    ],
)
def test_another_kind_of_sequence_is_refused(text, modality, says):
    with pytest.raises(UserError, match=says):
        read_unlabelled(read_pasted_sequences(text), modality)


def test_a_genome_becomes_pieces():
    genome = "".join(np.random.default_rng(0).choice(list("ACGT"), 5000))
    read = read_unlabelled(read_pasted_sequences(f">chromosome\n{genome}"), "dna")
    assert "".join(read.table["sequence"]) == genome
    assert read.table["sequence"].str.len().max() <= PIECE_LETTERS and len(read.table) == 5
    assert any("cut into pieces" in note for note in read.notes)


def test_families_are_held_out_whole():
    sequences = families(30, 3)
    held = hold_out(unlabelled(sequences), share=0.2)
    by_family = held.is_held_out.reshape(30, 3)
    assert (by_family.all(axis=1) == by_family.any(axis=1)).all()
    assert 0.1 <= held.is_held_out.mean() <= 0.35
    assert "held out as whole groups" in held.sentence
    again = hold_out(unlabelled(sequences), share=0.2)
    assert np.array_equal(held.is_held_out, again.is_held_out)


def test_where_all_are_one_family_single_ones_are_taken_and_said():
    held = hold_out(unlabelled(families(1, 40)), share=0.2)
    assert held.is_held_out.sum() >= 5
    assert "at random" in held.sentence and "could not be held out" in held.sentence
    chosen = hold_out(unlabelled(families(30, 3)), "random", share=0.2)
    assert "could not" not in chosen.sentence
