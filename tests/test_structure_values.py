"""Values come to the right residues, or not at all."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from structure_texts import HELIX_TEXT, SEQUENCE, chain_lines, pdb_text

from biotl_core.errors import UserError
from biotl_core.structures.predictions import (
    rank_by_similarity,
    read_residue_predictions,
    values_from_prediction,
)
from biotl_core.structures.structure import read_structure
from biotl_core.structures.values import align, find_columns, values_from_table, values_on_structure


@pytest.fixture
def helix():
    return read_structure(HELIX_TEXT.encode(), "helix.pdb")


def test_the_same_sequence_maps_one_to_one(helix):
    mapped = values_on_structure(helix, "A", SEQUENCE, list(range(20)), "depth")
    assert mapped.values.tolist() == list(range(20))
    assert (mapped.coverage, mapped.identity, mapped.is_number) == (1.0, 1.0, True)


def test_a_longer_sequence_with_a_mutation_maps_by_alignment(helix):
    longer = "GSHM" + SEQUENCE[:9] + "A" + SEQUENCE[10:] + "LEHHHHHH"
    mapped = values_on_structure(helix, "A", longer, [float(i) for i in range(len(longer))])
    assert mapped.values.tolist() == [4.0 + i for i in range(20)]
    assert mapped.identity == pytest.approx(19 / 20)
    assert "1 letter of 20 differ" in mapped.sentence


def test_residues_missing_in_the_structure_are_skipped():
    with_gap = chain_lines(SEQUENCE)
    missing = [line for line in with_gap if not 6 <= int(line[22:26]) <= 9]
    structure = read_structure(pdb_text(*missing).encode(), "gap.pdb")
    mapped = values_on_structure(structure, "A", SEQUENCE, [float(i + 1) for i in range(20)])
    assert mapped.values.tolist() == structure.residues["number"].astype(float).tolist()


def test_a_part_of_the_chain_covers_a_part(helix):
    mapped = values_on_structure(helix, "A", SEQUENCE[5:15], [1.0] * 10)
    assert mapped.coverage == 0.5
    assert mapped.values.notna().tolist() == [5 <= i < 15 for i in range(20)]


def test_another_protein_is_refused(helix):
    with pytest.raises(UserError, match="does not fit chain A"):
        values_on_structure(helix, "A", "GGGGGWWWWWPPPPPNNNNN", [1.0] * 20)


def test_lengths_must_agree_and_the_chain_must_be_there(helix):
    with pytest.raises(UserError, match="one value a letter"):
        values_on_structure(helix, "A", SEQUENCE, [1.0])
    with pytest.raises(UserError, match="no chain 'B'"):
        values_on_structure(helix, "B", SEQUENCE, [1.0] * 20)


def test_unknown_values_stay_unknown(helix):
    numbers = values_on_structure(helix, "A", SEQUENCE, [np.nan, np.inf] + [1.0] * 18)
    assert numbers.values.isna().sum() == 2
    assert numbers.coverage == 0.9
    classes = values_on_structure(helix, "A", SEQUENCE, list("??" + "H" * 18))
    assert classes.coverage == 0.9
    assert not classes.is_number


@pytest.mark.parametrize("other", ["", "K", "MKTAYIAKQRQISFVKSHFS" * 3])
def test_alignment_pairs_rise_and_never_repeat(other):
    pairs = align(SEQUENCE, other)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


def table_of(**columns) -> pd.DataFrame:
    return pd.DataFrame({name: [str(cell) for cell in cells] for name, cells in columns.items()})


def test_a_table_is_matched_by_residue_number(helix):
    table = table_of(Position=[3, "A:4", "Y5", 99], score=[0.1, 0.2, 0.3, 0.4])
    number, letter, chain, columns = find_columns(table)
    assert (number, letter, chain, columns) == ("Position", None, None, ["score"])
    mapped = values_from_table(helix, "A", table, "score", number)
    assert mapped.values.dropna().to_dict() == {2: 0.1, 3: 0.2, 4: 0.3}
    assert "1 row of the table had no residue" in mapped.sentence


def test_a_shifted_numbering_is_caught_by_its_letters(helix):
    table = table_of(residue=range(2, 21), aa=SEQUENCE[:19], score=range(19))
    with pytest.raises(UserError, match="another one"):
        values_from_table(helix, "A", table, "score", "residue", "aa")
    aligned = values_from_table(helix, "A", table, "score", None, "aa")
    assert aligned.values.iloc[:19].tolist() == list(range(19))


def test_rows_of_other_chains_are_left_out(helix):
    table = table_of(chain=["A", "B"], residue=[1, 1], score=[1.0, 2.0])
    assert values_from_table(helix, "A", table, "score", "residue", None, "chain").values.iloc[0] == 1.0
    with pytest.raises(UserError, match="names no chain A"):
        values_from_table(helix, "A", table[table["chain"] == "B"], "score", "residue", None, "chain")


def test_a_table_without_numbers_or_letters_is_refused(helix):
    with pytest.raises(UserError, match="needs a column of residue numbers"):
        values_from_table(helix, "A", table_of(score=[1.0]), "score", None)
    with pytest.raises(UserError, match="No residue number"):
        values_from_table(helix, "A", table_of(residue=[500], score=[1.0]), "score", "residue")


def test_words_are_categories(helix):
    mapped = values_from_table(helix, "A", table_of(residue=[1, 2], where=["core", ""]), "where", "residue")
    assert not mapped.is_number
    assert mapped.values.iloc[:2].tolist() == ["core", ""]


@pytest.fixture
def predictions(tmp_path):
    table = table_of(
        name=["other", "mine"],
        part=["test", "test"],
        sequence=["G" * 20, SEQUENCE],
        target=["C" * 20, "?" + "H" * 19],
        prediction=["C" * 20, "H" * 10 + "E" * 10],
        probability_H=[" ".join(["0.1"] * 20), " ".join(f"{i / 20}" for i in range(20))],
        nearest_identity=["0.3", "0.4"],
    )
    table.to_csv(tmp_path / "predictions.csv", index=False)
    return tmp_path / "predictions.csv"


def test_a_runs_predictions_find_their_chain(helix, predictions):
    table, columns = read_residue_predictions(predictions)
    assert columns == ("target", "prediction", "probability_H")
    assert rank_by_similarity(helix, "A", table).index.tolist() == [1, 0]
    classes = values_from_prediction(helix, "A", table, 1, "prediction")
    assert "".join(classes.values) == "H" * 10 + "E" * 10
    shares = values_from_prediction(helix, "A", table, 1, "probability_H")
    assert shares.values.tolist() == pytest.approx([i / 20 for i in range(20)])
    with pytest.raises(UserError, match="does not fit"):
        values_from_prediction(helix, "A", table, 0, "prediction")


def test_a_run_without_residue_values_is_refused(tmp_path):
    table_of(name=["a"], sequence=["MKTAY"], prediction=["0.5"]).to_csv(
        tmp_path / "predictions.csv", index=False
    )
    with pytest.raises(UserError, match="not one a residue"):
        read_residue_predictions(tmp_path / "predictions.csv")
    with pytest.raises(UserError, match="no predictions yet"):
        read_residue_predictions(tmp_path / "nothing" / "predictions.csv")
