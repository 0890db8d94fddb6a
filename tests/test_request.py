"""What a training run may be asked: refused before anything starts, in one sentence."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tiny_models import write_loadable_esm

from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.runs import request
from biotl_core.runs.request import training_request

SETTINGS = TrainingSettings(device="cpu")


@pytest.fixture
def dataset() -> Dataset:
    table = pd.DataFrame({"name": list("abc"), "sequence": ["MKV", "MKL", "MKI"], "target": [1.0, 2.0, 3.0]})
    table["part"] = ["train", "validation", "test"]
    return Dataset(table, "protein", "regression", source="mine.csv")


@pytest.fixture
def backbone(tmp_path) -> Path:
    write_loadable_esm(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_folder_is_named_by_its_full_path(dataset, backbone, monkeypatch):
    monkeypatch.chdir(backbone.parent)
    asked = training_request(dataset, "tiny", SETTINGS, {"kind": "given"}, random_twin=True)
    assert asked["backbone"] == str(backbone)
    assert (asked["device"], asked["split"], asked["random_twin"]) == ("cpu", {"kind": "given"}, True)
    assert TrainingSettings(**asked["settings"]) == SETTINGS


def test_a_part_must_not_be_empty(dataset, backbone):
    without = replace(dataset, table=dataset.table.assign(part=["train", "train", "test"]))
    with pytest.raises(UserError, match=r"validation part of mine\.csv is empty"):
        training_request(without, str(backbone), SETTINGS, {})


def test_settings_must_fit_the_task_and_the_device_must_be_there(dataset, backbone):
    with pytest.raises(UserError, match="does not fit the task"):
        training_request(dataset, str(backbone), replace(SETTINGS, loss="bce"), {})
    with pytest.raises(UserError, match="no device 'cuda:7'"):
        training_request(dataset, str(backbone), replace(SETTINGS, device="cuda:7"), {})


def test_the_backbone_must_read_the_data_and_be_here(dataset):
    with pytest.raises(UserError, match=r"reads DNA sequences, but mine\.csv holds proteins"):
        training_request(dataset, "nt-500m-human", SETTINGS, {})
    with pytest.raises(UserError, match="not on this computer"):
        training_request(dataset, "esm2-650m", SETTINGS, {})
    with pytest.raises(UserError, match="no backbone or folder"):
        training_request(dataset, "nothing", SETTINGS, {})


def test_residues_need_a_backbone_that_reads_letter_by_letter(dataset, monkeypatch):
    residues = replace(dataset, task_name="residue_regression")
    words = Backbone("words", "Words", "protein", letters_per_token=6.0)
    monkeypatch.setattr(request, "find_backbone", lambda name, modality: words)
    with pytest.raises(UserError, match="several letters at once"):
        training_request(residues, "words", SETTINGS, {})


def test_the_default_is_the_first_on_this_computer(dataset, monkeypatch, backbone):
    far, near = (
        Backbone("far", "Far", "protein", "x/far"),
        Backbone("near", "Near", "protein", folder=backbone),
    )
    monkeypatch.setattr(request, "list_backbones", lambda modality: [far, near])
    assert training_request(dataset, None, SETTINGS, {})["backbone"] == "near"
    monkeypatch.setattr(request, "list_backbones", lambda modality: [far])
    with pytest.raises(UserError, match="No backbone for proteins"):
        training_request(dataset, None, SETTINGS, {})
