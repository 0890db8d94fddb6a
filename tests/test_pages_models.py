"""The models page through the router, without a browser."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tiny_models import write_tiny_esm

from biotl_core.backbones.catalogue import BACKBONES, find_backbone, list_backbones
from biotl_core.runs import folder as runs
from biotl_core.runs.folder import create_run, list_runs
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.wording import plain

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def app(monkeypatch, tmp_path) -> AppTest:
    """The application, with no hub cache, and workers that are not really started."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(runs, "launch", lambda folder: None)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def open_models(app: AppTest, **query: str) -> AppTest:
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/models.py").run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(element.value for kind in (app.markdown, app.caption) for element in kind)


def write_download(backbone: str, state: str, message: str = "") -> Path:
    folder = create_run({"backbone": backbone, "modality": "protein"}, kind="download", name=backbone)
    write_status(folder, RunStatus(state, message, finished_at=1.0))
    return folder


def test_every_backbone_of_the_modality_has_a_card(app):
    open_models(app)
    shown = texts(app)
    for backbone in BACKBONES.values():
        assert (f"**{plain(backbone.title)}**" in shown) == (backbone.modality == "protein")
    assert [subheader.value for subheader in app.subheader] == [
        "On this computer",
        "To download",
        "Another one",
    ]


def test_a_click_starts_a_download_of_that_backbone(app):
    open_models(app)
    app.button(key="download-esm2-35m").click().run()
    assert not app.exception
    (run,) = list_runs("download")
    assert run.backbone == "esm2-35m"
    assert json.loads((run.folder / "config.json").read_text())["modality"] == "protein"


def test_a_failed_download_says_why_and_offers_another_try(app):
    write_download("esm2-8m", "failed", "The Hugging Face hub cannot be reached from this computer.")
    write_download("esm2-35m", "stopped")
    open_models(app)
    assert [error.value.replace("\\", "") for error in app.error] == [
        "The Hugging Face hub cannot be reached from this computer."
    ]
    assert app.button(key="download-esm2-8m").label == "Try again"
    assert app.button(key="download-esm2-35m").label == "Go on with the download"
    assert app.button(key="download-esm2-150m").label == "Download 595 MB"


def test_a_running_download_can_be_watched_and_stopped(app, monkeypatch):
    folder = write_download("esm2-8m", "running")
    (folder / "progress.json").write_text('{"stage": "Downloading x", "done": 5000000, "total": 20000000}')
    monkeypatch.setattr("biotl_core.runs.status.is_held", lambda path: True)
    open_models(app)
    assert "5.0 MB of 20 MB." in texts(app)
    app.button(key=f"stop-{folder.name}").click().run()
    assert (folder / "stop").exists()
    assert app.button(key=f"stop-{folder.name}").label == "Stopping"


def test_what_is_here_leads_to_training(app, biotl_home):
    write_tiny_esm(biotl_home / "backbones" / "esm2-8m")
    open_models(app)
    assert "It lies in" in texts(app)
    app.button(key="use-esm2-8m").click().run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Train"]


def test_a_downloaded_backbone_can_be_removed(app, biotl_home):
    write_tiny_esm(biotl_home / "backbones" / "esm2-8m")
    open_models(app)
    app.button(key="remove-esm2-8m").click().run()
    assert not app.exception
    assert not (biotl_home / "backbones" / "esm2-8m").exists()
    assert app.button(key="download-esm2-8m").label == "Download 31 MB"


def test_a_folder_is_imported_under_its_name(app, tmp_path):
    folder = write_tiny_esm(tmp_path / "enzymes")
    open_models(app)
    path, name = (next(t for t in app.text_input if t.label.startswith(label)) for label in ("Folder", "How"))
    path.input(str(folder))
    name.input("My <b>enzymes</b>")
    next(button for button in app.button if button.label == "Import it").click().run()
    assert not app.exception
    assert find_backbone("My-b-enzymes-b").title == "My <b>enzymes</b>"
    assert "is imported" in app.success[0].value
    assert "<b>" not in app.success[0].value.replace("\\<b\\>", "")


@pytest.mark.parametrize("text", ["", "/no/such/folder", "relative", "\x00", "~nobody/x"])
def test_a_path_that_is_none_is_one_sentence(app, text):
    open_models(app)
    next(t for t in app.text_input if t.label.startswith("Folder")).input(text)
    next(button for button in app.button if button.label == "Import it").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert len(list_backbones()) == len(BACKBONES)


def test_any_hub_id_can_be_asked_for(app):
    open_models(app)
    next(t for t in app.text_input if t.label == "Name on the hub").input(
        "https://huggingface.co/lab/plant-bert"
    )
    next(button for button in app.button if button.label == "Download it").click().run()
    assert not app.exception
    assert [run.backbone for run in list_runs("download")] == ["lab/plant-bert"]
    assert "**lab/plant\\-bert**" in texts(app)


@pytest.mark.parametrize("text", ["", "esm2", "a/b/c", "../../etc/passwd", "<script>/x"])
def test_a_name_that_is_none_is_one_sentence(app, text):
    open_models(app)
    next(t for t in app.text_input if t.label == "Name on the hub").input(text)
    next(button for button in app.button if button.label == "Download it").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert not list_runs("download")


def test_the_address_brings_the_asked_backbone_to_the_front(app):
    open_models(app, backbone="nt-500m-human")
    keys = [button.key for button in app.button if (button.key or "").startswith("download-")]
    assert keys[0] == "download-nt-500m-human"
    assert "download-esm2-8m" not in keys


def test_offline_is_said_at_once(app, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    open_models(app)
    assert "Downloads are switched off" in app.info[0].value
    monkeypatch.delenv("HF_HUB_OFFLINE")
    open_models(app)
    assert not app.info
