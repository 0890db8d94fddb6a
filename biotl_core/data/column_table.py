"""The columns of a raw table, looked at through a sample of its rows."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from biotl_core.data.alphabets import SMILES_PATTERN, modality_shares
from biotl_core.data.quoting import listed, shown
from biotl_core.data.raw_table import RawTable
from biotl_core.data.targets import MISSING_WORDS
from biotl_core.errors import UserError

_SAMPLE = 4_000
"""Rows that are looked at for guessing, evenly spread over the table."""


@dataclass(frozen=True)
class Column:
    """One column, looked at through a sample of its rows."""

    name: str
    sample: pd.Series
    """The values of the sampled rows, with blanks."""

    @cached_property
    def values(self) -> pd.Series:
        """The values of the sample that are there."""
        return self.sample[~self.sample.str.lower().isin(MISSING_WORDS)]

    @cached_property
    def n_distinct(self) -> int:
        """How many different values there are."""
        return self.values.nunique()

    @cached_property
    def is_sequence_like(self) -> bool:
        """Mostly words of letters, or SMILES, many of them different."""
        values = self.sample[self.sample != ""]
        # Few different values are classes ("PF1" could be a SMILES); long ones may be replicates of few sequences.
        least_distinct = 0.34 if len(values) and values.str.len().median() < 12 else 0.05
        if len(values) == 0 or (len(values) > 3 and values.nunique() < max(2, least_distinct * len(values))):
            return False
        shares = modality_shares(values)
        long_enough = values.str.len().median() >= 4 or values.str.fullmatch(SMILES_PATTERN).mean() > 0.9
        has_upper = values.str.contains("[A-Z]", regex=True).mean() > 0.5 or shares["dna"] > 0.9
        return max(shares["protein"], shares["molecule"]) > 0.6 and bool(long_enough and has_upper)


class ColumnTable:
    """The columns of a raw table, with a sample of its rows."""

    def __init__(self, raw: RawTable) -> None:
        self.raw = raw
        step = max(1, len(raw.table) // _SAMPLE)
        rows = raw.table.iloc[::step]
        self.columns = {str(name): Column(str(name), rows[name]) for name in raw.table.columns}

    def find(self, name: str, what: str) -> str:
        """The column of that name (upper and lower case alike); UserError that lists the columns."""
        if name in self.columns:
            return name
        same = [column for column in self.columns if column.lower() == name.strip().lower()]
        if len(same) == 1:
            return same[0]
        raise UserError(
            f"There is no column {shown(name)} for the {what}; the columns are {listed(self.columns)}. "
            "Choose one of these."
        )
