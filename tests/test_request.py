"""What a training run is asked: checked before anything starts, and told so that the worker finds it."""

import pandas as pd
import pytest

from biotl_core.backbones.catalogue import BACKBONES
from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.runs.request import training_request

EMBEDDED = "biotl-protein"


@pytest.fixture
def dataset() -> Dataset:
    table = pd.DataFrame(
        {
            "name": list("abc"),
            "sequence": ["MKV", "MKL", "MKI"],
            "target": [1.0, 2.0, 3.0],
            "part": ["train", "validation", "test"],
        }
    )
    return Dataset(table, "protein", "regression", source="three.csv")


def test_an_embedded_backbone_keeps_its_name_whatever_the_current_folder_is(dataset, tmp_path, monkeypatch):
    (tmp_path / EMBEDDED).mkdir()
    monkeypatch.chdir(tmp_path)
    request = training_request(dataset, EMBEDDED, TrainingSettings(), {"kind": "random"})
    assert request["backbone"] == EMBEDDED
    assert request["device"] in ("cpu", "cuda", "mps")


def test_a_folder_is_told_by_its_full_path(dataset, tmp_path, monkeypatch):
    (tmp_path / "mine").symlink_to(BACKBONES[EMBEDDED].folder)
    monkeypatch.chdir(tmp_path)
    request = training_request(dataset, "mine", TrainingSettings(), {"kind": "random"})
    assert request["backbone"] == str(BACKBONES[EMBEDDED].folder.resolve())


def test_an_empty_part_a_wrong_loss_and_a_foreign_backbone_are_refused(dataset):
    without_test = dataset.with_parts(pd.Series(["train", "train", "validation"]))
    with pytest.raises(UserError, match="test part"):
        training_request(without_test, EMBEDDED, TrainingSettings(), {})
    with pytest.raises(UserError, match="loss"):
        training_request(dataset, EMBEDDED, TrainingSettings(loss="bce"), {})
    with pytest.raises(UserError, match="reads dna"):
        training_request(dataset, "biotl-dna", TrainingSettings(), {})
