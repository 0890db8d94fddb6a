"""How alike sequences are: the identity of each query to its nearest reference.

Identity of two proteins or DNA sequences: identical positions of their best local alignment (BLOSUM62, gaps 11 + 1;
DNA +2/-3, gaps 5 + 2; within a band around the diagonal of most shared words), divided by the length of the shorter
sequence, or by half the longer one where that is more: a small fragment is not the same protein. For mutants of one
sequence (equal lengths) the alignment is without gaps.
For molecules: the Tanimoto similarity of Morgan fingerprints (radius 2, 2,048 bits).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from biotl_core.data.dataset import Modality
from biotl_core.data.kmers import as_bytes, word_codes, word_length, word_table
from biotl_core.data.molecules import bit_array, fingerprints, tanimoto
from biotl_core.data.variants import find_variants, letter_matrix
from biotl_core.progress import Control

HALF_BAND = 32
"""An alignment with gaps stays within so many positions of the diagonal that holds most shared words."""
_COMMON_WORD = 500
"""Words in more references than this say little about which of them is nearest."""
_CHUNK = 256
_SHORT = 12
"""Equal lengths up to this many letters are compared position by position: an alignment has no room."""


@dataclass(frozen=True)
class Nearest:
    """For each query its nearest reference."""

    identity: np.ndarray
    """float64 `(n_queries,)`, 0..1; 0 where no reference shares anything with the query."""
    index: np.ndarray
    """int64 `(n_queries,)`, row of the references; 0 where the identity is 0."""


def nearest_identity(
    queries: Sequence[str], references: Sequence[str], modality: Modality, control: Control | None = None
) -> Nearest:
    """The nearest reference of each query, and how alike they are (see the head of this module).

    Args:
        queries: `n_queries` sequences or SMILES.
        references: Sequences or SMILES of the training part.
        modality: What they are.
        control: Told how far it is, and asked whether to stop.
    """
    control = control or Control()
    queries, references = list(queries), list(references)
    if not queries or not references:
        return Nearest(np.zeros(len(queries)), np.zeros(len(queries), dtype=np.int64))
    unique, inverse = _unique(queries)
    if modality == "molecule":
        nearest = _nearest_molecule(unique, references, control)
    elif (letters := _equal_lengths(unique, references)) is not None:
        nearest = _nearest_variant(letters[: len(unique)], letters[len(unique) :], control)
    else:
        nearest = _nearest_aligned(unique, references, modality, control)
    return Nearest(nearest.identity[inverse], nearest.index[inverse])


def _unique(texts: list[str]) -> tuple[list[str], np.ndarray]:
    position: dict[str, int] = {}
    inverse = [position.setdefault(text, len(position)) for text in texts]
    return list(position), np.array(inverse, dtype=np.int64)


def _equal_lengths(queries: list[str], references: list[str]) -> np.ndarray | None:
    """All letters, uint8 `(n, length)`, when both are mutants of one sequence or short and of one length."""
    letters = letter_matrix([*queries, *references])
    if letters is None or letters.shape[1] <= _SHORT:
        return letters
    return letters if find_variants([*queries, *references]) is not None else None


def _nearest_variant(queries: np.ndarray, references: np.ndarray, control: Control) -> Nearest:
    """Share of equal letters, position by position; `(n, length)` letters each.

    Equal letters are counted as a product of one-hot tables over the positions that vary at all.
    """
    from scipy.sparse import csr_matrix

    n, length = len(queries), queries.shape[1]
    both = np.concatenate([queries, references])
    varies = (both != both[0]).any(axis=0)
    n_constant = length - int(varies.sum())
    codes = both[:, varies].astype(np.int64) + 256 * np.arange(int(varies.sum()), dtype=np.int64)
    names, columns = np.unique(codes, return_inverse=True)
    columns = columns.reshape(codes.shape)
    # The commonest letter of each position is left out: equal = positions where both have it + equal rarer letters.
    counts = np.bincount(columns.ravel(), minlength=len(names))
    common = _commonest_columns(columns, counts)
    is_rare = columns != common
    starts = np.concatenate([[0], np.cumsum(is_rare.sum(axis=1))])
    rare = csr_matrix(
        (np.ones(starts[-1], np.float32), columns[is_rare], starts), shape=(len(both), len(names))
    )
    positions = np.broadcast_to(np.arange(columns.shape[1]), columns.shape)[is_rare]
    places = csr_matrix(
        (np.ones(starts[-1], np.float32), positions, starts), shape=(len(both), max(1, columns.shape[1]))
    )
    n_rare = is_rare.sum(axis=1).astype(np.float32)
    identity, index = np.zeros(n), np.zeros(n, dtype=np.int64)
    rare_t, places_t = rare[n:].T.tocsr(), places[n:].T.tocsr()
    for start in range(0, n, _CHUNK):
        control.step("Comparing with the training part", start, n)
        rows = slice(start, min(start + _CHUNK, n))
        same = (rare[rows] @ rare_t).toarray()
        touched = (places[rows] @ places_t).toarray()
        # Positions where neither is rare are equal: all - rare of the one - rare of the other + rare of both.
        equal = columns.shape[1] - n_rare[rows, None] - n_rare[None, n:] + touched + same
        index[rows] = equal.argmax(axis=1)
        identity[rows] = (equal.max(axis=1) + n_constant) / length
    return Nearest(identity, index)


def _commonest_columns(columns: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each position the column of its commonest letter, int64 `(length,)`."""
    order = np.argsort(counts, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.array([column[rank[column].argmax()] for column in columns.T], dtype=np.int64).reshape(
        columns.shape[1]
    )


def _nearest_molecule(queries: list[str], references: list[str], control: Control) -> Nearest:
    query_bits = bit_array(fingerprints(queries, control)).astype(np.float32)
    reference_bits = bit_array(fingerprints(references, control)).astype(np.float32)
    identity, index = np.zeros(len(queries)), np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _CHUNK):
        control.step("Comparing with the training part", start, len(queries))
        rows = slice(start, min(start + _CHUNK, len(queries)))
        alike = tanimoto(query_bits[rows], reference_bits)
        index[rows] = alike.argmax(axis=1)
        identity[rows] = alike.max(axis=1)
    return Nearest(identity, index)


