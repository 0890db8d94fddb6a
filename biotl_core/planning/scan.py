"""Scan: the effect of every substitution of a sequence, by a backbone without training or by a finished run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.mutations import Mutation, mutated

COLUMNS = ("name", "mutation", "position", "wild_type", "mutant", "effect")


class Combined(NamedTuple):
    """Several mutations at once."""

    sequence: str
    """The parent with all of them."""
    effects: tuple[float, ...]
    """Of each alone."""
    total: float
    """Their sum: right only as far as they do not influence each other."""


@dataclass(frozen=True)
class Scan:
    """Effects of all single substitutions of one sequence."""

    name: str
    sequence: str
    letters: str
    """The letters that were put in, one a column."""
    effects: np.ndarray
    """float64 `(length, n_letters)`: above 0 better than the parent. 0 for its own letter, nan where not scanned."""

    @property
    def is_scanned(self) -> np.ndarray:
        """Positions that have effects, bool `(length,)`."""
        return np.isfinite(self.effects).any(axis=1)

    @cached_property
    def position_means(self) -> np.ndarray:
        """Mean effect of the substitutions at each position `(length,)`, nan where not scanned."""
        others = np.where(self._is_own, np.nan, self.effects)
        counts = np.isfinite(others).sum(axis=1)
        return np.where(counts > 0, np.nansum(others, axis=1) / np.maximum(counts, 1), np.nan)

    @property
    def _is_own(self) -> np.ndarray:
        return np.array(list(self.sequence))[:, None] == np.array(list(self.letters))[None]

    def table(self) -> pd.DataFrame:
        """A row a substitution, in the order of the sequence; columns as in `COLUMNS`."""
        rows, columns = np.nonzero(np.isfinite(self.effects) & ~self._is_own)
        old, new = np.array(list(self.sequence))[rows], np.array(list(self.letters))[columns]
        words = [f"{a}{i + 1}{b}" for a, i, b in zip(old, rows, new, strict=True)]
        values = (self.name, words, rows + 1, old, new, np.round(self.effects[rows, columns], 6))
        return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))

    def position_table(self) -> pd.DataFrame:
        """A row a position: its letter, the mean effect, the best and the worst substitution."""
        others = np.where(self._is_own, np.nan, self.effects)
        known = np.flatnonzero(np.isfinite(others).any(axis=1))
        best, worst = np.nanargmax(others[known], axis=1), np.nanargmin(others[known], axis=1)
        letters = np.array(list(self.letters))
        return pd.DataFrame(
            {
                "name": self.name,
                "position": known + 1,
                "wild_type": [self.sequence[i] for i in known],
                "mean_effect": np.round(self.position_means[known], 6),
                "best": letters[best],
                "best_effect": np.round(others[known, best], 6),
                "worst": letters[worst],
                "worst_effect": np.round(others[known, worst], 6),
            }
        )

    def combine(self, mutations: Sequence[Mutation]) -> Combined:
        """Several mutations added up, each as it is alone."""
        effects = tuple(float(self.effects[m.position - 1, self.letters.index(m.new)]) for m in mutations)
        return Combined(mutated(self.sequence, mutations), effects, float(sum(effects)))


def read_scans(table: pd.DataFrame, sequences: Sequence[tuple[str, str]], letters: str) -> list[Scan]:
    """Scans back from their table.

    Args:
        table: what `Scan.table` gave, of one or several sequences one after the other.
        sequences: name and letters of each, in the same order; names are told apart.
        letters: the letters that were put in.
    """
    return [_read_scan(table[table["name"] == name], name, sequence, letters) for name, sequence in sequences]


def _read_scan(rows: pd.DataFrame, name: str, sequence: str, letters: str) -> Scan:
    effects = np.full((len(sequence), len(letters)), np.nan)
    positions = rows["position"].to_numpy() - 1
    effects[positions, [letters.index(letter) for letter in rows["mutant"]]] = rows["effect"]
    for i in np.unique(positions):
        if sequence[i] in letters:
            effects[i, letters.index(sequence[i])] = 0.0
    return Scan(name, sequence, letters, effects)


LETTER_ORDER: dict[Modality, str] = {"protein": "GAVLIMPFWYSTCNQHKRDE", "dna": "ACGT"}
"""How the letters are laid out in a heat map: amino acids by their nature (small, fatty, aromatic, polar, charged)."""
