"""The pages through the router, without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def app(tmp_path, monkeypatch) -> AppTest:
    """The application on an empty home, opened at its root."""
    monkeypatch.setenv("BIOTL_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT))
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def test_the_root_leads_to_the_data_page(app):
    assert not app.exception
    assert [title.value for title in app.title] == ["Data"]


def test_train_without_a_dataset_offers_two_ways_to_one(app):
    app.switch_page("pages/train.py").run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Bring a table", "Load an example"]
    app.button[0].click().run()
    assert [title.value for title in app.title] == ["Data"]
