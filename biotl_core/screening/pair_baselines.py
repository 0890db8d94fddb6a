"""Simple methods for pairs, which a model of two towers must beat to be worth its trouble."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from biotl_core.progress import Control

_POWERS = (1.0, 2.0, 4.0, 8.0, 16.0)
_CHUNK = 512
_MOST_BOOSTED = 40_000
_SHRINK = 5.0
"""The mean of so many pairs is trusted as much as the overall mean."""


class PairData(NamedTuple):
    """Pairs as numbers."""

    molecule: np.ndarray
    """Index into the molecules, int64 `(n,)`."""
    protein: np.ndarray
    value: np.ndarray
    """float64 `(n,)`."""

    def take(self, rows: np.ndarray) -> "PairData":
        """Some of the pairs."""
        return PairData(self.molecule[rows], self.protein[rows], self.value[rows])


def predict_mean(train: PairData, test: PairData) -> np.ndarray:
    """The mean of the training pairs for every one."""
    return np.full(len(test.value), train.value.mean())


def predict_biases(train: PairData, test: PairData, rounds: int = 10) -> np.ndarray:
    """Mean plus what the molecule and the target protein usually add; nothing for those that were never seen."""
    mean = float(train.value.mean())
    n_molecules = max(train.molecule.max(), test.molecule.max()) + 1
    n_proteins = max(train.protein.max(), test.protein.max()) + 1
    of_molecule, of_protein = np.zeros(n_molecules), np.zeros(n_proteins)
    for _ in range(rounds):
        of_molecule = _shrunk(train.molecule, train.value - mean - of_protein[train.protein], n_molecules)
        of_protein = _shrunk(train.protein, train.value - mean - of_molecule[train.molecule], n_proteins)
    return mean + of_molecule[test.molecule] + of_protein[test.protein]


def _shrunk(index: np.ndarray, rest: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(index, weights=rest, minlength=n) / (np.bincount(index, minlength=n) + _SHRINK)


class Neighbours(NamedTuple):
    """Similar pairs vote: each measured pair counts by the similarity of its molecule times that of its target protein.

    Both similarities are raised to a power, so that near ones count most; the powers are chosen on the validation part.
    The sums over all measured pairs are two matrix products.
    """

    train: PairData
    molecule_similarity: np.ndarray
    """float32 `(n_molecules, n_molecules)`."""
    protein_similarity: np.ndarray
    """float32 `(n_proteins, n_proteins)`."""
    powers: tuple[float, float]

    @classmethod
    def learn(
        cls, train: PairData, validation: PairData, molecules: np.ndarray, proteins: np.ndarray,
        control: Control | None = None,
    ) -> "Neighbours":  # fmt: skip
        """Choose the powers."""
        control, best, chosen = control or Control(), np.inf, (4.0, 4.0)
        for i, first in enumerate(_POWERS):
            control.step("Simple methods: similar pairs", i, len(_POWERS))
            for second in _POWERS:
                own = cls(train, molecules, proteins, (first, second))
                error = float(((own.predict(validation) - validation.value) ** 2).mean())
                if error < best:
                    best, chosen = error, (first, second)
        return cls(train, molecules, proteins, chosen)

    def predict(self, pairs: PairData) -> np.ndarray:
        """Of pairs by their indices."""
        rows, place = np.unique(pairs.molecule, return_inverse=True)
        found = np.zeros(len(pairs.value))
        columns, column = np.unique(pairs.protein, return_inverse=True)
        votes = self._votes(self.protein_similarity[columns])
        for start in range(0, len(rows), _CHUNK):
            inside = (place >= start) & (place < start + _CHUNK)
            table = self._table(self.molecule_similarity[rows[start : start + _CHUNK]], votes)
            found[inside] = table[place[inside] - start, column[inside]]
        return found

    def against(self, molecule_similarity: np.ndarray, protein_similarity: np.ndarray) -> np.ndarray:
        """Of all pairs of new molecules and proteins, by their similarities to those of the table: `(n, m)`."""
        return self._table(molecule_similarity, self._votes(protein_similarity))

    def _votes(self, protein_similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What every molecule of the table says for each protein, summed and counted: two of `(n_molecules, m)`."""
        train = self.train
        shape = (self.molecule_similarity.shape[1], self.protein_similarity.shape[1])
        values = sparse.csr_array((train.value, (train.molecule, train.protein)), shape=shape)
        there = sparse.csr_array((np.ones(len(train.value)), (train.molecule, train.protein)), shape=shape)
        weights = protein_similarity.astype(np.float64).T ** self.powers[1]
        return (values @ weights).astype(np.float32), (there @ weights).astype(np.float32)

    def _table(self, molecule_similarity: np.ndarray, votes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        weights = molecule_similarity.astype(np.float32) ** self.powers[0]
        total, count = weights @ votes[0], weights @ votes[1]
        return np.where(count > 1e-9, total / np.maximum(count, 1e-9), self.train.value.mean())


def predict_boosting(
    train: PairData, test: PairData, molecules: np.ndarray, proteins: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Boosted trees over a short description of both sides; learned from at most 40,000 pairs.

    Args:
        train, test: pairs by index.
        molecules, proteins: descriptions float32 `(n, d)` of the two sides.
        seed: of the trees and of the sample.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = np.arange(len(train.value))
    if len(rows) > _MOST_BOOSTED:
        rows = np.random.default_rng(seed).choice(rows, _MOST_BOOSTED, replace=False)
    own = train.take(rows)
    trees = HistGradientBoostingRegressor(
        max_iter=200,
        max_leaf_nodes=63,
        learning_rate=0.1,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )
    trees.fit(np.hstack([molecules[own.molecule], proteins[own.protein]]), own.value)
    return trees.predict(np.hstack([molecules[test.molecule], proteins[test.protein]]))


def short_description(bits: sparse.csr_array, n: int = 48, seed: int = 0) -> np.ndarray:
    """The main directions of fingerprints, float32 `(n_molecules, n)` (truncated SVD)."""
    from sklearn.decomposition import TruncatedSVD

    n = min(n, min(bits.shape) - 1)
    return TruncatedSVD(n, random_state=seed).fit_transform(sparse.csr_matrix(bits)).astype(np.float32)
