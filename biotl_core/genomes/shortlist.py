"""Which proteins of two genomes are worth an alignment: those that share the rarest words.

Aligning every protein with every other takes minutes; relatives share words, and a sparse product finds who shares
which in about a second. Words of five plain letters find relatives above about 45 % identity; spaced words over
fewer letters, where amino acids that replace each other are one, reach further down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_CHUNK = 512


@dataclass(frozen=True)
class WordScheme:
    """What counts as a word."""

    groups: tuple[str, ...]
    """Amino acids that count as one letter."""
    pattern: str
    """1 where a letter counts, 0 where any letter may stand."""

    @property
    def n_words(self) -> int:
        """How many different words there are."""
        return len(self.groups) ** self.pattern.count("1")


PLAIN = WordScheme(tuple("ACDEFGHIKLMNPQRSTVWY"), "11111")
# Groups of ten letters after Murphy, Wallqvist and Levy (2000), Protein Eng. 13:149.
REDUCED = WordScheme(("LVIM", "C", "A", "G", "ST", "P", "FYW", "EDNQ", "KR", "H"), "1101011")
SCHEMES: dict[str, tuple[WordScheme, ...]] = {
    "close": (PLAIN,),
    "distant": (
        WordScheme(PLAIN.groups, "1111"),
        REDUCED,
        WordScheme(REDUCED.groups, "1110101"),
    ),
}


def word_rows(proteins: Sequence[str], scheme: WordScheme) -> Any:
    """Which words each protein holds: a sparse table of ones, float32 `(n_proteins, n_words)` (CSR)."""
    from scipy.sparse import csr_matrix

    codes = np.full(256, 255, dtype=np.uint8)
    for code, group in enumerate(scheme.groups):
        for letter in group:
            codes[ord(letter)] = code
    offsets = [i for i, mark in enumerate(scheme.pattern) if mark == "1"]
    joined = codes[np.frombuffer("\n".join([*proteins, ""]).encode("latin-1", "replace"), dtype=np.uint8)]
    n = max(0, len(joined) - len(scheme.pattern) + 1)
    words, is_word = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    for offset in range(len(scheme.pattern)):
        # A line break within the word's span would join two proteins, even where any letter may stand.
        letters = joined[offset : offset + n]
        is_word &= letters != 255
        if offset in offsets:
            words = words * len(scheme.groups) + letters
    lengths = np.array([len(protein) + 1 for protein in proteins], dtype=np.int64)
    owner = np.repeat(np.arange(len(proteins)), lengths)[:n]
    pairs = distinct(owner[is_word] * scheme.n_words + words[is_word])
    rows, columns = np.divmod(pairs, scheme.n_words)
    ones = np.ones(len(pairs), dtype=np.float32)
    return csr_matrix((ones, (rows, columns)), shape=(len(proteins), scheme.n_words))


def distinct(keys: np.ndarray) -> np.ndarray:
    """The different whole numbers, sorted. (`numpy.unique` hashes them, which takes ten times as long.)"""
    ordered = np.sort(keys)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def shared_words(
    queries: Sequence[str], references: Sequence[str], n_best: int, schemes: Sequence[WordScheme] = (PLAIN,)
) -> tuple[np.ndarray, np.ndarray]:
    """For each query the references that share most with it, as rows and columns of pairs, sorted by row.

    The words count by how rare they are (the logarithm squared of the share of proteins without them), and a score is
    divided by the square root of the reference's length, since a long one shares words by chance.

    Args:
        queries: `n` proteins.
        references: `m` proteins.
        n_best: how many of them for each query and scheme, at most.
        schemes: what counts as a word; the pairs found by any are returned.
    """
    if not len(queries) or not len(references):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    found: list[np.ndarray] = []
    root_lengths = np.sqrt(np.array([max(len(r), 50) for r in references], dtype=np.float32))
    for scheme in schemes:
        asked, known = word_rows(queries, scheme), word_rows(references, scheme)
        occurrences = np.bincount(known.indices, minlength=scheme.n_words) + 1.0
        weights = np.log(max(len(references), 2) / np.minimum(occurrences, len(references)) + 1.0) ** 2
        asked.data *= weights.astype(np.float32)[asked.indices]
        by_word = known.T.tocsr()
        for start in range(0, len(queries), _CHUNK):
            scores = asked[start : start + _CHUNK] @ by_word
            scores.data /= root_lengths[scores.indices]
            found.append(_best(scores, n_best, start))
    rows, columns = np.concatenate(found, axis=1)
    keys = distinct(rows * len(references) + columns)
    return np.divmod(keys, len(references))


def _best(scores: Any, n_best: int, start: int) -> np.ndarray:
    """Rows (counted from `start`) and columns of the largest scores of each row of a sparse table, int64 `(2, n)`."""
    rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    # One sort over all: by row, then from the best down; the place within its row says whether a pair is kept.
    order = np.argsort(rows * 1e6 - scores.data, kind="stable")
    place = np.arange(len(order)) - scores.indptr[rows[order]]
    kept = order[place < n_best]
    return np.stack([rows[kept] + start, scores.indices[kept]]).astype(np.int64)
