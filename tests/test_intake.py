"""From an assay table to molecules with potencies; no row is ever lost."""

import pandas as pd
import pytest

from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.screening.examples import EXAMPLE_ASSAY
from biotl_core.screening.intake import contradictions, guess_assay_reading, read_assay

CHAIN = [f"{'C' * n}O" for n in range(1, 31)]


def table(rows: dict[str, list[str]]) -> RawTable:
    return RawTable(pd.DataFrame(rows, dtype="str"), "mine.csv", "CSV")


def assay_of(smiles: list[str], cells: list[str], column: str = "IC50 (nM)"):
    raw = table({"smiles": [*smiles, *CHAIN], column: [*cells, *map(str, range(10, 10 + len(CHAIN)))]})
    return read_assay(raw, guess_assay_reading(raw))


def value_of(assay, smiles: str) -> pd.Series:
    return assay.molecules.set_index("smiles").loc[smiles]


def test_repeats_are_merged_by_their_median_however_they_are_written():
    assay = assay_of(["c1ccccc1N", "Nc1ccccc1", "c1ccc(N)cc1"], ["100", "1000", "10000"])
    row = value_of(assay, "Nc1ccccc1")
    assert (row["value"], row["n_rows"], row["side"]) == (6.0, 3, 0)
    assert row["spread"] == pytest.approx(2.0)
    assert contradictions(assay)["smiles"].tolist() == ["Nc1ccccc1"]


def test_exact_values_go_before_limits_and_the_tightest_limit_counts():
    assay = assay_of(
        ["c1ccccc1N", "Nc1ccccc1", "c1ccccc1S", "Sc1ccccc1"], ["100", "> 10000", "> 1000", "> 10000"]
    )
    assert tuple(value_of(assay, "Nc1ccccc1")[["value", "side"]]) == (7.0, 0)
    assert tuple(value_of(assay, "Sc1ccccc1")[["value", "side"]]) == (5.0, -1)


def test_every_row_has_a_fate_and_a_reason():
    bad = {
        "": "55",
        "C1CC": "10",
        "CCN": "n.d.",
        "MKTAYIAKQRQISFVKSH": "3",
        "C" * 3000: "9",
        "CCS": "",
        "CCCl": "0",
    }
    assay = assay_of(list(bad), list(bad.values()))
    assert len(assay.rows) == len(bad) + len(CHAIN)
    assert (assay.rows["reason"] != "").sum() == len(bad)
    assert assay.rows["row"].tolist() == list(range(1, len(assay.rows) + 1))
    assert "could not be used" in assay.sentence


def test_mixed_units_in_one_column_are_read_cell_by_cell():
    assay = assay_of(["c1ccccc1N", "c1ccccc1S"], ["1 uM", "1 nM"])
    assert value_of(assay, "Nc1ccccc1")["value"] == 6.0
    assert value_of(assay, "Sc1ccccc1")["value"] == 9.0


def test_a_column_of_relations_is_found():
    raw = table(
        {"smiles": CHAIN, "standard_relation": ["'='", "'>'"] * 15, "IC50 (nM)": ["100"] * 29 + ["200"]}
    )
    reading = guess_assay_reading(raw)
    assert reading.relation_column == "standard_relation"
    assert (read_assay(raw, reading).molecules["side"] == -1).sum() == 15


def test_classes_go_by_majority():
    raw = table({"smiles": [*CHAIN, "OC", "CO"], "active": ["1", "0"] * 15 + ["0", "0"]})
    assay = read_assay(raw, guess_assay_reading(raw))
    assert assay.kind == "active"
    assert value_of(assay, "CO")["value"] == 0.0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"smiles": CHAIN[:5], "IC50 (nM)": ["1", "2", "3", "4", "5"]}, "at least 20"),
        ({"smiles": CHAIN, "IC50 (nM)": ["5"] * 30}, "nothing to learn"),
        ({"smiles": CHAIN, "note": ["x"] * 30}, "which column holds what was measured"),
        ({"smiles": ["MKTAYIAKQRQISFVKSHF"] * 30, "IC50 (nM)": ["5"] * 30}, "at least 20"),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(rows, said):
    raw = table(rows)
    with pytest.raises(UserError, match=said):
        read_assay(raw, guess_assay_reading(raw, smiles="smiles"))


def test_wrong_names_are_told_with_the_columns():
    raw = table({"smiles": CHAIN, "IC50 (nM)": ["5"] * 30})
    for wrong in ({"value": "Ki"}, {"unit": "furlong"}, {"value": "smiles"}, {"smiles": "nope"}):
        with pytest.raises(UserError):
            guess_assay_reading(raw, **wrong)


def test_the_example_holds_what_it_says():
    raw = read_file(EXAMPLE_ASSAY)
    reading = guess_assay_reading(raw)
    assert (reading.unit, reading.value_name) == ("nM", "pIC50")
    assay = read_assay(raw, reading)
    assert len(assay.molecules) == 300
    assert assay.n_left_out == 6
    assert len(contradictions(assay)) == 1
