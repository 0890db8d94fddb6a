"""Labelled pairs of proteins: read from a table, checked, and dealt to parts that share no family."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.mmseqs import find_mmseqs, link_by_mmseqs
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.genomes.families import connected, split_folds
from biotl_core.progress import Control

SHARES = (0.5, 0.2, 0.3)
"""Of the families: to train on, to calibrate on, to test on."""
TRAIN, CALIBRATION, TEST = 0, 1, 2
LEAST_POSITIVE = 20
LEAST_FAMILIES = 6
"""Families with a positive pair: fewer leave a part without any."""
IDENTITY, COVERAGE = 0.3, 0.8
"""Proteins so alike are of one family, whatever the labels say."""


@dataclass(frozen=True)
class HomologyPairs:
    """Proteins and the pairs of them whose relation is known."""

    proteins: pd.DataFrame
    """`id, sequence`, one row a different sequence."""
    pairs: pd.DataFrame
    """`first, second` (rows of `proteins`, int64, first < second), `label` (1 homologs, 0 not), each pair once."""

    def save(self, folder: Path) -> None:
        """Write `proteins.parquet` and `pairs.parquet`."""
        self.proteins.to_parquet(folder / "proteins.parquet", index=False)
        self.pairs.to_parquet(folder / "pairs.parquet", index=False)

    @classmethod
    def load(cls, folder: Path) -> "HomologyPairs":
        """Saved pairs."""
        return cls(pd.read_parquet(folder / "proteins.parquet"), pd.read_parquet(folder / "pairs.parquet"))


def read_pairs(
    file: Path,
    first: str | None = None,
    second: str | None = None,
    label: str | None = None,
    sequences: Path | None = None,
) -> HomologyPairs:
    """Read labelled pairs.

    Args:
        file: a table with a row a pair.
        first: its column with one protein of each pair; None takes the first column of the table.
        second: the same for the other protein; None takes the second column.
        label: its column with 1 for homologs and 0 for unrelated; None takes the third column.
        sequences: FASTA, or a table with ids in its first and sequences in its second column, that the two columns
            name; None where the two columns hold the sequences themselves.

    Raises:
        UserError: a column or an id is missing, a label is neither 0 nor 1, a cell is no protein, or there are too
            few homologs or families.
    """
    table = read_file(file).table
    columns = [_column(table, name, i, file) for i, name in enumerate((first, second, label))]
    ends = [table[column].astype(str) for column in columns[:2]]
    if sequences is None:
        ids = pd.Series(pd.concat(ends).unique())
        sequence_of = dict(zip(ids, ids, strict=True))
    else:
        sequence_of = _read_sequences(sequences)
    for column, end in zip(columns, ends, strict=False):
        _check_known(end, sequence_of, column, sequences)
    letters = [_as_proteins(end.map(sequence_of), column) for end, column in zip(ends, columns, strict=False)]
    labels = _read_labels(table[columns[2]], columns[2])
    return make_pairs(*letters, labels, None if sequences is None else pd.concat(ends, ignore_index=True))


def make_pairs(
    first: pd.Series, second: pd.Series, labels: np.ndarray, ids: pd.Series | None = None
) -> HomologyPairs:
    """Pairs from sequences: pairs of one sequence with itself and repeats are dropped.

    Args:
        first: sequences, `(n,)`.
        second: the same for the others.
        labels: 1 or 0, int64 `(n,)`.
        ids: names of all of `first`, then of `second`; None numbers the proteins.

    Raises:
        UserError: one class only, fewer than `LEAST_POSITIVE` homologs, or fewer than `LEAST_FAMILIES` families.
    """
    codes, known = pd.factorize(pd.concat([first, second], ignore_index=True))
    names = [str(i + 1) for i in range(len(known))]
    if ids is not None:
        for code, name in zip(codes, ids, strict=True):
            names[code] = name
    ends = np.sort(codes.reshape(2, -1).T, axis=1)
    pairs = pd.DataFrame({"first": ends[:, 0], "second": ends[:, 1], "label": labels})
    pairs = pairs[pairs["first"] != pairs["second"]].drop_duplicates(ignore_index=True)
    if both := int(pairs.duplicated(["first", "second"]).sum()):
        raise UserError(
            f"The pairs hold {both:,} that are labelled 1 in one row and 0 in another. Keep one of them."
        )
    _check_enough(pairs, len(known))
    return HomologyPairs(pd.DataFrame({"id": names, "sequence": list(known)}), pairs)


def _column(table: pd.DataFrame, name: str | None, place: int, file: Path) -> str:
    columns = list(table.columns)
    if name is None and place < len(columns):
        return columns[place]
    if name in columns:
        return name
    asked = f"There is no column '{name}'" if name else "Fewer than three columns are"
    raise UserError(
        f"{asked} in '{Path(file).name}'; it has {', '.join(map(str, columns))}. Choose among these."
    )


def _read_sequences(file: Path) -> dict[str, str]:
    table = read_file(file).table
    if table.shape[1] < 2:
        raise UserError(
            f"'{Path(file).name}' has one column only; a FASTA, or a table of ids and sequences, is needed."
        )
    columns = ["name", "sequence"] if {"name", "sequence"} <= set(table.columns) else list(table.columns[:2])
    return dict(zip(table[columns[0]], table[columns[1]], strict=True))


def _check_known(end: pd.Series, sequence_of: dict[str, str], column: str, sequences: Path | None) -> None:
    unknown = end[~end.isin(list(sequence_of))]
    if len(unknown):
        raise UserError(
            f"Column '{column}', row {unknown.index[0] + 1}: '{unknown.iloc[0][:40]}' is not among the sequences of "
            f"'{Path(sequences or '').name}' ({len(unknown):,} such rows). Add it there, or delete the rows."
        )


def _as_proteins(cells: pd.Series, column: str) -> pd.Series:
    proteins = cells.str.upper().str.replace(r"\s|\*$", "", regex=True)
    odd = proteins[~proteins.str.fullmatch(r"[A-Z]+")]
    if len(odd):
        raise UserError(
            f"Column '{column}', row {odd.index[0] + 1}: '{odd.iloc[0][:40]}' is no protein ({len(odd):,} such rows). "
            "Where the column holds ids, give their sequences as a second file."
        )
    return proteins


def _read_labels(cells: pd.Series, column: str) -> np.ndarray:
    numbers = pd.to_numeric(cells, errors="coerce")
    odd = cells[~numbers.isin([0, 1])]
    if len(odd):
        raise UserError(
            f"Column '{column}', row {odd.index[0] + 1}: found '{str(odd.iloc[0])[:40]}'; a label is 1 for homologs "
            f"and 0 for unrelated proteins ({len(odd):,} such rows). Mend or delete them."
        )
    return numbers.to_numpy(np.int64)


def _check_enough(pairs: pd.DataFrame, n_proteins: int) -> None:
    n_related = int(pairs["label"].sum())
    if n_related in (0, len(pairs)):
        word = "homologs (1)" if n_related else "unrelated (0)"
        raise UserError(f"All pairs are {word}; both kinds are needed to learn what tells them apart.")
    if n_related < LEAST_POSITIVE:
        raise UserError(
            f"Only {n_related} pairs are homologs; at least {LEAST_POSITIVE} different ones are needed."
        )
    related = pairs[pairs["label"] == 1]
    n_families = len(np.unique(connected(n_proteins, related)[related["first"]]))
    if n_families < LEAST_FAMILIES:
        raise UserError(
            f"The homologs hang together in {n_families} families; at least {LEAST_FAMILIES} are needed, since whole "
            "families are kept for calibration and test. Add pairs of other families."
        )


def find_families(known: HomologyPairs, control: Control) -> tuple[np.ndarray, bool]:
    """The family of each protein, int64 `(n,)`, and whether MMseqs2 was there to join like proteins.

    Proteins that a net of positive pairs joins are of one family, and where MMseqs2 is there, those that are
    30 % identical over 80 % of both.
    """
    links = known.pairs.loc[known.pairs["label"] == 1, ["first", "second"]]
    program = find_mmseqs()
    if program is not None:
        leader = link_by_mmseqs(
            program, known.proteins["sequence"].tolist(), "protein", IDENTITY, COVERAGE, control
        )
        alike = pd.DataFrame({"first": np.arange(len(leader)), "second": leader})
        links = pd.concat([links, alike], ignore_index=True)
    return connected(len(known.proteins), links), program is not None


def deal_parts(known: HomologyPairs, families: np.ndarray, seed: int = 0) -> np.ndarray:
    """The part of each protein, int64 `(n,)`: whole families.

    Families with a positive pair and families without one are dealt apart, so that each part has some of both.

    Raises:
        UserError: a part is left without homologs or without unrelated pairs.
    """
    positive = known.pairs.loc[known.pairs["label"] == 1, "first"]
    has_pair = np.isin(families, families[positive])
    parts = np.zeros(len(families), dtype=np.int64)
    for some in (has_pair, ~has_pair):
        if some.any():
            parts[some] = split_folds(pd.Series(families[some]), SHARES, seed)
    test = judged_pairs(known, parts)["label"]
    n_learned = len(np.unique(families[positive][parts[positive] == TRAIN]))
    if test.nunique() < 2 or n_learned < 2:
        raise UserError(
            f"Kept apart by family, the test part has {int(test.sum())} homologous and {int((test == 0).sum())} "
            f"unrelated pairs, and the training part {n_learned} families. Add pairs of other families, and "
            "unrelated pairs."
        )
    return parts


def judged_pairs(known: HomologyPairs, parts: np.ndarray) -> pd.DataFrame:
    """Pairs with a protein of the test part and none of the training part: what the head is judged by."""
    first, second = parts[known.pairs["first"]], parts[known.pairs["second"]]
    is_asked = ((first == TEST) | (second == TEST)) & (first != TRAIN) & (second != TRAIN)
    return known.pairs[is_asked].reset_index(drop=True)
