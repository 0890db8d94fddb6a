import time

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.cleaning import check, clean
from biotl_core.data.findings import PROBLEMS, REPAIRS, SAFE_REPAIRS
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.worktable import SET_ASIDE
from biotl_core.errors import UserError

GOOD = ["MKVLAAGIVQ", "MSTNPKPQRW", "MTEYKLVVVG", "MALWMRLLPL", "MGSSHHHHHH", "MEEPQSDPSV"]


def _raw(sequences, targets, file_format="CSV", **more) -> RawTable:
    columns = {"sequence": sequences, "target": targets, **more}
    table = pd.DataFrame({name: list(map(str, values)) for name, values in columns.items()}, dtype="str")
    return RawTable(table, "table.csv", file_format)


def _reading(task="regression", modality="protein", targets=("target",), **more) -> Reading:
    settings = {"name_column": None, "part_column": None, "mask_column": None} | more
    return Reading("sequence", targets, modality=modality, task_name=task, **settings)


def _with_good(sequence: str, target: str = "9.5") -> RawTable:
    """Row 1 is the odd one, rows 2 to 7 are sound."""
    return _raw([sequence, *GOOD], [target, "1", "2", "3", "4", "5", "6"])


@pytest.mark.parametrize(
    ("sequence", "problem", "repaired"),
    [
        ("mkvlaagivr", "lower_case", "MKVLAAGIVR"),
        ("MKVLA-AGI.VR", "gaps", "MKVLAAGIVR"),
        ("MKVLAAGIVR*", "stop_at_end", "MKVLAAGIVR"),
        ("1 MKVLA 6 AGIVR", "blanks_inside", "MKVLAAGIVR"),
    ],
)
def test_repairs_of_proteins(sequence, problem, repaired):
    raw = _with_good(sequence)
    findings = check(raw, _reading())
    assert problem in findings.counts
    assert findings.n_blocked == 0
    cleaned = clean(raw, _reading())
    assert cleaned.dataset.table["sequence"].iloc[0] == repaired
    assert cleaned.changes["row"].unique().tolist() == [1]
    assert cleaned.changes["before"].iloc[0] == sequence
    assert cleaned.changes["after"].iloc[-1] == repaired
    # Without this repair the row is set aside, and the log says so.
    without = clean(raw, _reading(), SAFE_REPAIRS - {PROBLEMS[problem].repair})
    assert len(without.dataset.table) == 6
    assert without.changes["after"].tolist() == [SET_ASIDE]


@pytest.mark.parametrize(
    ("sequence", "problem"),
    [
        ("", "blank_sequence"),
        ("MKV*LAAGIVR", "stop_inside"),
        ("MKVLAAG1VR", "wrong_alphabet"),
        ("ACGTACGTACGTACGTACGTACGT", "wrong_alphabet"),
        ("CC(=O)Oc1ccccc1C(=O)O", "wrong_alphabet"),
    ],
)
def test_rows_that_only_she_can_mend_are_set_aside_and_told(sequence, problem):
    raw = _with_good(sequence)
    finding = next(finding for finding in check(raw, _reading()) if finding.problem == problem)
    assert (finding.row, finding.column, finding.severity) == (1, "sequence", "blocks")
    assert finding.message.startswith("Row 1, column *sequence*: ")
    cleaned = clean(raw, _reading())
    assert len(cleaned.dataset.table) == 6
    assert cleaned.n_set_aside == 1
    assert set(cleaned.changes["row"]) == {1}
    assert cleaned.changes["after"].iloc[-1] == SET_ASIDE


def test_the_message_names_position_and_letter():
    message = next(iter(check(_with_good("MKV7LAAGI"), _reading()))).message
    assert "'7' at position 4" in message


def test_dna():
    raw = _raw(["acgtacgt", "ACGUACGA", "ACGTNNGA", "MKVLQQPEE", "ACGTTTGA"], range(5))
    findings = check(raw, _reading(modality="dna"))
    assert findings.counts == {"lower_case": 1, "rna": 1, "wrong_alphabet": 1, "ambiguous": 1}
    cleaned = clean(raw, _reading(modality="dna"))
    assert cleaned.dataset.table["sequence"].tolist() == ["ACGTACGT", "ACGTACGA", "ACGTNNGA", "ACGTTTGA"]


def test_dna_in_a_protein_column_offers_the_other_modality():
    sequences = ["ACGTACGTAGGCTTAACGTCA" + "ACGT"[i % 4] * (i + 1) for i in range(9)]
    raw = _raw(sequences, range(9))
    with pytest.raises(UserError, match=r"look like DNA.*Choose DNA as the modality"):
        clean(raw, _reading())
    with pytest.raises(UserError, match=r"look like proteins.*Choose Protein as the modality"):
        clean(_raw(GOOD, range(6)), _reading(modality="dna"))


