"""Values of any origin brought onto the residues of a chain: by alignment or by number, never by hope."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from biotl_core.data.tasks import UNKNOWN_RESIDUE
from biotl_core.errors import UserError
from biotl_core.structures.structure import Structure
from biotl_core.wording import say_count

MIN_IDENTITY = 0.4
"""Below this share of identical letters among the aligned ones, a sequence is taken for another protein's."""
_NUMBER_NAMES = (
    "residue",
    "resi",
    "residue_number",
    "number",
    "position",
    "pos",
    "site",
    "index",
    "resid",
    "resnum",
)
_LETTER_NAMES = ("letter", "amino_acid", "aa", "wt", "wildtype", "wild_type", "residue_name", "resn", "name")
_CHAIN_NAMES = ("chain", "chain_id", "asym_id")


@dataclass(frozen=True)
class ResidueValues:
    """A value for each residue of a structure, missing where there is none."""

    values: pd.Series
    """Index of `Structure.residues`; float with nan, or str with "" where missing."""
    title: str
    """What the values are, for axes and legends."""
    coverage: float
    """Share of the residues of the chain (or chains) that got a value, 0 to 1."""
    identity: float
    """Share of identical letters among the residues that were matched; nan where letters are not known."""
    sentence: str
    """How the values were matched, for the page."""

    @property
    def is_number(self) -> bool:
        """Numbers, as opposed to categories."""
        return self.values.dtype.kind == "f"


def values_on_structure(
    structure: Structure,
    chain: str,
    sequence: str,
    values: Sequence[float] | Sequence[str],
    title: str = "value",
) -> ResidueValues:
    """Values along a sequence brought onto a chain by a global alignment with free ends (BLOSUM62, -11/-1).

    Args:
        structure: where the values go.
        chain: the chain's name.
        sequence: one-letter codes.
        values: one a letter of the sequence; nan, "" or "?" where not known.
        title: what the values are.

    Raises:
        UserError: lengths differ, no such chain, or the sequence is another protein's (under 40 % identity).
    """
    rows = structure.chain(chain)
    if len(values) != len(sequence):
        raise UserError(
            f"There are {len(values):,} values for a sequence of {len(sequence):,} letters; "
            "one value a letter is needed."
        )
    resolved = "".join(rows["letter"])
    pairs = align(resolved, sequence)
    same = sum(resolved[i] == sequence[j].upper() for i, j in pairs)
    identity = same / len(pairs) if len(pairs) else 0.0
    if identity < MIN_IDENTITY or len(pairs) < min(5, len(resolved)):
        raise UserError(
            f"The sequence ({len(sequence):,} letters) does not fit chain {chain} of {structure.name}: only "
            f"{identity:.0%} of the aligned letters are the same, {MIN_IDENTITY:.0%} are needed. Choose "
            "another chain or another sequence."
        )
    mapped = _empty(structure, values)
    mapped.loc[rows.index[[i for i, _ in pairs]]] = [values[j] for _, j in pairs]
    mapped = _clean(mapped)
    coverage = _coverage(mapped, rows.index)
    different = len(pairs) - same
    sentence = (
        f"Aligned to chain {chain}: {coverage:.0%} of its {say_count(len(rows), 'residue')} got a value; "
        + (
            f"{say_count(different, 'letter')} of {len(pairs):,} differ."
            if different
            else "all aligned letters are the same."
        )
    )
    return ResidueValues(mapped, title, coverage, identity, sentence)


def align(resolved: str, sequence: str) -> list[tuple[int, int]]:
    """Pairs (position in `resolved`, position in `sequence`) of a global alignment whose end gaps are free.

    >>> align("KTAY", "MKTAYI")
    [(0, 1), (1, 2), (2, 3), (3, 4)]
    """
    start = sequence.upper().find(resolved) if resolved else -1
    if start >= 0:
        return [(i, start + i) for i in range(len(resolved))]
    if not resolved or not sequence:
        return []
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner()
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = -11, -1
    aligner.end_gap_score = 0
    known = aligner.substitution_matrix.alphabet
    alignment = aligner.align(*(_known_letters(text, known) for text in (resolved, sequence)))[0]
    return [
        (i, j)
        for (start_i, end_i), (start_j, _) in zip(*alignment.aligned, strict=True)
        for i, j in zip(range(start_i, end_i), range(start_j, start_j + end_i - start_i), strict=True)
    ]


def _known_letters(text: str, known: str) -> str:
    return "".join(letter if letter in known else "X" for letter in text.upper())


def similarity(resolved: str, sequence: str) -> float:
    """A quick guess how well a sequence fits a chain: share of its 3-letter words that the sequence has.

    >>> similarity("MKTAYIAK", "AAMKTAYIAKAA"), similarity("MKTAYIAK", "GGGGGGGG")
    (1.0, 0.0)
    """
    words = {resolved[i : i + 3] for i in range(len(resolved) - 2)}
    theirs = {sequence[i : i + 3] for i in range(len(sequence) - 2)}
    return len(words & theirs) / len(words) if words else 0.0


def find_columns(table: pd.DataFrame) -> tuple[str | None, str | None, str | None, list[str]]:
    """The residue number, letter and chain columns of a table (None where absent), and its value columns."""
    by_name = {re.sub(r"\W+", "_", str(column).strip().lower()): str(column) for column in table.columns}
    number = next((by_name[name] for name in _NUMBER_NAMES if name in by_name), None)
    chain = next((by_name[name] for name in _CHAIN_NAMES if name in by_name), None)
    letter = next(
        (
            by_name[name]
            for name in _LETTER_NAMES
            if name in by_name
            and table[by_name[name]].astype(str).str.fullmatch(r"\s*([A-Za-z]|[A-Za-z]{3})\s*").all()
        ),
        None,
    )
    is_filled = (table.astype(str).apply(lambda column: column.str.strip()) != "").any()
    values = [
        str(column) for column in table.columns if column not in (number, letter, chain) and is_filled[column]
    ]
    return number, letter, chain, values


