"""The Runs page through the router, on run folders made by hand."""

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from biotl_core.data.tasks import TASKS
from biotl_core.runs.folder import delete_run, read_config, read_history
from biotl_core.runs.json_files import read_json, write_json_atomically
from tests.run_folders import make_run
from widgets.finished_run import QUESTIONS, history_csv
from widgets.transfer_view import comparison_table, with_twin

ROOT = Path(__file__).resolve().parents[1]


def open_runs(page: str = "runs", **query: str) -> AppTest:
    """The Runs page, or another one, at an address."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page(f"pages/{page}.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    """All that is written on the page, as Markdown."""
    elements = [*at.markdown, *at.caption, *at.error, *at.warning, *at.info, *at.subheader]
    return "\n".join(str(element.value) for element in elements)


def button(at: AppTest, label: str):
    return next(one for one in at.button if one.label.startswith(label))


def ask(at: AppTest, question: str) -> AppTest:
    next(one for one in at.segmented_control if one.key == "run-question").set_value(question).run()
    assert not at.exception, question
    return at


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    """Folders whose worker would have been started."""
    folders: list[Path] = []
    monkeypatch.setattr("biotl_core.runs.folder.launch", folders.append)
    return folders


def test_without_runs_there_are_two_ways_on(biotl_home):
    at = open_runs()
    assert "There is no run yet" in texts(at)
    assert [one.label for one in at.button] == ["Bring a table", "Load an example"]


def test_the_newest_run_is_shown_and_the_address_chooses_another(biotl_home):
    make_run(biotl_home, "older", minutes_ago=50)
    make_run(biotl_home, "newer", minutes_ago=5)
    at = open_runs()
    assert at.subheader[0].value == "newer"
    assert at.query_params["run"] == "newer"
    assert open_runs(run="older").subheader[0].value == "older"
    gone = open_runs(run="deleted-long-ago")
    assert "no run called" in texts(gone)
    assert gone.subheader[0].value == "newer"


def test_the_list_says_state_score_and_method(biotl_home):
    make_run(biotl_home, "one", method="lora")
    make_run(biotl_home, "two", state="failed", message="It broke.", minutes_ago=90)
    table = open_runs().dataframe[0].value
    assert table["run"].tolist() == ["one", "two"]
    assert [list(state) for state in table["state"]] == [["finished"], ["failed"]]
    assert table["score"].iloc[0].startswith("Spearman ")
    assert table["method"].iloc[0] == "Adjust a small part of the model"


@pytest.mark.parametrize("task", TASKS)
def test_every_question_is_answered_for_every_task(task, biotl_home):
    make_run(biotl_home, "one", task, n=80)
    at = open_runs(run="one")
    headline = read_json(biotl_home / "runs" / "one" / "result.json")["headline"]
    assert any("the best simple method" in one.value for one in at.markdown)
    assert len(at.metric) == len(TASKS[task].metrics)
    assert headline
    for question in QUESTIONS:
        ask(at, question)


def test_a_twin_run_answers_whether_transfer_helped(biotl_home, launched):
    make_run(biotl_home, "tuned", noise=0.3)
    at = ask(open_runs(run="tuned"), "Did transfer help?")
    button(at, "Train the random-weights twin").click().run()
    assert not at.exception
    twin = launched[0]
    assert read_config(twin)["settings"]["method"] == "scratch"
    assert read_config(twin)["dataset_hash"] == read_config(biotl_home / "runs" / "tuned")["dataset_hash"]
    assert at.query_params["run"] == twin.name

    shutil.rmtree(twin)
    make_run(biotl_home, "twin", method="scratch", noise=1.5, minutes_ago=60)
    at = ask(open_runs(run="tuned"), "Did transfer help?")
    assert "The same backbone from random weights reaches" in texts(at)
    assert not [one for one in at.button if one.label.startswith("Train the random")]


def test_a_twin_trained_with_the_run_stays_as_it_is():
    result = {"baselines": {"random_weights": {"spearman": 0.1}}}
    assert with_twin(result, {"test": {"spearman": 0.9}}) == result


def test_the_comparison_table_has_this_run_first(biotl_home):
    result = read_json(make_run(biotl_home, "one", twin=True) / "result.json")
    table = comparison_table(result)
    assert table["Method"].iloc[0] == "This model"
    assert len(table) == 1 + len(result["baselines"])
    mean = table[table["Method"].str.contains("mean")].iloc[0]
    assert mean["Spearman"] == "none"


def test_a_running_run_is_watched_and_stopped(biotl_home):
    progress = {"stage": "Training", "done": 3, "total": 12, "seconds_left": 130.0}
    folder = make_run(biotl_home, "live", state="running", epochs=3, progress=progress)
    with FileLock(folder / "alive.lock"):
        at = open_runs(run="live")
        assert "2 min 10 s left" in at.get("progress")[-1].proto.text
        assert "You may close this page" in texts(at)
        assert at.metric[0].value == "3 of 12"
        next(one for one in at.button if one.key == "stop-live").click().run()
        assert (folder / "stop").exists()
        assert not at.exception
    state = read_json(folder / "state.json")
    write_json_atomically(folder / "state.json", state | {"state": "stopped", "message": "Stopped early."})
    at.run()
    assert "Stopped early" in texts(at)
    assert not at.exception


def test_a_waiting_run_says_its_place_in_line(biotl_home):
    first = make_run(biotl_home, "first", state="running", minutes_ago=3)
    elsewhere = make_run(biotl_home, "elsewhere", state="running", minutes_ago=3, device="cuda:0")
    second = make_run(biotl_home, "second", state="waiting", minutes_ago=2)
    third = make_run(biotl_home, "third", state="waiting", minutes_ago=1)
    locks = [FileLock(folder / "alive.lock") for folder in (first, elsewhere, second, third)]
    for lock in locks:
        lock.acquire()
    assert "2nd in line for the CPU" in texts(open_runs(run="second"))
    assert "3rd in line for the CPU" in texts(open_runs(run="third"))
    for lock in locks:
        lock.release()


def test_a_failed_run_tells_why_and_goes_on_from_its_checkpoint(biotl_home, launched):
    folder = make_run(biotl_home, "broken", state="failed", message="The disk is full.", epochs=4)
    (folder / "checkpoint").mkdir()
    at = open_runs(run="broken")
    assert "The disk is full" in at.error[0].value.replace("\\", "")
    assert "Epoch 1 of 12" in at.code[0].value
    button(at, "Resume after pass 4").click().run()
    assert launched == [folder]


def test_a_run_stopped_before_its_first_pass_resumes_too(biotl_home, launched):
    folder = make_run(biotl_home, "early", state="stopped", message="Stopped before the end.", epochs=0)
    at = open_runs(run="early")
    assert [one.label for one in at.button if one.label.startswith("Resume")] == ["Resume"]
    button(at, "Resume").click().run()
    assert launched == [folder]


def test_deleting_asks_first_and_then_shows_what_is_left(biotl_home):
    kept, doomed = make_run(biotl_home, "kept", minutes_ago=90), make_run(biotl_home, "doomed")
    at = open_runs(run="doomed")
    assert "cannot be undone" in texts(at)
    button(at, "Delete this run").click().run()
    assert not doomed.exists() and kept.exists()
    assert at.subheader[0].value == "kept"


def test_runs_side_by_side_say_whether_they_may_be_ranked(biotl_home):
    make_run(biotl_home, "a")
    make_run(biotl_home, "b", method="lora", noise=0.3, minutes_ago=40)
    make_run(biotl_home, "c", seed=5, minutes_ago=50)
    at = open_runs(compare=["a", "b"])
    assert "the numbers can be ranked" in texts(at)
    scores, differences = at.dataframe[1].value, at.dataframe[2].value
    assert scores["Run"].tolist() == ["b", "a"]
    assert "How much of the model learns" in differences["Choice"].tolist()
    assert "Fingerprint of the data" not in differences["Choice"].tolist()
    assert "different data or different parts" in texts(open_runs(compare=["a", "c"]))


def test_a_users_text_is_shown_as_text(biotl_home):
    evil = "<img src=x onerror=alert(1)>"
    make_run(biotl_home, "one", "classification", classes=("harmless", evil), n=80)
    at = open_runs(run="one")
    for question in QUESTIONS:
        ask(at, question)
        assert evil not in texts(at)


def test_a_layer_that_was_solved_has_words_in_place_of_curves(biotl_home):
    folder = make_run(biotl_home, "one", epochs=1)
    line = read_history(folder)[0] | {"learning_rate": 0.0}
    (folder / "history.jsonl").write_text(json.dumps(line) + "\n")
    at = AppTest.from_function(_draw_curves, args=(str(folder),), default_timeout=60).run()
    assert not at.exception
    assert "solved at once" in texts(at) and not at.get("plotly_chart")


def _draw_curves(folder: str) -> None:
    from pathlib import Path

    from biotl_core.runs.folder import read_history
    from widgets.live_run import draw_history

    draw_history(read_history(Path(folder)), "spearman")


def test_the_history_as_csv_has_a_line_a_pass(biotl_home):
    folder = make_run(biotl_home, "one", epochs=5)
    lines = history_csv(folder).splitlines()
    assert len(lines) == 6
    assert {"epoch", "train_loss", "spearman"} <= set(lines[0].split(","))
    delete_run(folder)


@pytest.mark.parametrize(
    ("task", "leads_to"),
    [("regression", ["scan", "next"]), ("classification", ["scan", "next"]), ("residue_regression", [])],
)
def test_a_finished_run_leads_to_scan_and_to_the_next_round(task, leads_to, biotl_home):
    make_run(biotl_home, "one", task)
    for page in ("runs", "predict"):
        at = open_runs(page, run="one")
        links = [link.proto.page for link in at.get("page_link")]
        assert [link for link in links if link in ("scan", "next")] == leads_to, page
