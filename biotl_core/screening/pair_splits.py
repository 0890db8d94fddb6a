"""Parts of a table of pairs: what the test part has that training has not seen decides what its numbers mean."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from biotl_core.data.clusters import cluster_scaffolds, cluster_sequences
from biotl_core.data.ordered_splits import deal_in_order
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.screening.pairs import Pairs
from biotl_core.wording import say_count

PairSplit = Literal["warm", "cold_molecule", "cold_scaffold", "cold_target", "cold_both", "time", "given"]
PAIR_SPLITS: dict[PairSplit, tuple[str, str]] = {
    "warm": (
        "New pairs of known molecules and targets",
        "Both sides of a test pair occur in training with other partners: fills the gaps of a table. The easiest.",
    ),
    "cold_molecule": ("New molecules", "No molecule of the test part occurs in training."),
    "cold_scaffold": ("New kinds of molecule", "No ring system of the test part occurs in training."),
    "cold_target": (
        "New target proteins",
        "No sequence of the test part, nor one like it, occurs in training. The hardest of the common questions.",
    ),
    "cold_both": (
        "New molecules and new targets",
        "Neither side of a test pair, nor anything like it, occurs in training.",
    ),
    "time": (
        "What was measured later",
        "The latest pairs are held out, by a column of dates or years; either side may have been seen before.",
    ),
    "given": ("As in the table", "The parts that the table names, for comparing with published results."),
}
_FRACTIONS = (0.7, 0.1, 0.2)
_BOTH_FRACTIONS = (0.6, 0.15, 0.25)
_PARTS = np.array(["train", "validation", "test"], dtype=object)
_LARGEST = 0.4
"""A group with a larger share of all things cannot be dealt out."""


@dataclass(frozen=True)
class PairParts:
    """A part for each pair, and how it came about."""

    parts: np.ndarray
    """train, validation, test, or "" for pairs that are left out (cold both); `(n_pairs,)`."""
    sentence: str


def split_pairs(
    pairs: Pairs, kind: PairSplit, seed: int = 0, identity: float = 0.5, control: Control | None = None
) -> PairParts:
    """Give every pair a part.

    Args:
        pairs: the table.
        kind: a name in PAIR_SPLITS.
        seed: of what is dealt at random.
        identity: target proteins at or above it stay together; raised step by step where that leaves one large group.
        control: progress and stop.

    Raises:
        UserError: the split is not known or not possible for these pairs.
    """
    if kind not in PAIR_SPLITS:
        raise UserError(
            f"There is no split '{kind}' of pairs; there are {', '.join(PAIR_SPLITS)}. Choose one."
        )
    table, control = pairs.table, control or Control()
    molecule, protein = table["molecule"].to_numpy(), table["protein"].to_numpy()
    how = PAIR_SPLITS[kind][0].lower()
    match kind:
        case "given":
            parts = _given(table["part"].to_numpy(dtype=object), seed)
        case "time":
            parts = _by_time(table["time"].to_numpy(np.float64), seed)
        case "warm":
            cells = np.unique(molecule * len(pairs.proteins) + protein, return_inverse=True)[1]
            parts = _PARTS[_deal(np.arange(cells.max() + 1), _FRACTIONS, seed)[cells]]
        case "cold_molecule" | "cold_scaffold":
            parts = _PARTS[_deal(_molecule_groups(pairs, kind), _FRACTIONS, seed)[molecule]]
        case "cold_target":
            groups, said = _protein_groups(pairs, identity, control)
            parts, how = _PARTS[_deal(groups, _FRACTIONS, seed)[protein]], f"{how} ({said})"
        case _:
            groups, said = _protein_groups(pairs, identity, control)
            first = _deal(_molecule_groups(pairs, "cold_scaffold"), _BOTH_FRACTIONS, seed)[molecule]
            second = _deal(groups, _BOTH_FRACTIONS, seed + 1)[protein]
            parts, how = np.where(first == second, _PARTS[first], ""), f"{how} ({said})"
    counts = {part: int((parts == part).sum()) for part in _PARTS}
    if min(counts.values()) == 0:
        empty = next(part for part, n in counts.items() if not n)
        raise UserError(f"The split '{kind}' leaves no pair for {empty}. Choose another split, such as warm.")
    said = ", ".join(f"{n:,} {part}" for part, n in counts.items())
    return PairParts(parts, f"{how[0].upper()}{how[1:]}: {said}.")


def _given(parts: np.ndarray, seed: int) -> np.ndarray:
    """The table's own parts; a tenth of training becomes validation where the table has none."""
    if not (parts == "test").any() or not (parts == "train").any():
        raise UserError("The table names no training and test part. Choose another split.")
    if not (parts == "validation").any():
        train = np.flatnonzero(parts == "train")
        chosen = np.random.default_rng(seed).choice(train, max(1, len(train) // 10), replace=False)
        parts = parts.copy()
        parts[chosen] = "validation"
    return parts


def _by_time(times: np.ndarray, seed: int) -> np.ndarray:
    if not len(times) or not np.isfinite(times).all():
        raise UserError(
            "A split by time needs a column of dates or years with a value in every row. Choose the column, or "
            "another split."
        )
    return _PARTS[deal_in_order(times, np.arange(len(times)), _FRACTIONS, seed)]


def _molecule_groups(pairs: Pairs, kind: str) -> np.ndarray:
    if kind == "cold_molecule":
        return np.arange(len(pairs.molecules))
    return cluster_scaffolds(list(pairs.molecules))


def _protein_groups(pairs: Pairs, identity: float, control: Control) -> tuple[np.ndarray, str]:
    """A group for each target protein, and at which identity; equal sequences are always in one."""
    sequences, place = np.unique(np.array(pairs.proteins, dtype=object), return_inverse=True)
    if len(sequences) < 5:
        raise UserError(
            f"There are {say_count(len(sequences), 'sequence')} of target proteins; at least 5 are needed "
            "to hold some out."
        )
    for limit in (identity, 0.7, 0.9):
        if limit < identity:
            continue
        groups = cluster_sequences(list(sequences), "protein", limit, control)
        if np.bincount(groups).max() <= max(1, _LARGEST * len(sequences)):
            return groups[place], f"{say_count(int(groups.max()) + 1, 'group')} at {limit:.0%} identity"
    return place, "grouped by equal sequences, since they are all alike"


def _deal(groups: np.ndarray, fractions: tuple[float, float, float], seed: int) -> np.ndarray:
    """0, 1 or 2 for each thing: whole groups in random order, large ones first, to the part that lacks most."""
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    is_large = sizes[order] > 0.05 * len(groups)
    order = np.r_[order[is_large], order[~is_large]]
    wanted = np.array(fractions) * len(groups)
    got, part = np.zeros(3), np.zeros(len(sizes), np.int64)
    for group in order:
        part[group] = chosen = int(np.argmax((wanted - got) / wanted))
        got[chosen] += sizes[group]
    return part[groups]
