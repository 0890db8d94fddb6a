"""New sequences: what can be used, what not, and why."""

import pytest

from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.errors import UserError


def check(text: str, modality="protein", **columns):
    return check_new_sequences(read_pasted_sequences(text), modality, **columns)


def test_bare_sequences_are_one_a_line():
    new = check("MKTAYIAKQR\n\n  mktayiakqw* \n")
    assert new.table["sequence"].tolist() == ["MKTAYIAKQR", "MKTAYIAKQW"]
    assert new.table["name"].tolist() == ["sequence 1", "sequence 2"]
    assert check("MKTAYIAKQR").table["sequence"].tolist() == ["MKTAYIAKQR"]


def test_fasta_and_tables_keep_their_names():
    assert check(">first\nMKTAYI\nAKQR\n").table.values.tolist() == [["first", "MKTAYIAKQR"]]
    new = check("name,sequence\nx,MKTAYIAKQR\ny,MKTAYIAKQW\n")
    assert new.table["name"].tolist() == ["x", "y"]


def test_rows_that_cannot_be_used_are_told_with_row_and_reason():
    new = check("name,sequence\ngood,MKTAYIAKQR\nbad,MKT1AYIAKQ\nempty,\n")
    assert new.table["name"].tolist() == ["good"]
    assert new.refused["row"].tolist() == [2, 3]
    assert new.refused["reason"][0].startswith("Letter 4, '1'")
    assert "no sequence" in new.refused["reason"][1]


def test_rna_is_read_as_dna():
    assert check("ACGUACGUAC\nACGTTTGACA", "dna").table["sequence"][0] == "ACGTACGTAC"


def test_molecules_keep_their_letters_and_must_be_readable():
    new = check("CCO\nc1ccccc1\nC1CC\n", "molecule")
    assert new.table["sequence"].tolist() == ["CCO", "c1ccccc1"]
    assert new.refused["row"].tolist() == [3]


def test_sequences_of_another_kind_are_told_from_typing_errors():
    with pytest.raises(UserError, match="seems to hold proteins, but this run was trained on DNA"):
        check("MKTAYIAKQR\nMKTAYIAKQW", "dna")
    with pytest.raises(UserError, match="no row can be used"):
        check("sequence\nMKT1AYIAKQ", "protein")
