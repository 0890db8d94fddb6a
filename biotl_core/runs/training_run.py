"""The work of a training run, from its folder: load, embed, fine-tune, judge, save, and check what was saved."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator

from biotl_core.backbones.catalogue import Backbone, find_backbone, locate_backbone
from biotl_core.backbones.embeddings import EmbeddingStore, MemoryStore, embed, open_store
from biotl_core.data.dataset import Dataset
from biotl_core.data.similarity import nearest_identity
from biotl_core.errors import UserError
from biotl_core.evaluation.baselines import run_baselines
from biotl_core.evaluation.intervals import bootstrap_intervals
from biotl_core.evaluation.metrics import Arrays, evaluate, storable
from biotl_core.evaluation.tables import as_cell, predictions_table
from biotl_core.learning.examples import Examples
from biotl_core.learning.model import Outputs, SequenceModel, build_model, load_model, save_model
from biotl_core.learning.prediction import (
    largest_difference,
    make_examples,
    predict_examples,
    predict_sequences,
)
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.training import Training, make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.folder import append_history, read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.several_devices import run_on_several
from biotl_core.runs.verdict import TWIN, answer_sentence

_SCALE_SAMPLE = 512
"""Training sequences from which the head of a tuned model takes the mean and spread of its features."""
_MAP_SAMPLE = 4000
_CHECK_SAMPLE = 256
_CHECK_TOLERANCE = 1e-3
"""Relative to the spread of the predictions; half-precision features of residues differ by up to this much."""


def train_run(folder: Path, control: Control) -> str:
    """Do a run of kind "train" from its folder, going on from its checkpoint; the closing sentence."""
    config = read_config(folder)
    dataset = Dataset.load(folder)
    settings = TrainingSettings(**config["settings"]).resolved(dataset.task)
    # Only a head learns on a frozen backbone; there is nothing to share out.
    if settings.processes > 1 and settings.method != "frozen":
        return run_on_several(folder, settings.processes, control)
    return train_here(folder, config, dataset, settings, control)


def train_here(
    folder: Path, config: dict[str, Any], dataset: Dataset, settings: TrainingSettings, control: Control
) -> str:
    """The chain in this process, which may be one of several that train together; "" from all but the first."""
    began = time.monotonic()
    backbone = find_backbone(config["backbone"], dataset.modality)
    weights_folder = locate_backbone(backbone)
    accelerator = make_accelerator(config.get("device", "cpu"), settings.precision)

    control.step("Loading the backbone", 0, 0)
    tuned = _Tuned.train(dataset, weights_folder, settings, folder, accelerator, control)
    if not accelerator.is_main_process:
        return ""
    model = tuned.model
    predicted = predict_examples(model, tuned.examples(dataset.table), control)
    saved = folder / "model"
    save_model(model, saved, _backbone_facts(backbone), weights_folder)
    difference = _reload_difference(saved, weights_folder, dataset, predicted)

    result = _judge(dataset, predicted, settings, control)
    if config.get("random_twin") and settings.method != "scratch":
        _add_twin(result, dataset, weights_folder, settings, folder, accelerator, control)
    _write_predictions(dataset, predicted, folder, control)
    result |= {
        "backbone": backbone.name,
        "split": config.get("split", {}).get("kind", "given"),
        "best_epoch": tuned.training.best_epoch,
        "epochs_run": tuned.training.state.epoch,
        "device": _device_name(accelerator.device),
        "reload_difference": difference,
        "map_explained": _write_map(model, dataset, weights_folder, folder, control),
        "dataset_hash": config.get("dataset_hash"),
        "versions": config.get("versions", {}),
        "seconds": round(time.monotonic() - began, 2),
        "notes": _notes(dataset, model),
    }
    write_json_atomically(folder / "result.json", result)
    return answer_sentence(result)


class _Tuned:
    """A trained model and what it read."""

    def __init__(self, model: SequenceModel, training: Training, dataset: Dataset, all_examples: Examples):
        self.model, self.training = model, training
        self._dataset, self._all = dataset, all_examples

    @classmethod
    def train(
        cls,
        dataset: Dataset,
        weights_folder: Path,
        settings: TrainingSettings,
        folder: Path,
        accelerator: Accelerator,
        control: Control,
        *,
        random_weights: bool = False,
        keeps_history: bool = True,
    ) -> "_Tuned":
        """Build the model, train it in `folder / "checkpoint"`, and put its best weights back."""
        model = build_model(weights_folder, Outputs.of(dataset), settings, random_weights=random_weights)
        model.to(accelerator.device)
        store = _store(model, weights_folder, random_weights)
        everything = make_examples(model, dataset.table["sequence"], dataset.target_values(), store, control)
        own = cls(model, None, dataset, everything)
        train, validation = (own.examples(dataset.part(part)) for part in ("train", "validation"))
        _fit_head(model, dataset, train, control)
        checkpoint = folder / ("checkpoint" if keeps_history else "checkpoint-twin")
        own.training = Training(model, train, validation, settings, checkpoint, accelerator)
        if keeps_history and accelerator.is_main_process:
            _rewrite_history(folder, own.training.history)
        for epoch in own.training.epochs(control):
            if keeps_history and accelerator.is_main_process:
                append_history(folder, asdict(epoch))
        accelerator.wait_for_everyone()
        own.training.restore_best()
        return own

    def examples(self, rows: pd.DataFrame) -> Examples:
        """The examples of some rows of the dataset."""
        indices = rows.index.to_numpy()
        return self._all.subset(indices)


def _store(model: SequenceModel, weights_folder: Path, random_weights: bool) -> EmbeddingStore | MemoryStore:
    if random_weights:
        return MemoryStore()
    return open_store(weights_folder, model.encoder, "residue" if model.is_per_residue else "sequence")


def _fit_head(model: SequenceModel, dataset: Dataset, train: Examples, control: Control) -> None:
    """Give the head the scale of features and targets, both from the training part alone."""
    if isinstance(train.inputs, torch.Tensor):
        features = train.inputs
    else:
        sample = train.subset(np.random.default_rng(0).permutation(len(train))[:_SCALE_SAMPLE])
        features = _features(model, sample, control)
    model.head.fit_features(features.to(model.encoder.device))
    if not dataset.task.is_class:
        targets = train.targets
        model.head.fit_targets(np.concatenate(targets) if isinstance(targets, list) else targets)


@torch.inference_mode()
def _features(model: SequenceModel, examples: Examples, control: Control) -> torch.Tensor:
    if examples.is_ready:
        return torch.from_numpy(np.concatenate(examples.inputs).astype(np.float32))
    found, done = [], 0
    for piece in examples.pieces(range(len(examples)), model.encoder.device):
        found.append(
            model.features(examples.inputs._replace(ids=[examples.inputs.ids[i] for i in piece])).cpu()
        )
        done += len(piece)
        control.step("Looking at the features", done, len(examples))
    return torch.cat(found)


def _rewrite_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Keep the passes that the checkpoint knows; later ones will be made anew, and equal."""
    (folder / "history.jsonl").unlink(missing_ok=True)
    for epoch in history:
        append_history(folder, epoch)


