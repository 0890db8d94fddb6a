"""The report in a real browser, from disk and without a network: complete, drawn, printable."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from biotl_core.reports.document import write_report
from tests.run_folders import make_run


@pytest.fixture(params=["regression", "classification"])
def report(request, tmp_path) -> Path:
    run = make_run(tmp_path / "home", "gb1", request.param, n=120, twin=True)
    return write_report(run, tmp_path / "report.html")


def test_it_opens_from_disk_without_a_network(browser, report, tmp_path):
    context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
    asked, errors = [], []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 12")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    for figure in page.locator(".js-plotly-plot").all():
        box = figure.bounding_box()
        assert box["width"] > 400 and box["height"] > 60
        assert figure.locator("path, .textpoint, .gtitle, .xtick").count() > 0
        assert len(set(figure.screenshot())) > 50  # not one blank area
    main = page.locator("main")
    assert main.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    for title in ("The answer", "Methods, ready to paste", "DOME checklist", "Limits"):
        assert main.get_by_role("heading", name=title).is_visible()
    words = page.locator("#methods-text").inner_text()
    assert re.search(r"trained with BioTL on 120 proteins", words)
    printed = page.pdf(format="A4")
    assert printed[:5] == b"%PDF-" and printed.count(b"/Type /Page\n") >= 4
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator("button[data-copy]").first.is_visible()
    context.close()
