"""Training: memorizes a tiny set, saves what it learned, repeats itself, resumes as if nothing had happened."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_encoder import random_proteins
from tiny_backbones import make_esm
from transformers import AutoModel, AutoTokenizer
from transformers.models.esm.modeling_esm import EsmSelfAttention

from biotl_core.backbones.embeddings import MemoryStore
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.data.dataset import Dataset
from biotl_core.learning import training as training_module
from biotl_core.learning.losses import balancing_weights, loss_sum, target_weight
from biotl_core.learning.model import Outputs, build_model, load_model, save_model
from biotl_core.learning.prediction import (
    keep_lower_states,
    make_examples,
    predict_examples,
    predict_sequences,
)
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.training import Training, _RunningAverage, make_accelerator
from biotl_core.progress import Control, Stopped

BACKBONE = {"name": "tiny", "hub_id": None, "revision": None}


def make_dataset(task="regression", n=24, seed=0):
    generator = np.random.default_rng(seed)
    sequences = random_proteins(generator.integers(5, 40, n), seed)
    classes = ()
    match task:
        case "regression":
            targets = [50 + 10.0 * value for value in generator.normal(size=n)]
        case "classification":
            classes = ("a", "b", "c")
            targets = [classes[i % 3] for i in range(n)]
        case "multilabel":
            classes = ("x", "y")
            targets = [[float(i % 2), np.nan if i % 5 == 0 else float(i % 3 == 0)] for i in range(n)]
        case "residue_classification":
            classes = ("E", "H")
            targets = [
                "".join("H" if letter in "ACDEFGHIK" else "E" for letter in s)[:-1] + "?" for s in sequences
            ]
        case "residue_regression":
            targets = [[np.nan if letter == "A" else float(ord(letter)) for letter in s] for s in sequences]
    table = pd.DataFrame(
        {"name": [f"s{i}" for i in range(n)], "sequence": sequences, "target": targets, "part": "train"}
    )
    return Dataset(table, "protein", task, classes)


def fit(folder, dataset, settings, checkpoint, control=None, epochs=None, keeps_lower=False):
    settings = settings.resolved(dataset.task)
    model = build_model(folder, Outputs.of(dataset), settings)
    examples = make_examples(model, dataset.table["sequence"], dataset.target_values())
    if keeps_lower:
        examples = keep_lower_states(model, examples, dataset.table["sequence"], MemoryStore(), Control())
    if isinstance(examples.inputs, torch.Tensor):
        model.head.fit_features(examples.inputs)
    if not dataset.task.is_class:
        targets = examples.targets
        model.head.fit_targets(np.concatenate(targets) if isinstance(targets, list) else targets)
    training = Training(model, examples, examples, settings, checkpoint, make_accelerator("cpu", "float32"))
    results = []
    for result in training.epochs(control or Control()):
        results.append(result)
        if epochs and len(results) == epochs:
            break
    training.restore_best()
    return model, predict_examples(model, examples), results


@pytest.fixture
def folder(tmp_path):
    return make_esm(tmp_path / "esm")


FULL = TrainingSettings(
    method="full",
    learning_rate=3e-3,
    epochs=40,
    patience=0,
    dropout=0.0,
    schedule="constant",
    weight_decay=0.0,
)


def test_a_tiny_set_is_memorized_and_the_saved_model_predicts_the_same(folder, tmp_path):
    dataset = make_dataset()
    model, predicted, results = fit(folder, dataset, FULL, tmp_path / "c")
    targets = dataset.target_values()
    assert np.corrcoef(targets, predicted)[0, 1] > 0.99
    assert results[-1].train_loss < 0.05 < results[0].train_loss
    save_model(model, tmp_path / "model", BACKBONE, folder)
    again = predict_sequences(load_model(tmp_path / "model"), dataset.table["sequence"].tolist())
    assert np.abs(again - predicted).max() < 1e-5 * np.abs(targets).max()


@pytest.mark.parametrize(
    "task", ["classification", "multilabel", "residue_classification", "residue_regression"]
)
@pytest.mark.parametrize("method", ["frozen", "lora", "full", "scratch"])
def test_every_task_and_method_learns_saves_and_reloads(folder, tmp_path, task, method):
    dataset = make_dataset(task)
    settings = replace(FULL, method=method, epochs=6, batch_size=8)
    model, predicted, results = fit(folder, dataset, settings, tmp_path / "c")
    assert results[-1].train_loss < results[0].train_loss
    save_model(model, tmp_path / "model", BACKBONE, folder)
    again = predict_sequences(load_model(tmp_path / "model", folder), dataset.table["sequence"].tolist())
    tolerance = 2e-3 if method == "frozen" and task.startswith("residue") else 1e-5
    for one, two in zip(predicted, again, strict=True):
        assert np.shape(one) == np.shape(two)
        assert np.allclose(one, two, atol=tolerance * max(1.0, np.abs(one).max()))


@pytest.mark.parametrize("task", ["regression", "residue_classification"])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_lower_layers_that_do_not_learn_are_read_once_and_nothing_changes(tmp_path, task, method):
    folder = make_esm(tmp_path / "esm", layers=3)
    dataset = make_dataset(task)
    settings = replace(FULL, method=method, tuned_layers=1, epochs=4, batch_size=8)
    kept_model, kept, results = fit(folder, dataset, settings, tmp_path / "1", keeps_lower=True)
    _, anew, others = fit(folder, dataset, settings, tmp_path / "2")
    assert [r.train_loss for r in results] == pytest.approx([r.train_loss for r in others], rel=1e-4)
    for one, two in zip(kept, anew, strict=True):
        assert np.allclose(one, two, atol=1e-4 * max(1.0, np.abs(two).max()))
    before = load_encoder(folder, "protein").model.state_dict()
    after = {n.replace("base_model.model.", "").replace(".base_layer", ""): p
             for n, p in kept_model.encoder.model.named_parameters()}  # fmt: skip
    changed = {n for n, p in after.items() if n not in before or not torch.equal(p, before[n])}
    assert changed
    assert all(".layer.2." in n or "layer_norm_after" in n for n in changed)
    save_model(kept_model, tmp_path / "model", BACKBONE, folder)
    again = predict_sequences(load_model(tmp_path / "model", folder), dataset.table["sequence"].tolist())
    for one, two in zip(kept, again, strict=True):
        assert np.allclose(one, two, atol=1e-5 * max(1.0, np.abs(two).max()))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_layers_computed_again_on_the_way_back_learn_the_same(folder, tmp_path, method, monkeypatch):
    real, n_passes = EsmSelfAttention.forward, []

    def counted(*arguments, **options):
        n_passes[-1] += 1
        return real(*arguments, **options)

    monkeypatch.setattr(EsmSelfAttention, "forward", counted)
    dataset = make_dataset()
    settings = replace(FULL, method=method, epochs=3, batch_size=8)
    predicted = []
    for wanted in (False, True):
        n_passes.append(0)
        settings = replace(settings, gradient_checkpointing=wanted)
        predicted.append(fit(folder, dataset, settings, tmp_path / str(wanted))[1])
    assert n_passes[1] > n_passes[0]
    assert np.allclose(*predicted, atol=1e-4)


def test_out_of_memory_halves_the_pack_and_goes_on_to_the_same_weights(folder, tmp_path, monkeypatch):
    dataset = make_dataset()
    settings = replace(FULL, epochs=2, batch_size=24)
    _, whole, _ = fit(folder, dataset, settings, tmp_path / "1")
    forward, sizes, room = Encoder.forward, [], 200

    def crowded(self, tokens, layers=()):
        sizes.append(sum(map(len, tokens.ids)))
        if torch.is_grad_enabled() and sizes[-1] > room:
            raise torch.OutOfMemoryError("no room")
        return forward(self, tokens, layers)

    monkeypatch.setattr(Encoder, "forward", crowded)
    _, halved, _ = fit(folder, dataset, settings, tmp_path / "2")
    assert max(sizes) > room
    assert np.allclose(whole, halved, atol=1e-4)
    room = 1  # less than any one sequence
    with pytest.raises(torch.OutOfMemoryError):
        fit(folder, dataset, settings, tmp_path / "3")


def test_same_seed_same_result_other_seed_other(folder, tmp_path):
    dataset = make_dataset()
    settings = replace(FULL, epochs=3, dropout=0.2)
    _, first, _ = fit(folder, dataset, settings, tmp_path / "1")
    _, again, _ = fit(folder, dataset, settings, tmp_path / "2")
    _, other, _ = fit(folder, dataset, replace(settings, seed=1), tmp_path / "3")
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("method", ["frozen", "full"])
def test_a_resumed_training_equals_an_uninterrupted_one(folder, tmp_path, method, monkeypatch):
    monkeypatch.setattr(training_module, "_CHECKPOINT_SECONDS", 0.0)
    dataset = make_dataset()
    settings = replace(FULL, method=method, epochs=6, dropout=0.1, batch_size=6)
    _, whole, results = fit(folder, dataset, settings, tmp_path / "whole")
    looks = iter([False] * 10 + [True] * 99)
    with pytest.raises(Stopped):
        fit(folder, dataset, settings, tmp_path / "cut", Control(should_stop=lambda: next(looks)))
    _, resumed, rest = fit(folder, dataset, settings, tmp_path / "cut")
    assert 0 < len(rest) < len(results)
    assert [r.epoch for r in rest] == [r.epoch for r in results][-len(rest) :]
    assert np.array_equal(whole, resumed)


def test_the_running_average_by_hand():
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(layer.weight)
    layer.bias.requires_grad_(False)
    average = _RunningAverage(layer)
    for value in (1.0, 2.0):
        layer.weight.data.fill_(value)
        average.add(layer)
    expected = 3 / 12 * (9 / 11 * 1.0) + 9 / 12 * 2.0  # of the former 2/11, then 3/12 are kept
    again = _RunningAverage(layer, **average.state())
    for one in (average, again):
        with one.in_place(layer):
            assert float(layer.weight.detach()) == pytest.approx(expected)
        assert float(layer.weight.detach()) == 2.0
    assert list(average.state()["weights"]) == ["weight"]  # what does not learn is left alone


@pytest.mark.parametrize(("method", "is_averaged"), [("frozen", True), ("full", False)])
def test_a_head_that_learns_alone_is_kept_as_its_average(folder, tmp_path, method, is_averaged):
    dataset = make_dataset("residue_classification")
    settings = replace(FULL, method=method, loss="cross_entropy", epochs=2)
    model, _, _ = fit(folder, dataset, settings, tmp_path / "run")
    last = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert bool(last["average"]) == is_averaged
    if is_averaged:
        kept, where_it_stood = last["average"]["weights"], last["weights"]
        name = next(iter(kept))
        assert not torch.equal(kept[name], where_it_stood[name])
        best = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
        assert torch.equal(best[name], model.head.state_dict()[name])


def test_pieces_of_a_batch_add_up(folder, tmp_path, monkeypatch):
    """A batch cut into packs that fit the memory gives the same step as the batch at once."""
    from biotl_core.learning import examples

    dataset = make_dataset("multilabel")
    settings = replace(FULL, epochs=2, batch_size=24)
    _, at_once, _ = fit(folder, dataset, settings, tmp_path / "1")
    monkeypatch.setitem(examples.PACK_TOKENS, "cpu", 50)
    _, in_pieces, _ = fit(folder, dataset, settings, tmp_path / "2")
    assert np.allclose(at_once, in_pieces, atol=1e-4)


def test_batch_of_prediction_changes_nothing(folder, tmp_path):
    dataset = make_dataset("residue_classification")
    model, _, _ = fit(folder, dataset, replace(FULL, epochs=1), tmp_path / "c")
    sequences = dataset.table["sequence"].tolist()
    together = predict_sequences(model, sequences)
    for sequence, own in zip(sequences, together, strict=True):
        assert np.allclose(predict_sequences(model, [sequence])[0], own, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "nesterov", "gradient_descent"])
@pytest.mark.parametrize("loss", ["mse", "huber", "mae"])
def test_every_optimizer_makes_every_loss_smaller(folder, tmp_path, optimizer, loss):
    rate = 1e-2 if optimizer == "adamw" else 5e-2
    settings = TrainingSettings(
        method="frozen", optimizer=optimizer, loss=loss, learning_rate=rate, epochs=15, patience=0, warmup=0.0
    )
    _, _, results = fit(folder, make_dataset(), settings, tmp_path / "c")
    assert results[-1].train_loss < results[0].train_loss


def test_plain_gradient_descent_takes_one_step_a_pass(folder, tmp_path):
    settings = TrainingSettings(method="frozen", optimizer="gradient_descent", epochs=3, patience=0)
    steps = []
    fit(folder, make_dataset(), settings, tmp_path / "c", Control(report=lambda *a: steps.append(a)))
    assert [(done, total) for stage, done, total in steps if stage.startswith("Learning")] == [
        (0, 3),
        (1, 3),
        (2, 3),
    ]


def test_training_stops_when_validation_no_longer_improves(folder, tmp_path):
    settings = replace(FULL, method="frozen", learning_rate=3.0, epochs=200, patience=2)
    _, _, results = fit(folder, make_dataset(), settings, tmp_path / "c")
    best = max(results, key=lambda r: r.metrics["spearman"])
    assert len(results) < 200
    assert results[-1].epoch == best.epoch + 2


@pytest.mark.parametrize(
    ("method", "rate", "head_rate"),
    [("full", None, 1e-3), ("lora", None, 1e-3), ("full", 3e-3, 3e-3), ("frozen", None, 1e-3)],
)
def test_a_new_head_takes_steps_as_on_a_fixed_backbone(folder, tmp_path, method, rate, head_rate):
    dataset = make_dataset()
    settings = TrainingSettings(method=method, learning_rate=rate, schedule="constant", warmup=0.0).resolved(
        dataset.task
    )
    model = build_model(folder, Outputs.of(dataset), settings)
    examples = make_examples(model, dataset.table["sequence"], dataset.target_values())
    model.head.fit_targets(dataset.target_values())
    training = Training(
        model, examples, examples, settings, tmp_path / "c", make_accelerator("cpu", "float32")
    )
    next(training.epochs(Control()))
    rates = {id(p): group["lr"] for group in training.optimizer.param_groups for p in group["params"]}
    assert np.allclose([rates[id(p)] for p in model.head.parameters()], head_rate)
    learning = [p for p in model.encoder.parameters() if p.requires_grad]
    assert np.allclose([rates[id(p)] for p in learning], settings.learning_rate)
    if method != "frozen":
        assert learning and len(rates) == len(learning) + len(list(model.head.parameters()))


def test_full_tuning_exports_plain_transformers(folder, tmp_path):
    dataset = make_dataset()
    model, _, _ = fit(folder, dataset, replace(FULL, epochs=2), tmp_path / "c")
    save_model(model, tmp_path / "model", BACKBONE, folder)
    plain = AutoModel.from_pretrained(tmp_path / "model" / "backbone").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model" / "backbone")
    with torch.inference_mode():
        states = plain(**tokenizer("MKTAYIAK", return_tensors="pt")).last_hidden_state[0, 1:-1]
        own = model.encoder(model.encoder.encode(["MKTAYIAK"])).states
    assert torch.allclose(states, own, atol=1e-5)


def test_lora_exports_plain_peft(folder, tmp_path):
    from peft import PeftModel

    model, _, _ = fit(folder, make_dataset(), replace(FULL, method="lora", epochs=3), tmp_path / "c")
    save_model(model, tmp_path / "model", BACKBONE, folder)
    plain = PeftModel.from_pretrained(
        AutoModel.from_pretrained(folder), tmp_path / "model" / "adapter"
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        states = plain(**tokenizer("MKTAYIAK", return_tensors="pt")).last_hidden_state[0, 1:-1]
        own = model.encoder(model.encoder.encode(["MKTAYIAK"])).states
    assert torch.allclose(states, own, atol=1e-5)
    assert not torch.allclose(states, AutoModel.from_pretrained(folder).eval()(
        **tokenizer("MKTAYIAK", return_tensors="pt")).last_hidden_state[0, 1:-1], atol=1e-4)  # fmt: skip


def test_saved_settings_are_those_used(folder, tmp_path):
    model, _, _ = fit(folder, make_dataset(), replace(FULL, epochs=1), tmp_path / "c")
    save_model(model, tmp_path / "model", BACKBONE, folder)
    about = json.loads((tmp_path / "model" / "biotl.json").read_text())
    assert TrainingSettings(**about["settings"]) == model.settings


def test_losses_by_hand():
    numbers = torch.tensor([[1.0], [0.0], [3.0]])
    targets = torch.tensor([0.0, np.nan, 1.0])
    assert loss_sum("mse", numbers, targets).item() == pytest.approx(1 + 4)
    assert loss_sum("mae", numbers, targets).item() == pytest.approx(1 + 2)
    assert loss_sum("huber", numbers, targets).item() == pytest.approx(0.5 + 1.5)
    logits, classes = torch.zeros(3, 2), torch.tensor([0, 1, -1])
    assert loss_sum("cross_entropy", logits, classes).item() == pytest.approx(2 * np.log(2))
    assert loss_sum("focal", logits, classes).item() == pytest.approx(2 * 0.25 * np.log(2))
    weights = torch.tensor([3.0, 1.0])
    assert loss_sum("cross_entropy", logits, classes, weights).item() == pytest.approx(4 * np.log(2))
    labels = torch.tensor([[1.0, np.nan], [0.0, 1.0], [np.nan, np.nan]])
    assert loss_sum("bce", logits, labels).item() == pytest.approx(3 * np.log(2))
    assert loss_sum("focal", logits, labels).item() == pytest.approx(3 * 0.25 * np.log(2))


def test_weights_by_hand():
    classes = np.array([0, 0, 0, 1, -1])
    assert balancing_weights(classes, 2).tolist() == pytest.approx([4 / 6, 2.0])
    assert target_weight(classes) == 4
    assert target_weight(classes, np.array([0.5, 2.0])) == pytest.approx(3.5)
    labels = np.array([[1.0, np.nan], [0.0, 0.0], [0.0, 1.0]])
    assert balancing_weights(labels, 2).tolist() == [2.0, 1.0]
    assert target_weight(labels) == 5
