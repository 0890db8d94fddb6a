"""Counts beside features: how often each short word occurs in a sequence, or each group of atoms in a molecule.

A backbone's vector of a whole sequence is a mean over its letters, which blurs words; where a word decides, its count
tells what the vector does not. The words and their scale are those of the simple methods (`evaluation.features`);
their counts are then turned to the main directions of the training part, so that a head has few columns to read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from biotl_core.data.dataset import Modality
from biotl_core.evaluation import features as describe

_FEWEST_DIRECTIONS, _MOST_DIRECTIONS = 512, 2048
_ROWS_A_DIRECTION = 16
"""Sequences, both strands counted, for each direction between these limits: of many sequences rare words tell too."""
_WORD_ROWS = 10_000
"""Training sequences that say which words count and how much; of more as many are drawn."""
_ROWS_TO_TURN, _FEWEST_ROWS_TO_TURN = 2, 2000
"""Of these, for each direction and at least, those that say along which directions they differ."""
_CHUNK = 500
"""Sequences whose counts stand in memory with all columns at once."""


@dataclass(frozen=True)
class WordCounts:
    """The columns that tell training sequences apart, and where they are turned to."""

    modality: Modality
    letters: str
    """Those of the training part; words with others are left out. "" for molecules."""
    columns: np.ndarray
    """Which of all words (or bits of the fingerprint) are counted, int64 `(n_words,)`."""
    weights: np.ndarray
    """What each count is multiplied with, float32 `(n_words,)`."""
    mean: np.ndarray
    """Of the weighed counts in training, float32 `(n_words,)`."""
    directions: np.ndarray
    """float16 `(n_words, width)`: half the size on disk, and used in single precision as rounded."""

    @property
    def width(self) -> int:
        """Columns that a head reads."""
        return self.directions.shape[1]

    @classmethod
    def of(cls, sequences: Sequence[str], modality: Modality) -> "WordCounts | None":
        """What is counted, from the training part alone; None where no word tells two sequences apart."""
        n_directions = _most_directions(len(sequences))
        drawn = np.random.default_rng(0).permutation(len(sequences))[:_WORD_ROWS]
        sequences = [sequences[i] for i in drawn]
        letters = "" if modality == "molecule" else describe.Letters(sequences).letters
        counts = _counts(sequences, modality, letters)
        columns, weights = describe.useful_columns(counts, modality != "molecule")
        if not len(columns):
            return None
        weights = weights.astype(np.float32)
        mean = np.asarray(counts[:, columns].mean(axis=0), np.float32) * weights
        n_rows = max(_FEWEST_ROWS_TO_TURN, _ROWS_TO_TURN * n_directions)
        rows = counts[:n_rows, columns].toarray() * weights - mean
        directions = _largest_directions(rows, n_directions)
        if not directions.shape[1]:
            return None
        return cls(modality, letters, columns, weights, mean, directions.astype(np.float16))

    def read(self, sequences: Sequence[str]) -> torch.Tensor:
        """The counts of some sequences along the directions, float32 `(n, width)`."""
        found = torch.zeros(len(sequences), self.width)
        directions = torch.from_numpy(self.directions.astype(np.float32))
        for start in range(0, len(sequences), _CHUNK):
            own = sequences[start : start + _CHUNK]
            rows = _counts(own, self.modality, self.letters)[:, self.columns].toarray()
            found[start : start + _CHUNK] = torch.from_numpy(rows * self.weights - self.mean) @ directions
        return found

    def save(self, path: Path) -> None:
        """Write as `.npz`."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "WordCounts":
        """What `save` wrote."""
        with np.load(path) as saved:
            texts = {name: str(saved[name]) for name in ("modality", "letters")}
            return cls(**{name: saved[name] for name in saved.files} | texts)


def _counts(sequences: Sequence[str], modality: Modality, letters: str) -> sparse.csr_array:
    if modality == "molecule":
        return describe.fingerprints(sequences)
    return describe.kmers(sequences, describe.WORD_SIZES[modality], describe.Letters([letters]))


def _most_directions(n_training: int) -> int:
    return min(max(n_training // _ROWS_A_DIRECTION, _FEWEST_DIRECTIONS), _MOST_DIRECTIONS)


def _largest_directions(rows: np.ndarray, most: int) -> np.ndarray:
    """Principal directions of centred rows `(n, n_words)` that have any spread, the largest first: `(n_words, width)`.

    There are more words than rows, so they are found through the products of the rows.
    """
    squares, turn = np.linalg.eigh(rows @ rows.T)
    largest = np.argsort(squares)[::-1][:most]
    kept = largest[squares[largest] > 1e-5 * squares.max(initial=0.0)]
    return rows.T @ (turn[:, kept] / np.sqrt(squares[kept]))
