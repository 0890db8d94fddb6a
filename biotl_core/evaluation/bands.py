"""The test score band by band: is it as good far from training as it is near?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biotl_core.data.dataset import Modality
from biotl_core.data.tasks import TaskName
from biotl_core.evaluation.intervals import bootstrap_intervals
from biotl_core.evaluation.metrics import Arrays, evaluate

EDGES: dict[Modality, tuple[float, ...]] = {
    "protein": (0.0, 0.3, 0.5, 0.7, 0.9, 1.0),
    "dna": (0.0, 0.6, 0.7, 0.8, 0.9, 1.0),
    "molecule": (0.0, 0.3, 0.45, 0.6, 0.8, 1.0),
}
"""Ends of the bands of identity to the nearest training item; Tanimoto similarity for molecules."""
_FEWEST = 10
"""A band of fewer rows joins the next one: a score on less says nothing."""


@dataclass(frozen=True)
class Band:
    """The test rows of a range of identities."""

    low: float
    high: float
    """Ends of the range, 0..1; the upper one belongs to it only in the last band."""
    n: int
    score: float
    """The headline metric on these rows; nan where it has no value."""
    score_low: float
    score_high: float
    """Its interval of 95 %."""
    covered: float
    """Share of the ranges or sets that held what was measured; nan where there are none."""


def score_by_identity(
    task_name: TaskName,
    classes: Sequence[str],
    metric: str,
    true: Arrays,
    predicted: Arrays,
    identity: np.ndarray,
    is_covered: np.ndarray | None = None,
    modality: Modality = "protein",
) -> list[Band]:
    """The test part cut by the identity of each row to its nearest training item, the farthest first.

    Args:
        task_name, classes, true, predicted: as in `metrics.evaluate`.
        metric: which one is told.
        identity: of each row `(n,)`, 0..1, nan where not known.
        is_covered: for each row the share of its ranges or sets that held `(n,)`, nan where there is none.
        modality: says which ends are usual.
    """
    bands = []
    for low, high, rows in _cut(identity, modality):
        given = (task_name, classes, _take(true, rows), _take(predicted, rows))
        score = evaluate(*given)[metric]
        ends = (
            bootstrap_intervals(*given, n_resamples=300)[metric] if np.isfinite(score) else (np.nan, np.nan)
        )
        held = is_covered[rows] if is_covered is not None else np.full(len(rows), np.nan)
        covered = float(np.nanmean(held)) if np.isfinite(held).any() else np.nan
        bands.append(Band(low, high, len(rows), score, *ends, covered))
    return bands


def _cut(identity: np.ndarray, modality: Modality) -> list[tuple[float, float, np.ndarray]]:
    """Ends and rows of each band; thirds where all identities lie in one usual band, as for mutants of one protein."""
    known = np.flatnonzero(np.isfinite(identity))
    cut = _joined(identity, known, np.array(EDGES[modality]))
    if len(cut) < 2 and len(known) >= 3 * _FEWEST:
        thirds = np.unique(np.quantile(identity[known], [0, 1 / 3, 2 / 3, 1]))
        cut = max(cut, _joined(identity, known, thirds), key=len)
    return cut


def _joined(
    identity: np.ndarray, known: np.ndarray, edges: np.ndarray
) -> list[tuple[float, float, np.ndarray]]:
    index = np.clip(np.searchsorted(edges, identity[known], side="right") - 1, 0, len(edges) - 2)
    cut: list[tuple[float, float, np.ndarray]] = []
    low, waiting = float(edges[0]), np.zeros(0, dtype=np.int64)
    for place, high in enumerate(edges[1:].tolist()):
        waiting = np.concatenate([waiting, known[index == place]])
        if len(waiting) >= _FEWEST:
            cut.append((low, high, waiting))
            low, waiting = high, np.zeros(0, dtype=np.int64)
    if len(waiting) and cut:  # the last few join the band below
        low, _, rows = cut.pop()
        cut.append((low, float(edges[-1]), np.concatenate([rows, waiting])))
    elif len(waiting):
        cut.append((float(edges[0]), float(edges[-1]), waiting))
    return [(low, high, np.sort(rows)) for low, high, rows in cut]


def _take(values: Arrays, rows: np.ndarray) -> Arrays:
    return values[rows] if isinstance(values, np.ndarray) else [values[i] for i in rows]
