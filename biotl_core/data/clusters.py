"""Groups of sequences that are alike, so that whole groups can go to one part.

Every pair at or above the threshold is in one group, also over several steps (single linkage), so that no sequence has
such a relative in another group. Proteins and DNA: by MMseqs2 (see `mmseqs`), which asks for identity and coverage.
Where it is not there, and for short DNA, pairs that share enough words are compared by identity (see `similarity`);
words in many sequences link all of these to the longest one (as in Linclust: Steinegger and Söding, Nat. Commun. 9,
2542, 2018), which keeps the work in proportion to the number of sequences. `Clusters.method` says which it was.
Molecules: all pairs at a Tanimoto similarity, exactly.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from biotl_core.data.dataset import Modality
from biotl_core.data.kmers import word_codes, word_table
from biotl_core.data.mmseqs import link_by_mmseqs, suits_mmseqs
from biotl_core.data.molecules import bit_array, fingerprints, scaffold, tanimoto
from biotl_core.data.similarity import banded_identity, best_diagonal
from biotl_core.progress import Control

COVERAGE = 0.5
"""Share of both sequences that an alignment must cover to make them relatives: a shared domain alone does not."""
_COMMON_WORD = 40
"""Words in more sequences than this link to the longest sequence only."""
_CHUNK = 512


class Clusters(NamedTuple):
    """Groups of sequences that are alike."""

    groups: np.ndarray
    """A group number for each sequence, int64 `(n,)`; groups are numbered by their first member."""
    method: str
    """How they were found, in words."""


def find_clusters(
    sequences: Sequence[str],
    modality: Modality,
    identity: float,
    control: Control | None = None,
    *,
    coverage: float = COVERAGE,
    program: Path | None = None,
) -> Clusters:
    """Put sequences that are alike into one group.

    Args:
        sequences: Proteins, DNA, or SMILES.
        modality: What they are.
        identity: Pairs at or above it belong together (0..1); for molecules the Tanimoto similarity.
        control: Told how far it is, and asked whether to stop.
        coverage: Share of both sequences that the alignment must cover; used by MMseqs2 only.
        program: MMseqs2, for sequences it suits; None groups by shared words and alignments.
    """
    control = control or Control()
    sequences = list(sequences)
    if modality == "molecule":
        labels = _link_molecules(sequences, identity, control)
        method = "all pairs of Morgan fingerprints compared"
    elif program is not None and suits_mmseqs(sequences, modality):
        labels = link_by_mmseqs(program, sequences, modality, identity, coverage, control)
        method = f"MMseqs2, alignments over {coverage:.0%} of both"
    else:
        labels = _link_sequences(sequences, modality, identity, control)
        method = "shared words and alignments"
    return Clusters(_number_groups(labels), method)


def cluster_sequences(
    sequences: Sequence[str], modality: Modality, identity: float, control: Control | None = None
) -> np.ndarray:
    """The group number of each sequence, int64 `(n,)`, found without MMseqs2; see `find_clusters`."""
    return find_clusters(sequences, modality, identity, control).groups


def cluster_scaffolds(smiles: Sequence[str], control: Control | None = None) -> np.ndarray:
    """A group number for each molecule by its Bemis-Murcko scaffold; molecules without rings are one group."""
    control = control or Control()
    scaffolds = []
    for i, text in enumerate(smiles):
        if i % 1_000 == 0:
            control.step("Scaffolds of molecules", i, len(smiles))
        scaffolds.append(scaffold(text))
    return _number_groups(np.unique(np.array(scaffolds, dtype=object).astype(str), return_inverse=True)[1])


def _number_groups(labels: np.ndarray) -> np.ndarray:
    """The same groups, numbered 0, 1, ... in the order of their first member."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


