"""Run folders as a worker leaves them, made without training: what the pages are tested on.

All sequences are random letters and all predictions are the target plus noise, from a fixed seed.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Dataset
from biotl_core.data.leaks import make_leak_report
from biotl_core.data.tasks import TaskName
from biotl_core.evaluation.metrics import evaluate
from biotl_core.evaluation.tables import prediction_columns, read_predictions
from biotl_core.learning.settings import TrainingSettings
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.judging import Trial, band_facts, certainty_facts, leak_facts, write_predictions

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
CLASSES = {
    "classification": ("cytoplasm", "membrane", "nucleus", "secreted"),
    "multilabel": ("NR-AR", "NR-ER", "SR-p53"),
    "residue_classification": ("C", "E", "H"),
}
BASELINES = {
    "mean": "Always the mean of the training part",
    "ridge": "Ridge on letters",
    "nearest": "Nearest training sequence",
}


def make_dataset(
    task: TaskName, n: int = 60, seed: int = 0, classes: tuple[str, ...] | None = None
) -> Dataset:
    """Random proteins (molecules for several labels) with a target of the task, split 70/10/20."""
    rng = np.random.default_rng(seed)
    sequences = [_molecule(rng) if task == "multilabel" else _protein(rng) for _ in range(n)]
    classes = CLASSES.get(task, ()) if classes is None else classes
    targets = pd.Series([_target(rng, task, sequence, classes) for sequence in sequences], dtype=object)
    table = pd.DataFrame(
        {
            "name": [f"variant {i}" for i in range(n)],
            "sequence": sequences,
            "target": targets.astype(float) if task == "regression" else targets,
            "part": rng.choice(["train", "validation", "test"], n, p=[0.7, 0.1, 0.2]),
        }
    )
    modality = "molecule" if task == "multilabel" else "protein"
    names = {"regression": "log fitness", "residue_regression": "disorder", "multilabel": "toxicity"}
    return Dataset(table, modality, task, classes, f"{task}.csv", names.get(task, "class"))


def make_run(
    home: Path,
    name: str,
    task: TaskName = "regression",
    state: str = "finished",
    *,
    message: str = "",
    method: str = "frozen",
    n: int = 60,
    noise: float = 0.5,
    baseline_noise: float = 1.2,
    classes: tuple[str, ...] | None = None,
    twin: bool = False,
    epochs: int = 12,
    minutes_ago: float = 30,
    seed: int = 0,
    progress: dict | None = None,
    device: str = "cpu",
) -> Path:
    """A run folder with everything that a run in this state has."""
    folder = home / "runs" / name
    dataset = make_dataset(task, n, seed, classes)
    dataset.save(folder)
    settings = TrainingSettings(method=method, device=device).resolved(dataset.task).to_dict()
    created = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    _write(folder / "config.json", _config(name, dataset, settings, created, twin, device))
    changes = {
        "row": [7],
        "column": ["sequence"],
        "before": ["mkt"],
        "after": ["MKT"],
        "why": ["Lower case letters"],
    }
    pd.DataFrame(changes).to_csv(folder / "changes.csv", index=False)
    times = {"queued_at": created.timestamp(), "started_at": None, "finished_at": None}
    if state != "waiting":
        times["started_at"] = created.timestamp() + 2
        _write_history(folder, dataset, epochs)
        (folder / "log.txt").write_text("Reading the data\nEpoch 1 of 12\n")
    if state in ("finished", "failed", "stopped"):
        times["finished_at"] = created.timestamp() + 74
    if state == "finished":
        write_result(folder, name, dataset, settings, noise=noise, baseline_noise=baseline_noise, twin=twin)
    _write(folder / "state.json", {"state": state, "message": message, "pid": os.getpid(), **times})
    if progress:
        _write(folder / "progress.json", progress)
    return folder


def like_ones(predicted):
    return (
        np.ones(len(predicted))
        if isinstance(predicted, np.ndarray)
        else [np.ones(len(one)) for one in predicted]
    )


def write_result(
    folder: Path,
    name: str,
    dataset: Dataset,
    settings: dict,
    *,
    noise: float,
    baseline_noise: float,
    twin: bool,
) -> None:
    """`predictions.csv`, `embedding_map.csv`, `result.json` and `model/`, as after a training."""
    rng = np.random.default_rng(1)
    predicted = predict_with_noise(dataset, noise, rng)
    trial = Trial.of(dataset, predicted, None if dataset.task.is_class else like_ones(predicted))
    predicted = trial.predicted
    held_out = dataset.table.index[dataset.table["part"] != "train"]
    nearest = pd.DataFrame({"identity": rng.beta(4, 3, len(held_out)).round(3)}, index=held_out)
    write_predictions(trial, nearest, folder / "predictions.csv")
    predictions = read_predictions(folder / "predictions.csv")
    rows = np.flatnonzero(dataset.table["part"] == "test")
    identity = nearest["identity"].loc[rows].to_numpy()
    headline = dataset.task.headline_metric(len(dataset.classes))
    true = dataset.target_values(dataset.table.iloc[rows])
    classes = dataset.classes

    def scores(values) -> dict[str, float]:
        return evaluate(dataset.task_name, classes, true, _take(values, rows))

    baselines = {
        key: scores(predict_with_noise(dataset, baseline_noise * (1 + i / 4), rng))
        for i, key in enumerate(BASELINES)
    }
    if dataset.task_name == "regression":  # an order of equal values is none: no correlation to report
        baselines["mean"] = scores(np.zeros(len(dataset.table)))
    titles = dict(BASELINES)
    if twin:
        baselines["random_weights"] = scores(predict_with_noise(dataset, baseline_noise * 0.9, rng))
        titles["random_weights"] = "Same backbone, random weights"
    test = scores(predicted)
    result = {
        "task": dataset.task_name,
        "backbone": "tiny-protein",
        "method": settings["method"],
        "split": "random",
        "test": test,
        "test_interval": {key: _around(value) for key, value in test.items()},
        "baselines": baselines,
        "baseline_titles": titles,
        "baseline_intervals": {
            key: {metric: _around(value) for metric, value in values.items()}
            for key, values in baselines.items()
        },
        "validation": test,
        "headline": headline,
        "differences": {
            key: [test[headline] - values[headline], 0.01, 0.3] for key, values in baselines.items()
        },
        "certainty": certainty_facts(trial),
        "bands": band_facts(trial, headline, identity),
        "leak": leak_facts(make_leak_report(dataset, identity, "random")),
        "counts": dataset.table["part"].value_counts().to_dict(),
        "best_epoch": 9,
        "epochs_run": 12,
        "seconds": 72.0,
        "device": "cpu",
        "modality": dataset.modality,
        "classes": list(classes),
        "target_name": dataset.target_name,
        "settings": settings,
        "dataset_hash": dataset.content_hash,
        "reload_difference": 3e-7,
        "map_explained": [0.31, 0.12],
        "notes": ["3 sequences were cut to 1,022 letters."],
    }
    _write(folder / "result.json", result)
    about = dataset.table[["name", "part"]].assign(target=predictions["target"])
    about.assign(x=rng.normal(size=len(about)), y=rng.normal(size=len(about))).to_csv(
        folder / "embedding_map.csv", index=False
    )
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "head.safetensors").write_bytes(b"weights")
    (folder / "model" / "config.json").write_text("{}")


def predict_with_noise(dataset: Dataset, noise: float, rng: np.random.Generator):
    """The targets plus noise, in the shapes that `evaluate` takes."""
    true, k = dataset.target_values(), len(dataset.classes)
    match dataset.task_name:
        case "regression":
            return true + rng.normal(0, noise, len(true))
        case "classification":
            return _softmax(np.eye(k)[true] * 2 + rng.normal(0, noise * 1.5, (len(true), k)))
        case "multilabel":
            raw = np.nan_to_num(true, nan=0.5) * 3 - 1.5 + rng.normal(0, noise * 2, true.shape)
            return 1 / (1 + np.exp(-raw))
        case "residue_regression":
            return [np.nan_to_num(row) + rng.normal(0, noise, len(row)) for row in true]
        case "residue_classification":
            return [_softmax(np.eye(k)[row] * 2 + rng.normal(0, noise * 1.5, (len(row), k))) for row in true]


def make_prediction(home: Path, name: str, run: Path, *, state: str = "finished", n: int = 8) -> Path:
    """A finished (or still open) prediction folder of a run."""
    folder = home / "predictions" / name
    folder.mkdir(parents=True)
    about = json.loads((run / "dataset.json").read_text())
    dataset = make_dataset(about["task"], n, seed=9, classes=tuple(about["classes"]))
    predicted = predict_with_noise(dataset, 0.5, np.random.default_rng(2))
    table = dataset.table[["name", "sequence"]].join(
        prediction_columns(dataset.task_name, dataset.classes, predicted)
    )
    table["nearest_identity"] = np.linspace(0.15, 0.95, n)
    table["nearest_name"] = "variant 1"
    dataset.table[["name", "sequence"]].to_parquet(folder / "input.parquet")
    created = datetime.now(UTC)
    config = {
        "kind": "predict",
        "name": name,
        "created": created.isoformat(),
        "device": "cpu",
        "run": str(run),
        "input": "input.parquet",
    }
    _write(folder / "config.json", config)
    if state == "finished":
        table.to_csv(folder / "predictions.csv", index=False)
    now = created.timestamp()
    times = {"queued_at": now, "started_at": now, "finished_at": now if state == "finished" else None}
    _write(folder / "state.json", {"state": state, "message": "", "pid": os.getpid(), **times})
    return folder


def _config(name: str, dataset: Dataset, settings: dict, created: datetime, twin: bool, device: str) -> dict:
    return {
        "kind": "train",
        "name": name,
        "created": created.isoformat(),
        "device": device,
        "dataset_hash": dataset.content_hash,
        "source": dataset.source,
        "modality": dataset.modality,
        "task": dataset.task_name,
        "classes": list(dataset.classes),
        "target_name": dataset.target_name,
        "backbone": "tiny-protein",
        "settings": settings,
        "random_twin": twin,
        "split": {
            "kind": "random",
            "fractions": [0.8, 0.1, 0.1],
            "seed": 0,
            "sentence": "At random, seed 0.",
        },
        "versions": {"biotl": "0.1.0", "torch": "2.13.0"},
    }


def _write_history(folder: Path, dataset: Dataset, epochs: int) -> None:
    metric = dataset.task.headline_metric(len(dataset.classes))
    lines = [
        json.dumps(
            {
                "epoch": epoch,
                "epochs": 12,
                "train_loss": 1.1 * 0.8**epoch + 0.1,
                "validation_loss": 1.0 * 0.82**epoch + 0.2 + 0.01 * epoch,
                "metrics": {metric: 1 - 0.85**epoch},
                "learning_rate": 1e-3 * (1 - epoch / 13),
                "elapsed_seconds": 5.0 * epoch,
            }
        )
        for epoch in range(1, epochs + 1)
    ]
    (folder / "history.jsonl").write_text("".join(line + "\n" for line in lines))


def _protein(rng: np.random.Generator) -> str:
    return "M" + "".join(rng.choice(list(LETTERS), rng.integers(40, 90)))


def _molecule(rng: np.random.Generator) -> str:
    return "".join(rng.choice(["CC", "N", "c1ccccc1", "C(=O)", "O", "CCC"], rng.integers(3, 9)))


def _target(rng: np.random.Generator, task: TaskName, sequence: str, classes: tuple[str, ...]):
    match task:
        case "regression":
            return float(rng.normal(0.5, 1))
        case "classification":
            return str(rng.choice(classes))
        case "multilabel":
            return [float(x) for x in rng.choice([0.0, 1.0, np.nan], len(classes), p=[0.55, 0.35, 0.1])]
        case "residue_regression":
            return [
                float(x) for x in np.sin(np.arange(len(sequence)) / 6) + rng.normal(0, 0.3, len(sequence))
            ]
        case "residue_classification":
            blocks = [
                rng.choice([*classes, "?"], p=[0.4, 0.2, 0.35, 0.05]) * int(rng.integers(3, 12))
                for _ in sequence
            ]
            return "".join(blocks)[: len(sequence)]


def _softmax(raw: np.ndarray) -> np.ndarray:
    raised = np.exp(raw - raw.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _take(values, rows: np.ndarray):
    return [values[i] for i in rows] if isinstance(values, list) else values[rows]


def _around(value: float) -> list[float]:
    """An interval that is not computed, only there."""
    return [value - 0.04, min(value + 0.03, 1.0) if value <= 1 else value + 0.03]


_write = write_json_atomically
