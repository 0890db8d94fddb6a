"""The work of a study: several trainings on the data of a finished run, judged on identical parts."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.dataset import Dataset
from biotl_core.data.dealing import as_parts, deal_folds, target_strata
from biotl_core.data.folds import make_folds, repeat_split
from biotl_core.data.grouping import same_sequence
from biotl_core.data.split_settings import SplitSettings
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.evaluation.intervals import Difference, bootstrap_intervals, paired_difference
from biotl_core.evaluation.learning_curve import fit_growth, subset_sizes
from biotl_core.evaluation.metrics import METRICS, Arrays, evaluate
from biotl_core.learning.prediction import predict_examples
from biotl_core.learning.settings import METHOD_SETTINGS, TrainingSettings
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.studies import LADDER, ZERO_SHOT, study_sentence
from biotl_core.runs.tuning import Tuned

_GROUPED = ("random", "similarity", "scaffold")
_DRAWN = (*_GROUPED, "position")
_INNER_FOLDS = 5
_POOLINGS = ("mean", "mean_max", "mean_max_spread", "mean_max_spread_start")


class Attempt(NamedTuple):
    """One training, judged."""

    scores: dict[str, float]
    """Headline metric by part; nan where it has no value."""
    predicted: dict[str, Arrays]
    """By part."""


class Workshop:
    """Trains on one backbone and device as often as it is asked to."""

    def __init__(self, folder: Path, config: dict[str, Any], dataset: Dataset, control: Control):
        self.folder, self.dataset, self._control = folder, dataset, control
        self.settings = TrainingSettings.from_dict({**config["tuning"], "processes": 1})
        self._weights = locate_backbone(find_backbone(config["backbone"], dataset.modality))
        self._accelerator = make_accelerator(config.get("device", "cpu"), self.settings.precision)
        self.headline = dataset.task.headline_metric(len(dataset.classes))
        self.rows: list[dict[str, Any]] = []

    def attempt(
        self, settings: TrainingSettings, dataset: Dataset, parts: tuple[str, ...] = ("test",)
    ) -> Attempt:
        """Train on a dataset with its parts and judge on some of them."""
        self._forget_checkpoints()
        chosen = settings.resolved(dataset.task)
        tuned = Tuned.train(
            dataset, self._weights, chosen, self.folder, self._accelerator, self._control, aside="study"
        )
        scores, predicted = {}, {}
        for part in parts:
            rows = dataset.part(part)
            predicted[part] = predict_examples(tuned.model, tuned.examples(rows), self._control)
            given = dataset.task_name, dataset.classes, dataset.target_values(rows), predicted[part]
            scores[part] = evaluate(*given)[self.headline]
        self._forget_checkpoints()
        return Attempt(scores, predicted)

    def _forget_checkpoints(self) -> None:
        for checkpoint in self.folder.glob("checkpoint-study*"):
            shutil.rmtree(checkpoint, ignore_errors=True)

    def look(self) -> Attempt | None:
        """The validation and test part ranked without any training; None where data or backbone do not allow it."""
        dataset = self.dataset
        is_ranked = dataset.task_name == "regression" and dataset.modality != "molecule"
        if not is_ranked or find_variants(dataset.table["sequence"].tolist()) is None:
            return None
        try:
            model = load_masked_model(self._weights, dataset.modality)
        except UserError:
            return None  # not every backbone can say how likely a letter is
        model.encoder.to(self._accelerator.device)
        model.head.to(self._accelerator.device)
        found = zero_shot_scores(
            model, dataset.table["sequence"], method=model.marginals, control=self._control
        ).scores
        predicted = {part: found[dataset.part(part).index] for part in ("validation", "test")}
        scores = {
            part: evaluate(dataset.task_name, (), dataset.target_values(dataset.part(part)), said)[
                self.headline
            ]
            for part, said in predicted.items()
        }
        return Attempt(scores, predicted)

    def note(self, label: str, dataset: Dataset, attempt: Attempt, **more: Any) -> None:
        """One line of the study's table, with the interval of the test score."""
        rows = dataset.part("test")
        given = dataset.task_name, dataset.classes, dataset.target_values(rows), attempt.predicted["test"]
        low, high = bootstrap_intervals(*given, n_resamples=300)[self.headline]
        n_train = int((dataset.table["part"] == "train").sum())
        line = {"label": label, "n_train": n_train, "score": attempt.scores["test"], "low": low, "high": high}
        self.rows.append(line | more)
        write_json_atomically(self.folder / "rows.json", self.rows)

    def compare(self, one: Attempt, other: Attempt, part: str) -> Difference:
        """The headline metric of one training minus that of another on the same part, turned so that more is better."""
        dataset, rows = self.dataset, self.dataset.part(part)
        found = paired_difference(
            dataset.task_name, dataset.classes, dataset.target_values(rows), one.predicted[part],
            other.predicted[part], self.headline,
        )  # fmt: skip
        if METRICS[self.headline].higher_is_better:
            return found
        return Difference(-found.difference, -found.high, -found.low)