def test_molecules():
    smiles = ["CCO", "OCC", "CC(=O)O.[Na+]", "c1ccccc1", "C1CC", "CCN name", "c1ccccc1"]
    raw = _raw(smiles, ["1", "3", "5", "7", "8", "9", "7"])
    findings = check(raw, _reading(modality="molecule"))
    assert findings.counts == {
        "blanks_inside": 1, "unreadable_smiles": 1, "salt": 1, "duplicate": 1, "conflict": 1,
    }  # fmt: skip
    table = clean(raw, _reading(modality="molecule")).dataset.table
    # Row 1 and 2 are one molecule (2 is the median of 1 and 3); the salt loses its sodium; SMILES stay as given.
    assert table["sequence"].tolist() == ["CCO", "CC(=O)O", "c1ccccc1", "CCN"]
    assert table["target"].tolist() == [2.0, 5.0, 7.0, 9.0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["1,5", "2,25", "0,5"], [1.5, 2.25, 0.5]),
        (["1,5", "1,234", "7"], [1.5, 1.234, 7.0]),
        (["1,234.5", "1,234", "7"], [1234.5, 1234.0, 7.0]),
        (["1.234,5", "2", "3"], [1234.5, 2.0, 3.0]),
        (["1 234", "12'345", "6"], [1234.0, 12345.0, 6.0]),
        (["85%", "7 %", "−3"], [85.0, 7.0, -3.0]),
        (["1e-3", "2E5", ".5"], [1e-3, 2e5, 0.5]),
    ],
)
def test_numbers_in_other_notations(written, read):
    cleaned = clean(_raw(GOOD[:3], written), _reading())
    assert cleaned.dataset.table["target"].tolist() == read


def test_a_comma_that_may_be_either_is_not_guessed_but_for_semicolon_files():
    with pytest.raises(UserError, match=r"'1,234' may be 1\.234 or 1234"):
        clean(_raw(GOOD[:3], ["1,234", "2,345", "3,456"]), _reading())
    cleaned = clean(_raw(GOOD[:3], ["1,234", "2,345", "3,456"], "CSV (semicolons)"), _reading())
    assert cleaned.dataset.table["target"].tolist() == [1.234, 2.345, 3.456]


def test_targets_that_are_no_numbers():
    targets = ["n.d.", ">100", "inf", "", "NaN", "5"]
    raw = _raw(GOOD, targets)
    raw = RawTable(
        pd.concat([raw.table, _raw(["MKVLR", "MKVLK"], [1, 2]).table], ignore_index=True), "t", "CSV"
    )
    findings = check(raw, _reading())
    assert findings.counts == {"missing_target": 2, "bounded_number": 1, "not_a_number": 2}
    assert clean(raw, _reading()).dataset.table["target"].tolist() == [5.0, 1.0, 2.0]
    with_bounds = clean(raw, _reading(), SAFE_REPAIRS | {"bounded_number"})
    assert with_bounds.dataset.table["target"].tolist() == [100.0, 5.0, 1.0, 2.0]


def test_replicates_of_numbers_are_merged_to_their_median():
    raw = _raw(["MKVLA", "MKVLA", "MKVLA", "MSTNP", "MTEYK", "MTEYK"], [1, 2, 9, 4, 5, 5])
    findings = check(raw, _reading())
    assert findings.counts == {"duplicate": 1, "conflict": 2}
    cleaned = clean(raw, _reading())
    assert cleaned.dataset.table["target"].tolist() == [2.0, 4.0, 5.0]
    log = cleaned.changes.set_index("row")["why"]
    assert log[1] == "Merged from 3 replicates"
    assert log[2] == log[3] == "Merged into row 1"
    assert log[6] == "The same as row 5"
    kept = clean(raw, _reading(), SAFE_REPAIRS - {"conflict", "duplicate"})
    assert len(kept.dataset.table) == 6


def test_replicates_of_classes_take_the_majority_and_ties_are_set_aside():
    raw = _raw(["MKVLA"] * 3 + ["MSTNP"] * 2 + ["MTEYK", "MALWM"], ["a", "b", "a", "a", "b", "a", "b"])
    cleaned = clean(raw, _reading("classification"))
    assert cleaned.dataset.table["sequence"].tolist() == ["MKVLA", "MTEYK", "MALWM"]
    assert cleaned.dataset.table["target"].tolist() == ["a", "a", "b"]
    assert cleaned.n_set_aside == 4


