"""The main job in a real browser: a real table in, a tuned model, predictions out, and nothing lost on the way."""

import pandas as pd
import pytest
from live_app import Visit, open_tab, settle

from widgets.navigation import PAGES

TimeoutError = pytest.importorskip("playwright.sync_api").TimeoutError

MINUTES_MS = 60_000
TRAINING_MS = 25 * MINUTES_MS
"""The features of 8,733 proteins take two minutes on two free cores, and far longer on busy ones."""


@pytest.mark.data
def test_gb1_from_upload_to_predictions(page, server, visit, shared_data):
    from playwright.sync_api import expect

    page.goto(f"{server.url}/data")
    settle(page)
    table = shared_data / "sequences" / "protein_seq_regression" / "gb1_flip.csv.gz"
    page.locator("input[type=file]").first.set_input_files(table)
    expect(page.get_by_text("8,733").first).to_be_visible()
    settle(page)
    choose(page, "Column with the parts", "split_three_vs_rest")
    expect(page.get_by_text("5,743").first).to_be_visible()
    page.get_by_role("button", name="Continue to training").click()

    page.wait_for_url("**/train**")
    settle(page)
    page.get_by_role("button", name="Start training").click()

    page.wait_for_url("**/runs?*run=*")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    finished = page.get_by_role("button", name="Predict new sequences")
    curve = page.get_by_text("Pass over the data", exact=True)
    finished.or_(curve).first.wait_for(timeout=TRAINING_MS)
    page.reload()
    finished.wait_for(timeout=TRAINING_MS)
    page.reload()
    finished.wait_for()
    expect(page.get_by_test_id("stMain")).to_contain_text("on 5,743 test proteins")
    settle(page)

    finished.click()
    page.wait_for_url("**/predict?*run=*")
    settle(page)
    page.get_by_role("button", name="Try with ten test sequences").click()
    expect(page.get_by_text("10 proteins").first).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Predict", exact=True).click()
    download_button = page.get_by_test_id("stDownloadButton").get_by_role("button")
    download_button.wait_for(timeout=5 * MINUTES_MS)
    settle(page)
    with page.expect_download() as download:
        download_button.click()
    predicted = pd.read_csv(download.value.path())
    assert len(predicted) == 10
    assert {"name", "sequence", "prediction", "nearest_identity"} <= set(predicted)
    assert predicted["prediction"].nunique() > 5
    assert not visit.outside and not visit.errors


@pytest.mark.parametrize("entry", PAGES.values(), ids=PAGES)
def test_deep_links_work_on_a_fresh_server(context, start_server, entry):
    from playwright.sync_api import expect

    fresh, visit = start_server(), Visit()
    tab = open_tab(context, visit)
    tab.goto(f"{fresh.url}/{entry.name}")
    settle(tab)
    expect(tab.get_by_role("heading", level=1)).to_have_text(entry.title)
    assert tab.get_by_test_id("stException").count() == 0
    assert not visit.outside and not visit.errors
    tab.close()


def choose(page, label: str, option: str) -> None:
    """Pick an option of a select box by its label; a page that is drawn anew closes the list, so ask again."""
    wanted = page.get_by_role("option", name=option)
    for _ in range(5):
        page.get_by_role("combobox", name=label).click()
        try:
            wanted.click(timeout=10_000)
            break
        except TimeoutError:
            settle(page)
    settle(page)
