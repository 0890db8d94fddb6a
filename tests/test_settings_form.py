"""The form of the training settings leaves no setting out and offers only what fits."""

from dataclasses import fields

import pytest
import streamlit as st

from biotl_core.data.tasks import TASKS
from biotl_core.learning.settings import TrainingSettings
from widgets.settings_form import CHOICE_TEXTS, GROUPS, STORE, chosen_settings, is_relevant

DRAWN_BY_THE_PAGE = ("method", "loss", "epochs")


def test_every_setting_is_drawn_once():
    drawn = [*DRAWN_BY_THE_PAGE, *(name for group in GROUPS.values() for name in group)]
    assert sorted(drawn) == sorted(field.name for field in fields(TrainingSettings))


@pytest.mark.parametrize("field", fields(TrainingSettings), ids=lambda field: field.name)
def test_every_choice_has_a_title_and_a_sentence(field):
    if field.metadata["choices"] is None or field.name == "method":
        return
    assert set(CHOICE_TEXTS[field.name]) == set(field.metadata["choices"])
    assert all(title and sentence.endswith(".") for title, sentence in CHOICE_TEXTS[field.name].values())


def test_a_loss_chosen_for_numbers_is_forgotten_for_classes(monkeypatch):
    kept = {"loss": "huber", "epochs": 7, "device": "cuda:3"}
    monkeypatch.setattr(st, "session_state", {f"kept-{STORE}": kept})
    assert chosen_settings(TASKS["regression"], ["cpu"]) == TrainingSettings(loss="huber", epochs=7)
    assert chosen_settings(TASKS["classification"], ["cpu"]) == TrainingSettings(epochs=7)
    assert chosen_settings(TASKS["regression"], ["cuda:3"]).device == "cuda:3"


def test_settings_that_do_nothing_here_are_not_offered():
    frozen = TrainingSettings()
    assert not is_relevant("lora_rank", frozen, TASKS["regression"])
    assert is_relevant("lora_rank", TrainingSettings(method="lora"), TASKS["regression"])
    assert not is_relevant("pooling", frozen, TASKS["residue_classification"])
    assert is_relevant("both_strands", frozen, TASKS["regression"], modality="dna")
    assert not is_relevant("both_strands", frozen, TASKS["regression"], modality="protein")
    assert not is_relevant("both_strands", TrainingSettings(method="lora"), TASKS["regression"])
    assert is_relevant("class_weights", frozen, TASKS["classification"])
    assert not is_relevant("processes", frozen, TASKS["regression"], ["cuda", "cpu"])
    assert is_relevant("processes", frozen, TASKS["regression"], ["cuda", "cuda:1", "cpu"])
