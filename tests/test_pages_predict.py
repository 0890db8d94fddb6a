"""The Predict page through the router, on runs and predictions made by hand."""

import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.runs.folder import delete_run, read_config
from biotl_core.runs.predictions import UNLIKE_BELOW, read_prediction, start_prediction
from tests.run_folders import make_prediction, make_run
from tests.test_pages_runs import button, texts
from widgets.prediction_view import say_answer

ROOT = Path(__file__).resolve().parents[1]


def open_predict(**query: str) -> AppTest:
    """The Predict page at an address."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/predict.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    """Folders whose worker would have been started."""
    folders: list[Path] = []
    monkeypatch.setattr("biotl_core.runs.predictions.launch", folders.append)
    return folders


def test_without_a_finished_run_there_is_a_way_on(biotl_home):
    assert "There is no run yet" in texts(open_predict())
    make_run(biotl_home, "broken", state="failed", message="It broke.")
    at = open_predict()
    assert "No run has finished yet" in texts(at)
    assert [one.label for one in at.button] == ["Go to the runs"]


def test_pasted_sequences_become_a_prediction(biotl_home, launched):
    run = make_run(biotl_home, "one")
    at = open_predict()
    at.text_area[0].set_value(">a\nMKTAYIAKQR\n>b\nMKT1AYIAKQ\n>c\nmktayiakqw\n").run()
    assert "**2 proteins** can be predicted; 1 row cannot." in texts(at)
    assert at.dataframe[0].value["row"].tolist() == [2]
    button(at, "Predict").click().run()
    assert not at.exception
    folder = launched[0]
    assert folder.parent == biotl_home / "predictions"
    assert at.query_params["prediction"] == folder.name
    table = pd.read_parquet(folder / "input.parquet")
    assert table.to_dict("list") == {"name": ["a", "c"], "sequence": ["MKTAYIAKQR", "MKTAYIAKQW"]}
    config = read_config(folder)
    assert config["kind"] == "predict"
    assert config["run"] == str(run.resolve())


def test_an_uploaded_file_is_on_disk_at_once(biotl_home, launched):
    make_run(biotl_home, "one")
    at = open_predict()
    next(one for one in at.segmented_control if one.key == "predict-way").set_value("Upload a file").run()
    content = b"name,sequence\nx,MKTAYIAKQR\ny,MKTAYIAKQW\n"
    at.file_uploader[0].upload("../new variants.csv", content, "text/csv").run()
    assert not at.exception
    kept = list((biotl_home / "uploads").rglob("*.csv"))
    assert [path.read_bytes() for path in kept] == [content]
    assert "**2 proteins** can be predicted." in texts(at)
    button(at, "Predict").click().run()
    assert len(launched) == 1


def test_predict_without_sequences_says_what_is_missing(biotl_home, launched):
    make_run(biotl_home, "one")
    at = open_predict()
    button(at, "Predict").click().run()
    assert "Paste or upload proteins first" in texts(at)
    assert launched == []


def test_sequences_of_another_kind_are_refused_in_a_sentence(biotl_home):
    make_run(biotl_home, "one", "multilabel")
    at = open_predict()
    at.text_area[0].set_value("MKTAYIAKQRQISFVKSHF\nMKTAYIAKQRQISFVKSHW").run()
    assert not at.exception
    assert "was trained on molecules" in at.error[0].value


def test_ten_test_sequences_are_a_way_to_try(biotl_home):
    make_run(biotl_home, "one", n=80)
    at = open_predict()
    button(at, "Try with ten test sequences").click().run()
    assert "**10 proteins** can be predicted." in texts(at)


@pytest.mark.parametrize("task", TASKS)
def test_a_prediction_of_every_task_can_be_opened_again(task, biotl_home):
    run = make_run(biotl_home, "one", task)
    make_prediction(biotl_home, "new", run)
    at = open_predict(prediction="new")
    assert at.subheader[0].value == "new"
    assert at.selectbox[0].value == "one"
    table = at.dataframe[0].value
    limit = UNLIKE_BELOW[read_config(run)["modality"]]
    is_told = table["remark"].str.startswith("unlike anything in training")
    assert (is_told == (table["identity"] < limit)).all() and is_told.any()
    assert at.dataframe[-1].value["name"].tolist() == ["new"]


def test_numbers_are_sorted_the_highest_first(biotl_home):
    run = make_run(biotl_home, "one")
    prediction = read_prediction(make_prediction(biotl_home, "new", run))
    values = prediction.sorted()["prediction"].tolist()
    assert values == sorted(values, reverse=True)
    assert "8 proteins: log fitness from" in say_answer(prediction)


def test_two_classes_are_sorted_by_the_second(biotl_home):
    run = make_run(biotl_home, "one", "classification", classes=("no", "yes"))
    folder = make_prediction(biotl_home, "new", run)
    chances = read_prediction(folder).sorted()["probability_yes"].tolist()
    assert chances == sorted(chances, reverse=True)


def test_a_prediction_outlives_its_run(biotl_home, launched):
    run = make_run(biotl_home, "one")
    make_run(biotl_home, "other", minutes_ago=90)
    folder = make_prediction(biotl_home, "new", run)
    config = json.loads((folder / "config.json").read_text())
    known = {word: read_config(run)[word] for word in ("task", "classes", "modality", "target_name")}
    (folder / "config.json").write_text(json.dumps(config | known))
    delete_run(run)
    at = open_predict(prediction="new")
    assert "8 proteins" in texts(at)
    started = start_prediction(
        biotl_home / "runs" / "other",
        check_new_sequences(read_pasted_sequences("MKTAYIAKQR"), "protein"),
        "x.csv",
    )
    assert known.keys() <= read_config(started).keys()


def test_an_unfinished_run_predicts_nothing(biotl_home, launched):
    run = make_run(biotl_home, "one", state="stopped")
    new = check_new_sequences(read_pasted_sequences("MKTAYIAKQR"), "protein")
    with pytest.raises(UserError, match="has not finished"):
        start_prediction(run, new, "x.csv")
    assert launched == []


def test_a_missing_prediction_is_told(biotl_home):
    make_run(biotl_home, "one")
    at = open_predict(prediction="never-made")
    assert "There is no prediction called" in texts(at)
