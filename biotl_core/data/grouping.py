"""Rows that must stay together when they are dealt out to parts, and what is done where grouping missed a pair."""

import numpy as np
import pandas as pd

from biotl_core.data.clusters import cluster_scaffolds, find_clusters
from biotl_core.data.dataset import Dataset
from biotl_core.data.mmseqs import find_mmseqs, suits_mmseqs
from biotl_core.data.molecules import all_facts
from biotl_core.data.quoting import shown
from biotl_core.data.similarity import nearest_identity
from biotl_core.data.split_settings import SplitSettings
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.wording import say_count

_MOST_CHECKED = 30_000
"""Of more sequences the nearest in training is not looked for after grouping: it would take many minutes."""
_MIN_WORD_LENGTH = 12
"""Sequences must be longer than this to be grouped by similarity."""


def find_groups(
    dataset: Dataset, settings: SplitSettings, control: Control | None = None, column: pd.Series | None = None
) -> tuple[np.ndarray, str]:
    """The rows that must stay together, for the splits that deal out whole groups, and how they were found in words.

    Arguments as for `split`; the number of the group of each row, int64 `(n,)`.

    Raises:
        UserError: when this split has no groups, or they cannot be dealt out.
    """
    control = control or Control()
    same = same_sequence(dataset, control)
    match settings.kind:
        case "random":
            return same, "at random, evenly over the targets"
        case "similarity":
            groups, method = _similar_groups(dataset, settings, control)
            what = "Tanimoto similarity" if dataset.modality == "molecule" else "identity"
            told, where = (
                f" at {settings.identity:.0%} {what}: {method}",
                f"at {settings.identity:.0%} similarity",
            )
        case "scaffold":
            if dataset.modality != "molecule":
                raise UserError("A split by scaffold needs molecules. Choose similarity or random.")
            groups = cluster_scaffolds(dataset.table["sequence"].tolist(), control)
            told, where = "", "with the same scaffold"
        case "group":
            groups = _column_of(settings, column)
            told, where = f" of column {shown(settings.column)}", f"in column {shown(settings.column)}"
        case _:
            raise UserError(
                f"A split by {settings.kind} has no groups. Choose random, similarity or scaffold."
            )
    groups = join_groups(groups, same)
    _check_groups(groups, settings, where)
    noun = "ring system" if settings.kind == "scaffold" else "group"
    return groups, f"by {settings.kind} ({say_count(int(groups.max()) + 1, noun)}{told})"


def _column_of(settings: SplitSettings, column: pd.Series | None) -> np.ndarray:
    """Rows with the same value, as numbers; blank ones are each on their own."""
    if column is None:
        raise UserError(f"Column {shown(settings.column)} is not at hand here. Choose another split.")
    values = column.astype("str").reset_index(drop=True)
    alone = pd.Series([f"\0{i}" for i in range(len(values))])
    return pd.factorize(values.where(values != "", alone))[0]


def _similar_groups(dataset: Dataset, settings: SplitSettings, control: Control) -> tuple[np.ndarray, str]:
    sequences = dataset.table["sequence"].tolist()
    if dataset.modality != "molecule" and is_too_alike(sequences):
        raise UserError(
            "These sequences are variants of one another, so they form a single group of similar ones. "
            "Choose a random split, or one by position for mutants of one protein."
        )
    program = find_mmseqs() if suits_mmseqs(sequences, dataset.modality) else None
    return find_clusters(
        sequences, dataset.modality, settings.identity, control, coverage=settings.coverage, program=program
    )


def keep_apart(
    dataset: Dataset, parts: pd.Series, settings: SplitSettings, control: Control | None = None
) -> tuple[pd.Series, list[str]]:
    """Move to training what has a relative there after all, until nothing in validation and test has one.

    Clustering programs look at promising pairs only; here the nearest training sequence of every row is looked for, by
    the very measure that the leak report uses. Molecules need none of it: all their pairs were compared.

    Returns:
        The parts, and what is worth saying.
    """
    if dataset.modality == "molecule":
        return parts, []
    if len(parts) > _MOST_CHECKED:
        return parts, [
            f"With more than {_MOST_CHECKED:,} sequences, pairs that the grouping missed were not looked for."
        ]
    sequences = dataset.table["sequence"].to_numpy()
    parts, fresh, n_moved = parts.copy(), (parts == "train").to_numpy(), 0
    while fresh.any():
        held_out = np.flatnonzero((parts != "train").to_numpy())
        nearest = nearest_identity(
            sequences[held_out].tolist(), sequences[fresh].tolist(), dataset.modality, control
        )
        moved = held_out[nearest.identity >= settings.identity]
        parts.iloc[moved] = "train"
        fresh = np.zeros(len(parts), dtype=bool)
        fresh[moved] = True
        n_moved += len(moved)
    if not n_moved:
        return parts, []
    rows = say_count(n_moved, "row")
    return parts, [f"{rows} with a relative in training that the grouping had missed went to training."]


def same_sequence(dataset: Dataset, control: Control) -> np.ndarray:
    """A group number for each row: the same for identical sequences, or SMILES of one molecule."""
    sequences = dataset.table["sequence"].tolist()
    if dataset.modality == "molecule":
        facts = all_facts(sequences, control)
        sequences = [fact.canonical or smiles for fact, smiles in zip(facts, sequences, strict=True)]
    return pd.factorize(pd.Series(sequences, dtype="str"))[0]


def is_too_alike(sequences: list[str]) -> bool:
    """Whether grouping by similarity makes no sense: mutants of one sequence, or very short ones."""
    return find_variants(sequences) is not None or max(map(len, sequences)) <= _MIN_WORD_LENGTH


def join_groups(groups: np.ndarray, same: np.ndarray) -> np.ndarray:
    """The groups, where rows of one sequence are surely in one."""
    first = pd.Series(groups).groupby(same).transform("first").to_numpy()
    return np.unique(first, return_inverse=True)[1]


def _check_groups(groups: np.ndarray, settings: SplitSettings, how: str) -> None:
    largest = int(np.bincount(groups).max())
    n_groups = int(groups.max()) + 1
    if n_groups < 3 or largest > len(groups) * (settings.fractions[0] + 0.5 * (1 - settings.fractions[0])):
        raise UserError(
            f"{largest:,} of {len(groups):,} rows form one group {how}, so whole groups cannot be dealt out. "
            "Choose a random split" + (", or a higher identity." if settings.kind == "similarity" else ".")
        )
