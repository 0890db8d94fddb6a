"""Per-residue predictions of a finished run, found for a chain and brought onto it."""

from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.tasks import UNKNOWN_RESIDUE
from biotl_core.errors import UserError
from biotl_core.structures.structure import Structure
from biotl_core.structures.values import ResidueValues, similarity, values_on_structure

_NOT_VALUES = ("name", "part", "sequence", "nearest_identity", "nearest_name")


def read_residue_predictions(file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A `predictions.csv` as text, and which of its columns hold one value a residue.

    Raises:
        UserError: the file is gone, or no column holds a value for every residue.
    """
    if not file.is_file():
        raise UserError(f"The run {file.parent.name} has no predictions yet. Wait until it is finished.")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if "sequence" not in table or table.empty:
        raise UserError(f"The predictions of {file.parent.name} name no sequences. Choose another run.")
    lengths = table["sequence"].str.len()
    columns = tuple(
        column
        for column in table.columns
        if column not in _NOT_VALUES and _is_per_residue(table[column].head(50), lengths.head(50))
    )
    if not columns:
        raise UserError(
            f"{file.parent.name} predicts one value a sequence, not one a residue. Choose a run whose task is a "
            "class or number per residue."
        )
    return table, columns


def _is_per_residue(cells: pd.Series, lengths: pd.Series) -> bool:
    counted = cells.str.split().str.len()
    n_values = np.where(cells.str.contains(" "), counted, cells.str.len())
    return bool((n_values == lengths).all())


def rank_by_similarity(structure: Structure, chain: str, table: pd.DataFrame) -> pd.Series:
    """How well each row's sequence fits a chain, 0 to 1, best first, indexed like the table.

    A quick count of shared three-letter words; the alignment comes when a row is chosen.
    """
    resolved = structure.sequence(chain)
    shares = table["sequence"].map(lambda sequence: similarity(resolved, sequence.upper()))
    return shares.sort_values(ascending=False, kind="stable")


def values_from_prediction(
    structure: Structure, chain: str, table: pd.DataFrame, row: int, column: str
) -> ResidueValues:
    """The values of one row and column of a predictions table, aligned to a chain.

    Raises:
        UserError: the row's sequence is another protein's, or its cell has not one value a residue.
    """
    cell = table.loc[row, column]
    title = column.replace("_", " ")
    return values_on_structure(structure, chain, table.loc[row, "sequence"], split_cell(cell), title)


def split_cell(text: str) -> list[float] | list[str]:
    """A per-residue cell: numbers separated by spaces, or one letter a residue ("" where unknown).

    >>> split_cell("0.5 nan 2"), split_cell("HH?C")
    ([0.5, nan, 2.0], ['H', 'H', '', 'C'])
    """
    if " " in text.strip():
        return [float(number) for number in text.split()]
    return ["" if letter == UNKNOWN_RESIDUE else letter for letter in text.strip()]
