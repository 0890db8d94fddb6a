"""Orthologs of two genomes: candidates, their alignment scores, and best matches both ways.

First, words of five letters name eight candidates a gene, which settles close genomes. For genes left over, the
neighbourhood is searched harder: with words over fewer letters where the genomes are close, by aligning with every
protein of the other genome where they are distant (there words find only two of three relatives).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.genomes.alignment import align, bits_of, clean, evalues_of, score_pairs
from biotl_core.genomes.shortlist import SCHEMES, best_sharing, distinct, word_rows
from biotl_core.progress import Control

Search = Literal["auto", "words", "full"]
SEARCHES: dict[Search, str] = {
    "auto": "Words first; where genomes are distant, genes left over are aligned with everything.",
    "words": "Only proteins that share words are aligned: fastest, and enough for one genus.",
    "full": "Genes left over are aligned with every protein of the other genome, however close the two are.",
}
CANDIDATES_CLOSE, CANDIDATES_DISTANT = 8, 20
SURE_EVALUE = 1e-3
"""Up to here an alignment by itself says that two proteins are related."""
MAX_EVALUE = 1.0
"""Up to here a pair counts if it is best both ways, called weak above `SURE_EVALUE`."""
MIN_COVERAGE = 0.2
"""Share of both proteins that the alignment covers at least: below, they share a piece, not their descent."""
_DISTANT_IDENTITY = 0.60
"""Median identity of the first pairs below which two genomes are called distant."""
_LEAST_SHARE = 0.02
"""Two proteins that share less than this part of what the best candidate of either shares with it are not aligned at
first: they cannot be best both ways."""
_BLOCK_PAIRS = 20_000


@dataclass(frozen=True)
class Hits:
    """Scores of aligned pairs of two genomes."""

    rows: np.ndarray
    """Rank in the first genome, int64 `(n,)`."""
    columns: np.ndarray
    """Rank in the second."""
    scores: np.ndarray
    """Raw Smith-Waterman scores, int32; float where they were raised by their neighbours."""

    @classmethod
    def none(cls) -> "Hits":
        """No pairs at all."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))

    def joined(self, other: "Hits") -> "Hits":
        """The pairs of both, each once."""
        rows = np.concatenate([self.rows, other.rows])
        columns = np.concatenate([self.columns, other.columns])
        scores = np.concatenate([self.scores, other.scores])
        _, first = np.unique(rows * (columns.max(initial=0) + 1) + columns, return_index=True)
        return Hits(rows[first], columns[first], scores[first])


def best_both_ways(hits: Hits, n_rows: int, n_columns: int) -> np.ndarray:
    """Indices of hits that are the best of their row and of their column, int64, sorted by row.

    Of equal scores the first in each order counts, so copies of a gene pair up in their order.
    """
    order = np.lexsort((hits.columns, hits.rows, -hits.scores.astype(np.float64)))
    best_row, best_column = np.full(n_rows, -1), np.full(n_columns, -1)
    # Written from the worst to the best, so the best stays.
    best_row[hits.rows[order[::-1]]] = order[::-1]
    best_column[hits.columns[order[::-1]]] = order[::-1]
    mutual = best_row[(best_row >= 0)]
    return mutual[best_column[hits.columns[mutual]] == mutual]


def find_hits(
    proteins_a: Sequence[str],
    proteins_b: Sequence[str],
    search: Search = "auto",
    control: Control | None = None,
) -> Hits:
    """Align what may be related.

    Args:
        proteins_a: of the first genome, in the order of its ranks.
        proteins_b: of the second.
        search: how hard genes without a partner are searched for (`SEARCHES`).
        control: progress and stop.
    """
    control = control or Control()
    if not len(proteins_a) or not len(proteins_b):
        return Hits.none()
    first, second = [clean(p) for p in proteins_a], [clean(p) for p in proteins_b]
    control.step("Looking for shared words", 0, 0)
    everyone_a, everyone_b = np.arange(len(first)), np.arange(len(second))
    # Whoever stays without a good partner is searched again below, except when words alone are asked for.
    least_share = 0.0 if search == "words" else _LEAST_SHARE
    candidates = _candidates(first, second, everyone_a, everyone_b, "close", least_share)
    hits = _score(first, second, *candidates, control)
    left_a, left_b = _left_over(hits, first, second)
    if search == "full" or (search == "auto" and _are_distant(hits, first, second)):
        rows = np.concatenate([np.repeat(left_a, len(second)), np.tile(everyone_a, len(left_b))])
        columns = np.concatenate([np.tile(everyone_b, len(left_a)), np.repeat(left_b, len(first))])
        pairs = distinct(rows * len(second) + columns)
        return hits.joined(_score(first, second, *np.divmod(pairs, len(second)), control))
    if search == "auto":
        rows, columns = _candidates(first, second, left_a, left_b, "distant")
        return hits.joined(_score(first, second, rows, columns, control))
    return hits


