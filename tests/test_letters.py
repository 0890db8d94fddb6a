"""Letters beside features: the right columns, nothing said of other lengths, chosen where they help."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_backbones import make_esm

from biotl_core.backbones import embeddings
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.data.dataset import Dataset
from biotl_core.learning.head import Head
from biotl_core.learning.letters import VariedLetters
from biotl_core.learning.model import load_model
from biotl_core.learning.prediction import predict_sequences
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.folder import create_run, read_history, read_result
from biotl_core.runs.training_run import train_run
from biotl_core.runs.tuning import Tuned


def tokens_of(*rows):
    return Tokens([np.array([0, *row, 2]) for row in rows], 1, 1)


def test_columns_are_the_letters_that_vary():
    letters = VariedLetters.of(tokens_of([5, 6, 7], [5, 9, 7], [5, 6, 8], [5, 6, 7]))
    assert (letters.length, letters.places, letters.ids) == (3, [1, 1, 2, 2], [6, 9, 7, 8])
    assert letters.frequencies == [0.75, 0.25, 0.75, 0.25]
    found = letters.one_hot(tokens_of([5, 9, 8], [4, 4, 4], [5, 9]))
    # The second has letters never seen there; the third another length, of which nothing is said.
    assert found.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], letters.frequencies]


@pytest.mark.parametrize("rows", [([5, 6], [5, 6, 7]), ([5, 6], [5, 6]), ([5], [5])])
def test_no_columns_where_lengths_differ_or_nothing_varies(rows):
    assert VariedLetters.of(tokens_of(*rows)) is None


def test_kinds_of_features_count_alike_however_many_they_are():
    settings = TrainingSettings(method="full").resolved(variants().task)
    head = Head((200, 10), 1, settings)
    features = torch.randn(5000, 210, generator=torch.Generator().manual_seed(0))
    head.fit_features(features)
    scaled = head._scaled(features)
    assert scaled[:, :200].square().sum() == pytest.approx(float(scaled[:, 200:].square().sum()), rel=0.01)
    assert scaled.square().mean() == pytest.approx(1.0, rel=0.01)


def variants(n=120, seed=0):
    """Of a parent of 12 letters; the third and the last decide, two letters that no average sees apart."""
    generator = np.random.default_rng(seed)
    rows = np.tile(list("ACDEFGHIKLMN"), (n, 1))
    for place in (0, 2, 5, 11):
        rows[:, place] = generator.choice(list("AWY"), n)
    targets = [10.0 * (row[2] == "W") + 5.0 * (row[11] == "Y") for row in rows]
    parts = np.array(["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n // 4))
    sequences = ["".join(row) for row in rows]
    table = pd.DataFrame({"name": range(n), "sequence": sequences, "target": targets, "part": parts})
    return Dataset(table.astype({"name": str}), "protein", "regression", ())


@pytest.fixture
def backbone(tmp_path):
    return str(make_esm(tmp_path / "esm"))


def train(backbone, dataset, **settings):
    chosen = TrainingSettings(**{"epochs": 15, "learning_rate": 3e-3, **settings})
    config = {"backbone": backbone, "settings": chosen.to_dict(), "device": "cpu"}
    folder = create_run(config, dataset, kind="train")
    train_run(folder, Control())
    return folder, read_result(folder)


@pytest.mark.parametrize("method", ["frozen", "lora"])
def test_letters_are_taken_where_they_help_and_come_back_with_the_model(backbone, method):
    dataset = variants()
    folder, result = train(backbone, dataset, method=method)
    _, without = train(backbone, dataset, method=method, letters="no")
    assert result["letters"] and not without["letters"]
    assert result["test"]["spearman"] > max(0.6, without["test"]["spearman"])
    assert result["reload_difference"] < 1e-4
    assert [line["epoch"] for line in read_history(folder)] == list(range(1, result["epochs_run"] + 1))
    model = load_model(folder / "model")
    about = json.loads((folder / "model" / "biotl.json").read_text())
    assert about["letters"]["length"] == 12 and sorted(set(about["letters"]["places"])) == [0, 2, 5, 11]
    longer = [*dataset.table["sequence"][:3], "ACDEFGHIKLMNPQ"]
    assert np.isfinite(predict_sequences(model, longer)).all()


def test_the_twin_is_read_once_for_both_ways(backbone, monkeypatch):
    n_read, real = [], embeddings._run_pack

    def counted(encoder, tokens, *rest):
        n_read.append(len(tokens.ids))
        return real(encoder, tokens, *rest)

    monkeypatch.setattr(embeddings, "_run_pack", counted)
    dataset = variants()
    Tuned.train(
        dataset, Path(backbone), TrainingSettings(epochs=2).resolved(dataset.task), Path(backbone).parent,
        make_accelerator("cpu", "float32"), Control(), random_weights=True, aside="twin",
    )  # fmt: skip
    assert sum(n_read) == dataset.table["sequence"].nunique()


def test_sets_of_many_lengths_and_runs_without_validation_have_none(backbone):
    dataset = variants()
    longer = dataset.table.assign(sequence=dataset.table["sequence"] + np.where(np.arange(120) % 2, "A", ""))
    assert not train(backbone, replace(dataset, table=longer), letters="yes")[1]["letters"]
    unvalidated = dataset.table.assign(part=dataset.table["part"].replace("validation", "train"))
    assert not train(backbone, replace(dataset, table=unvalidated))[1]["letters"]
