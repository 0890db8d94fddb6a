"""The 3D view in a real browser: it is not blank, a click comes back to Python, nothing asks the network."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from live_app import Visit, browsing, open_tab, settle
from PIL import Image
from structure_texts import ALPHA_ONLY_TEXT, BACKBONE_TEXT, HELIX_TEXT, SEQUENCE, atom_line

VIEWER = ".viewer[data-ready='yes']"
# A row whose alpha carbon is in front of everything else there, as 3Dmol itself picks, and where it is on the screen.
FRONT_RESIDUE = """root => {
  const view = root.__view, viewer = view.viewer, box = viewer.getCanvas().getBoundingClientRect();
  const clickable = viewer.selectedAtoms({clickable: true});
  for (let row = 2; row < view.anchors.length - 2; row++) {
    const at = viewer.modelToScreen(view.anchors[row]);
    const x = at.x - window.scrollX - box.left, y = at.y - window.scrollY - box.top;
    const hit = viewer.targetedObjects(2 * x / box.width - 1, 1 - 2 * y / box.height, clickable)[0];
    if (hit?.clickable?.row === row) return {row, x: box.left + x, y: box.top + y};
  }
}"""


@pytest.fixture(scope="module")
def tab(context, server):
    """One tab on the page for all tests that do not need a fresh one: loading the page is what takes long."""
    visit = Visit()
    page = open_tab(context, visit)
    page.visit = visit
    page.goto(f"{server.url}/structures")
    yield page
    page.close()


def open_file(page, name: str, content: bytes) -> None:
    """Open a structure on the page, instead of the one that is open."""
    settle(page)
    if page.get_by_role("button", name="Open another structure").is_visible():
        page.get_by_role("button", name="Open another structure").click()
    page.get_by_text("Or try an example").wait_for()
    settle(page)
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "chemical/x-pdb", "buffer": content}
    )
    page.get_by_role("button", name="Open another structure").wait_for()
    settle(page)
    page.locator(VIEWER).wait_for()


def picture_of(page) -> np.ndarray:
    """The pixels of the 3D canvas alone, without what lies over it; shape (height, width, 3)."""
    uri = page.locator(VIEWER).evaluate("root => root.__view.viewer.pngURI()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")).astype(int)


def coloured_share(picture: np.ndarray) -> float:
    """The share of pixels that are not the ground."""
    ground = picture[2, 2]
    return float((np.abs(picture - ground).sum(axis=2) > 40).mean())


@pytest.mark.parametrize(
    ("name", "text"),
    [("full.pdb", HELIX_TEXT), ("backbone.pdb", BACKBONE_TEXT), ("alpha.pdb", ALPHA_ONLY_TEXT)],
)
def test_no_model_is_drawn_blank(tab, name, text):
    open_file(tab, name, text.encode())
    assert coloured_share(picture_of(tab)) > 0.01


def test_a_real_protein_is_drawn(tab, shared_data):
    file = shared_data / "structures" / "globins" / "d1ecaa_.pdb.gz"
    open_file(tab, file.name, file.read_bytes())
    assert coloured_share(picture_of(tab)) > 0.05
    tab.get_by_text("136 residues").first.wait_for()


def test_a_click_in_the_view_brings_the_residue_to_python(tab):
    open_file(tab, "clicked.pdb", HELIX_TEXT.encode())
    target = tab.locator(VIEWER).evaluate(FRONT_RESIDUE)
    tab.mouse.click(target["x"], target["y"])
    # Only Python writes this line, from the state that came back.
    tab.get_by_text(f"Place in the chain: {target['row'] + 1} of {len(SEQUENCE)}").wait_for()
    assert tab.locator(".strip i.chosen").inner_text() == SEQUENCE[target["row"]]
    tab.mouse.click(target["x"], target["y"])
    tab.get_by_text("Place in the chain").wait_for(state="detached")


def test_the_sequence_and_the_arrow_keys_choose_residues_too(tab):
    open_file(tab, "chosen.pdb", HELIX_TEXT.encode())
    tab.locator(".strip i").nth(4).click()
    tab.get_by_text("Place in the chain: 5 of 20").wait_for()
    tab.locator(".strip").press("ArrowRight")
    tab.get_by_text("Place in the chain: 6 of 20").wait_for()
    tab.locator(".strip i").nth(3).hover()
    tip = tab.locator(".tip:not([hidden])")
    tip.wait_for()
    assert tip.inner_text().startswith("ALA 4 (chain A)")


def test_the_picture_has_twice_the_pixels_of_the_view(tab, tmp_path: Path):
    open_file(tab, "picture.pdb", HELIX_TEXT.encode())
    width = tab.locator(VIEWER).evaluate("root => root.__view.viewer.getCanvas().clientWidth")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Picture 2×").click()
    download.value.save_as(tmp_path / "picture.png")
    picture = Image.open(tmp_path / "picture.png")
    assert download.value.suggested_filename == "picture.png"
    assert picture.width == 2 * width
    assert coloured_share(np.asarray(picture.convert("RGB")).astype(int)) > 0.01


def test_the_stand_alone_page_draws_without_a_server(tab, browser, visit, tmp_path: Path):
    open_file(tab, "alone.pdb", HELIX_TEXT.encode())
    with tab.expect_download() as download:
        tab.get_by_role("button", name="3D view (HTML)").click()
    download.value.save_as(tmp_path / "view.html")
    with browsing(browser, visit) as alone:
        alone.goto((tmp_path / "view.html").as_uri())
        alone.locator(VIEWER).wait_for()
        assert coloured_share(picture_of(alone)) > 0.01
    assert visit == Visit()


def test_markup_in_a_file_is_shown_as_text(tab):
    text = HELIX_TEXT.replace(
        "END", atom_line(999, "C1", "<b>", "A", 300, (0, 0, 0), record="HETATM") + "\nEND"
    )
    open_file(tab, "<img src=x onerror=alert(1)>.pdb", text.encode())
    assert tab.locator("img[src=x]").count() == 0
    assert coloured_share(picture_of(tab)) > 0.01


def test_all_that_asked_nobody_outside_and_no_script_failed(tab):
    assert tab.visit == Visit()


def test_the_view_follows_the_theme(browser, server):
    with browsing(browser, Visit(), color_scheme="dark") as page:
        page.goto(f"{server.url}/structures?structure=example/hairpin")
        page.locator(VIEWER).wait_for()
        assert picture_of(page)[2, 2].mean() < 60
        page.emulate_media(color_scheme="light")
        page.wait_for_function(
            "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor.includes('255')"
        )
        page.wait_for_timeout(1000)
        assert picture_of(page)[2, 2].mean() > 240


def test_a_deep_link_works_on_a_fresh_server_below_a_base_path(browser, start_server, visit):
    server = start_server(base_path="lab/biotl")
    with browsing(browser, visit) as page:
        page.goto(f"{server.url}/structures?structure=example/bundle")
        page.locator(VIEWER).wait_for()
        assert coloured_share(picture_of(page)) > 0.01
    assert visit == Visit()


def test_a_script_that_cannot_be_loaded_is_said(page, server):
    page.route("**/3Dmol-min.js", lambda route: route.abort())
    page.goto(f"{server.url}/structures?structure=example/bundle")
    page.get_by_text("could not be loaded").wait_for()
