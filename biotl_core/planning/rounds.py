"""Rounds: how good last round's guesses were, and the new measurements beside the old ones."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Dataset
from biotl_core.data.saved_datasets import CHANGE_COLUMNS
from biotl_core.errors import UserError
from biotl_core.evaluation.metrics import evaluate

HIT_SHARE = 0.1
"""A hit is a new measurement that would be among the best tenth of the old ones."""
_FEWEST = 3


@dataclass(frozen=True)
class RoundReview:
    """Guesses made before, against what was measured since."""

    table: pd.DataFrame
    """`name, sequence, measured, predicted, is_hit`, and `lower, upper` where intervals were given."""
    spearman: float
    """nan where there are too few."""
    mean_error: float
    """Mean distance of guess and measurement."""
    threshold: float
    """From which a measurement counts as a hit."""
    n_hits: int
    coverage: float
    """Share of the measurements within their interval; nan where there were no intervals."""
    best_before: float
    best_now: float

    @property
    def hit_rate(self) -> float:
        """Share of the new measurements that are hits; 10 % would be as good as before."""
        return self.n_hits / len(self.table)


def review_round(table: pd.DataFrame, old_targets: np.ndarray, *, maximise: bool = True) -> RoundReview:
    """Judge guesses by what came out.

    Args:
        table: `name, sequence, measured, predicted`, and `lower, upper` where there were intervals.
        old_targets: all measurements made before `(n,)`; say what is a hit.
        maximise: whether high values are wanted.

    Raises:
        UserError: fewer than three sequences have both.
    """
    known = table[np.isfinite(table["measured"]) & np.isfinite(table["predicted"])].reset_index(drop=True)
    if len(known) < _FEWEST:
        raise UserError(
            f"Only {len(known)} of the new measurements had been predicted; at least {_FEWEST} are needed."
        )
    measured, predicted = known["measured"].to_numpy(float), known["predicted"].to_numpy(float)
    threshold = float(np.quantile(old_targets, 1 - HIT_SHARE if maximise else HIT_SHARE))
    is_hit = measured >= threshold if maximise else measured <= threshold
    known["is_hit"] = is_hit
    best = np.max if maximise else np.min
    coverage = np.nan
    if {"lower", "upper"} <= set(known):
        inside = (measured >= known["lower"].to_numpy(float)) & (measured <= known["upper"].to_numpy(float))
        coverage = float(inside.mean())
    scores = evaluate("regression", (), measured, predicted)
    return RoundReview(
        known, scores["spearman"], scores["mae"], threshold, int(is_hit.sum()), coverage,
        float(best(old_targets)), float(best(measured)),
    )  # fmt: skip


class Appended(NamedTuple):
    """A dataset with the new measurements, and what happened to each that was not simply added."""

    dataset: Dataset
    changes: pd.DataFrame
    """The log, columns as in `CHANGE_COLUMNS`."""
    n_added: int
    n_averaged: int
    n_left_out: int

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        words = [f"{self.n_added:,} new measurements were added to the training part"]
        if self.n_averaged:
            words.append(f"{self.n_averaged:,} sequences measured before got the mean of both")
        if self.n_left_out:
            words.append(
                f"{self.n_left_out:,} stand in the validation or test part and were left out, so that it stays the same"
            )
        return "; ".join(words) + "."


def append_measurements(dataset: Dataset, new: pd.DataFrame) -> Appended:
    """Add measurements to a dataset: new sequences go to the training part, the other parts stay as they were.

    So the scores of the run before and after mean the same. A sequence of the training part that was measured again
    gets the mean of both; one of the other parts keeps what it had.

    Args:
        dataset: of numbers or classes, with its parts.
        new: `name, sequence, target`, the target as in the dataset.

    Raises:
        UserError: the dataset holds other targets, or nothing of the new can be used.
    """
    if dataset.task_name not in ("regression", "classification"):
        raise UserError(
            f"Measurements can be added to runs of one number or one class a sequence, and this one predicts "
            f"{dataset.task.title.lower()}."
        )
    table = dataset.table.copy()
    row_of = {sequence: i for i, sequence in table["sequence"].items()}
    log, fresh, averaged, left_out = [], [], 0, 0
    for one in _joined(new, dataset.task_name).itertuples():
        row = row_of.get(one.sequence)
        if row is None:
            fresh.append((one.name, one.sequence, one.target, "train"))
            continue
        before = table.at[row, "target"]
        if table.at[row, "part"] != "train" or dataset.task_name == "classification":
            left_out += 1
            log.append(
                (
                    one.name,
                    "target",
                    one.target,
                    before,
                    f"Measured before, in the {table.at[row, 'part']} part",
                )
            )
        else:
            averaged += 1
            table.at[row, "target"] = (before + one.target) / 2
            log.append((one.name, "target", before, table.at[row, "target"], "Measured again: mean of both"))
    if not fresh and not averaged:
        raise UserError("None of these measurements is new: every sequence stands in the dataset already.")
    added = pd.DataFrame(fresh, columns=["name", "sequence", "target", "part"]).astype(
        {"part": table["part"].dtype}
    )
    log += [(one.name, "row", "", one.target, "Added in this round") for one in added.itertuples()]
    together = pd.concat([table, added], ignore_index=True) if len(added) else table
    changes = pd.DataFrame(log, columns=list(CHANGE_COLUMNS))
    return Appended(replace(dataset, table=together), changes, len(fresh), averaged, left_out)


def _joined(new: pd.DataFrame, task_name: str) -> pd.DataFrame:
    """Replicates within the new table as their mean (classes: the commonest)."""
    how = "mean" if task_name == "regression" else lambda values: values.mode().iloc[0]
    return (
        new.groupby("sequence", sort=False).agg(name=("name", "first"), target=("target", how)).reset_index()
    )
