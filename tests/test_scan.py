"""Scans: of a backbone and of a run, in their worker's own work, and back from disk."""

import numpy as np
import pytest

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.data.mutations import Mutation, mutated, single_mutations
from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.errors import UserError
from biotl_core.learning.model import Outputs, build_model, save_model
from biotl_core.learning.prediction import predict_sequences
from biotl_core.learning.settings import TrainingSettings
from biotl_core.planning.scan import Scan, read_scans
from biotl_core.plots.scans import plot_position_means, plot_scan
from biotl_core.progress import Control
from biotl_core.runs.folder import read_result
from biotl_core.runs.scan_run import scan_run
from biotl_core.runs.scans import parent_of, read_scan, start_backbone_scan, start_run_scan
from tests.run_folders import make_run

SEQUENCE = "MKTAYIAKQR"


@pytest.fixture(autouse=True)
def launched(monkeypatch):
    folders = []
    monkeypatch.setattr("biotl_core.runs.scans.launch", folders.append)
    return folders


def new_sequences(text: str = f">one\n{SEQUENCE}\n>two\nMKVX\n"):
    return check_new_sequences(read_pasted_sequences(text), "protein")


def hand_made() -> Scan:
    return Scan("p", "AC", "ACD", np.array([[0.0, -1.0, 2.0], [0.5, 0.0, np.nan]]))


def test_means_tables_and_sums_worked_by_hand():
    scan = hand_made()
    np.testing.assert_allclose(scan.position_means, [0.5, 0.5])
    assert scan.table()["mutation"].tolist() == ["A1C", "A1D", "C2A"]
    assert scan.position_table()["best"].tolist() == ["D", "A"]
    both = scan.combine([Mutation(1, "A", "D"), Mutation(2, "C", "A")])
    assert both == ("DA", (2.0, 0.5), 2.5)


def test_a_table_gives_the_scan_back():
    scan = hand_made()
    (again,) = read_scans(scan.table(), [("p", "AC")], "ACD")
    np.testing.assert_array_equal(again.effects, scan.effects)


def test_a_backbone_scan_from_start_to_reading(launched):
    folder = start_backbone_scan(find_backbone("biotl-protein"), new_sequences(), "pasted", "wild_type")
    assert launched == [folder]
    assert scan_run(folder, Control()) == "Scanned 247 substitutions."
    found = read_scan(folder)
    one, two = found.scans
    assert (one.sequence, two.sequence) == (SEQUENCE, "MKVX")
    assert one.effects[0, one.letters.index("M")] == 0 and np.isfinite(one.effects).all()
    assert np.isnan(two.effects[3]).all() and np.isfinite(two.effects[:3]).all()


@pytest.mark.parametrize("task, outcome", [("regression", None), ("classification", "nucleus")])
def test_a_run_scan_is_prediction_minus_that_of_the_parent(task, outcome, biotl_home):
    run = make_run(biotl_home, "one", task)
    classes = ("cytoplasm", "membrane", "nucleus", "secreted") if task == "classification" else ()
    config = (run / "config.json").read_text().replace("tiny-protein", "biotl-protein")
    (run / "config.json").write_text(config)
    backbone = find_backbone("biotl-protein")
    settings = TrainingSettings(method="frozen", head="linear", pooling="mean", dropout=0.0)
    model = build_model(backbone.folder, Outputs(task, classes, "protein"), settings)
    save_model(model, run / "model", {"name": backbone.name}, backbone.folder)
    folder = start_run_scan(run, new_sequences(f">one\n{SEQUENCE}\n"), "x.fasta", outcome)
    scan_run(folder, Control())
    found = read_scan(folder)
    mutation = list(single_mutations(SEQUENCE, found.scans[0].letters))[57]
    both = np.asarray(predict_sequences(model, [SEQUENCE, mutated(SEQUENCE, [mutation])]), dtype=float)
    values = both if outcome is None else both[:, classes.index(outcome)]
    assert found.wild_types["one"] == pytest.approx(values[0], abs=1e-5)
    got = found.scans[0].effects[mutation.position - 1, found.scans[0].letters.index(mutation.new)]
    assert got == pytest.approx(values[1] - values[0], abs=1e-5)
    assert "minus" in read_result(folder)["effect_title"]


def test_what_cannot_be_scanned_is_one_sentence(biotl_home):
    residues = make_run(biotl_home, "residues", "residue_regression")
    with pytest.raises(UserError, match="a value for each residue"):
        start_run_scan(residues, new_sequences(), "x")
    classes = make_run(biotl_home, "classes", "classification")
    with pytest.raises(UserError, match="Name the one whose probability"):
        start_run_scan(classes, new_sequences(), "x")
    with pytest.raises(UserError, match="no letters to exchange"):
        start_backbone_scan(find_backbone("biotl-molecule"), new_sequences(), "x")
    with pytest.raises(UserError, match="at most 200,000"):
        start_backbone_scan(find_backbone("biotl-protein"), new_sequences("M" * 11_000), "x")


def test_names_that_repeat_are_told_apart():
    folder = start_backbone_scan(
        find_backbone("biotl-protein"), new_sequences(">a\nMK\n>a\nMR\n"), "x", "wild_type"
    )
    scan_run(folder, Control())
    assert [(scan.name, scan.sequence) for scan in read_scan(folder).scans] == [("a", "MK"), ("a (2)", "MR")]


def test_unrelated_data_have_no_parent(biotl_home):
    assert parent_of(make_run(biotl_home, "one")) is None


def test_the_heat_map_is_centred_and_marks_the_letters_that_are_there():
    figure = plot_scan(hand_made(), "protein", "effect")
    heat, own = figure.data
    assert heat.zmin == -heat.zmax and heat.zmid == 0
    assert list(zip(own.x, own.y, strict=True)) == [(1, "A"), (2, "C")]
    assert list(plot_position_means(hand_made()).data[0].y) == [0.5, 0.5]
