"""How sure a number is: bootstrap intervals of metrics, and of the difference between two models.

The percentile bootstrap (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13): sequences of
the part are drawn with replacement, as many as there are, and the metric is taken again; the interval holds
the middle 95 % of these values. Whole sequences are drawn also where residues are counted, since residues of
one protein are no independent witnesses. It tells how the number would change with other test sequences of
the same kind, not how it would change with another training set.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from biotl_core.data.tasks import TaskName
from biotl_core.evaluation.metrics import Arrays, WeightedMetrics, weighted_metrics

N_RESAMPLES = 1000
FEWEST_RESAMPLES = 200
WORK_LIMIT = 50_000_000
"""Rows times classes times resamples; above it fewer resamples are drawn, never below FEWEST_RESAMPLES."""
_CHUNK_NUMBERS = 100_000


class Difference(NamedTuple):
    """How much one model is above another on the same sequences, with its interval."""

    difference: float
    low: float
    high: float


def resamples_used(n_rows: int, n_columns: int = 1, n_resamples: int = N_RESAMPLES) -> int:
    """How many resamples are drawn for so many rows (residues in per-residue tasks) and classes.

    >>> resamples_used(10_000), resamples_used(100_000, 3), resamples_used(5_000_000)
    (1000, 200, 200)
    """
    affordable = WORK_LIMIT // max(n_rows * n_columns, 1)
    return min(n_resamples, max(FEWEST_RESAMPLES, affordable))


def bootstrap_intervals(
    task_name: TaskName,
    classes: Sequence[str],
    true: Arrays,
    predicted: Arrays,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """The interval of every metric of a task; (nan, nan) where a metric has no value in most resamples.

    Arguments as in `metrics.evaluate`; `level` is the share of resamples inside the interval.
    """
    prepared = weighted_metrics(task_name, classes, true, predicted)
    resampled = _resampled(prepared, prepared, n_resamples, seed)[0]
    return {name: _middle(values, level) for name, values in resampled.items()}


def paired_difference(
    task_name: TaskName,
    classes: Sequence[str],
    true: Arrays,
    predicted: Arrays,
    predicted_other: Arrays,
    metric: str,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """A metric of `predicted` minus that of `predicted_other`, both taken on the same resamples.

    Drawing the same sequences for both takes out what makes a set easy or hard for either, so the interval
    is narrower than the two intervals suggest. An interval without 0 says that the difference is more than
    the luck of these sequences.
    """
    one = weighted_metrics(task_name, classes, true, predicted)
    other = weighted_metrics(task_name, classes, true, predicted_other)
    once = np.ones((1, one.n_units))
    difference = float((one.evaluated(once)[metric] - other.evaluated(once)[metric])[0])
    values, other_values = _resampled(
        one._replace(values={metric: one.values[metric]}),
        other._replace(values={metric: other.values[metric]}),
        n_resamples,
        seed,
    )
    return Difference(difference, *_middle(values[metric] - other_values[metric], level))


def _resampled(
    one: WeightedMetrics, other: WeightedMetrics, n_resamples: int, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The metrics of two models on the same resamples, `(n_resamples,)` each; both may be the same."""
    n_resamples = resamples_used(len(one.unit), one.columns, n_resamples)
    chunk = max(1, min(n_resamples, _CHUNK_NUMBERS // max(len(one.unit), 1)))
    random = np.random.default_rng(seed)
    parts: list[dict[str, np.ndarray]] = []
    other_parts: list[dict[str, np.ndarray]] = []
    for start in range(0, n_resamples, chunk):
        weights = _draw(random, one.n_units, min(chunk, n_resamples - start))
        parts.append(one.evaluated(weights))
        other_parts.append(parts[-1] if other is one else other.evaluated(weights))
    return _joined(parts), _joined(other_parts)


def _draw(random: np.random.Generator, n_units: int, n_resamples: int) -> np.ndarray:
    """How often each of n sequences is drawn in each resample: `(n_resamples, n_units)`."""
    weights = np.zeros((n_resamples, n_units))
    for line in range(n_resamples if n_units else 0):
        weights[line] = np.bincount(random.integers(0, n_units, n_units), minlength=n_units)
    return weights


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _middle(values: np.ndarray, level: float) -> tuple[float, float]:
    """The middle share of the values that are defined; nan where most are not."""
    known = values[np.isfinite(values)]
    if len(known) < 0.5 * len(values) or len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