def _judge(
    dataset: Dataset, predicted: Arrays, settings: TrainingSettings, control: Control
) -> dict[str, Any]:
    """Scores and intervals of the run and of the simple methods, on identical parts."""
    name, classes = dataset.task_name, dataset.classes
    scores, intervals = {}, {}
    for part in ("validation", "test"):
        true, own = _of_part(dataset, predicted, part)
        scores[part] = evaluate(name, classes, true, own)
        if part == "test":
            control.step("Judging on the test part", 0, 0)
            intervals = bootstrap_intervals(name, classes, true, own)
    baselines = run_baselines(dataset, control)
    return {
        "task": name,
        "modality": dataset.modality,
        "classes": list(classes),
        "target_name": dataset.target_name,
        "method": settings.method,
        "settings": settings.to_dict(),
        "headline": dataset.task.headline_metric(len(classes)),
        "counts": {
            part: int((dataset.table["part"] == part).sum()) for part in ("train", "validation", "test")
        },
        "test": storable(scores["test"]),
        "test_interval": {metric: list(ends) for metric, ends in intervals.items()},
        "validation": storable(scores["validation"]),
        "baselines": {key: storable(b.scores) for key, b in baselines.items()},
        "baseline_intervals": {
            key: {m: list(ends) for m, ends in b.intervals.items()} for key, b in baselines.items()
        },
        "baseline_titles": {key: b.title for key, b in baselines.items()},
    }


def _of_part(dataset: Dataset, predicted: Arrays, part: str) -> tuple[Arrays, Arrays]:
    rows = dataset.part(part)
    own = [predicted[i] for i in rows.index]
    return dataset.target_values(rows), own if dataset.task.is_per_residue else np.array(own)


