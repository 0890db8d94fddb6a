"""Compared genomes in a real browser: a click on a pair opens its neighbourhood, and nothing asks the network."""

import pytest
from live_app import Visit, open_tab, settle

from biotl_core.genomes.examples import write_example
from biotl_core.genomes.pair import PairSettings
from biotl_core.progress import Control
from biotl_core.runs.genome_requests import create_genome_run
from biotl_core.runs.genome_run import genome_run
from biotl_core.runs.status import RunStatus, write_status


@pytest.fixture
def compared(server, monkeypatch, tmp_path) -> str:
    """The name of a finished comparison in the server's home."""
    monkeypatch.setenv("BIOTL_HOME", str(server.home))
    folder = create_genome_run(
        write_example(tmp_path / "example"), PairSettings(), name="three", backbone=None
    )
    write_status(folder, RunStatus("finished", genome_run(folder, Control())))
    return folder.name


def test_a_click_on_a_pair_opens_its_neighbourhood(context, server, compared):
    visit = Visit()
    page = open_tab(context, visit)
    page.goto(f"{server.url}/genomes?run={compared}")
    # Shown by the select box and by the caption below the picture; the caption is plain text.
    caption = page.get_by_text("bits, E-value").first
    caption.wait_for()
    settle(page)
    before = caption.inner_text()
    page.locator(".js-plotly-plot").first.locator(".points path").nth(5).click(force=True)
    page.wait_for_function(
        "before => ![...document.querySelectorAll('p')].some(one => one.innerText === before)", arg=before
    )
    settle(page)
    page.get_by_text("Ribbons").click()
    settle(page)
    page.get_by_text("Really unique?").click()
    page.get_by_text("something speaks against their being unique").wait_for()
    assert visit.outside == [] and visit.errors == []
    page.close()
