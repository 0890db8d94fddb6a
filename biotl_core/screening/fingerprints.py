"""Morgan fingerprints of many molecules as lists of set bits, and the Tanimoto similarity between them.

Radius 2, 4,096 bits, counts kept by RDKit's count simulation (Rogers and Hahn, J. Chem. Inf. Model. 50, 742, 2010). A
drug-like molecule sets about 70 of them, so a list of two-byte numbers takes a quarter of the packed bits, and a
straight line over the bits is a sum over the list.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import sparse

N_BITS = 4096
RADIUS = 2


class Bits(NamedTuple):
    """Set bits of n molecules, one list after the other."""

    indices: np.ndarray
    """uint16 `(n_set,)`."""
    counts: np.ndarray
    """How many of them belong to each molecule, `(n,)`; 0 for what could not be read."""

    def matrix(self) -> sparse.csr_array:
        """As a sparse matrix of ones, float32 `(n, N_BITS)`."""
        starts = np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])
        ones = np.ones(len(self.indices), dtype=np.float32)
        return sparse.csr_array(
            (ones, self.indices.astype(np.int32), starts), shape=(len(self.counts), N_BITS)
        )


@lru_cache(maxsize=1)
def generator() -> object:
    """RDKit's fingerprint generator."""
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=N_BITS, countSimulation=True)


def bits_of(molecule: object) -> np.ndarray:
    """The set bits of one RDKit molecule, uint16, rising."""
    return np.fromiter(generator().GetFingerprint(molecule).GetOnBits(), dtype=np.uint16)


def fingerprints(smiles: Sequence[str]) -> Bits:
    """Set bits of molecules; an empty list for a SMILES that cannot be read."""
    from rdkit import Chem, rdBase

    lists = []
    with rdBase.BlockLogs():
        for text in smiles:
            molecule = Chem.MolFromSmiles(text) if text else None
            lists.append(np.zeros(0, np.uint16) if molecule is None else bits_of(molecule))
    counts = np.array([len(one) for one in lists], dtype=np.uint16)
    return Bits(np.concatenate([np.zeros(0, np.uint16), *lists]), counts)


def tanimoto(first: sparse.csr_array, second: sparse.csr_array) -> np.ndarray:
    """Bits in both / bits in either, for all pairs: `(n, N_BITS)` and `(m, N_BITS)` to float32 `(n, m)`; 0
    without bits.

    Tanimoto's coefficient; as a kernel of a Gaussian process it is positive definite (Ralaivola et al., Neural
    Networks 18, 1093, 2005).
    """
    both = first @ second.toarray().T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1)[None, :] - both
    np.maximum(either, 1.0, out=either)
    return np.asarray(both / either, dtype=np.float32)


def nearest(molecules: sparse.csr_array, training: sparse.csr_array, chunk: int = 4096) -> "Nearest":
    """The most similar training molecule of each."""
    similarity, index = np.zeros(molecules.shape[0], np.float32), np.zeros(molecules.shape[0], np.int64)
    for start in range(0, molecules.shape[0], chunk):
        block = tanimoto(molecules[start : start + chunk], training)
        index[start : start + chunk] = block.argmax(axis=1)
        similarity[start : start + chunk] = block.max(axis=1)
    return Nearest(similarity, index)


class Nearest(NamedTuple):
    """For each molecule the most similar one of others."""

    similarity: np.ndarray
    """Tanimoto, float32 `(n,)`."""
    index: np.ndarray
    """Its row, int64 `(n,)`."""