def _add_twin(
    result: dict[str, Any],
    dataset: Dataset,
    weights_folder: Path,
    settings: TrainingSettings,
    folder: Path,
    accelerator: Accelerator,
    control: Control,
) -> None:
    """Train the same thing without pretraining, and put its test scores beside the run's."""
    twin = _Tuned.train(
        dataset,
        weights_folder,
        settings,
        folder,
        accelerator,
        control,
        random_weights=True,
        keeps_history=False,
    )
    rows = dataset.part("test")
    true, own = dataset.target_values(rows), predict_examples(twin.model, twin.examples(rows), control)
    name, classes = dataset.task_name, dataset.classes
    result["baselines"][TWIN] = storable(evaluate(name, classes, true, own))
    intervals = bootstrap_intervals(name, classes, true, own)
    result["baseline_intervals"][TWIN] = {metric: list(ends) for metric, ends in intervals.items()}
    result["baseline_titles"][TWIN] = "The same backbone from random weights"


def _reload_difference(saved: Path, weights_folder: Path, dataset: Dataset, predicted: Arrays) -> float:
    """Load the saved model anew and compare its predictions with those of training; UserError where they differ.

    The difference is told in units of the predictions' own spread, so that it means the same for all targets.
    """
    rows = dataset.table
    chosen = (rows[rows["part"] == "test"] if (rows["part"] == "test").any() else rows).head(_CHECK_SAMPLE)
    again = predict_sequences(load_model(saved, weights_folder), chosen["sequence"].tolist())
    before = [predicted[i] for i in chosen.index]
    flat = np.concatenate([np.ravel(one) for one in before])
    spread = max(float(np.nanstd(flat)), 1e-6)
    difference = largest_difference(before, again) / spread
    if difference > _CHECK_TOLERANCE:
        raise UserError(
            f"The saved model predicts differently from the trained one (by {difference:.2g} of the predictions' "
            "spread), so this run is not called finished. Resume it, or start it again."
        )
    return difference


def _write_predictions(dataset: Dataset, predicted: Arrays, folder: Path, control: Control) -> None:
    table = predictions_table(dataset, dataset.table, predicted)
    is_train = (dataset.table["part"] == "train").to_numpy()
    identity = np.full(len(table), np.nan)
    sequences = dataset.table["sequence"]
    nearest = nearest_identity(
        sequences[~is_train].tolist(), sequences[is_train].tolist(), dataset.modality, control
    )
    identity[~is_train] = nearest.identity
    table["nearest_identity"] = np.round(identity, 4)
    table.to_csv(folder / "predictions.csv", index=False)


def _write_map(
    model: SequenceModel, dataset: Dataset, weights_folder: Path, folder: Path, control: Control
) -> list[float]:
    """Write the two main directions of the mean vectors (PCA); the share of the spread each explains."""
    from sklearn.decomposition import PCA

    rows = dataset.table
    if len(rows) > _MAP_SAMPLE:
        rows = rows.sample(_MAP_SAMPLE, random_state=0).sort_index()
    is_frozen = model.settings.method == "frozen"
    store = open_store(weights_folder, model.encoder, "sequence") if is_frozen else MemoryStore()
    arrays = embed(model.encoder, rows["sequence"].tolist(), "sequence", store, control)
    vectors = np.concatenate(arrays)[:, : model.encoder.width]
    n = min(2, len(rows))
    pca = PCA(n_components=n, random_state=0)
    places = np.pad(pca.fit_transform(vectors), ((0, 0), (0, 2 - n)))
    targets = "" if dataset.task.is_per_residue else [as_cell(target) for target in rows["target"]]
    table = rows[["name", "part"]].assign(target=targets)
    table.assign(x=places[:, 0], y=places[:, 1]).to_csv(folder / "embedding_map.csv", index=False)
    return [float(share) for share in np.nan_to_num(pca.explained_variance_ratio_)]


def _notes(dataset: Dataset, model: SequenceModel) -> list[str]:
    notes = []
    limit = model.encoder.max_length
    n_cut = int((dataset.table["sequence"].str.len() > limit).sum()) if limit else 0
    if n_cut:
        notes.append(
            f"{n_cut:,} sequences are longer than the {limit:,} letters the backbone reads; they were cut."
        )
    return notes


def _backbone_facts(backbone: Backbone) -> dict[str, Any]:
    return {"name": backbone.name, "hub_id": backbone.hub_id, "revision": backbone.revision}


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def train_together(folder: Path, control: Control) -> str:
    """What each of several processes does; see `several_devices`."""
    config, dataset = read_config(folder), Dataset.load(folder)
    return train_here(
        folder, config, dataset, TrainingSettings(**config["settings"]).resolved(dataset.task), control
    )
