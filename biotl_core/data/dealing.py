"""Dealing groups of rows out to train, validation and test: whole groups, fair shares, same seed same parts."""

import numpy as np
import pandas as pd

from biotl_core.data.dataset import PARTS, Dataset

N_BINS = 10
"""A measured number is dealt out evenly over so many ranges of it."""
_LARGE = 0.25
"""A group larger than this share of the smallest part goes to training first, where it disturbs least."""
_RARE = 3
"""A class with fewer groups than parts goes to training: what is never seen cannot be learned."""

Fractions = tuple[float, float, float]


def deal(
    groups: np.ndarray, strata: np.ndarray, fractions: Fractions, seed: int, rare_to_train: bool = False
) -> np.ndarray:
    """A part for each row, as indices into PARTS, int64 `(n,)`.

    Large groups go to training as long as they fit. The others are shuffled, put in order of their stratum, and each
    goes to the part that lacks most of what it should have by then: so every stratum has about the shares asked for,
    and the totals are right to a row where groups are single rows.

    Args:
        groups: Rows of one group stay together, int64 `(n,)`.
        strata: Class or range of the target of each row, int64 `(n,)`; a group takes that of its first row.
        fractions: Shares of train, validation and test.
        seed: Same seed, same parts.
        rare_to_train: Whether strata of fewer than three groups go to training whole.
    """
    _, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(strata[first][order], kind="stable")]
    goes_first = sizes > max(1.0, _LARGE * min(fractions) * len(groups))
    if rare_to_train:
        _, stratum, n_groups = np.unique(strata[first], return_inverse=True, return_counts=True)
        goes_first |= n_groups[stratum] < _RARE
    early = order[goes_first[order]]
    early = early[np.argsort(-sizes[early], kind="stable")]
    late = order[~goes_first[order]]
    parts = np.zeros(len(sizes), dtype=np.int64)
    wanted = np.array(fractions) * len(groups)
    parts[early] = _deal_early(sizes[early], wanted)
    left = np.maximum(wanted - np.bincount(parts[early], weights=sizes[early], minlength=3), 0.0)
    parts[late] = _deal_evenly(sizes[late], left / max(left.sum(), 1.0))
    _fill_empty_parts(parts, sizes)
    return parts[inverse]


def deal_folds(groups: np.ndarray, strata: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """A fold for each row, int64 `(n,)`, 0..n_folds-1: whole groups, about equal sizes, evenly over the strata.

    Arguments as for `deal`.
    """
    _, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(strata[first][order], kind="stable")]
    is_large = sizes[order] > max(1.0, _LARGE * len(groups) / n_folds)
    large, rest = order[is_large], order[~is_large]
    folds = np.zeros(len(sizes), dtype=np.int64)
    left = np.full(n_folds, len(groups) / n_folds)
    for group in large[np.argsort(-sizes[large], kind="stable")]:
        folds[group] = int(left.argmax())
        left[folds[group]] -= sizes[group]
    left = np.maximum(left, 0.0)
    folds[rest] = _deal_evenly(sizes[rest], left / max(left.sum(), 1.0))
    return folds[inverse]


def _deal_early(sizes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """To training while it fits, then to the part that still wants most."""
    left = wanted.copy()
    parts = np.zeros(len(sizes), dtype=np.int64)
    for i, size in enumerate(sizes):
        parts[i] = 0 if size <= left[0] else int(left.argmax())
        left[parts[i]] -= size
    return parts


def _deal_evenly(sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """One after the other to the part that lacks most, so that the shares hold in every stretch of the order."""
    share, got, dealt = shares.tolist(), [0.0] * len(shares), 0
    parts = np.zeros(len(sizes), dtype=np.int64)
    for i, size in enumerate(sizes.tolist()):
        dealt += size
        lacking = [share[part] * dealt - got[part] for part in range(len(share))]
        parts[i] = part = lacking.index(max(lacking))
        got[part] += size
    return parts


def _fill_empty_parts(parts: np.ndarray, sizes: np.ndarray) -> None:
    """Give each empty part the smallest group of the part with most groups (in place)."""
    for part in range(3):
        n_groups = np.bincount(parts, minlength=3)
        if n_groups[part] == 0 and n_groups.max() > 1:
            donors = np.flatnonzero(parts == n_groups.argmax())
            parts[donors[sizes[donors].argmin()]] = part


def target_strata(dataset: Dataset, rows: pd.DataFrame) -> np.ndarray:
    """A stratum for each row, int64 `(n,)`.

    Its class; a tenth of the measured numbers; its number of yes labels; a tenth of the lengths for residue targets.
    """
    match dataset.task_name:
        case "classification":
            return np.unique(rows["target"].to_numpy(dtype=str), return_inverse=True)[1]
        case "regression":
            return _tenths(rows["target"].to_numpy(dtype=np.float64))
        case "multilabel":
            return np.nansum(np.array(rows["target"].tolist(), dtype=np.float64), axis=1).astype(np.int64)
        case _:
            return _tenths(rows["sequence"].str.len().to_numpy(dtype=np.float64))


def _tenths(values: np.ndarray) -> np.ndarray:
    """The tenth of the sorted values that each belongs to, int64 0..9."""
    ranks = pd.Series(values).rank(method="average").to_numpy()
    return np.minimum((ranks - 1) * N_BINS // max(1, len(values)), N_BINS - 1).astype(np.int64)


def as_parts(indices: np.ndarray) -> pd.Series:
    """Indices into PARTS as a column of names."""
    return pd.Series(np.array(PARTS, dtype=object)[indices], dtype="str")
