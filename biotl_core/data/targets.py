"""Reading targets from text: numbers, yes and no, classes, and one value a residue."""

import numpy as np
import pandas as pd

MISSING_WORDS = frozenset({"", "na", "nan", "n/a", "#n/a", "<na>", "null"})
"""Lower-case texts that say that nothing was measured."""
MAX_CLASSES = 200
"""More different texts than this are no classes."""
_YES = {"1", "1.0", "true", "t", "yes", "y", "active", "positive", "pos", "+"}
_NO = {"0", "0.0", "false", "f", "no", "n", "inactive", "negative", "neg", "-"}

PLAIN_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
# A number in other dress: ">100", "1,5", "1 234", "85 %", "−3".
_LOOSE_NUMBER = r"[<>~=≤≥]*\s*[-+−]?[0-9][0-9.,' ]*(?:[eE][-+]?[0-9]+)?\s*%?"


def parse_numbers(values: pd.Series) -> pd.Series:
    """Plain numbers as float64, nan for everything else ("inf" stays infinite, so that it can be told).

    >>> parse_numbers(pd.Series(["1", "-2.5e3", "1,5", "n.d."])).tolist()
    [1.0, -2500.0, nan, nan]
    """
    return pd.to_numeric(values, errors="coerce").astype(np.float64)


def looks_like_numbers(values: pd.Series) -> bool:
    """Whether at least half of the values are numbers, also those that need a repair."""
    return len(values) > 0 and bool(
        values.str.fullmatch(_LOOSE_NUMBER).mean() >= 0.5 or _share_plain(values) >= 0.5
    )


def _share_plain(values: pd.Series) -> float:
    return float(parse_numbers(values).notna().mean())


def yes_no(values: pd.Series) -> pd.Series:
    """1.0 for yes, 0.0 for no, nan for missing or anything else.

    >>> yes_no(pd.Series(["1", "no", "", "maybe"])).tolist()
    [1.0, 0.0, nan, nan]
    """
    words = values.str.strip().str.lower()
    return words.map({**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, 0.0)}).astype(np.float64)


def is_yes_no(values: pd.Series) -> bool:
    """Whether (nearly) all values are yes or no."""
    return len(values) > 0 and bool(yes_no(values).notna().mean() >= 0.95)


def class_names(values: pd.Series) -> pd.Series:
    """Classes as text; whole numbers without decimals, so that "1.0" and "1" are one class.

    >>> class_names(pd.Series(["1.0", "1", "Nucleus "])).tolist()
    ['1', '1', 'Nucleus']
    """
    return values.str.strip().str.replace(r"^([-+]?[0-9]+)\.0+$", r"\1", regex=True)


def residue_labels(values: pd.Series) -> pd.Series:
    """One letter a residue, without blanks and commas between the letters.

    >>> residue_labels(pd.Series(["H H C", "HHC", "[0, 1, 1]"])).tolist()
    ['HHC', 'HHC', '011']
    """
    letter = r"[^\s,;\[\]()]"
    spaced = values.str.fullmatch(rf"[\[(]?\s*{letter}(?:[\s,;]+{letter})*\s*[\])]?").astype(bool)
    return values.mask(spaced & (values.str.len() > 1), values.str.replace(r"[\s,;\[\]()]", "", regex=True))


def label_lengths(values: pd.Series) -> pd.Series:
    """The number of residue letters in each value."""
    return residue_labels(values).str.len()


def number_counts(values: pd.Series) -> pd.Series:
    """How many numbers stand in each value, 0 where it holds anything but numbers."""
    # Only what has nothing but the letters of numbers (and of nan, None, null) is read.
    may_be = values.str.fullmatch(r"[0-9eE.+\-,;\sNnAaOoUuLlIiFf\[\]()]+")
    numbers = [residue_numbers(value) if may else None for value, may in zip(values, may_be, strict=True)]
    return pd.Series([0 if found is None else len(found) for found in numbers], index=values.index)


def residue_numbers(value: str) -> np.ndarray | None:
    """The numbers of one value, nan where unknown; None where something is no number.

    >>> residue_numbers("[0.5, nan, 2]").tolist()
    [0.5, nan, 2.0]
    """
    tokens = value.strip("[]() ").replace(",", " ").replace(";", " ").split()
    try:
        return np.array(
            ["nan" if t.lower() in ("na", "none", "null") else t for t in tokens], dtype=np.float64
        )
    except ValueError:
        return None
