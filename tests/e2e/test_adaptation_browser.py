"""Adapting in a real browser: sequences are uploaded, learned from, and the new backbone is taken to training."""

from live_app import settle

from tests.test_adapt_run import sequences


def test_sequences_become_a_backbone_to_train_with(page, start_server, visit, tmp_path):
    server = start_server()
    file = tmp_path / "mine.fasta"
    file.write_text("".join(f">s{i}\n{one}\n" for i, one in enumerate(sequences())))
    page.goto(f"{server.url}/models")
    settle(page)
    page.get_by_text("Adapt one to your own sequences").click()
    settle(page)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("to learn from.").wait_for()
    settle(page)
    page.get_by_role("textbox", name="How the new backbone is called").fill("mine")
    page.keyboard.press("Tab")
    settle(page)
    page.get_by_role("spinbutton", name="Letters to learn from, in millions").fill("0.01")
    page.keyboard.press("Tab")
    settle(page)
    page.get_by_role("button", name="Start reading").click()
    page.get_by_role("button", name="Go to Train with it").wait_for(timeout=300_000)
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    assert (server.home / "backbones" / "mine" / "model.safetensors").is_file()
    page.get_by_role("button", name="Go to Train with it").click()
    page.wait_for_url("**/train**")
    assert visit.outside == []
    assert visit.errors == []
