"""View, maps and lines that follow one another, comparison with linked cameras, and pages that need no network."""

import json
from pathlib import Path

import numpy as np
import pytest
from live_app import Visit, browsing, open_tab, settle
from structure_texts import HELIX_TEXT, SEQUENCE, STRAND_TEXT
from test_structures_browser import FRONT_RESIDUE, VIEWER, coloured_share, open_file

from biotl_core.structures.stand_alone import PaintedModel, stand_alone_view

LINE, MAP = ".st-key-along-chain", "[class*=st-key-pair-map]"


@pytest.fixture(scope="module")
def tab(context, server):
    visit = Visit()
    page = open_tab(context, visit)
    page.visit = visit
    page.goto(f"{server.url}/structures")
    yield page
    page.close()


def test_a_click_in_the_view_moves_the_cursor_of_the_line(tab):
    open_file(tab, "linked.pdb", HELIX_TEXT.encode())
    target = tab.locator(VIEWER).evaluate(FRONT_RESIDUE)
    tab.mouse.click(target["x"], target["y"])
    tab.get_by_text(f"Place in the chain: {target['row'] + 1} of {len(SEQUENCE)}").wait_for()
    tab.locator(f"{LINE} .annotation", has_text=f"{target['row'] + 1}").first.wait_for()


def click_at(tab, place: str, across: float, down: float) -> None:
    """A real click at a share of the width and height of a plot's area."""
    area = tab.locator(f"{place} .nsewdrag").first
    area.scroll_into_view_if_needed()
    settle(tab)
    box = area.bounding_box()
    tab.mouse.move(box["x"] + across * box["width"] + 3, box["y"] + down * box["height"])
    tab.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=3)
    tab.wait_for_timeout(400)
    tab.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def test_a_click_on_the_line_marks_the_residue_in_the_view(tab):
    open_file(tab, "line.pdb", HELIX_TEXT.encode())
    # Twenty residues on an axis from 0 to 21, values from 10 to 29 on an axis from 0 to 100.
    click_at(tab, LINE, 10 / 21, 1 - 19 / 100)
    tab.get_by_text("Place in the chain: 10 of 20").wait_for()
    assert tab.locator(".strip i.chosen").inner_text() == SEQUENCE[9]


def test_a_click_in_the_map_of_pairs_marks_both_residues(tab):
    open_file(tab, "pairs.pdb", HELIX_TEXT.encode())
    click_at(tab, MAP, (15 - 0.5) / 20, (5 - 0.5) / 20)
    tab.get_by_text("Place in the chain: 5 of 20").wait_for()
    settle(tab)
    shapes = tab.locator(VIEWER).evaluate("root => root.__view.partnerShapes.length")
    assert shapes == 2  # a ball on the second residue, and the line between both
    assert tab.locator(VIEWER).evaluate("root => root.__view.data.partner") == 14


def test_expected_errors_brought_as_json_become_the_map(tab):
    open_file(tab, "errors.pdb", HELIX_TEXT.encode())
    pae = np.abs(np.subtract.outer(np.arange(20), np.arange(20))).astype(float).tolist()
    tab.locator("input[type=file]").last.set_input_files(
        {
            "name": "pae.json",
            "mimeType": "application/json",
            "buffer": json.dumps([{"predicted_aligned_error": pae}]).encode(),
        }
    )
    tab.get_by_text("Expected error (PAE)").first.wait_for()
    tab.get_by_text("Click in it to mark the pair").wait_for()


def test_the_picture_has_four_times_the_pixels(tab, tmp_path: Path):
    open_file(tab, "picture.pdb", HELIX_TEXT.encode())
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Picture 4×").click()
    download.value.save_as(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_cameras_of_a_comparison_are_linked(tab, server):
    tab.goto(f"{server.url}/structures?do=compare")
    settle(tab)
    tab.locator("input[type=file]").first.set_input_files(
        [
            {"name": f"{name}.pdb", "mimeType": "chemical/x-pdb", "buffer": text.encode()}
            for name, text in (("helix", HELIX_TEXT), ("strand", STRAND_TEXT))
        ]
    )
    tab.get_by_text("TM-score").first.wait_for()
    settle(tab)
    tab.get_by_text("Side by side").click()
    tab.get_by_text("All turn together").wait_for()
    settle(tab)
    viewers = tab.locator(VIEWER)
    viewers.nth(1).wait_for()
    before = viewers.nth(1).evaluate("root => root.__view.viewer.getView()")
    canvas = viewers.nth(0).locator(".canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 80, y + 30, steps=6)
    tab.mouse.up()
    tab.wait_for_timeout(500)
    left, right = (viewers.nth(k).evaluate("root => root.__view.viewer.getView()") for k in (0, 1))
    assert np.abs(np.array(left) - before).max() > 0.05
    assert right == pytest.approx(left, abs=1e-3)


def test_nothing_was_asked_outside(tab):
    assert tab.visit == Visit()


def test_the_page_of_py3dmol_draws_without_any_network(browser, visit, tmp_path: Path):
    colours = {("A", str(k)): "#0053D6" for k in range(1, 21)}
    page = stand_alone_view([PaintedModel(HELIX_TEXT, "pdb", colours)], "A <b>model</b>", ["One line."])
    (tmp_path / "model.html").write_text(page)
    with browsing(browser, visit) as alone:
        alone.goto((tmp_path / "model.html").as_uri())
        alone.locator("canvas").first.wait_for()
        alone.wait_for_timeout(1500)
        picture = alone.locator("canvas").first.screenshot()
        import io

        from PIL import Image

        assert coloured_share(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)) > 0.01
        assert alone.get_by_role("heading").inner_text() == "A <b>model</b>"
    assert visit == Visit()
