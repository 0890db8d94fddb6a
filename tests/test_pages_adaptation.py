"""Adapting on the Models page, through the router; the work is done by the worker's own function."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from tiny_backbones import make_esm

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.data.dataset import Dataset
from biotl_core.data.saved_datasets import CHANGE_COLUMNS, save_dataset
from biotl_core.learning.adaptation_settings import AdaptationSettings
from biotl_core.progress import Control, Stopped
from biotl_core.runs import folder as runs
from biotl_core.runs.adapt_run import adapt_run
from biotl_core.runs.adaptations import create_adaptation
from biotl_core.runs.folder import list_runs, read_config
from biotl_core.runs.status import RunStatus, write_status
from tests.test_adapt_run import RANDOM, SETTINGS, sequences, stopping_after, unlabelled
from tests.test_pages_runs import button, texts

ROOT = Path(__file__).resolve().parents[1]
ADAPT = "Adapt one to your own sequences"


@pytest.fixture
def tiny(biotl_home):
    return find_backbone(make_esm(biotl_home / "backbones" / "tiny").name)


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    """Adaptations that were asked for; none is begun."""
    folders: list[Path] = []
    monkeypatch.setattr("biotl_core.runs.adaptations.launch", folders.append)
    monkeypatch.setattr(runs, "launch", folders.append)
    return folders


def open_models(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/models.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def open_form() -> AppTest:
    at = open_models()
    at.segmented_control(key="models-view").set_value(ADAPT).run()
    assert not at.exception
    return at


def finish(folder: Path) -> Path:
    sentence = adapt_run(folder, Control())
    write_status(folder, RunStatus("finished", sentence, queued_at=1.0, started_at=1.0, finished_at=2.0))
    return folder


def test_an_example_becomes_an_adaptation_that_was_asked_for(tiny, launched):
    at = open_form()
    assert "Let a backbone read your own sequences first" in [one.value for one in at.subheader]
    assert button(at, "Start reading").disabled
    button(at, "Try with proteins of an example").click().run()
    assert not at.exception
    assert "to learn from" in texts(at) and "Every sequence is read about" in texts(at)
    assert "Roughly" in texts(at)
    at.selectbox(key="adapt-backbone-protein").set_value("tiny").run()
    button(at, "Start reading").click().run()
    assert "has no name yet" in at.error[0].value
    at.text_input(key="adapt-name").set_value("my <b>variants</b>").run()
    at.number_input(key="adapt-seed").set_value(5).run()
    command = at.code[-1].value
    assert "python -m biotl_core adapt" in command and "--backbone tiny" in command and "--seed 5" in command
    button(at, "Start reading").click().run()
    assert not at.exception
    assert at.query_params["adapt"] == launched[0].name
    config = read_config(launched[0])
    assert config["title"] == "my <b>variants</b>" and config["backbone"] == "tiny"
    assert config["settings"]["seed"] == 5 and config["n_sequences"] > 800


def test_another_kind_of_backbone_is_refused_in_a_sentence(tiny, launched):
    at = open_form()
    button(at, "Try with proteins of an example").click().run()
    at.selectbox(key="adapt-backbone-protein").set_value("biotl-dna").run()
    assert not at.exception
    assert "this backbone reads DNA sequences" in at.error[0].value.replace("\\", "")
    assert button(at, "Start reading").disabled


def test_where_the_column_cannot_be_guessed_it_is_asked_for(tiny, launched, biotl_home):
    table = biotl_home / "uploads" / ("0" * 16) / "two.csv"
    table.parent.mkdir(parents=True)
    rows = [f"{one},{one[::-1]}" for one in sequences()]
    table.write_text("\n".join(["first,second", *rows]))
    at = open_form()
    at.session_state["kept-adapt"] = {"file": f"upload/{'0' * 16}/two.csv"}
    at.run()
    assert "several columns may hold the sequences" in at.error[0].value.replace("\\", "")
    at.selectbox(key="adapt-column").set_value("second").run()
    assert not at.exception and not at.error
    assert "--sequence second" in at.code[-1].value


def test_a_dataset_of_the_data_page_can_be_read(tiny, launched):
    at = open_form()
    dataset = Dataset(
        unlabelled().table.assign(target=0.5, part=""), "protein", "regression", (), "mine.csv", "tm"
    )
    save_dataset("mine", dataset, pd.DataFrame(columns=list(CHANGE_COLUMNS)), {}, {})
    at.run()
    at.segmented_control(key="adapt-way").set_value("A dataset of the Data page").run()
    assert not at.exception and not at.error
    assert f"{len(sequences())} proteins" in texts(at)
    assert "adapt mine --backbone biotl-protein" in at.code[-1].value


def test_a_finished_adaptation_answers_and_leads_to_training(tiny):
    folder = finish(create_adaptation(unlabelled(), tiny, "mine", SETTINGS, RANDOM))
    at = open_models(adapt=folder.name)
    shown = texts(at)
    assert "It helped" in shown.replace("\\", "") and "<b>" not in shown
    assert [metric.label for metric in at.metric][:2] == ["Perplexity before", "Perplexity after"]
    assert len(at.get("plotly_chart")) == 1
    assert "adapt 'my *phages*.fasta' --name mine --backbone tiny --letters 4000" in at.code[-1].value
    button(at, "Go to Train with it").click().run()
    assert not at.exception
    assert [title.value for title in at.title] == ["Train"]
    assert at.session_state["kept-backbone"]["protein-On this computer"] == "mine"


def test_a_removed_backbone_is_said(tiny, biotl_home):
    folder = finish(create_adaptation(unlabelled(), tiny, "mine", SETTINGS, RANDOM))
    (biotl_home / "backbones" / "mine").rename(biotl_home / "elsewhere")
    assert "was removed since" in open_models(adapt=folder.name).info[0].value


def test_a_stopped_adaptation_shows_how_far_it_came_and_resumes(tiny, launched):
    folder = create_adaptation(unlabelled(), tiny, "mine", SETTINGS, RANDOM)
    with pytest.raises(Stopped):
        adapt_run(folder, stopping_after(8))
    write_status(folder, RunStatus("stopped", "Stopped before the end.", finished_at=2.0))
    at = open_models(adapt=folder.name)
    assert "Stopped before the end." in at.warning[0].value.replace("\\", "")
    assert len(at.get("plotly_chart")) == 1
    button(at, "Resume").click().run()
    assert launched == [folder]


def test_the_card_tells_what_it_has_read_and_hands_it_over(tiny):
    finish(create_adaptation(unlabelled(), tiny, "mine", SETTINGS, RANDOM))
    at = open_models()
    shown = texts(at).replace("\\", "")
    assert "mine (adapted from tiny)" in shown and "A language model for proteins, begun from tiny" in shown
    assert at.get("download_button")


def test_the_runs_page_lists_adaptations(tiny, launched):
    folder = create_adaptation(unlabelled(), tiny, "mine", AdaptationSettings(10**6), RANDOM)
    write_status(folder, RunStatus("stopped", "Stopped before the end.", finished_at=2.0))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/runs.py").run()
    assert not at.exception
    assert "**mine**" in texts(at)
    at.button(key="resume-adapt-mine").click().run()
    assert not at.exception
    assert launched == [folder] and list_runs("adapt")[0].name == "mine"


def test_a_damaged_folder_is_named_and_keeps_no_other_from_the_list(tiny, biotl_home):
    make_esm(biotl_home / "backbones" / "broken")
    (biotl_home / "backbones" / "broken" / "model.safetensors").write_bytes(b"\xff" * 64)
    at = open_models()
    assert "'model.safetensors' in 'broken' are damaged" in at.error[0].value.replace("\\", "")
    assert "**tiny**" in texts(at)