def test_replicates_of_residue_targets_keep_what_they_agree_on():
    raw = _raw(["MKVLA", "MKVLA", "MSTNP", "MTEYK"], ["HHCCE", "HHCEE", "HHHCC", "CCCCC"])
    assert clean(raw, _reading("residue_classification")).dataset.table["target"].iloc[0] == "HHC?E"
    raw = _raw(["MKVL", "MKVL", "MSTN", "MTEY"], ["1 2 nan 4", "3 nan nan 4", "0 0 0 0", "1 1 1 1"])
    merged = clean(raw, _reading("residue_regression")).dataset.table["target"].iloc[0]
    np.testing.assert_array_equal(merged, [2.0, 2.0, np.nan, 4.0])


def test_a_sequence_in_train_and_test_stays_in_the_test():
    parts = ["train", "test", "train", "valid", "train", "train"]
    raw = _raw(["MKVLA", "MKVLA", "MSTNP", "MSTNP", "MTEYK", "MALWM"], range(6), split=parts)
    reading = _reading(part_column="split")
    assert check(raw, reading).counts == {"leak": 2}
    cleaned = clean(raw, reading)
    assert cleaned.dataset.table["part"].tolist() == ["test", "validation", "train", "train"]
    assert cleaned.changes["row"].tolist() == [1, 3]
    # Replicates are merged within a part only.
    assert len(clean(raw, reading, SAFE_REPAIRS - {"leak"}).dataset.table) == 6


def test_parts_and_the_validation_column():
    raw = _raw(
        GOOD,
        range(6),
        split=["Train", "TRAINING", "test", "dev", "fold1", ""],
        validation=["True"] + ["False"] * 5,
    )
    reading = _reading(part_column="split", validation_column="validation")
    cleaned = clean(raw, reading)
    assert cleaned.dataset.table["part"].tolist() == ["validation", "train", "test", "validation"]
    assert check(raw, reading).counts == {"unknown_part": 2}


def test_classes_are_sorted_and_whole_numbers_lose_their_decimals():
    cleaned = clean(_raw(GOOD, ["1.0", "0", "1", "10", "2", "0.0"]), _reading("classification"))
    assert cleaned.dataset.classes == ("0", "1", "2", "10")
    assert cleaned.dataset.target_values().tolist() == [1, 0, 1, 3, 2, 0]


def test_spellings_of_a_class_are_one():
    raw = _raw(GOOD, ["Nucleus", "nucleus", "Nucleus", "membrane", "Membrane ", "membrane"])
    cleaned = clean(raw, _reading("classification"))
    assert cleaned.dataset.classes == ("Nucleus", "membrane")
    assert check(raw, _reading("classification")).counts["class_spelling"] == 2


def test_labels_with_missing_values():
    raw = _raw(GOOD, ["1", "0", "", "yes", "maybe", ""], second=["0", "", "1", "no", "1", ""])
    cleaned = clean(raw, _reading("multilabel", targets=("target", "second")))
    nan = np.nan
    np.testing.assert_array_equal(
        cleaned.dataset.target_values(), [[1, 0], [0, nan], [nan, 1], [1, 0], [nan, 1]]
    )
    assert cleaned.dataset.classes == ("target", "second")
    log = cleaned.changes.set_index("row")
    assert log.loc[5, "before"] == "maybe"
    assert log.loc[6, "after"] == SET_ASIDE


def test_masked_residues_are_unknown():
    sequences, masks = (
        ["MKVLA", "MSTNP", "MTEYK", "MALWM", "MGSSH"],
        ["RRuuR", "11111", "FFFFF", "RRR", "TTTTF"],
    )
    raw = _raw(sequences, ["HHCCE", "HHHCC", "CCCCC", "HEHEH", "EEEEE"], mask=masks)
    cleaned = clean(raw, _reading("residue_classification", mask_column="mask"))
    assert cleaned.dataset.table["target"].tolist() == ["HH??E", "HHHCC", "EEEE?"]
    # Row 3 has no known residue, the mask of row 4 is too short.
    assert cleaned.changes["row"].tolist() == [3, 4]


def test_masked_residue_numbers():
    raw = _raw(["MKV", "MST", "MTE"], ["1 2 3", "4, 5, 6", "[7 8 nan]"], mask=["110", "111", "111"])
    values = clean(raw, _reading("residue_regression", mask_column="mask")).dataset.target_values()
    np.testing.assert_array_equal(values, [[1, 2, np.nan], [4, 5, 6], [7, 8, np.nan]])