def _candidates(
    first: list[str],
    second: list[str],
    chosen_a: np.ndarray,
    chosen_b: np.ndarray,
    schemes: str,
    least_share: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that share words, looked for from both sides, sorted by row.

    With `least_share`, only those that share so much of what the best candidate of either protein shares with it.
    """
    n_best = CANDIDATES_CLOSE if schemes == "close" else CANDIDATES_DISTANT
    rows, columns, weights = [], [], []
    for scheme in SCHEMES[schemes]:
        words_a, words_b = word_rows(first, scheme), word_rows(second, scheme)
        onward = best_sharing(words_a[chosen_a], words_b, second, n_best)
        back = best_sharing(words_b[chosen_b], words_a, first, n_best)
        rows += [chosen_a[onward.rows], back.columns]
        columns += [onward.columns, chosen_b[back.rows]]
        weights += [onward.weights, back.weights]
    keys = np.concatenate(rows) * len(second) + np.concatenate(columns)
    if least_share:
        best = _best_of_either(*map(np.concatenate, (rows, columns, weights)))
        keys = keys[np.concatenate(weights) >= least_share * best]
    return np.divmod(distinct(keys), len(second))


def _best_of_either(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each pair the largest weight of any pair with its row or its column."""
    of_row, of_column = np.zeros(rows.max(initial=0) + 1), np.zeros(columns.max(initial=0) + 1)
    np.maximum.at(of_row, rows, weights)
    np.maximum.at(of_column, columns, weights)
    return np.maximum(of_row[rows], of_column[columns])


def _score(
    first: list[str], second: list[str], rows: np.ndarray, columns: np.ndarray, control: Control
) -> Hits:
    pieces = []
    for start in range(0, len(rows), _BLOCK_PAIRS):
        control.step("Aligning proteins", start, len(rows))
        piece = slice(start, start + _BLOCK_PAIRS)
        pieces.append(score_pairs(first, second, rows[piece], columns[piece]))
    scores = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
    # Nothing below 20 bits is ever looked at again; most of what was aligned with everything is that.
    keep = scores >= 40
    return Hits(rows[keep], columns[keep], scores[keep])


def _left_over(hits: Hits, first: list[str], second: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Ranks without a good partner so far, in each genome."""
    mutual = best_both_ways(hits, len(first), len(second))
    good = mutual[_evalues(hits, first, second)[mutual] <= 1e-10]
    left_a = np.setdiff1d(np.arange(len(first)), hits.rows[good])
    return left_a, np.setdiff1d(np.arange(len(second)), hits.columns[good])


def _are_distant(hits: Hits, first: list[str], second: list[str]) -> bool:
    mutual = best_both_ways(hits, len(first), len(second))
    sample = mutual[:: max(1, len(mutual) // 100)]
    identities = [align(first[hits.rows[i]], second[hits.columns[i]]).identity for i in sample]
    return not identities or float(np.median(identities)) < _DISTANT_IDENTITY


def _evalues(hits: Hits, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    lengths = np.array([len(protein) for protein in first])
    return evalues_of(hits.scores, lengths[hits.rows], sum(map(len, second)))


def describe_hits(
    hits: Hits, chosen: np.ndarray, proteins_a: Sequence[str], proteins_b: Sequence[str]
) -> pd.DataFrame:
    """What the alignments of chosen hits say: `rank_a, rank_b, bits, evalue, identity, coverage_a, coverage_b`."""
    rows, columns = hits.rows[chosen], hits.columns[chosen]
    found = [align(clean(proteins_a[a]), clean(proteins_b[b])) for a, b in zip(rows, columns, strict=True)]
    return pd.DataFrame(
        {
            "rank_a": rows,
            "rank_b": columns,
            "bits": np.round(bits_of(hits.scores[chosen]), 1),
            "evalue": _evalues(hits, proteins_a, proteins_b)[chosen],
            "identity": [one.identity for one in found],
            "coverage_a": [one.query_coverage for one in found],
            "coverage_b": [one.reference_coverage for one in found],
        }
    )


def is_ortholog(described: pd.DataFrame, max_evalue: float, min_coverage: float) -> pd.Series:
    """Which described hits count: the E-value is small and enough of both proteins is covered."""
    covered = described[["coverage_a", "coverage_b"]].min(axis=1)
    return (described["evalue"] <= max_evalue) & (covered >= min_coverage)
