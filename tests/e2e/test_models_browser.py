"""The models page in a real browser: a download is watched, stopped, continued, and used."""

import pytest
from fake_hub import FakeHub
from live_app import settle, wait_until
from tiny_models import write_tiny_esm

from biotl_core.backbones.importing import PARTIAL


@pytest.fixture
def hub(tmp_path):
    hub = FakeHub(tmp_path / "hub")
    write_tiny_esm(hub.root / "facebook/esm2_t6_8M_UR50D", width=320, layers=6, kilobytes=6000)
    yield hub
    hub.close()


def test_a_download_is_watched_stopped_continued_and_used(page, start_server, visit, hub):
    server = start_server(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="", HF_HOME=str(hub.root / "cache"))
    page.goto(f"{server.url}/models")  # a deep link on a fresh server: the first click counts as well
    settle(page)
    hub.chunk_pause = 0.3
    page.get_by_role("button", name="Download 31 MB").click()
    page.get_by_text(" of 6.0 MB. You may close this page.").first.wait_for()
    arrived = server.home / "backbones" / "esm2-8m" / "model.safetensors"
    partial = arrived.parent.with_name(f"esm2-8m{PARTIAL}") / arrived.name
    wait_until(lambda: partial.is_file() and partial.stat().st_size > 0)  # small files come first
    page.get_by_role("button", name="Stop", exact=True).first.click()
    go_on = page.get_by_role("button", name="Go on with the download")
    go_on.wait_for()

    hub.chunk_pause = 0.0
    page.reload()
    settle(page)
    go_on.click()
    page.get_by_role("button", name="Train with it").nth(1).wait_for()
    assert hub.asked[-1][1].startswith("bytes=")
    assert arrived.read_bytes() == (hub.root / "facebook/esm2_t6_8M_UR50D" / arrived.name).read_bytes()
    assert visit.outside == []
    assert visit.errors == []


def test_a_hub_out_of_reach_is_one_sentence_on_the_card(page, start_server, hub):
    server = start_server(
        HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="", HF_HOME=str(hub.root / "cache")
    )
    page.goto(f"{server.url}/models")
    settle(page)
    page.get_by_role("button", name="Download 31 MB").click()
    page.get_by_text("The Hugging Face hub cannot be reached from this computer.").wait_for()
    page.get_by_role("button", name="Try again").wait_for()
