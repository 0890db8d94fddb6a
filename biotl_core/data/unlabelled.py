"""Sequences without a target, to learn from: read from any table, each once, some of them held out."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.alphabets import guess_modality
from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.grouping import find_groups, keep_apart
from biotl_core.data.new_sequences import check_new_sequences, wrong_kind
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_sequences
from biotl_core.data.split_settings import SplitSettings
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.wording import say_count

HoldOut = Literal["similarity", "random"]

HOLD_OUTS: dict[HoldOut, tuple[str, str]] = {
    "similarity": (
        "Whole families",
        "Groups of similar sequences are held out together, so that the judgement is about sequences with no near "
        "relative among those learned from (clusters; for molecules scaffolds).",
    ),
    "random": (
        "At random",
        "Right where all sequences are variants of one; else too kind, since relatives are learned from.",
    ),
}
PIECE_LETTERS = 1024
"""Longer DNA is cut into pieces of this length, so that a genome is many sequences."""
MOST_HELD_OUT_LETTERS = 150_000
"""More is not needed to judge, and is better learned from."""
_FEWEST_HELD_OUT = 5
_LARGE_GROUP = 0.25
"""A group above this share of what shall be held out stays with what is learned from."""


class Unlabelled(NamedTuple):
    """Sequences to learn from."""

    table: pd.DataFrame
    """Columns `name, sequence`, each sequence once, as the model reads them."""
    modality: Modality
    source: str
    refused: pd.DataFrame
    """Rows left out: `row, name, sequence, reason`."""
    notes: tuple[str, ...] = ()
    """What was done to them, in sentences."""

    @property
    def n_letters(self) -> int:
        """Letters of all sequences."""
        return int(self.table["sequence"].str.len().sum())


class HeldOut(NamedTuple):
    """Which sequences are only judged by."""

    is_held_out: np.ndarray
    """bool `(n,)`."""
    sentence: str
    """How they were chosen."""


def read_unlabelled(raw: RawTable, modality: Modality, *, sequence: str | None = None) -> Unlabelled:
    """The sequences of a table for a backbone of the modality.

    Args:
        raw: the table as it lies in the file; other columns are not looked at.
        modality: what the backbone reads.
        sequence: the column of the sequences; guessed when not given.

    Raises:
        UserError: the sequences are of another kind, or no row can be used.
    """
    if sequence is None and "sequence" in raw.table:
        sequence = "sequence"
    column, _ = guess_sequences(raw, sequence=sequence)
    found = guess_modality(raw.table[column].head(1000))
    # All letters of DNA name amino acids too, so the alphabet alone would let it pass for protein.
    if found != modality and "dna" in (found, modality):
        raise UserError(wrong_kind(raw.source, found, modality, "backbone"))
    new = check_new_sequences(raw, modality, sequence=column, reader="backbone")
    left_out = (
        f"{say_count(len(new.refused), 'row')} left out: {new.refused['reason'].iloc[0]}"
        if len(new.refused)
        else ""
    )
    if len(new.refused) > 1:
        left_out = left_out.replace(":", f", such as row {new.refused['row'].iloc[0]}:", 1)
    return _each_once(new.table, modality, raw.source, new.refused, [*new.notes, left_out])


def unlabelled_of(dataset: Dataset) -> Unlabelled:
    """The sequences of a dataset; its targets and parts are not looked at."""
    nothing = pd.DataFrame(columns=["row", "name", "sequence", "reason"])
    return _each_once(dataset.table[["name", "sequence"]], dataset.modality, dataset.source, nothing, [])


def _each_once(
    table: pd.DataFrame, modality: Modality, source: str, refused: pd.DataFrame, notes: list[str]
) -> Unlabelled:
    n = len(table)
    if modality == "dna" and (table["sequence"].str.len() > PIECE_LETTERS).any():
        table = _in_pieces(table)
        notes = [
            *notes,
            f"Longer sequences were cut into pieces of {PIECE_LETTERS:,} letters: {len(table):,} in all.",
        ]
        n = len(table)
    table = table.drop_duplicates("sequence", ignore_index=True)
    if len(table) < n:
        notes = [*notes, f"{say_count(n - len(table), 'sequence')} that stood there before counted once."]
    return Unlabelled(table, modality, source, refused, tuple(filter(None, notes)))


def _in_pieces(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name, sequence in zip(table["name"], table["sequence"], strict=True):
        n = -(-len(sequence) // PIECE_LETTERS)
        cut = [sequence[len(sequence) * i // n : len(sequence) * (i + 1) // n] for i in range(n)]
        rows += [(name if n == 1 else f"{name} ({i + 1})", piece) for i, piece in enumerate(cut)]
    return pd.DataFrame(rows, columns=["name", "sequence"])


def hold_out(
    unlabelled: Unlabelled,
    kind: HoldOut = "similarity",
    *,
    share: float = 0.1,
    identity: float = 0.5,
    seed: int = 0,
    control: Control | None = None,
) -> HeldOut:
    """Choose what is only judged by.

    Args:
        unlabelled: the sequences.
        kind: whole groups of similar sequences, or single ones.
        share: of all letters; at most `MOST_HELD_OUT_LETTERS`.
        identity: sequences at or above it are similar.
        seed: same seed, same choice.
        control: progress and stop.

    Where the sequences are all one group, single ones are taken after all, and the sentence says so.
    """
    why = ""
    if kind == "similarity":
        try:
            return _hold_out_groups(unlabelled, share, identity, seed, control)
        except UserError as error:
            why = f" Whole families could not be held out: {str(error)[0].lower()}{str(error)[1:]}"
    chosen = _take(np.arange(len(unlabelled.table)), unlabelled, share, seed)
    return HeldOut(
        chosen,
        f"{say_count(int(chosen.sum()), 'sequence')} held out at random; near relatives of them may have been "
        f"learned from.{why}",
    )


def _hold_out_groups(
    unlabelled: Unlabelled, share: float, identity: float, seed: int, control: Control | None
) -> HeldOut:
    # Grouping is made for datasets with a target; here it is a number that nobody looks at.
    table = unlabelled.table.assign(target=0.0, part="train")
    dataset = Dataset(table, unlabelled.modality, "regression", (), unlabelled.source, "")
    kind = "scaffold" if unlabelled.modality == "molecule" else "similarity"
    settings = SplitSettings(kind=kind, identity=identity, fractions=(0.8, 0.1, 0.1))
    groups, how = find_groups(dataset, settings, control)
    chosen = _take(groups, unlabelled, share, seed)
    parts = pd.Series(np.where(chosen, "test", "train"))
    if kind == "similarity":
        parts, _ = keep_apart(dataset, parts, settings, control)
    chosen = (parts == "test").to_numpy()
    if chosen.sum() < _FEWEST_HELD_OUT:
        raise UserError(f"at {identity:.0%} too few groups are small enough.")
    return HeldOut(chosen, f"{say_count(int(chosen.sum()), 'sequence')} held out as whole groups, {how}.")


def _take(groups: np.ndarray, unlabelled: Unlabelled, share: float, seed: int) -> np.ndarray:
    """Whole groups in random order until the share of the letters is reached, large groups passed over; bool `(n,)`."""
    lengths = unlabelled.table["sequence"].str.len().to_numpy()
    wanted = min(share * lengths.sum(), MOST_HELD_OUT_LETTERS)
    sizes = np.bincount(groups, weights=lengths)
    order = np.random.default_rng(seed).permutation(len(sizes))
    largest = max(_LARGE_GROUP * wanted, np.quantile(sizes, 0.5))
    taken, total = [], 0.0
    for group in order[sizes[order] <= largest]:
        if total >= wanted and len(taken) >= _FEWEST_HELD_OUT:
            break
        taken.append(group)
        total += sizes[group]
    return np.isin(groups, taken)
