"""A ranked library in a real browser: drawings are there, the 3D shape is not blank, nothing asks the network."""

import pytest
from live_app import Visit, open_tab

from biotl_core.data.reading import read_file
from biotl_core.progress import Control
from biotl_core.runs.assay_run import assay_run
from biotl_core.runs.folder import create_run
from biotl_core.runs.screen_run import screen_run
from biotl_core.runs.screening_requests import TABLE
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.screening.examples import EXAMPLE_ASSAY, EXAMPLE_LIBRARY
from biotl_core.screening.intake import guess_assay_reading
from biotl_core.screening.models import MODELS

MINUTES_MS = 240_000
"""Generous: the machine may be busy."""


@pytest.fixture
def ranked(server, monkeypatch) -> str:
    """The address of a finished screen in the home of the server, made with the quick models."""
    monkeypatch.setenv("BIOTL_HOME", str(server.home))
    monkeypatch.setenv("BIOTL_THREADS", "1")
    for name in ("forest", "boosting", "together"):
        monkeypatch.delitem(MODELS, name)
    reading = guess_assay_reading(read_file(EXAMPLE_ASSAY))._asdict()
    request = {
        "source": "assay.csv",
        "reading": reading,
        "split": "random",
        "target_name": "pIC50",
        "seed": 0,
    }
    assay = create_run(request, kind="assay", name="browsed")
    (assay / TABLE).write_bytes(EXAMPLE_ASSAY.read_bytes())
    write_status(assay, RunStatus("finished", assay_run(assay, Control())))
    request = {
        "run": str(assay),
        "library": str(EXAMPLE_LIBRARY),
        "source": "library.smi",
        "top": 24,
        "aim": "best",
    }
    screen = create_run(request, kind="screen", name="browsed")
    write_status(screen, RunStatus("finished", screen_run(screen, Control())))
    return f"{server.url}/screening?assay=browsed&screen=browsed"


def test_hits_are_drawn_and_turn_in_3d(context, ranked):
    visit = Visit()
    page = open_tab(context, visit)
    page.goto(ranked)
    page.get_by_text("What each atom adds").wait_for(timeout=MINUTES_MS)
    page.locator(".viewer[data-ready='yes']").wait_for()
    drawn = page.get_by_test_id("stImage").locator("img")
    drawn.nth(12).wait_for()
    assert drawn.count() >= 13
    assert all(drawn.nth(i).evaluate("image => image.complete && image.naturalWidth > 0") for i in range(13))
    page.get_by_role("button", name="Look at it").nth(1).click()
    page.get_by_text("3. lib").first.wait_for()
    assert visit.outside == [] and visit.errors == []
    page.close()
