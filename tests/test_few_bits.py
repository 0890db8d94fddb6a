"""Weights of few bits: read nearly the same, learn with LoRA, come back; without the package, one sentence."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_encoder import random_proteins
from test_training_run import make_run
from tiny_backbones import make_esm

from biotl_core.backbones import encoder as encoder_module
from biotl_core.backbones.embeddings import open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.learning.model import Outputs, build_model
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.folder import read_result
from biotl_core.runs.training_run import train_run

has_package = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes, an extra, is not installed"
)


@has_package
@pytest.mark.parametrize(("bits", "likeness"), [(8, 0.99), (4, 0.8)])
def test_few_bits_read_nearly_the_same_and_are_kept_apart(tmp_path, bits, likeness):
    folder = make_esm(tmp_path, width=64)
    whole, few = load_encoder(folder, "protein"), load_encoder(folder, "protein", bits=bits)
    tokens = whole.encode(random_proteins([30, 5, 80]))
    with torch.inference_mode():
        cosine = torch.cosine_similarity(whole(tokens).states, few(tokens).states.float(), dim=1)
    assert likeness < cosine.mean() < 1 - 1e-6
    stores = {open_store(folder, one, "sequence")._index.parent for one in (whole, few)}
    assert len(stores) == 2


@has_package
@pytest.mark.parametrize(("method", "weights"), [("frozen", "8bit"), ("frozen", "4bit"), ("lora", "8bit")])
def test_a_run_with_few_bits_learns_and_reloads(tmp_path, method, weights):
    _, folder = make_run(str(make_esm(tmp_path / "esm", width=64)), method=method, weights=weights)
    train_run(folder, Control())
    result = read_result(folder)
    assert result["reload_difference"] < 1e-3 and np.isfinite(result["test"]["rmse"])


def test_lora_on_four_bits_wants_a_card(tmp_path):
    settings = TrainingSettings(method="lora", weights="4bit").resolved(TASKS["regression"])
    with pytest.raises(UserError, match="graphics card"):
        build_model(make_esm(tmp_path), Outputs("regression", (), "protein"), settings)


@pytest.mark.parametrize("method", ["full", "scratch"])
def test_weights_of_few_bits_cannot_learn(method):
    with pytest.raises(UserError, match="cannot learn"):
        TrainingSettings(method=method, weights="8bit").resolved(TASKS["regression"])
    replace(TrainingSettings(weights="8bit"), method="lora").resolved(TASKS["regression"])


def test_without_the_package_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder_module, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install"):
        load_encoder(make_esm(tmp_path), "protein", bits=4)