def _nearest_aligned(
    queries: list[str], references: list[str], modality: Modality, control: Control
) -> Nearest:
    """A shortlist by shared words, then alignments of the best few."""
    lengths = np.array([len(reference) for reference in references])
    k = word_length(lengths, modality, int(lengths.sum()))
    exact = {reference: i for i, reference in reversed(list(enumerate(references)))}
    identity, index = np.zeros(len(queries)), np.zeros(len(queries), dtype=np.int64)
    shortlists = _shortlists(queries, references, k, modality, control)
    for i, (query, candidates) in enumerate(zip(queries, shortlists, strict=True)):
        if i % 50 == 0:
            control.step("Aligning with the training part", i, len(queries))
        if query in exact:
            identity[i], index[i] = 1.0, exact[query]
            continue
        for candidate in candidates:
            alike = pair_identity(query, references[candidate], modality, k)
            if alike > identity[i]:
                identity[i], index[i] = alike, candidate
    return Nearest(identity, index)


def _shortlists(
    queries: list[str], references: list[str], k: int, modality: Modality, control: Control
) -> list[list[int]]:
    """For each query up to three references: most shared words, and the largest share of the shorter one's."""
    table = word_table(references, k, modality)
    asked = word_table(queries, k, modality)
    n_words, n_asked = np.diff(table.indptr), np.diff(asked.indptr)
    occupancy = np.bincount(table.indices, minlength=table.shape[1])
    rare = occupancy <= _COMMON_WORD
    by_word = table.T.tocsr()
    shortlists: list[list[int]] = []
    for start in range(0, len(queries), _CHUNK):
        control.step("Looking for relatives in the training part", start, len(queries))
        chunk = asked[start : start + _CHUNK]
        shared = _only(chunk, rare) @ by_word
        for row in range(chunk.shape[0]):
            found = shared.indices[shared.indptr[row] : shared.indptr[row + 1]]
            counts = shared.data[shared.indptr[row] : shared.indptr[row + 1]].astype(np.float64)
            if not len(found):
                # Nothing but common words: a few of them are enough to find a member of the family.
                few = chunk[row].indices[:: max(1, chunk[row].nnz // 16)]
                counts = np.asarray(by_word[few].sum(axis=0), dtype=np.float64).ravel()
                found = np.flatnonzero(counts)
                counts = counts[found]
            shortlists.append(_best_few(found, counts, n_words, n_asked[start + row]))
    return shortlists


def _only(chunk, keep: np.ndarray):
    """The chunk with the words that are not kept taken out."""
    from scipy.sparse import csr_matrix

    data = np.where(keep[chunk.indices], chunk.data, 0)
    # A copy: taking the zeros out moves indices in place, which must not be those of the chunk.
    kept = csr_matrix((data, chunk.indices, chunk.indptr), shape=chunk.shape, copy=True)
    kept.eliminate_zeros()
    return kept


def _best_few(found: np.ndarray, counts: np.ndarray, n_words: np.ndarray, n_asked: int) -> list[int]:
    if not len(found):
        return []
    share = counts / np.maximum(np.minimum(n_words[found], n_asked), 8)
    most = np.argsort(-counts, kind="stable")[:2]
    # A second candidate is worth an alignment only when it is nearly as good.
    chosen = [int(found[i]) for i in most if counts[i] >= 0.7 * counts[most[0]]]
    best_share = int(found[share.argmax()])
    return chosen if best_share in chosen else [*chosen, best_share]


def pair_identity(first: str, second: str, modality: Modality, k: int) -> float:
    """The identity of two proteins or DNA sequences (see the head of this module), 0..1.

    0 where they share fewer than two words on about the same diagonal: then chance explains the likeness.
    """
    n_words, shift = best_diagonal(word_codes(first, k, modality), word_codes(second, k, modality))
    if n_words < min(2, len(first) - k + 1, len(second) - k + 1):
        return 0.0
    return banded_identity(first, second, shift, modality)


def banded_identity(first: str, second: str, shift: int, modality: Modality, enough: float = 0.9) -> float:
    """The identity of two sequences aligned within a band around a diagonal (position in second - in first).

    Without gaps first; where that reaches `enough`, gaps are not tried.
    """
    a, b = as_bytes(first), as_bytes(second)
    norm = max(min(len(a), len(b)), max(len(a), len(b)) / 2)
    straight = _straight_matches(a, b, shift) / norm
    return straight if straight >= enough else max(straight, _aligned_matches(a, b, shift, modality) / norm)


def best_diagonal(words_a: np.ndarray, words_b: np.ndarray) -> tuple[int, int]:
    """How many shared words lie on about one diagonal (within half a band), and its shift (position b - a)."""
    order = np.argsort(words_b, kind="stable")
    ordered = words_b[order]
    left, right = np.searchsorted(ordered, words_a), np.searchsorted(ordered, words_a, side="right")
    n_hits = np.where(words_a >= 0, right - left, 0)
    if not n_hits.any():
        return 0, 0
    at_a = np.repeat(np.arange(len(words_a)), n_hits)
    offsets = np.arange(n_hits.sum()) - np.repeat(np.cumsum(n_hits) - n_hits, n_hits)
    shifts = np.sort(order[np.repeat(left, n_hits) + offsets] - at_a)
    in_window = np.searchsorted(shifts, shifts + HALF_BAND, side="right") - np.arange(len(shifts))
    start = int(in_window.argmax())
    return int(in_window[start]), int(shifts[start + in_window[start] // 2])


def _straight_matches(a: np.ndarray, b: np.ndarray, shift: int) -> int:
    """Identical positions without gaps, b moved by `shift`."""
    start, stop = max(0, -shift), min(len(a), len(b) - shift)
    return int((a[start:stop] == b[start + shift : stop + shift]).sum()) if stop > start else 0


def _aligned_matches(a: np.ndarray, b: np.ndarray, shift: int, modality: Modality) -> int:
    """Identical positions of the best local alignment within a band around a diagonal."""
    from biotite.sequence.align import align_banded

    low, high = max(shift - HALF_BAND, 1 - len(a)), min(shift + HALF_BAND, len(b) - 1)
    if high <= low:
        return 0
    penalty = (-11, -1) if modality == "protein" else (-5, -2)
    alignments = align_banded(
        _as_sequence(a),
        _as_sequence(b),
        _matrix(modality),
        (low, high),
        gap_penalty=penalty,
        local=True,
        max_number=1,
    )
    if not alignments:
        return 0
    trace = alignments[0].trace
    paired = trace[(trace >= 0).all(axis=1)]
    return int((a[paired[:, 0]] == b[paired[:, 1]]).sum())


@lru_cache(maxsize=1)
def _letters():
    from biotite.sequence import LetterAlphabet

    return LetterAlphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _as_sequence(letters: np.ndarray):
    from biotite.sequence import GeneralSequence

    sequence = GeneralSequence(_letters())
    sequence.code = np.minimum(letters - ord("A"), 25)
    return sequence


@lru_cache(maxsize=2)
def _matrix(modality: Modality):
    """Scores of letter pairs over A-Z: BLOSUM62, where U counts as C, O as K, J as L; or +2/-3 for DNA."""
    from biotite.sequence.align import SubstitutionMatrix

    scores = np.full((26, 26), -3, dtype=np.int32) + 5 * np.eye(26, dtype=np.int32)
    if modality == "protein":
        blosum = SubstitutionMatrix.std_protein_matrix()
        known = blosum.get_alphabet1()
        codes = [known.encode({"U": "C", "O": "K", "J": "L"}.get(letter, letter)) for letter in _letters()]
        scores = blosum.score_matrix()[np.ix_(codes, codes)].astype(np.int32)
    return SubstitutionMatrix(_letters(), _letters(), scores)
