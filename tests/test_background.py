"""What runs beside the page: made once, told how far it is, stopped when nobody waits for it."""

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.errors import UserError
from biotl_core.progress import Control
from widgets import background
from widgets.background import Work


def test_the_result_and_the_error_reach_the_page():
    assert Work(lambda control: 6 * 7).result() == 42

    def fail(control: Control) -> None:
        raise UserError("Row 7 is wrong. Mend it.")

    with pytest.raises(UserError, match="Row 7"):
        Work(fail).result()


def test_what_nobody_waits_for_stops(monkeypatch):
    monkeypatch.setattr(background, "_FORGOTTEN_SECONDS", 0.05)

    def count(control: Control) -> None:
        for i in range(1000):
            control.step("Counting", i, 1000)
            time.sleep(0.02)

    work = Work(count)
    deadline = time.monotonic() + 10
    while not work.was_stopped and time.monotonic() < deadline:
        time.sleep(0.05)
    assert work.was_stopped
    assert 0 < work.share < 1


def test_a_page_shows_how_far_it_is_and_then_the_result(monkeypatch):
    monkeypatch.setattr(background, "PATIENCE_SECONDS", 0.05)
    gate = threading.Event()
    monkeypatch.setattr(background, "GATE", gate, raising=False)

    def page() -> None:
        import streamlit as st

        from widgets import background

        def slow(control):
            control.step("Comparing", 1, 2)
            background.GATE.wait(20)
            return "the answer"

        st.markdown(background.wait_for("Splitting", ("only", 1), slow))

    app = AppTest.from_function(page, default_timeout=20).run()
    assert not app.exception
    assert not app.markdown
    gate.set()
    deadline = time.monotonic() + 10
    while not app.markdown and time.monotonic() < deadline:
        app.run()
    assert app.markdown[0].value == "the answer"
