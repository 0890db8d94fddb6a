"""The Scan page through the router, with scans done by the worker's own function."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.progress import Control
from biotl_core.runs.scan_run import scan_run
from biotl_core.runs.status import RunStatus, write_status
from tests.run_folders import make_run
from tests.test_pages_runs import button, texts

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    """Scans that were asked for; each is done at once, in this process."""
    folders: list[Path] = []

    def do(folder: Path) -> None:
        folders.append(folder)
        sentence = scan_run(folder, Control())
        write_status(folder, RunStatus("finished", sentence, queued_at=1.0, started_at=1.0, finished_at=2.0))

    monkeypatch.setattr("biotl_core.runs.scans.launch", do)
    return folders


def open_scan(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/scan.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def test_without_any_run_a_backbone_judges_at_once(biotl_home, launched):
    at = open_scan()
    button(at, "Take one of the examples").click().run()
    assert "substitutions** of sequence 1 will be judged" in texts(at)
    at.text_area[0].set_value("MKTAYIAKQR").run()
    button(at, "Scan all substitutions").click().run()
    assert not at.exception
    assert at.query_params["scan"] == launched[0].name
    assert "of 190 substitutions of sequence 1 look better than the letter there" in texts(at)
    assert len(at.get("plotly_chart")) == 2
    assert "python -m biotl_core scan MKTAYIAKQR --backbone biotl-protein -o scan.csv" in at.code[-1].value


def test_mutations_add_up_and_wrong_ones_are_told(biotl_home, launched):
    at = open_scan()
    at.text_area[0].set_value("MKTAYIAKQR").run()
    button(at, "Scan all substitutions").click().run()
    at.text_input[0].set_value("K2R, Y5W").run()
    assert any(code.value == "MRTAWIAKQR" for code in at.code)
    assert "treats mutations as independent" in texts(at)
    at.text_input[0].set_value("A2R").run()
    assert "stands K and not A" in at.error[0].value


def test_what_is_no_sequence_is_told(biotl_home, launched):
    at = open_scan()
    button(at, "Scan all substitutions").click().run()
    assert "Paste a sequence first" in at.error[0].value
    at.text_area[0].set_value("MK1AY").run()
    assert "no row can be used" in at.error[0].value
    assert launched == []


def test_a_run_judges_where_there_is_one(biotl_home, launched):
    make_run(biotl_home, "one")
    at = open_scan()
    assert at.selectbox[0].value == "one"
    button(at, "Take the sequence that the variants").click().run()
    assert at.text_area[0].value == ""  # these random sequences have none in common
    assert open_scan(scan="never-made").warning
