"""What people upload by mistake, through the Data page: one clear sentence, never a traceback."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.malformed_inputs import malformed_inputs

SPLIT_ANEW = "all_rows_in_test"
"""The page draws the parts at random and says why; the shell, where parts were asked for, gives up."""
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def app(monkeypatch) -> AppTest:
    monkeypatch.setattr("widgets.background.PATIENCE_SECONDS", 60)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def labels(app: AppTest) -> dict[str, int]:
    return {button.label: i for i, button in enumerate(app.button)}


def press(app: AppTest, label: str) -> None:
    app.button[labels(app)[label]].click().run()


def test_each_malformed_input_gets_one_sentence_or_a_dataset(app, tmp_path):
    wrong = []
    for item in filter(lambda item: item.path.is_file(), malformed_inputs(tmp_path)):
        app.file_uploader[0].upload(item.path.name, item.path.read_bytes(), "text/csv").run()
        if "Repair all safe ones" in labels(app):
            press(app, "Repair all safe ones")
        sentences = [element.value for element in (*app.error, *app.info)]
        if app.exception:
            wrong.append((item.name, "exception", app.exception[0].value))
        elif "Continue to training" in labels(app):
            # A part column that only the shell names is not asked for here.
            if item.expect == "error" and item.part is None and item.name != SPLIT_ANEW:
                wrong.append((item.name, "went on", ""))
        elif len(sentences) != 1 or "\n" in sentences[0] or "Traceback" in sentences[0]:
            wrong.append((item.name, "sentences", sentences))
        if "Choose another table" in labels(app):
            press(app, "Choose another table")
        else:
            app.query_params.clear()
            app.session_state["table"] = None
            app.run()
    assert not wrong, wrong
