"""Align two proteins by the vectors of their residues: cosines in place of BLOSUM62 (PEbA and EBA's recipe).

The alignment is local, with affine gaps; its score is judged against the same proteins with one of them reversed, which
keeps composition and length (Iovino and Ye 2024, BMC Bioinformatics 25; Pantolini et al. 2024, Bioinformatics 40).
"""

from typing import NamedTuple

import numpy as np

_GAP_OPEN, _GAP_EXTEND = 4.0, 0.4


class ResidueAlignment(NamedTuple):
    """What an alignment of residue vectors says."""

    score: float
    background: float
    """The score with one protein reversed."""

    @property
    def excess(self) -> float:
        """How much better than the background, as a share of it; 0 for chance."""
        return (self.score - self.background) / max(self.background, 1e-9)


def cosine_scores(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How alike each pair of residues is beside the others of its row and column, `(n, m)`.

    z-scores over rows and over columns are averaged (Pantolini et al. 2024), so residues like everything score low.

    Args:
        first: vectors of the residues, `(n, width)`.
        second: `(m, width)`.
    """
    unit_a = first / np.linalg.norm(first, axis=1, keepdims=True).clip(min=1e-9)
    unit_b = second / np.linalg.norm(second, axis=1, keepdims=True).clip(min=1e-9)
    cosine = unit_a @ unit_b.T
    by_row = (cosine - cosine.mean(axis=1, keepdims=True)) / cosine.std(axis=1, keepdims=True).clip(min=1e-6)
    by_column = (cosine - cosine.mean(axis=0, keepdims=True)) / cosine.std(axis=0, keepdims=True).clip(
        min=1e-6
    )
    return (by_row + by_column) / 2


def local_score(scores: np.ndarray, gap_open: float = _GAP_OPEN, gap_extend: float = _GAP_EXTEND) -> float:
    """The best local alignment score of a matrix of residue scores, with affine gaps (Gotoh 1982).

    Gaps along a row are resolved by a running maximum, so each row is a few array operations.

    Args:
        scores: `(n, m)`.
        gap_open: cost of a gap's first letter.
        gap_extend: of each further one.
    """
    m = scores.shape[1]
    steps = gap_extend * np.arange(m + 1)
    above = np.zeros(m + 1)
    from_above = np.full(m + 1, -np.inf)
    best = 0.0
    for row in scores:
        from_above = np.maximum(above - gap_open, from_above - gap_extend)
        here = np.zeros(m + 1)
        here[1:] = np.maximum(above[:-1] + row, 0.0)
        here = np.maximum(here, from_above)
        # The best gap that began left of each column: max over j' < j of here[j'] - open - extend (j - j' - 1).
        opened = np.maximum.accumulate(here + steps)
        from_left = opened[:-1] - gap_open - steps[:-1]
        here[1:] = np.maximum(here[1:], from_left)
        best = max(best, float(here.max()))
        above = here
    return best


def align_residues(first: np.ndarray, second: np.ndarray, offset: float = 1.0) -> ResidueAlignment:
    """Align two proteins by their residue vectors, and against chance.

    Args:
        first: `(n, width)`.
        second: `(m, width)`.
        offset: taken from each score, so that unrelated residues cost.
    """
    scores = cosine_scores(first, second) - offset
    return ResidueAlignment(local_score(scores), local_score(scores[:, ::-1]))
