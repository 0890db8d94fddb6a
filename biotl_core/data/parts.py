"""The words people use for train, validation and test."""

import pandas as pd

PART_NAMES = ("part", "split", "set")
"""Columns of these names are taken as the parts before any other."""

PART_WORDS: dict[str, str] = {
    **dict.fromkeys(("train", "training", "tr", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "development", "validate"), "validation"),
    **dict.fromkeys(("test", "testing", "te", "tst", "heldout", "held-out", "held_out", "holdout"), "test"),
}


def read_parts(values: pd.Series) -> pd.Series:
    """Each value as train, validation or test; "" where it is none of them.

    >>> read_parts(pd.Series(["Train", "DEV", " test", "fold 3"])).tolist()
    ['train', 'validation', 'test', '']
    """
    words = values.str.strip().str.lower()
    return words.map(PART_WORDS).fillna("").astype("str")


def holds_parts(values: pd.Series, at_least: float = 0.9) -> bool:
    """Whether most of the values that are there are words for parts."""
    values = values[values != ""]
    return len(values) > 0 and bool((read_parts(values) != "").mean() >= at_least)
