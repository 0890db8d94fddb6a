"""The Next page through the router, with plans done by the worker's own function."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.data.dataset import Dataset
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.plan_run import plan_run
from biotl_core.runs.plans import read_plan
from biotl_core.runs.status import RunStatus, write_status
from tests.run_folders import make_run
from tests.test_pages_runs import button, texts
from tests.test_rounds import make_variants

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(biotl_home) -> Path:
    folder = make_run(biotl_home, "one")
    make_variants().save(folder)
    config = (folder / "config.json").read_text().replace("tiny-protein", "biotl-protein")
    (folder / "config.json").write_text(config.replace("log fitness", "fitness"))
    return folder


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    """What was asked for; plans are made at once, in this process."""
    folders: list[Path] = []

    def do(folder: Path) -> None:
        folders.append(folder)
        if read_config(folder)["kind"] == "plan":
            sentence = plan_run(folder, Control())
            write_status(
                folder, RunStatus("finished", sentence, queued_at=1.0, started_at=1.0, finished_at=2.0)
            )

    monkeypatch.setattr("biotl_core.runs.plans.launch", do)
    monkeypatch.setattr("biotl_core.runs.rounds.launch", do)
    return folders


def open_next(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90).run()
    at.switch_page("pages/next.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def test_without_a_finished_run_there_is_a_way_on(biotl_home):
    assert "There is no run yet" in texts(open_next())


def test_from_a_run_to_plates_and_back_with_measurements(run, launched):
    at = open_next()
    button(at, "Choose the next round").click().run()
    assert not at.exception
    plan = read_plan(launched[0])
    assert at.query_params["plan"] == launched[0].name
    assert f"Measure these 48 candidates of {len(plan.ranked):,}" in texts(at)
    assert len(at.get("plotly_chart")) == 2
    assert "1 plate: 48 candidate, 4 parent" in texts(at)
    assert f"python -m biotl_core next {run} --mutants singles --number 48" in at.code[-1].value

    at.segmented_control(key="next-way").set_value("Bring back what was measured").run()
    at.segmented_control(key="round-way").set_value("Paste").run()
    measured = plan.chosen.head(12).assign(fitness=plan.chosen["expected"] + 0.2)
    at.text_area(key="round-text").set_value(
        measured[["name", "sequence", "fitness"]].to_csv(index=False)
    ).run()
    assert not at.exception
    assert "Of 12 guesses" in texts(at)
    button(at, "Train again with these").click().run()
    made = Dataset.load(launched[1])
    assert launched[1].name == "one-round-2" and len(made.table) == 72
    pd.testing.assert_frame_equal(made.part("test"), make_variants().part("test"))


def test_a_list_is_needed_where_there_is_no_parent(biotl_home, launched):
    make_run(biotl_home, "one")  # random proteins: no variants of one
    at = open_next()
    assert at.segmented_control(key="next-kind-one").value == "list"
    button(at, "Choose the next round").click().run()
    assert "Bring the list of candidates" in at.error[0].value
    assert launched == []


def test_a_run_of_residues_says_it_cannot(biotl_home, launched):
    make_run(biotl_home, "one", "residue_regression")
    at = open_next()
    at.text_area[0].set_value("MKTAYIAKQR").run()
    button(at, "Choose the next round").click().run()
    assert "several values a sequence" in at.error[0].value


def test_measurements_of_nothing_known_are_told(run, launched):
    at = open_next()
    at.segmented_control(key="next-way").set_value("Bring back what was measured").run()
    at.segmented_control(key="round-way").set_value("Paste").run()
    at.text_area(key="round-text").set_value("a,b\n1,2\n3,4\n5,6\n").run()
    assert not at.exception and at.error
