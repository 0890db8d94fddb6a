"""Make the pictures of the README: `python docs/screenshots.py`.

Starts the application on a home of its own, takes the built-in examples through all pages, and saves a picture
of each. What is seen is what the application shows; nothing is staged.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests" / "e2e"))

from live_app import FLAGS, Visit, find_browser, open_tab, running_server, settle  # noqa: E402

EXAMPLE = "protein_variants"
STRUCTURE = "Three-helix bundle"
GENOMES = "Three small genomes"
MINUTES_MS = 60_000


def main() -> None:
    """Walk through the pages once."""
    with (
        tempfile.TemporaryDirectory() as home,
        running_server(Path(home)) as server,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        window = browser.new_context(viewport={"width": 1360, "height": 1000}, color_scheme="light")
        page = open_tab(window, Visit())

        page.goto(f"{server.url}/data?table=example/{EXAMPLE}")
        page.get_by_role("button", name="Continue to training").wait_for()
        save(page, "data")
        page.get_by_role("button", name="Continue to training").click()

        page.wait_for_url("**/train**")
        page.get_by_role("button", name="Start training").wait_for()
        save(page, "train")
        page.get_by_text("Also train a twin from random weights").click()
        settle(page)
        page.get_by_role("button", name="Start training").click()

        page.wait_for_url("**/runs?*run=*")
        page.get_by_role("button", name="Predict new sequences").wait_for(timeout=20 * MINUTES_MS)
        save(page, "runs")
        page.get_by_role("button", name="Predict new sequences").click()

        page.wait_for_url("**/predict?*run=*")
        settle(page)
        page.get_by_role("button", name="Try with ten test sequences").click()
        settle(page)
        page.get_by_role("button", name="Predict", exact=True).click()
        page.get_by_test_id("stDownloadButton").wait_for(timeout=5 * MINUTES_MS)
        save(page, "predict")

        page.goto(f"{server.url}/scan")
        page.get_by_role("button", name="Take the sequence that the variants").click()
        settle(page)
        page.get_by_role("button", name="Scan all substitutions").click()
        page.get_by_text("look better than").wait_for(timeout=5 * MINUTES_MS)
        save(page, "scan", 420)

        page.goto(f"{server.url}/next")
        page.get_by_role("button", name="Choose the next round").click()
        page.get_by_text("Measure these").wait_for(timeout=5 * MINUTES_MS)
        save(page, "next", 700)

        page.goto(f"{server.url}/structures")
        page.get_by_role("button", name=STRUCTURE).click()
        page.locator(".viewer[data-ready='yes']").wait_for()
        save(page, "structures")

        page.goto(f"{server.url}/genomes")
        page.get_by_role("button", name=GENOMES).click()
        page.get_by_text("Neighbourhood of").first.wait_for(timeout=10 * MINUTES_MS)
        page.locator(".js-plotly-plot .scatterlayer").first.wait_for(timeout=MINUTES_MS)
        save(page, "genomes")

        page.goto(f"{server.url}/screening")
        page.get_by_role("button", name="Try with a simulated assay").click()
        page.get_by_role("button", name="Learn from these molecules").click()
        page.get_by_role("button", name="Try with a simulated library").click(timeout=20 * MINUTES_MS)
        settle(page)
        page.get_by_role("button", name="Rank the library").click()
        page.get_by_text("Ranked: ").first.wait_for(timeout=20 * MINUTES_MS)
        page.get_by_role("button", name="Download").first.wait_for(timeout=20 * MINUTES_MS)
        save(page, "screening")
        browser.close()


def save(page, name: str, from_top: int = 0) -> None:
    """A picture of the window, once all is drawn, scrolled down by so many pixels."""
    settle(page)
    page.get_by_test_id("stMain").evaluate("(main, top) => main.scrollTo(0, top)", from_top)
    page.wait_for_timeout(2500)
    page.screenshot(path=DOCS / f"{name}.png")
    print(f"docs/{name}.png", flush=True)


if __name__ == "__main__":
    main()