def study_run(folder: Path, control: Control) -> str:
    """Do a run of kind "study" from its folder; the closing sentence."""
    config, dataset = read_config(folder), Dataset.load(folder)
    workshop = Workshop(folder, config, dataset, control)
    found = WORK[config["study"]](workshop, config, control)
    result = {
        "study": config["study"],
        "task": dataset.task_name,
        "headline": workshop.headline,
        "dataset_hash": dataset.content_hash,
        "rows": workshop.rows,
        **found,
    }
    write_json_atomically(folder / "result.json", result)
    return study_sentence(result)


def _climb(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """Rung by rung; the next one must be better on the validation part by more than chance."""
    if looked := workshop.look():
        workshop.note(ZERO_SHOT, workshop.dataset, looked, validation=looked.scores["validation"])
    best: Attempt | None = None
    best_label = LADDER[0]
    for label in LADDER:
        open_ones = {} if workshop.settings.method == label else dict.fromkeys(METHOD_SETTINGS)
        settings = replace(workshop.settings, method=label, **open_ones)
        attempt = workshop.attempt(settings, workshop.dataset, ("validation", "test"))
        more: dict[str, Any] = {"validation": attempt.scores["validation"]}
        pays = True
        if best is not None:
            more["gain"] = list(workshop.compare(attempt, best, "test"))
            pays = workshop.compare(attempt, best, "validation").low > 0
        workshop.note(label, workshop.dataset, attempt, **more)
        if not pays:
            break
        best, best_label = attempt, label
    return {"best": best_label}


def _grow(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """Growing nested pieces of the training part, drawn at random; validation and test stay as they are."""
    dataset = workshop.dataset
    train = np.flatnonzero((dataset.table["part"] == "train").to_numpy())
    order = np.random.default_rng(workshop.settings.seed).permutation(train)
    for size in subset_sizes(len(train), config["n"]):
        parts = dataset.table["part"].to_numpy(dtype=object).copy()
        parts[order[size:]] = ""
        piece = dataset.with_parts(pd.Series(parts, dtype="str"))
        # What is in no part is not read at all; a class that the piece lacks cannot be learned, as in life.
        kept = piece.table[piece.table["part"] != ""].reset_index(drop=True)
        piece = replace(piece, table=kept)
        workshop.note(f"{size:,}", piece, workshop.attempt(workshop.settings, piece))
    sizes = np.array([row["n_train"] for row in workshop.rows])
    growth = fit_growth(sizes, np.array([row["score"] for row in workshop.rows]), workshop.headline)
    if growth is None:
        return {"twice": None}
    return {"twice": float(growth.at(2 * len(train))), "growth": growth._asdict()}


def _reseed(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """The same parts and settings, other random numbers."""
    for i in range(config["n"]):
        settings = replace(workshop.settings, seed=workshop.settings.seed + i)
        workshop.note(f"seed {settings.seed}", workshop.dataset, workshop.attempt(settings, workshop.dataset))
    return {}


def _cross(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """Each fold once the test part, by the rule of the run's own split; at random where that has no groups."""
    settings = _same_rule(config, _GROUPED)
    for i, fold in enumerate(make_folds(workshop.dataset, settings, config["n"], control)):
        workshop.note(f"fold {i + 1}", fold, workshop.attempt(workshop.settings, fold))
    return {"split": settings.kind}


def _redraw(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """The parts drawn again by the rule of the run's own split, from other seeds; at random where it draws nothing."""
    settings = _same_rule(config, _DRAWN)
    for i, drawn in enumerate(repeat_split(workshop.dataset, settings, config["n"], control)):
        workshop.note(f"draw {i + 1}", drawn, workshop.attempt(workshop.settings, drawn))
    return {"split": settings.kind}


def _same_rule(config: dict[str, Any], kinds: tuple[str, ...]) -> SplitSettings:
    """How the run's own parts were made, if it is one of these kinds, else at random."""
    asked = config.get("split") or {}
    kind = asked.get("kind") if asked.get("kind") in kinds else "random"
    known = {key: asked[key] for key in ("seed", "identity", "coverage") if asked.get(key) is not None}
    if asked.get("fractions"):
        known["fractions"] = tuple(asked["fractions"])
    return SplitSettings(kind, **known)


def _search(workshop: Workshop, config: dict[str, Any], control: Control) -> dict[str, Any]:
    """Settings tried on a piece of the training part that is held back; test and validation are not looked at."""
    import optuna

    inner = inner_dataset(workshop.dataset, workshop.settings.seed, control)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sign = 1 if METRICS[workshop.headline].higher_is_better else -1

    known = workshop.settings.resolved(inner.task).for_data(len(inner.part("train")), inner.modality)

    def ask(trial: Any) -> float:
        settings = suggest_settings(known, trial)
        score = workshop.attempt(settings, inner, ("validation",)).scores["validation"]
        return sign * score if np.isfinite(score) else -np.inf

    sampler = optuna.samplers.TPESampler(seed=workshop.settings.seed)
    search = optuna.create_study(direction="maximize", sampler=sampler)
    search.enqueue_trial(_as_they_are(known))  # what is there must be beaten
    search.optimize(ask, n_trials=config["n"])
    before = workshop.attempt(workshop.settings, workshop.dataset)
    best = replace(workshop.settings, **search.best_params)
    after = workshop.attempt(best, workshop.dataset)
    workshop.note("as it was", workshop.dataset, before)
    workshop.note("best found", workshop.dataset, after)
    return {
        "best": search.best_params,
        "before": before.scores["test"],
        "difference": list(workshop.compare(after, before, "test")),
        "n_trials": len(search.trials),
        "trials": [{"value": trial.value, **trial.params} for trial in search.trials],
    }


def inner_dataset(dataset: Dataset, seed: int, control: Control) -> Dataset:
    """The training part alone, a fifth of it as validation; identical sequences stay together."""
    own = replace(dataset, table=dataset.part("train").reset_index(drop=True))
    folds = deal_folds(same_sequence(own, control), target_strata(own, own.table), _INNER_FOLDS, seed)
    return own.with_parts(as_parts((folds == 0).astype(np.int64)))


def suggest_settings(settings: TrainingSettings, trial: Any) -> TrainingSettings:
    """Other choices around the present ones, as an Optuna trial proposes them."""
    chosen = {
        "learning_rate": trial.suggest_float(
            "learning_rate", settings.learning_rate / 10, settings.learning_rate * 10, log=True
        ),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1.0, log=True),
        "head": trial.suggest_categorical("head", ["linear", "mlp", "kernel"]),
        "pooling": trial.suggest_categorical("pooling", _POOLINGS),
    }
    if settings.method == "lora":
        chosen["lora_rank"] = trial.suggest_categorical("lora_rank", [4, 8, 16, 32])
    return replace(settings, **chosen)


def _as_they_are(settings: TrainingSettings) -> dict[str, Any]:
    names = ("learning_rate", "dropout", "weight_decay", "head", "pooling")
    known = {name: getattr(settings, name) for name in names}
    known["weight_decay"] = min(max(known["weight_decay"], 1e-4), 1.0)
    known["dropout"] = min(known["dropout"], 0.6)
    if known["pooling"] not in _POOLINGS:
        known["pooling"] = "mean" if known["pooling"] == "first" else "mean_max_spread"
    if settings.method == "lora" and settings.lora_rank in (4, 8, 16, 32):
        known["lora_rank"] = settings.lora_rank
    return known


WORK: dict[str, Callable[[Workshop, dict[str, Any], Control], dict[str, Any]]] = {
    "ladder": _climb,
    "curve": _grow,
    "seeds": _reseed,
    "folds": _cross,
    "repeats": _redraw,
    "search": _search,
}
"""What each study does; what it returns joins the rows in `result.json`."""
