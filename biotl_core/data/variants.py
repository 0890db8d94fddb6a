"""Sets of one protein's (or one promoter's) mutants: equal lengths, few letters away from a common sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_SHARED = 0.6
"""Mean share of letters equal to the consensus from which a set of equal lengths counts as mutants of one."""


@dataclass(frozen=True)
class Variants:
    """Sequences of equal length as letters, and the commonest letter at each position."""

    letters: np.ndarray
    """uint8 `(n, length)`."""
    consensus: np.ndarray
    """uint8 `(length,)`; the wild type, or close to it."""

    @property
    def parent(self) -> str:
        """The consensus as text."""
        return self.consensus.tobytes().decode("latin-1")

    @property
    def is_mutated(self) -> np.ndarray:
        """Where a sequence differs from the consensus, bool `(n, length)`."""
        return self.letters != self.consensus

    @property
    def shared(self) -> float:
        """Mean share of letters equal to the consensus, 0..1."""
        return 1.0 - float(self.is_mutated.mean())


def letter_matrix(sequences: Sequence[str]) -> np.ndarray | None:
    """The letters of sequences of equal length, uint8 `(n, length)`; None where lengths differ."""
    if not len(sequences) or len({len(sequence) for sequence in sequences}) != 1 or not len(sequences[0]):
        return None
    joined = "".join(sequences).encode("latin-1", errors="replace")
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(sequences), -1)


def find_variants(sequences: Sequence[str]) -> Variants | None:
    """The set as mutants of one sequence, None where it is none (other lengths, or too different).

    >>> find_variants(["MKVL", "MKVI", "MAVL"]).parent
    'MKVL'
    >>> find_variants(["MKVL", "MKV"]) is None
    True
    """
    letters = letter_matrix(sequences)
    if letters is None:
        return None
    variants = Variants(letters, _commonest(letters))
    return variants if variants.shared >= MIN_SHARED else None


def _commonest(letters: np.ndarray) -> np.ndarray:
    counts = np.zeros((256, letters.shape[1]), dtype=np.int64)
    for letter in np.unique(letters):
        counts[letter] = (letters == letter).sum(axis=0)
    return counts.argmax(axis=0).astype(np.uint8)
