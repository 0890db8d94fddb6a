"""Alignments of proteins: Smith-Waterman scores with what they mean (bits, E-value, identity, coverage).

BLOSUM62, a gap of k letters costs 11 + k. Bits and E-values after Karlin and Altschul with the constants that BLAST
gives for these costs: bits = (lambda S - ln K) / ln 2, E = m n 2^-bits.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

LAMBDA, K = 0.267, 0.041
"""Constants of gapped BLOSUM62 with 11 + k (Altschul et al. 1997, Nucleic Acids Res. 25:3389)."""
_OPEN, _EXTEND = 12, 1  # parasail counts the first letter of a gap as the opening
_MOST_CELLS = 400_000_000
"""Alignments larger than this are scored but not traced: the trace would take as many bytes."""


class Aligned(NamedTuple):
    """What one alignment says."""

    score: int
    identity: float
    """Identical letters as a share of the aligned columns, 0..1."""
    query_coverage: float
    """Share of the query's letters within the alignment, 0..1."""
    reference_coverage: float


def bits_of(scores: np.ndarray) -> np.ndarray:
    """Bits of raw scores, any shape.

    >>> float(bits_of(np.array(100)).round(1))
    43.1
    """
    return (LAMBDA * np.asarray(scores, dtype=np.float64) - math.log(K)) / math.log(2)


def evalues_of(scores: np.ndarray, query_lengths: np.ndarray, database_letters: float) -> np.ndarray:
    """How many such scores chance gives for a query in a database of so many letters."""
    return np.asarray(query_lengths, dtype=np.float64) * database_letters * np.exp2(-bits_of(scores))


@cache
def _matrix():
    import parasail

    return parasail.blosum62


def clean(protein: str) -> str:
    """Letters that BLOSUM62 knows: U as C, O as K, J as L, all others as X."""
    return protein.translate(_RARE)


_RARE = {ord("U"): "C", ord("O"): "K", ord("J"): "L", ord("*"): "X"}


def align_scores(query: str, references: Iterable[str]) -> list[int]:
    """Raw local scores of one protein against others."""
    import parasail

    profile = parasail.profile_create_sat(query, _matrix())
    align = parasail.sw_striped_profile_sat
    return [align(profile, reference, _OPEN, _EXTEND).score for reference in references]


def score_pairs(
    queries: Sequence[str], references: Sequence[str], rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Raw local scores of pairs, int32 `(n_pairs,)`; pairs of one query should lie together."""
    scores = np.zeros(len(rows), dtype=np.int32)
    ends = np.flatnonzero(np.diff(rows, append=-1)) + 1
    start = 0
    for end in ends:
        scores[start:end] = align_scores(queries[rows[start]], [references[j] for j in columns[start:end]])
        start = end
    return scores


def align(query: str, reference: str) -> Aligned:
    """The best local alignment of two proteins."""
    import parasail

    if len(query) * len(reference) > _MOST_CELLS:
        found = parasail.sw_stats_striped_32(query, reference, _OPEN, _EXTEND, _matrix())
        share = found.matches / max(found.length, 1)
        return Aligned(
            found.score,
            share,
            min(1.0, found.length / max(len(query), 1)),
            min(1.0, found.length / max(len(reference), 1)),
        )
    # "Scan" traces the same path as "striped", and proteins that are much alike three times as fast.
    found = parasail.sw_trace_scan_sat(query, reference, _OPEN, _EXTEND, _matrix())
    cigar = found.cigar
    operations = np.array(cigar.seq, dtype=np.int64)
    lengths, kinds = (
        operations >> 4,
        operations & 15,
    )  # as in BAM: 1 insertion, 2 deletion, 7 equal, 8 unequal
    n_equal = int(lengths[kinds == 7].sum())
    return Aligned(
        found.score,
        n_equal / max(int(lengths.sum()), 1),
        (found.end_query + 1 - cigar.beg_query) / max(len(query), 1),
        (found.end_ref + 1 - cigar.beg_ref) / max(len(reference), 1),
    )


def alignment_text(query: str, reference: str, width: int = 80) -> str:
    """The alignment as three lines a block: the query, the matches (| equal, + alike), the reference."""
    import parasail

    found = parasail.sw_trace_striped_sat(query, reference, _OPEN, _EXTEND, _matrix())
    trace = found.traceback
    blocks = []
    for start in range(0, len(trace.query), width):
        piece = slice(start, start + width)
        middle = trace.comp[piece].replace(":", "+").replace(".", " ")
        blocks.append(f"{trace.query[piece]}\n{middle}\n{trace.ref[piece]}")
    return "\n\n".join(blocks)
