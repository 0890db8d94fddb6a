"""Exchanges: what variants change in their parent; where, by which amino acid, and how unlike the two are.

A letter at its place tells nothing of other letters there, nor of the same exchange elsewhere. Amino acids as points,
close where they are alike, tell both, which is much where few variants were measured.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import sparse

from biotl_core.data.variants import Variants

AMINO_ACIDS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)
N_TRAITS = 5
N_KINDS = 2 * N_TRAITS + 2 * len(AMINO_ACIDS)
"""Columns of `kinds_of_exchange`."""


class Exchanges(NamedTuple):
    """All exchanges of n variants of one parent, one after the other, `(n_exchanges,)` each."""

    n: int
    """Variants."""
    length: int
    """Letters of the parent."""
    row: np.ndarray
    """Which variant."""
    place: np.ndarray
    """Where, from 0."""
    old: np.ndarray
    """The parent's letter, uint8."""
    new: np.ndarray
    """The variant's, uint8."""

    @classmethod
    def of(cls, letters: np.ndarray, parent: np.ndarray) -> "Exchanges":
        """Those of variants, uint8 `(n, length)`, of a parent, `(length,)`."""
        row, place = np.nonzero(letters != parent)
        return cls(*letters.shape, row, place, parent[place], letters[row, place])

    def places(self) -> sparse.csr_array:
        """1 where a place is changed: `(n, length)`."""
        ones = np.ones(len(self.row), dtype=np.float64)
        return sparse.csr_array((ones, (self.row, self.place)), shape=(self.n, self.length))

    def letters(self) -> sparse.csr_array:
        """1 for the new letter of each changed place: `(n, length * 256)`."""
        ones = np.ones(len(self.row), dtype=np.float64)
        columns = self.place.astype(np.int64) * 256 + self.new
        return sparse.csr_array((ones, (self.row, columns)), shape=(self.n, self.length * 256))

    def steps(self) -> sparse.csr_array:
        """From the old amino acid to the new one, at its place: `(n, length * N_TRAITS)`."""
        traits = letter_traits()
        steps = traits[self.new] - traits[self.old]
        columns = (self.place[:, None] * N_TRAITS + np.arange(N_TRAITS)).ravel()
        return sparse.csr_array(
            (steps.ravel(), (np.repeat(self.row, N_TRAITS), columns)), shape=(self.n, self.length * N_TRAITS)
        )

    def kinds(self) -> np.ndarray:
        """Of which kind exchanges are, wherever they are, summed over those of a variant: float64 `(n, N_KINDS)`.

        The steps and their sizes, trait by trait, then how often each amino acid comes in and how often it goes.
        """
        traits = letter_traits()
        steps = traits[self.new] - traits[self.old]
        which = np.eye(256)[:, AMINO_ACIDS]
        total = np.zeros((self.n, N_KINDS))
        np.add.at(total, self.row, np.hstack([steps, np.abs(steps), which[self.new], which[self.old]]))
        return total


def describe_exchanges(variants: Variants) -> sparse.csr_array:
    """All that is known of the exchanges of variants of a protein, side by side: float32 `(n, n_columns)`.

    The new letters, the places and steps, and the kinds; each brought to a mean squared length of 1.
    """
    exchanges = Exchanges.of(variants.letters, variants.consensus)
    where = sparse.hstack([exchanges.steps(), exchanges.places()], format="csr")
    kinds = exchanges.kinds()
    kinds = sparse.csr_array(kinds / np.maximum(kinds.std(axis=0), 1e-6))
    blocks = [exchanges.letters(), where, kinds]
    lengths = [np.sqrt(block.multiply(block).sum() / max(exchanges.n, 1)) for block in blocks]
    rows = [block / max(length, 1e-12) for block, length in zip(blocks, lengths, strict=True)]
    return sparse.hstack(rows, format="csr", dtype=np.float32)


@lru_cache(maxsize=1)
def letter_traits() -> np.ndarray:
    """Amino acids as points, close where BLOSUM62 finds them alike: `(256, N_TRAITS)`, 0 for other letters.

    The leading eigenvectors of the matrix (multidimensional scaling of its scores).
    """
    from biotite.sequence.align import SubstitutionMatrix

    matrix = SubstitutionMatrix.std_protein_matrix()
    names = [chr(code) for code in AMINO_ACIDS]
    scores = np.array([[matrix.get_score(a, b) for b in names] for a in names], dtype=np.float64)
    centred = scores - scores.mean(axis=0) - scores.mean(axis=1)[:, None] + scores.mean()
    values, vectors = np.linalg.eigh(centred)
    traits = np.zeros((256, N_TRAITS))
    traits[AMINO_ACIDS] = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :N_TRAITS]
    return traits
