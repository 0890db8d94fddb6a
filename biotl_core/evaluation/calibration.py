"""Whether a probability can be taken at its word: of the cases given 80 %, do 80 % come true?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from biotl_core.data.tasks import TASKS, TaskName


class CalibrationBins(NamedTuple):
    """Predictions binned by their probability, arrays `(n_bins,)`; empty bins are left out."""

    predicted: np.ndarray
    """Mean probability in the bin."""
    observed: np.ndarray
    """Share that came true."""
    n: np.ndarray
    """Predictions in the bin."""
    low: np.ndarray
    high: np.ndarray
    """Interval of the observed share, 95 % (Wilson 1927, J. Am. Stat. Assoc. 22:209)."""


def claims_and_outcomes(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What was claimed, as a probability, and whether it came true: two of `(n,)`.

    Two classes: the probability of the second. More: that of the class chosen. Several labels: that of each
    yes, measured ones only. Shapes of `true` and `predicted` as in `metrics.evaluate`; residues in one row
    each, as from `metrics.known_residues`.
    """
    if task_name == "multilabel":
        known = np.isfinite(true)
        return predicted[known], true[known] > 0.5
    if not TASKS[task_name].is_class:
        raise ValueError(f"task '{task_name}' predicts no probabilities")
    if len(classes) == 2:
        return predicted[:, 1], true == 1
    return predicted.max(axis=1), predicted.argmax(axis=1) == true


def calibration_bins(claimed: np.ndarray, came_true: np.ndarray, n_bins: int = 10) -> CalibrationBins:
    """Claims `(n,)` in bins of equal width, with how often they came true."""
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    index = np.searchsorted(edges, claimed, side="right")
    n = np.bincount(index, minlength=n_bins)
    filled = n > 0
    n = n[filled]
    mean = np.bincount(index, weights=claimed, minlength=n_bins)[filled] / n
    observed = np.bincount(index, weights=came_true, minlength=n_bins)[filled] / n
    z = 1.959964
    centre = (observed + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(observed * (1 - observed) / n + z**2 / (4 * n**2))
    return CalibrationBins(mean, observed, n, np.maximum(centre - half, 0), np.minimum(centre + half, 1))


def expected_calibration_error(claimed: np.ndarray, came_true: np.ndarray, n_bins: int = 10) -> float:
    """Mean distance between claimed and observed share, over bins weighted by their size; nan without claims.

    0 is perfectly calibrated (Naeini, Cooper and Hauskrecht 2015, AAAI 29:2901).
    """
    bins = calibration_bins(claimed, came_true, n_bins)
    if bins.n.sum() == 0:
        return float("nan")
    return float((bins.n * np.abs(bins.predicted - bins.observed)).sum() / bins.n.sum())
