"""Target proteins as numbers: pairs of neighbouring residues, and how alike two sequences are by shared words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from biotl_core.evaluation.features import kmers

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_WORD_SIZES = (3, 4)
_MOST_DIRECTIONS = 300


def pair_composition(sequences: Sequence[str]) -> np.ndarray:
    """Root of the share of each pair of neighbouring residues, float32 `(n, 400)`, rows of length 1."""
    place = {letter: i for i, letter in enumerate(LETTERS)}
    table = np.zeros((len(sequences), len(LETTERS) ** 2), np.float32)
    for row, sequence in zip(table, sequences, strict=True):
        codes = np.array([place.get(letter, -1) for letter in sequence], np.int64)
        first, second = codes[:-1], codes[1:]
        known = (first >= 0) & (second >= 0)
        np.add.at(row, first[known] * len(LETTERS) + second[known], 1.0)
    table = np.sqrt(table)
    return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)


def similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """How alike sequences are, 0 to 1, float32 `(n, m)`: cosine of the roots of how often words of 3 and 4
    letters occur.
    """
    words = _words([*first, *second])
    return (words[: len(first)] @ words[len(first) :].T).toarray().astype(np.float32)


def _words(sequences: Sequence[str]) -> sparse.csr_array:
    table = kmers([_plain(sequence) for sequence in sequences], _WORD_SIZES)
    table.data = np.sqrt(table.data)
    norms = np.sqrt(np.asarray(table.multiply(table).sum(axis=1))).ravel()
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(norms, 1e-9)) @ table)


def _plain(sequence: str) -> str:
    return "".join(letter if letter in LETTERS else "X" for letter in sequence) or "X"


@dataclass(frozen=True)
class ProteinDescription:
    """How proteins become numbers, learned on those of the training part.

    The composition of neighbouring pairs, and the place of a protein among the training proteins: the main directions
    of their similarity matrix, into which a new one is put by its similarities (Nyström).
    """

    references: tuple[str, ...]
    """The training proteins."""
    turn: np.ndarray
    """float32 `(n_references, n_directions)`."""
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def learn(cls, references: Sequence[str]) -> "ProteinDescription":
        """From the distinct sequences of the training part."""
        references = tuple(dict.fromkeys(references))
        values, vectors = np.linalg.eigh(similarity(references, references).astype(np.float64))
        order = np.argsort(-values)[:_MOST_DIRECTIONS]
        order = order[values[order] > 1e-6 * max(values.max(), 1e-9)]
        turn = (vectors[:, order] / np.sqrt(values[order])).astype(np.float32)
        composition = pair_composition(references)
        return cls(references, turn, composition.mean(axis=0), np.maximum(composition.std(axis=0), 1e-3))

    def describe(self, sequences: Sequence[str]) -> np.ndarray:
        """float32 `(n, 400 + n_directions)`."""
        composition = (pair_composition(sequences) - self.mean) / self.scale
        place = similarity(sequences, self.references) @ self.turn
        # The directions together weigh as much as the composition.
        return np.hstack([composition, place * np.float32(20.0)]).astype(np.float32)