def values_from_table(
    structure: Structure,
    chain: str,
    table: pd.DataFrame,
    column: str,
    number_column: str | None,
    letter_column: str | None = None,
    chain_column: str | None = None,
) -> ResidueValues:
    """A column of a user's table brought onto a chain.

    With a number column, rows go to the residues of that number (`52`, `52A`, `A52` and `A:52` are
    understood). Without one, the letters in order are a sequence and are aligned.

    Raises:
        UserError: neither numbers nor letters, no number fits, or the letters contradict the numbering.
    """
    rows = structure.chain(chain)
    if chain_column is not None:
        named = table[chain_column].astype(str).str.strip()
        table = table[named.isin((chain, ""))]
        if table.empty:
            raise UserError(
                f"Column '{chain_column}' of the table names no chain {chain} (it has {_few(named)}). "
                "Choose that chain or mend the column."
            )
    values = _numbers_or_text(table[column])
    if not _is_known(values).any():
        raise UserError(
            f"Column '{column}' of the table holds no values for chain {chain}. Choose another column."
        )
    letters = None if letter_column is None else [_letter(cell) for cell in table[letter_column].astype(str)]
    if number_column is None:
        if letters is None:
            raise UserError(
                "The table needs a column of residue numbers (residue, number or position) or of residue "
                f"letters (aa or letter) beside the values; it has {_few(pd.Series(table.columns))}."
            )
        return values_on_structure(structure, chain, "".join(letters), list(values), column)
    return _by_number(structure, chain, rows, table[number_column].astype(str), letters, values, column)


def _by_number(structure, chain, rows, numbers, letters, values, column) -> ResidueValues:
    index_of = {
        f"{n}{i}": row for row, n, i in zip(rows.index, rows["number"], rows["insertion"], strict=True)
    }
    mapped = _empty(structure, values)
    n_found = n_same = n_told = 0
    for k, cell in enumerate(numbers):
        told, number = _split_number(cell, chain)
        row = index_of.get(number)
        if row is None:
            continue
        mapped.loc[row] = values[k]
        n_found += 1
        if letter := (letters[k] if letters else told):
            n_told += 1
            n_same += rows.loc[row, "letter"] == letter
    if not n_found:
        first, last = rows.iloc[0], rows.iloc[-1]
        raise UserError(
            f"No residue number of the table ({_few(numbers)}) is in chain {chain}, which runs "
            f"from {first['number']} to {last['number']}. Choose another chain or number the table alike."
        )
    identity = n_same / n_told if n_told else np.nan
    if n_told >= 5 and identity < 0.8:
        raise UserError(
            f"The table's letters agree with chain {chain} at only {n_same:,} of {n_told:,} numbers, so its "
            "numbering is another one. Leave out the number column to align by letters, or renumber it."
        )
    mapped = _clean(mapped)
    coverage = _coverage(mapped, rows.index)
    lost = len(numbers) - n_found
    sentence = (
        f"Matched by residue number: {coverage:.0%} of the {say_count(len(rows), 'residue')} of chain "
        f"{chain} got a value" + (f"; {say_count(lost, 'row')} of the table had no residue." if lost else ".")
    )
    return ResidueValues(mapped, column, coverage, identity, sentence)


def _split_number(cell: str, chain: str) -> tuple[str, str]:
    """The letter told in front of a number ("" if none) and the number with its insertion code.

    >>> [_split_number(cell, "H") for cell in ("52A", "H:52", "V15", "-3", "L:52")]
    [('', '52A'), ('', '52'), ('V', '15'), ('', '-3'), ('', '')]
    """
    cell = cell.strip().removesuffix(".0")
    match = re.fullmatch(r"(?:([A-Za-z0-9]+)[:/_ ])?\s*([A-Za-z]{0,3})\s*(-?\d+)([A-Za-z]?)", cell)
    if not match or (match[1] and match[1] != chain):
        return "", ""
    return _letter(match[2]), match[3] + match[4].upper()


def _letter(text: str) -> str:
    from biotl_core.structures.letters import one_letter

    text = text.strip().upper()
    return one_letter(text) if len(text) == 3 else text


def _numbers_or_text(column: pd.Series) -> np.ndarray:
    """Floats when every cell that is filled is a number, else text."""
    text = column.astype(str).str.strip().replace({"nan": "", "NaN": "", "NA": "", "None": ""})
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce")
    if numbers.notna().sum() == (text != "").sum():
        return numbers.to_numpy(float)
    return text.to_numpy(str)


def _is_known(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) if values.dtype.kind == "f" else values != ""


def _empty(structure: Structure, values: Sequence) -> pd.Series:
    is_text = any(isinstance(value, str) for value in values)
    index = structure.residues.index
    return (
        pd.Series("", index=index, dtype=object) if is_text else pd.Series(np.nan, index=index, dtype=float)
    )


def _clean(mapped: pd.Series) -> pd.Series:
    if mapped.dtype == object:
        return mapped.replace({UNKNOWN_RESIDUE: ""})
    return mapped.where(np.isfinite(mapped))


def _coverage(mapped: pd.Series, rows: pd.Index) -> float:
    cells = mapped.loc[rows]
    return float((cells != "").mean() if cells.dtype == object else cells.notna().mean())


def _few(cells: pd.Series) -> str:
    shown = [str(cell) for cell in cells.unique()[:5]]
    return ", ".join(shown) + (", ..." if cells.nunique() > 5 else "") if shown else "nothing"
