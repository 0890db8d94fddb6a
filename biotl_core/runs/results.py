"""The predictions of a finished run, read back: targets, predictions, and how wrong each row is."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.tasks import TASKS, Task, TaskName
from biotl_core.evaluation.metrics import Arrays
from biotl_core.evaluation.tables import read_predictions, targets_and_predictions


class Points(NamedTuple):
    """One row each for whatever is counted: sequences, or their known residues."""

    true: np.ndarray
    """`(n,)`, or `(n, n_labels)` for several labels."""
    predicted: np.ndarray
    """`(n,)`, `(n, n_classes)` or `(n, n_labels)`."""
    names: list[str]
    """What each is called; a residue by its sequence, letter and number: `GB1 K12`."""
    things: str
    """What is counted: "sequences" or "residues"."""


@dataclass(frozen=True)
class Scored:
    """Some rows of a `predictions.csv` with what they mean as numbers."""

    table: pd.DataFrame
    """`name, part, sequence, target, prediction` as text, `probability_<class>`, `nearest_identity`."""
    task_name: TaskName
    classes: tuple[str, ...]
    target_name: str = "target"

    @property
    def task(self) -> Task:
        """The kind of target."""
        return TASKS[self.task_name]

    def of_part(self, part: str) -> "Scored":
        """Only the rows of one part."""
        rows = self.table[self.table["part"] == part].reset_index(drop=True)
        return Scored(rows, self.task_name, self.classes, self.target_name)

    @cached_property
    def true(self) -> Arrays:
        """Targets, in the shapes of `metrics.evaluate`."""
        return self._values[0]

    @cached_property
    def predicted(self) -> Arrays:
        """Predictions, in the shapes of `metrics.evaluate`."""
        return self._values[1]

    @cached_property
    def _values(self) -> tuple[Arrays, Arrays]:
        return targets_and_predictions(self.table, self.task_name, self.classes)

    @cached_property
    def points(self) -> Points:
        """All targets and predictions in one row each, for plots."""
        names = self.table["name"].tolist()
        if not self.task.is_per_residue:
            return Points(self.true, self.predicted, names, "sequences")
        true, predicted = np.concatenate([np.zeros(0), *self.true]), np.concatenate(self.predicted)
        known = true >= 0 if self.task.is_class else np.isfinite(true)
        known &= np.isfinite(predicted).reshape(len(predicted), -1).all(axis=1)
        all_names = [
            f"{name} {letter}{number}"
            for name, sequence in zip(names, self.table["sequence"], strict=True)
            for number, letter in enumerate(sequence, 1)
        ]
        kept = [all_names[i] for i in np.flatnonzero(known)]
        targets = true[known].astype(np.int64) if self.task.is_class else true[known]
        return Points(targets, predicted[known], kept, "residues")

    @cached_property
    def identity(self) -> np.ndarray:
        """Identity to the nearest training sequence `(n,)`, 0..1, nan where not known."""
        if "nearest_identity" not in self.table:
            return np.full(len(self.table), np.nan)
        return pd.to_numeric(self.table["nearest_identity"], errors="coerce").to_numpy(dtype=np.float64)

    @cached_property
    def errors(self) -> np.ndarray:
        """How wrong each row is `(n,)`, larger is worse, nan where nothing was measured.

        Numbers: distance of prediction and target (per residue: its mean over the known residues). One class:
        1 minus the probability of the true class. Several labels: mean distance over the measured labels.
        Residue classes: share of the known residues that are wrong.
        """
        true, predicted = self.true, self.predicted
        match self.task_name:
            case "regression":
                return np.abs(predicted - true)
            case "classification":
                return 1.0 - predicted[np.arange(len(true)), true]
            case "residue_classification":
                is_wrong = (_wrong_residues(t, p) for t, p in zip(true, predicted, strict=True))
                return _mean_known(is_wrong)
            case _:
                return _mean_known(np.abs(p - t) for t, p in zip(true, predicted, strict=True))


def read_scored(
    folder: Path, task_name: TaskName, classes: Iterable[str], target_name: str = "target"
) -> Scored:
    """All rows of a run's `predictions.csv`."""
    return Scored(read_predictions(folder / "predictions.csv"), task_name, tuple(classes), target_name)


def top_hits(true: np.ndarray, predicted: np.ndarray, share: float = 0.1) -> tuple[int, int]:
    """How many of the highest predictions are among the highest measurements.

    Args:
        true: measured numbers `(n,)`.
        predicted: predicted numbers `(n,)`.
        share: of the sequences that count as the highest.

    Returns:
        How many are looked at (0 where the share is none), and how many of them are hits.
    """
    k = int(share * len(true))
    best, chosen = (set(np.argsort(-np.asarray(values), kind="stable")[:k]) for values in (true, predicted))
    return k, len(best & chosen)


def _wrong_residues(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 where the likeliest class is not the true one, 0 where it is, nan where either is unknown."""
    is_known = (true >= 0) & np.isfinite(predicted).all(axis=1)
    return np.where(is_known, predicted.argmax(axis=1) != true, np.nan)


def _mean_known(rows: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of each row over what is known, nan where nothing is."""
    known = [row[np.isfinite(row)] for row in rows]
    return np.array([row.mean() if len(row) else np.nan for row in known])
