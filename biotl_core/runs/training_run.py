"""The work of a training run, from its folder: load, embed, fine-tune, judge, save, and check what was saved."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from biotl_core.backbones.catalogue import Backbone, find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, embed, open_store
from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.metrics import Arrays
from biotl_core.evaluation.tables import as_cell
from biotl_core.learning.model import SequenceModel, save_model
from biotl_core.learning.prediction import predict_examples
from biotl_core.learning.settings import (
    TrainingSettings,
    head_words,
    last_layer_settings,
    simple_features_words,
)
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.certainty_files import save_certainty
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.judging import judge, nearest_in_training, write_predictions
from biotl_core.runs.reload_check import ReloadCheck
from biotl_core.runs.several_devices import run_on_several
from biotl_core.runs.tuning import Tuned, settle_reading
from biotl_core.runs.verdict import FROZEN, TWIN, answer_sentence

_MAP_SAMPLE = 4000


def train_run(folder: Path, control: Control) -> str:
    """Do a run of kind "train" from its folder, going on from its checkpoint; the closing sentence."""
    config = read_config(folder)
    dataset = Dataset.load(folder)
    settings = TrainingSettings.from_dict(config["settings"]).resolved(dataset.task)
    began = time.monotonic()
    backbone = find_backbone(config["backbone"], dataset.modality)
    weights_folder = locate_backbone(backbone)
    accelerator = make_accelerator(config.get("device", "cpu"), settings.precision)

    control.step("Loading the backbone", 0, 0)
    # Only a head learns on a frozen backbone; there is nothing to share out.
    if settings.processes > 1 and settings.method != "frozen":
        settled, _ = settle_reading(dataset, weights_folder, settings, folder, accelerator, control)
        run_on_several(folder, settled, control)
    # What several have learned together is found here as a finished checkpoint.
    tuned = Tuned.train(dataset, weights_folder, settings, folder, accelerator, control)
    model = tuned.model
    trial, neighbourhood = tuned.try_out(control)
    save_model(model, folder / "model", _backbone_facts(backbone), weights_folder)
    save_certainty(folder / "model", trial.calibration, neighbourhood)
    check = ReloadCheck(folder)

    rivals = _rivals(config, dataset, weights_folder, settings, folder, accelerator, control)
    nearest = nearest_in_training(dataset, control)
    split_kind = config.get("split", {}).get("kind", "given")
    chosen = replace(model.settings, simple_features=model.simple.kind)
    result = judge(trial, chosen, rivals, nearest.loc[dataset.part("test").index], split_kind, control)
    write_predictions(trial, nearest, folder / "predictions.csv")
    result |= {
        "backbone": backbone.name,
        "split": split_kind,
        "best_epoch": tuned.training.best_epoch,
        "epochs_run": tuned.training.state.epoch,
        "is_averaged": tuned.training.average is not None,
        "device": _device_name(accelerator.device),
        "reload_difference": check.difference(dataset, trial.raw, control),
        "map_explained": _write_map(model, dataset, weights_folder, folder, control),
        "dataset_hash": config.get("dataset_hash"),
        "versions": config.get("versions", {}),
        "seconds": round(time.monotonic() - began, 2),
        "beside": model.simple.names,
        "said_head": head_words(chosen, dataset.modality, model.simple.names),
        "shares": model.shares,
        "notes": _notes(dataset, model),
    }
    write_json_atomically(folder / "result.json", result)
    return answer_sentence(result)


def _rivals(
    config: dict[str, Any],
    dataset: Dataset,
    weights_folder: Path,
    settings: TrainingSettings,
    folder: Path,
    accelerator: Accelerator,
    control: Control,
) -> dict[str, tuple[str, Arrays]]:
    """Other models on the same backbone and parts: name -> title and predictions of the test part.

    The last layer alone beside a model of which more was tuned; where asked for, the same without pretraining.
    """
    trained: dict[str, tuple[str, Arrays]] = {}

    def train(name: str, title: str, chosen: TrainingSettings, random_weights: bool) -> None:
        tuned = Tuned.train(
            dataset,
            weights_folder,
            chosen,
            folder,
            accelerator,
            control,
            random_weights=random_weights,
            aside=name,
        )
        trained[name] = title, predict_examples(tuned.model, tuned.examples(dataset.part("test")), control)

    if settings.method in ("lora", "full"):
        train(FROZEN, "Only the last layer learned", last_layer_settings(settings, dataset.task), False)
    if config.get("random_twin") and settings.method != "scratch":
        train(TWIN, "The same backbone from random weights", settings, True)
    return trained


def _write_map(
    model: SequenceModel, dataset: Dataset, weights_folder: Path, folder: Path, control: Control
) -> list[float]:
    """Write the two main directions of the mean vectors (PCA); the share of the spread each explains."""
    from sklearn.decomposition import PCA

    rows = dataset.table
    if len(rows) > _MAP_SAMPLE:
        rows = rows.sample(_MAP_SAMPLE, random_state=0).sort_index()
    is_frozen = model.settings.method == "frozen"
    # Of a frozen backbone all is read already, with the same layers beside the last.
    layers = model.layers if is_frozen else ()
    store = open_store(weights_folder, model.encoder, "sequence", layers) if is_frozen else MemoryStore()
    arrays = embed(model.encoder, rows["sequence"].tolist(), "sequence", store, control, layers)
    n, width = len(layers), model.encoder.width
    vectors = np.concatenate(arrays)[:, n * width : (n + 1) * width]
    n = min(2, len(rows))
    pca = PCA(n_components=n, random_state=0)
    places = np.pad(pca.fit_transform(vectors), ((0, 0), (0, 2 - n)))
    targets = "" if dataset.task.is_per_residue else [as_cell(target) for target in rows["target"]]
    table = rows[["name", "part"]].assign(target=targets)
    table.assign(x=places[:, 0], y=places[:, 1]).to_csv(folder / "embedding_map.csv", index=False)
    return [float(share) for share in np.nan_to_num(pca.explained_variance_ratio_)]


def _notes(dataset: Dataset, model: SequenceModel) -> list[str]:
    notes = []
    shares = model.shares or {}
    if shares and not any(shares.get(kind) for kind in ("backbone", "start", "likelihood")):
        notes.append(
            "The layer on top found what the backbone sees of no use here and reads "
            f"{simple_features_words(model.simple.names, dataset.modality)} alone; another backbone may tell more."
        )
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


def learn_together(folder: Path, chosen: dict[str, str], control: Control) -> None:
    """What each of several processes does: learn, and leave the checkpoint; see `several_devices`.

    Args:
        folder: of the run.
        chosen: settings that were left open and are chosen once for all.
        control: progress and stop.
    """
    config, dataset = read_config(folder), Dataset.load(folder)
    settings = TrainingSettings.from_dict(config["settings"]).resolved(dataset.task)
    settings = replace(settings, **chosen)
    weights_folder = locate_backbone(find_backbone(config["backbone"], dataset.modality))
    accelerator = make_accelerator(config.get("device", "cpu"), settings.precision)
    Tuned.train(dataset, weights_folder, settings, folder, accelerator, control)
