"""Mutual neighbours in an embedding, corrected for hubs: points that are near to everything.

CSLS (Conneau et al. 2018, ICLR): twice the cosine of a pair less the mean cosine of each to its nearest neighbours in
the other set. A protein that everything resembles then resembles nothing in particular.
"""

from typing import NamedTuple

import numpy as np

HUB_NEIGHBOURS = 10
"""Neighbours whose mean cosine says how much of a hub a point is."""


class MutualPairs(NamedTuple):
    """Pairs that are each other's nearest."""

    rows: np.ndarray
    """int64 `(n,)`, in the first set."""
    columns: np.ndarray
    """int64 `(n,)`, in the second."""
    cosine: np.ndarray
    """float64 `(n,)`."""
    csls: np.ndarray
    """float64 `(n,)`."""
    margin: np.ndarray
    """float64 `(n,)`: how much better the pair is than the next best of either, in CSLS."""


def centred_unit_rows(vectors: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """Vectors less their mean, of length 1; `(n, width)`. Without the mean all proteins look alike."""
    moved = vectors - (vectors.mean(axis=0) if centre is None else centre)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True).clip(min=1e-12)


def csls_table(
    first: np.ndarray, second: np.ndarray, n_neighbours: int = HUB_NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and CSLS of all pairs, both `(n, m)`; rows of length 1 are expected."""
    cosine = first @ second.T
    of_row = _mean_of_nearest(cosine, n_neighbours)
    of_column = _mean_of_nearest(cosine.T, n_neighbours)
    return cosine, 2 * cosine - of_row[:, None] - of_column[None, :]


def _mean_of_nearest(cosine: np.ndarray, n_neighbours: int) -> np.ndarray:
    k = min(n_neighbours, cosine.shape[1])
    return np.partition(cosine, cosine.shape[1] - k, axis=1)[:, -k:].mean(axis=1)


def mutual_neighbours(
    first: np.ndarray, second: np.ndarray, allowed: np.ndarray | None = None
) -> MutualPairs:
    """Pairs that are each other's best by CSLS.

    Args:
        first: `(n, width)`, rows of length 1.
        second: `(m, width)`, the same.
        allowed: bool `(n, m)`, pairs that may be; None for all.
    """
    if not len(first) or not len(second):
        nothing = np.zeros(0)
        return MutualPairs(nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing, nothing)
    cosine, csls = csls_table(first, second)
    ranked = csls if allowed is None else np.where(allowed, csls, -np.inf)
    best_of_row, best_of_column = ranked.argmax(axis=1), ranked.argmax(axis=0)
    rows = np.flatnonzero(best_of_column[best_of_row] == np.arange(len(first)))
    columns = best_of_row[rows]
    keep = np.isfinite(ranked[rows, columns])
    rows, columns = rows[keep], columns[keep]
    score = ranked[rows, columns]
    next_best = np.maximum(_second_best(ranked)[rows], _second_best(ranked.T)[columns])
    margin = np.where(np.isfinite(next_best), score - next_best, 0.0)
    return MutualPairs(rows, columns, cosine[rows, columns], score, margin)


def _second_best(table: np.ndarray) -> np.ndarray:
    if table.shape[1] < 2:
        return np.full(len(table), -np.inf)
    return np.partition(table, table.shape[1] - 2, axis=1)[:, -2]
