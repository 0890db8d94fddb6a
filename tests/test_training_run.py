"""The whole chain from a run folder: what it writes, and that several processes learn what one does."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
from test_training import make_dataset
from tiny_backbones import make_esm

from biotl_core.backbones.encoder import Encoder
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs import training_run, tuning
from biotl_core.runs.folder import create_run, read_history, read_result
from biotl_core.runs.prediction_run import predict_run
from biotl_core.runs.training_run import train_run
from biotl_core.runs.verdict import FROZEN, TWIN


@pytest.fixture
def backbone(tmp_path):
    return str(make_esm(tmp_path / "esm"))


def make_run(backbone, task="regression", n=40, twin=False, **settings):
    dataset = make_dataset(task, n)
    parts = ["train"] * (n * 6 // 10) + ["validation"] * (n * 2 // 10) + ["test"] * (n * 2 // 10)
    dataset = dataset.with_parts(pd.Series(parts))
    settings = TrainingSettings(**{"epochs": 3, "learning_rate": 1e-3, "head": "mlp", **settings})
    config = {"backbone": backbone, "settings": settings.to_dict(), "device": "cpu", "random_twin": twin}
    return dataset, create_run(config, dataset, kind="train")


@pytest.mark.parametrize(
    "task", ["regression", "classification", "multilabel", "residue_classification", "residue_regression"]
)
def test_a_run_leaves_all_that_the_pages_read(backbone, task):
    dataset, folder = make_run(backbone, task)
    sentence = train_run(folder, Control())
    result = read_result(folder)
    assert sentence
    keys = "task backbone method split test test_interval baselines seconds device"
    assert set(keys.split()) <= set(result)
    assert set(result["test"]) == set(result["test_interval"]) == set(dataset.task.metrics)
    assert len(result["baselines"]) >= 2
    assert result["reload_difference"] < 1e-3
    table = pd.read_csv(folder / "predictions.csv", keep_default_na=False)
    assert len(table) == len(dataset.table)
    assert {"name", "part", "target", "prediction", "nearest_identity"} <= set(table)
    assert len(pd.read_csv(folder / "embedding_map.csv")) == len(dataset.table)
    assert [line["epoch"] for line in read_history(folder)] == [1, 2, 3]


def test_prediction_of_the_same_sequences_gives_the_same_numbers(backbone, tmp_path):
    dataset, folder = make_run(backbone)
    train_run(folder, Control())
    asked = create_run({"run": str(folder)}, kind="predict")
    dataset.table[["name", "sequence"]].to_parquet(asked / "input.parquet")
    predict_run(asked, Control())
    before = pd.read_csv(folder / "predictions.csv")["prediction"]
    after = pd.read_csv(asked / "predictions.csv")
    assert np.allclose(before, after["prediction"], rtol=1e-5)
    is_train = dataset.table["part"] == "train"
    assert (after.loc[is_train, "nearest_identity"] == 1.0).all()


def test_the_twin_stands_beside(backbone):
    _, folder = make_run(backbone, twin=True, method="lora")
    train_run(folder, Control())
    assert "random_weights" in read_result(folder)["baselines"]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_second_run_does_not_read_the_layers_that_do_not_learn_again(backbone, monkeypatch, method):
    real, n_read = Encoder.lower_states, []

    def counted(self, tokens, layers=()):
        n_read.append(len(tokens.ids))
        return real(self, tokens, layers)

    monkeypatch.setattr(Encoder, "lower_states", counted)
    dataset, folder = make_run(backbone, method=method, tuned_layers=1)
    train_run(folder, Control())
    assert sum(n_read) == dataset.table["sequence"].nunique()
    assert read_result(folder)["reload_difference"] < 1e-5
    _, again = make_run(backbone, method=method, tuned_layers=1, seed=1)
    train_run(again, Control())
    assert sum(n_read) == dataset.table["sequence"].nunique()


def test_where_there_is_no_room_lower_layers_are_read_at_each_pass(backbone, monkeypatch):
    _, folder = make_run(backbone, method="lora", tuned_layers=1)
    train_run(folder, Control())
    monkeypatch.setattr(tuning, "_SHARE_TO_KEEP", 0.0)
    monkeypatch.setattr(Encoder, "lower_states", None)
    _, crowded = make_run(backbone, method="lora", tuned_layers=1)
    train_run(crowded, Control())
    assert read_result(crowded)["test"] == pytest.approx(read_result(folder)["test"], abs=1e-3)


def test_a_model_that_does_not_reload_is_not_finished(backbone, monkeypatch):
    _, folder = make_run(backbone, method="full")
    real = training_run.save_model

    def save_spoilt(model, *arguments):
        spoilt = copy.deepcopy(model)
        spoilt.head.target_mean += 100
        real(spoilt, *arguments)

    monkeypatch.setattr(training_run, "save_model", save_spoilt)
    with pytest.raises(UserError, match="predicts differently"):
        train_run(folder, Control())
    assert read_result(folder) is None


def test_two_processes_learn_what_one_does(backbone):
    histories, results = [], []
    for processes in (1, 2):
        _, folder = make_run(
            backbone, method="full", processes=processes, dropout=0.0, batch_size=7, twin=True
        )
        train_run(folder, Control())
        histories.append(read_history(folder))
        results.append(read_result(folder))
    for one, two in zip(*histories, strict=True):
        assert one["train_loss"] == pytest.approx(two["train_loss"], rel=1e-4)
        assert one["validation_loss"] == pytest.approx(two["validation_loss"], rel=1e-3)
    assert json.loads((folder / "together.json").read_text())["is_done"]
    one, two = results
    # What is read beside the backbone is chosen, and the rivals are trained, whatever the number of devices.
    assert one["settings"]["simple_features"] == two["settings"]["simple_features"]
    rivals = [sorted(result["baselines"]) for result in results]
    assert rivals[0] == rivals[1] and {TWIN, FROZEN} <= set(rivals[0])
