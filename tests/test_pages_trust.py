"""What pages say of trust: ranges and sets, the leak report, paired gains, studies."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.data.dataset import Dataset
from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.evaluation.tables import read_predictions
from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.predictions import read_prediction, start_prediction
from tests.run_folders import make_prediction, make_run
from tests.test_pages_runs import ROOT, ask, button, open_runs, texts


@pytest.mark.parametrize("task", TASKS)
def test_ranges_and_sets_are_written_and_told(biotl_home, task):
    folder = make_run(biotl_home, "one", task, n=300)
    table = read_predictions(folder / "predictions.csv")
    held_out = table["part"] != "train"
    column = {"multilabel": "set_NR-AR"}.get(task, "set" if TASKS[task].is_class else "lower")
    assert (table.loc[held_out, column].astype(str) != "").mean() > 0.5
    assert table.loc[~held_out, column].isin(["", "nan"]).all() or table.loc[~held_out, column].isna().all()
    at = ask(open_runs(), "Can I trust a prediction?")
    written = texts(at).replace("\\", "")
    assert "On the test part" in written and "90% were asked for" in written
    assert "How near is the test to the training data?" in written
    assert "identity (median)" in written or "Tanimoto similarity (median)" in written


def test_a_leak_is_warned_of_in_the_finished_run(biotl_home):
    folder = make_run(biotl_home, "one", n=200)
    result = read_result(folder)
    result["leak"]["warning"] = "62% of the test part has a near relative in training."
    write_json_atomically(folder / "result.json", result)
    at = ask(open_runs(), "Can I trust a prediction?")
    assert "62% of the test part" in at.warning[0].value.replace("\\", "")


def test_each_gain_stands_with_its_interval(biotl_home):
    make_run(biotl_home, "one", n=200, twin=True)
    at = ask(open_runs(), "Did transfer help?")
    assert "pretraining bought" in texts(at)
    table = at.dataframe[-1].value
    assert "This model is ahead (Spearman)" in table
    assert table["This model is ahead (Spearman)"].iloc[-1].startswith("+")


def test_a_study_is_started_followed_and_told(biotl_home, monkeypatch):
    launched = []
    monkeypatch.setattr("biotl_core.runs.folder.launch", launched.append)
    run = make_run(biotl_home, "one", n=60)
    at = ask(open_runs(), "What would help?")
    next(one for one in at.button if one.key == "start-seeds").click().run()
    assert not at.exception
    config = read_config(launched[0])
    assert (config["kind"], config["study"], config["run"]) == ("study", "seeds", str(run.resolve()))
    assert Dataset.load(launched[0]).content_hash == Dataset.load(run).content_hash
    rows = [
        {"label": f"seed {i}", "n_train": 40, "score": 0.6 + i / 50, "low": 0.5, "high": 0.8}
        for i in range(3)
    ]
    result = {"study": "seeds", "headline": "spearman", "rows": rows}
    write_json_atomically(launched[0] / "result.json", result)
    state = {"state": "finished", "message": "Spearman 0.62 on average over 3 seeds.", "pid": None}
    write_json_atomically(launched[0] / "state.json", state)
    at = ask(open_runs(), "What would help?")
    assert "Spearman 0.62 on average over 3 seeds" in texts(at).replace("\\", "")
    assert at.dataframe[-1].value["Training"].tolist() == ["seed 0", "seed 1", "seed 2"]


def test_the_chosen_coverage_goes_along(biotl_home, monkeypatch):
    launched = []
    monkeypatch.setattr("biotl_core.runs.predictions.launch", launched.append)
    run = make_run(biotl_home, "one", n=60)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/predict.py").run()
    at.text_area[0].set_value(">a\nMKTAYIAKQR\n").run()
    next(one for one in at.segmented_control if one.key == "predict-coverage").set_value(0.8).run()
    button(at, "Predict").click().run()
    assert not at.exception
    assert read_config(launched[0])["coverage"] == 0.8
    new = check_new_sequences(read_pasted_sequences(">a\nMKTAYIAKQR\n"), "protein")
    with pytest.raises(UserError, match="coverage"):
        start_prediction(run, new, "pasted", 1.0)


def test_ranges_stand_beside_predictions(biotl_home):
    run = make_run(biotl_home, "one", n=60)
    folder = make_prediction(biotl_home, "new", run)
    table = pd.read_csv(folder / "predictions.csv")
    table = table.assign(lower=table["prediction"] - 1, upper=table["prediction"] + 1)
    table.to_csv(folder / "predictions.csv", index=False)
    assert {"lower", "upper"} <= set(read_prediction(folder).table)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/predict.py")
    at.query_params["prediction"] = "new"
    at.run()
    assert not at.exception
    shown = next(one.value for one in at.dataframe if "lower" in one.value)
    assert {"lower", "upper", "remark"} <= set(shown)
    assert shown["remark"].str.contains("unlike anything in training").any()
