"""Splits that ask whether a model goes beyond what it saw: more mutations, higher values, later times.

Training has what comes first in an order, the test what comes last; rows that are equal in it are never parted.
Validation is drawn at random from the training side: it chooses when to stop, and must resemble what is learned from.
"""

import numpy as np
import pandas as pd

from biotl_core.data.quoting import shown
from biotl_core.errors import UserError


def deal_in_order(
    keys: np.ndarray, groups: np.ndarray, fractions: tuple[float, float, float], seed: int
) -> np.ndarray:
    """A part for each row, as indices into PARTS, int64 `(n,)`.

    Args:
        keys: what rows are ordered by `(n,)`; the highest go to the test.
        groups: rows of one group stay together `(n,)`: a group lies where its highest row does.
        fractions: shares of train, validation and test.
        seed: which rows of the training side become validation.

    >>> deal_in_order(np.array([1, 1, 1, 2, 2, 3, 3, 3, 4, 4]), np.arange(10), (0.7, 0.1, 0.2), 0).tolist()[-2:]
    [2, 2]
    """
    keys = pd.Series(keys).groupby(groups).transform("max").to_numpy()
    values, counts = np.unique(keys, return_counts=True)
    if len(values) < 2:
        return np.zeros(len(keys), dtype=np.int64)
    # Of all cuts between two values the one whose test share is nearest to what is asked for.
    above = len(keys) - np.cumsum(counts)[:-1]
    cut = values[int(np.argmin(np.abs(above - fractions[2] * len(keys))))]
    parts = np.where(keys > cut, 2, 0).astype(np.int64)
    train_groups = np.unique(groups[parts == 0])
    n = max(1, round(len(train_groups) * fractions[1] / (fractions[0] + fractions[1])))
    chosen = np.random.default_rng(seed).permutation(train_groups)[:n]
    parts[(parts == 0) & np.isin(groups, chosen)] = 1
    return parts


def read_times(values: pd.Series, column: str) -> np.ndarray:
    """A column of dates, years or numbers as numbers in their order, float64 `(n,)`.

    Raises:
        UserError: some value is none of these.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        return numbers.to_numpy(dtype=np.float64)
    times = pd.to_datetime(values, errors="coerce", format="mixed", utc=True)
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        raise UserError(
            f"Column {shown(column)}: {shown(str(values.iloc[row]))} is no date and no number, so rows have no "
            "order in time. Mend it, or choose another column."
        )
    return times.astype("int64").to_numpy(dtype=np.float64)