def test_warnings_about_the_whole_column():
    raw = _raw(
        [f"MKVL{'ACDEFGHIKL'[i % 10]}{'ACDEFGHIKL'[i // 10]}" for i in range(90)],
        [str(i % 7) for i in range(89)] + ["500"],
    )
    findings = check(raw, _reading(), max_length=5)
    assert findings.counts == {"too_long": 90, "extreme": 1}
    assert findings.n_blocked == 0
    assert len(clean(raw, _reading(), SAFE_REPAIRS | {"extreme"}).dataset.table) == 89
    classes = _raw(raw.table["sequence"], ["a"] * 88 + ["b", "c"])
    assert check(classes, _reading("classification")).counts == {"rare_class": 2, "imbalance": 1}
    with pytest.raises(UserError, match="are the same"):
        clean(classes, _reading("classification"), SAFE_REPAIRS | {"rare_class"})


def test_nothing_is_dropped_silently():
    """Every row of the file is in the dataset or in the log, whatever is chosen."""
    raw = _raw(
        ["mkvla", "MKVLA", "MK*LA", "", "MSTNP", "MSTNP", "MTEYK", "MALWM", "MXXXX", "AC-DE"],
        ["1", "2", "3", "4", "x", "5", "5", "", "1000", "7"],
    )
    for repairs in ((), None, set(REPAIRS), {"lower_case"}, {"gaps", "conflict"}):
        cleaned = clean(raw, _reading(), repairs)
        aside = cleaned.changes[cleaned.changes["after"] == SET_ASIDE]
        assert len(cleaned.dataset.table) + aside["row"].nunique() == 10
        assert aside["row"].is_unique
        assert (aside["why"] != "").all()


def test_cleaning_leaves_the_raw_table_as_it_was():
    raw = _with_good("mkvl-a*")
    before = raw.table.copy()
    clean(raw, _reading())
    pd.testing.assert_frame_equal(raw.table, before)


def test_a_clean_dataset_stays_as_it_is():
    """Cleaning twice changes nothing the second time."""
    cleaned = clean(_with_good("mkvl-aagivr*"), _reading()).dataset
    again = _raw(cleaned.table["sequence"], cleaned.table["target"])
    second = clean(again, _reading())
    assert second.changes.empty
    assert second.dataset.table["sequence"].tolist() == cleaned.table["sequence"].tolist()


def test_names_are_made_from_rows_where_there_are_none():
    raw = _raw(GOOD, range(6), id=["a", "", "c", "d", "e", "a"])
    assert clean(raw, _reading()).dataset.table["name"].iloc[0] == "row 1"
    cleaned = clean(raw, _reading(name_column="id"))
    assert cleaned.dataset.table["name"].tolist() == ["a", "row 2", "c", "d", "e", "a"]
    assert check(raw, _reading(name_column="id")).counts == {"same_name": 1}


def test_an_unknown_repair_is_told():
    with pytest.raises(UserError, match="no repair 'polish'"):
        clean(_raw(GOOD, range(6)), _reading(), {"polish"})


def test_every_problem_and_repair_is_described():
    for problem in PROBLEMS.values():
        assert problem.title
        assert problem.repair is None or problem.repair in REPAIRS
    assert set(REPAIRS) == {problem.repair for problem in PROBLEMS.values() if problem.repair}


def test_a_hundred_thousand_rows_are_checked_in_seconds():
    rng = np.random.default_rng(0)
    letters = rng.choice(np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8), (100_000, 60))
    letters[:1000, 5] = ord("x")
    sequences = letters.view("S60").ravel().astype(str)
    raw = _raw(sequences, rng.normal(size=100_000).round(3))
    started = time.process_time()
    findings = check(raw, _reading(), max_length=50)
    cleaned = clean(raw, _reading())
    assert time.process_time() - started < 20
    assert findings.counts["lower_case"] == 1000
    assert len(cleaned.dataset.table) == 100_000


@pytest.mark.data
def test_real_sets_keep_every_row_they_should(shared_data):
    raw = read_file(shared_data / "sequences/protein_residue/secondary_structure_flip.csv.gz")
    dataset = clean(raw, guess_reading(raw)).dataset
    assert len(dataset.table) == 11_156
    assert dataset.classes == ("C", "E", "H")
    raw = read_file(shared_data / "sequences/protein_seq_regression/meltome_human_flip2021.csv.gz")
    dataset = clean(raw, guess_reading(raw)).dataset
    assert dataset.table["sequence"].is_unique
    assert len(dataset.table) == raw.table["sequence"].nunique()
