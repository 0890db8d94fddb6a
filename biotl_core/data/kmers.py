"""Short words (k-mers) of proteins and DNA as sparse tables: which sequences may be alike."""

from collections.abc import Sequence

import numpy as np

from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Modality

INVALID = 255
"""Code of a letter that is not plain: no word may hold it."""


def letter_codes(modality: Modality) -> np.ndarray:
    """Code of each byte, uint8 `(256,)`: 0, 1, ... for the plain letters, INVALID for all others."""
    codes = np.full(256, INVALID, dtype=np.uint8)
    for code, letter in enumerate(ALPHABETS[modality].letters):
        codes[ord(letter)] = code
    return codes


def as_bytes(sequence: str) -> np.ndarray:
    """The letters of a sequence, uint8 `(length,)`."""
    return np.frombuffer(sequence.encode("latin-1", errors="replace"), dtype=np.uint8)


def word_length(lengths: np.ndarray, modality: Modality, n_letters: int) -> int:
    """Letters of a word: long enough that chance gives few matches, short enough that relatives share some.

    A pair of identity p shares about length x p^k words, two unrelated ones of m and n letters m n / |alphabet|^k.
    """
    median = float(np.median(lengths)) if len(lengths) else 0.0
    if modality == "dna":
        return 6 if median < 40 else 8 if n_letters < 20_000_000 else 11
    return 3 if median < 60 else 4 if n_letters < 4_000_000 else 5


def word_codes(sequence: str, k: int, modality: Modality) -> np.ndarray:
    """The code of the word at each position, int64 `(length - k + 1,)`; -1 where a letter of it is not plain."""
    codes = letter_codes(modality)[as_bytes(sequence)]
    return _words(codes, k, len(ALPHABETS[modality].letters))


def _words(codes: np.ndarray, k: int, base: int) -> np.ndarray:
    n_words = len(codes) - k + 1
    if n_words <= 0:
        return np.zeros(0, dtype=np.int64)
    words = np.zeros(n_words, dtype=np.int64)
    is_plain = np.ones(n_words, dtype=bool)
    for offset in range(k):
        letters = codes[offset : offset + n_words]
        words = words * base + letters
        is_plain &= letters != INVALID
    words[~is_plain] = -1
    return words


def word_table(sequences: Sequence[str], k: int, modality: Modality):
    """Which words each sequence holds, as a sparse table of ones, int32 `(n_sequences, |alphabet|^k)` (CSR)."""
    from scipy.sparse import csr_matrix

    base = len(ALPHABETS[modality].letters)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    joined = "\n".join(sequences).encode("latin-1", errors="replace")
    codes = letter_codes(modality)[np.frombuffer(joined, dtype=np.uint8)]
    words = _words(codes, k, base)
    # The line breaks between sequences are not plain letters, so no word spans two sequences.
    owner = np.repeat(np.arange(len(sequences), dtype=np.int64), lengths + 1)[: len(words)]
    is_word = words >= 0
    owner, words = owner[is_word], words[is_word]
    order = np.lexsort((words, owner))
    owner, words = owner[order], words[order]
    is_new = np.ones(len(words), dtype=bool)
    is_new[1:] = (owner[1:] != owner[:-1]) | (words[1:] != words[:-1])
    owner, words = owner[is_new], words[is_new]
    starts = np.searchsorted(owner, np.arange(len(sequences) + 1))
    ones = np.ones(len(words), dtype=np.int32)
    return csr_matrix((ones, words, starts), shape=(len(sequences), base**k))
