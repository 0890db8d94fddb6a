"""Which letter stands where, told beside the vectors of a backbone, which say so only in part.

Vectors of whole sequences blur what place a letter has. Where places mean the same in all sequences (variants of a
parent, windows around a site), there is one column for each letter seen at each place (`VariedLetters`). For a value at
each position there is one for each letter (`OwnLetter`): the vector of a position blends its letter with all others.
"""

from dataclasses import dataclass

import numpy as np
import torch

from biotl_core.backbones.tokenizer import Tokens

_MOST_COLUMNS = 4096


@dataclass(frozen=True)
class VariedLetters:
    """The columns: a letter at a place each."""

    length: int
    """Letters of each sequence."""
    places: list[int]
    """Of each column, from 0; `(width,)`."""
    ids: list[int]
    """Token number of the letter of each column, `(width,)`."""
    frequencies: list[float]
    """How often the letter stood at the place in training, `(width,)`: what is said of sequences of another length."""

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.places)

    @classmethod
    def of(cls, tokens: Tokens) -> "VariedLetters | None":
        """The letters that vary among sequences of one length; None where lengths differ, all letters are alike, or
        there are more columns than can be learned from.
        """
        lengths = set(tokens.n_letters)
        if len(lengths) != 1:
            return None
        (length,) = lengths
        table = _letters(tokens, range(len(tokens.ids)))
        seen = [np.unique(column, return_counts=True) for column in table.T]
        columns = [
            (place, int(letter), count / len(table))
            for place, (letters, counts) in enumerate(seen)
            if len(letters) > 1
            for letter, count in zip(letters, counts, strict=True)
        ]
        if not 0 < len(columns) <= _MOST_COLUMNS:
            return None
        places, ids, frequencies = zip(*columns, strict=True)
        return cls(length, list(places), list(ids), [float(share) for share in frequencies])

    def one_hot(self, tokens: Tokens) -> torch.Tensor:
        """1 where a sequence has the letter of the column at its place, else 0: float32 `(n, width)`.

        A sequence of another length has no such places; it gets the frequencies, which say nothing either way.
        """
        found = np.tile(np.asarray(self.frequencies, np.float32), (len(tokens.ids), 1))
        alike = [i for i, n in enumerate(tokens.n_letters) if n == self.length]
        if alike:
            found[alike] = _letters(tokens, alike)[:, self.places] == np.asarray(self.ids)
        return torch.from_numpy(found)


@dataclass(frozen=True)
class OwnLetter:
    """The columns of a position: a letter each."""

    ids: list[int]
    """Token number of the letter of each column, `(width,)`: those seen in training."""

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.ids)

    @classmethod
    def of(cls, tokens: Tokens) -> "OwnLetter":
        """The letters that there are."""
        return cls(np.unique(np.concatenate(_rows(tokens))).tolist())

    def one_hot(self, tokens: Tokens) -> list[np.ndarray]:
        """True where a position has the letter of the column: bool `(length, width)` for each sequence."""
        return [row[:, None] == np.asarray(self.ids) for row in _rows(tokens)]


def _rows(tokens: Tokens) -> list[np.ndarray]:
    """Token numbers of the letters of each sequence, without special tokens."""
    return [ids[tokens.n_before : len(ids) - tokens.n_after] for ids in tokens.ids]


def _letters(tokens: Tokens, which: range | list[int]) -> np.ndarray:
    """Token numbers of the letters of sequences of one length, without special tokens: `(n, length)`."""
    rows = _rows(tokens)
    return np.stack([rows[i] for i in which])
