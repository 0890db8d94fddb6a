"""Adapting in a real browser: a finished one leads to training, and uploaded sequences start another."""

from live_app import settle
from tiny_backbones import make_esm

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.progress import Control
from biotl_core.runs.adapt_run import adapt_run
from biotl_core.runs.adaptations import create_adaptation
from biotl_core.runs.status import RunStatus, write_status
from tests.test_adapt_run import RANDOM, SETTINGS, sequences, unlabelled


def test_sequences_are_brought_and_what_came_out_leads_to_training(
    page, start_server, visit, tmp_path, monkeypatch
):
    server = start_server()
    monkeypatch.setenv("BIOTL_HOME", str(server.home))
    tiny = find_backbone(make_esm(server.home / "backbones" / "tiny").name)
    done = create_adaptation(unlabelled(), tiny, "done", SETTINGS, RANDOM)
    write_status(done, RunStatus("finished", adapt_run(done, Control()), finished_at=2.0))

    page.goto(f"{server.url}/models?adapt=done")
    page.get_by_text("held-out perplexity fell from").first.wait_for()
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    settle(page)
    page.get_by_role("button", name="Adapt another one").click()
    file = tmp_path / "mine.fasta"
    file.write_text("".join(f">s{i}\n{one}\n" for i, one in enumerate(sequences())))
    page.locator("input[type=file]").set_input_files(file)
    name = page.get_by_role("textbox", name="How the new backbone is called")
    name.wait_for()
    settle(page)
    name.fill("mine")
    page.keyboard.press("Tab")
    settle(page)
    page.get_by_role("button", name="Start reading").click()
    page.wait_for_url("**adapt=mine**")
    run = server.home / "adaptations" / "mine"
    (run / "stop").touch()  # how fast it learns is no matter of this test
    assert (run / "input.parquet").is_file()

    page.goto(f"{server.url}/models?adapt=done")
    page.get_by_text("held-out perplexity fell from").first.wait_for()
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    settle(page)  # a click while the page is still drawn can be lost
    page.get_by_role("button", name="Go to Train with it").click()
    page.wait_for_url("**/train**")
    assert visit.outside == []
    assert visit.errors == []