class _Groups:
    """Union-find: which sequences already belong together."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        self.parent[self.root(i)] = self.root(j)


def _link_sequences(
    sequences: list[str], modality: Modality, identity: float, control: Control
) -> np.ndarray:
    lengths = np.array([len(sequence) for sequence in sequences])
    k = _linking_word_length(lengths, modality)
    table = word_table(sequences, k, modality)
    first, second, shared = _candidate_pairs(table, lengths, k, identity, control)
    groups = _Groups(len(sequences))
    words = [word_codes(sequence, k, modality) for sequence in sequences]
    for step, i in enumerate(np.argsort(-shared, kind="stable")):
        if step % 500 == 0:
            control.step("Comparing sequences that share words", step, len(shared))
        a, b = int(first[i]), int(second[i])
        # A pair that is in one group already needs no comparison: this is what makes large families cheap.
        if groups.root(a) == groups.root(b):
            continue
        n_words, shift = best_diagonal(words[a], words[b])
        if n_words < _least_words(lengths[a], lengths[b], k, identity):
            continue
        if banded_identity(sequences[a], sequences[b], shift, modality, identity) >= identity:
            groups.join(a, b)
    return np.array([groups.root(i) for i in range(len(sequences))], dtype=np.int64)


def _linking_word_length(lengths: np.ndarray, modality: Modality) -> int:
    """Longer words than for a nearest neighbour, since all pairs are asked."""
    median, n_letters = float(np.median(lengths)), int(lengths.sum())
    if modality == "dna":
        return 6 if median < 40 else 8 if n_letters < 1_000_000 else 11
    return 3 if median < 60 else 4 if n_letters < 500_000 else 5


def _candidate_pairs(
    table,
    lengths: np.ndarray,
    k: int,
    identity: float,
    control: Control,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of rows that may reach the identity, and the number of words they share; int64 `(n_pairs,)` each."""
    from scipy.sparse import csr_matrix

    n = table.shape[0]
    occupancy = np.bincount(table.indices, minlength=table.shape[1])
    is_rare = (occupancy > 1) & (occupancy <= _COMMON_WORD)
    rare = table.copy()
    rare.data = np.where(is_rare[rare.indices], rare.data, 0)
    rare.eliminate_zeros()
    stars = _star_pairs(table, occupancy, lengths)
    star_table = csr_matrix((np.ones(stars.shape[1], np.int32), (stars[0], stars[1])), shape=(n, n))
    by_word = rare.T.tocsr()
    pieces: list[np.ndarray] = []
    for start in range(0, n, _CHUNK):
        control.step("Looking for shared words", start, n)
        shared = ((rare[start : start + _CHUNK] @ by_word) + star_table[start : start + _CHUNK]).tocoo()
        rows, columns, counts = shared.row + start, shared.col, shared.data
        keep = (rows != columns) & (counts >= _least_words(lengths[rows], lengths[columns], k, identity))
        pieces.append(np.stack([rows[keep], columns[keep], counts[keep]]).astype(np.int64))
    pairs = np.concatenate(pieces, axis=1) if pieces else np.zeros((3, 0), dtype=np.int64)
    low, high = np.minimum(pairs[0], pairs[1]), np.maximum(pairs[0], pairs[1])
    _, unique = np.unique(low * n + high, return_index=True)
    return low[unique], high[unique], pairs[2][unique]


def _star_pairs(table, occupancy: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """For each common word the pairs (a sequence that has it, the longest that has it); int64 `(2, n)`."""
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    is_common = occupancy[table.indices] > _COMMON_WORD
    rows, words = rows[is_common], table.indices[is_common]
    order = np.lexsort((rows, -lengths[rows], words))
    rows, words = rows[order], words[order]
    starts = (
        np.flatnonzero(np.r_[True, words[1:] != words[:-1]]) if len(words) else np.zeros(0, dtype=np.int64)
    )
    centres = np.repeat(rows[starts], np.diff(np.r_[starts, len(words)]))
    return np.stack([rows, centres])


def _least_words(first: np.ndarray, second: np.ndarray, k: int, identity: float) -> np.ndarray:
    """Shared words below which a pair is not compared.

    A pair of the identity shares about length x identity^k words if its differences are spread evenly, more if they
    are not; half of that is asked for, and at least two or three, which unrelated sequences rarely share.
    """
    shorter = np.minimum(first, second)
    at_least = np.where(first * second > 20_000, 3, 2)
    return np.maximum(at_least, 0.5 * shorter * identity**k)


def _link_molecules(smiles: list[str], similarity: float, control: Control) -> np.ndarray:
    """The component of each molecule when all pairs of the similarity are linked, int64 `(n,)`."""
    from scipy.sparse import csr_matrix, vstack
    from scipy.sparse.csgraph import connected_components

    bits = bit_array(fingerprints(smiles, control)).astype(np.float32)
    links = []
    for start in range(0, len(bits), _CHUNK):
        control.step("Comparing molecules", start, len(bits))
        links.append(csr_matrix(tanimoto(bits[start : start + _CHUNK], bits) >= similarity))
    if not links:
        return np.zeros(0, dtype=np.int64)
    return connected_components(vstack(links), directed=False)[1].astype(np.int64)
