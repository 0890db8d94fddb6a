"""Tables of mutants (deep mutational scans) as one value a residue: the mean over what was put there."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.structures.structure import Structure
from biotl_core.structures.values import ResidueValues, values_on_structure
from biotl_core.wording import say_count

_MUTATION = re.compile(r"(?:p\.)?([A-Z])(\d+)([A-Z*=\-])")
_SHARE = 0.8
"""Of the filled cells of a column that must be mutations."""
_FEWEST_LETTERS = 20


class PerPosition(NamedTuple):
    """Effects of single mutants averaged at each position of their parent."""

    parent: str
    """`X` where no mutant tells the letter."""
    means: list[float]
    """One a letter of the parent; nan where no single mutant was measured."""
    n_single: int
    n_other: int
    """Rows that are the parent, or change several positions at once."""


def find_mutants(table: pd.DataFrame) -> str | None:
    """The column that holds mutations (`A24G`) or whole sequences of mutants of one protein; None without one."""
    for column in table.columns:
        cells = table[column].astype(str).str.strip()
        cells = cells[cells != ""]
        if len(cells) < 3:
            continue
        if cells.str.fullmatch(_MUTATION).mean() >= _SHARE:
            return str(column)
        lengths = cells.str.len()
        is_sequence = lengths.nunique() == 1 and lengths.iloc[0] >= _FEWEST_LETTERS
        if is_sequence and cells.str.fullmatch(r"[A-Z]+").all() and find_variants(cells.tolist()) is not None:
            return str(column)
    return None


def mutant_means(table: pd.DataFrame, mutants: str, column: str) -> PerPosition:
    """The mean of a column at each position, over the single mutants.

    Args:
        table: one row a mutant.
        mutants: column of mutations or of whole sequences, as `find_mutants` names it.
        column: of numbers.

    Raises:
        UserError: no numbers, no single mutants, or mutations that name two letters for one position.
    """
    values = pd.to_numeric(table[column].astype(str).str.strip(), errors="coerce").to_numpy(dtype=float)
    cells = table[mutants].astype(str).str.strip()
    if cells.str.fullmatch(_MUTATION).mean() >= _SHARE / 2:
        parent, positions = _from_mutations(cells, mutants)
    else:
        parent, positions = _from_sequences(cells[cells != ""], cells.index)
    is_usable = np.isfinite(values) & (positions >= 0)
    if not is_usable.any():
        raise UserError(
            f"Column '{column}' of the table has no numbers beside single mutants in column '{mutants}'. Choose "
            "another column."
        )
    sums = np.bincount(positions[is_usable], values[is_usable], len(parent))
    counts = np.bincount(positions[is_usable], minlength=len(parent))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return PerPosition(parent, means.tolist(), int(is_usable.sum()), int((positions < 0).sum()))


def values_from_mutants(
    structure: Structure, chain: str, table: pd.DataFrame, mutants: str, column: str
) -> ResidueValues:
    """The means of a table of mutants brought onto a chain by aligning their parent with it.

    Raises:
        UserError: as `mutant_means`, or the parent is another protein than the chain.
    """
    found = mutant_means(table, mutants, column)
    # Letters that no mutant tells are taken from nowhere: as X they align with anything.
    known = [place for place, letter in enumerate(found.parent) if letter != "X"]
    part = slice(known[0], known[-1] + 1)
    values = values_on_structure(
        structure, chain, found.parent[part], found.means[part], f"{column}, mean of the mutants"
    )
    other = (
        f"; {say_count(found.n_other, 'row')} without exactly one exchange left out" if found.n_other else ""
    )
    told = f"{say_count(found.n_single, 'single mutant')} averaged position by position{other}. {values.sentence}"
    return ResidueValues(values.values, values.title, values.coverage, values.identity, told)


def _from_mutations(cells: pd.Series, column: str) -> tuple[str, np.ndarray]:
    """The parent as far as it is told, and the position from 0 of each row, -1 where it is no substitution."""
    letters: dict[int, str] = {}
    positions = np.full(len(cells), -1)
    for row, cell in enumerate(cells):
        match = _MUTATION.fullmatch(cell)
        if not match:
            continue
        old, place, new = match[1], int(match[2]), match[3]
        if letters.setdefault(place, old) != old:
            raise UserError(
                f"Column '{column}', row {row + 1}: '{cell}' says {old} at position {place:,}, an earlier row "
                f"{letters[place]}. Mend the column; a table holds mutants of one protein."
            )
        if new not in (old, "="):
            positions[row] = place
    if not letters:
        raise UserError(
            f"Column '{column}' of the table holds no mutation such as A24G. Choose another table."
        )
    first, last = min(letters), max(letters)
    parent = "".join(letters.get(place, "X") for place in range(first, last + 1))
    return parent, np.where(positions >= 0, positions - first, -1)


def _from_sequences(cells: pd.Series, index: pd.Index) -> tuple[str, np.ndarray]:
    variants = find_variants(cells.tolist())
    if variants is None:
        raise UserError("The sequences of the table are no mutants of one protein. Choose another table.")
    is_mutated = variants.is_mutated
    places = pd.Series(np.where(is_mutated.sum(axis=1) == 1, is_mutated.argmax(axis=1), -1), cells.index)
    return variants.parent, places.reindex(index, fill_value=-1).to_numpy()
