"""Align two proteins by the vectors of their residues: cosines in place of BLOSUM62 (PEbA and EBA's recipe).

The alignment is local, with affine gaps; its score is judged against the same proteins with one of them reversed, which
keeps composition and length (Iovino and Ye 2024, BMC Bioinformatics 25; Pantolini et al. 2024, Bioinformatics 40).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_GAP_OPEN, _GAP_EXTEND = 4.0, 0.4
_OFFSET = 1.0
"""Taken from each score, so that unrelated residues cost."""
_TINY = 1e-9


class ResidueView(NamedTuple):
    """What the page shows of one pair of proteins."""

    scores: np.ndarray
    """How alike each pair of residues is, float32 `(n, m)`; see `cosine_scores`."""
    path: np.ndarray
    """The aligned residues, int64 `(k, 2)` from 0."""
    excess: float
    """How much better the alignment is than with one protein reversed, as a share; 0 for chance."""


def view_residues(first: np.ndarray, second: np.ndarray) -> ResidueView:
    """The alignment of two proteins by their residue vectors `(n, width)` and `(m, width)`, to be looked at."""
    alike = cosine_scores(first, second)
    return ResidueView(
        alike.astype(np.float32), aligned_path(alike - _OFFSET), align_residues(first, second).excess
    )


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

    Args:
        scores: `(n, m)`.
        gap_open: cost of a gap's first letter.
        gap_extend: of each further one.
    """
    return max((float(row.max()) for row in _best_rows(scores, gap_open, gap_extend)), default=0.0)


def _best_rows(scores: np.ndarray, gap_open: float, gap_extend: float) -> Iterator[np.ndarray]:
    """Of each row the best score of an alignment that ends there, `(m + 1,)`.

    Gaps along a row are resolved by a running maximum, so each row is a few array operations.
    """
    m = scores.shape[1]
    steps = gap_extend * np.arange(m + 1)
    above = np.zeros(m + 1)
    from_above = np.full(m + 1, -np.inf)
    for row in scores:
        from_above = np.maximum(above - gap_open, from_above - gap_extend)
        here = np.zeros(m + 1)
        here[1:] = np.maximum(above[:-1] + row, 0.0)
        here = np.maximum(here, from_above)
        # The best gap that began left of each column: max over j' < j of here[j'] - open - extend (j - j' - 1).
        opened = np.maximum.accumulate(here + steps)
        from_left = opened[:-1] - gap_open - steps[:-1]
        here[1:] = np.maximum(here[1:], from_left)
        yield here
        above = here


def aligned_path(
    scores: np.ndarray, gap_open: float = _GAP_OPEN, gap_extend: float = _GAP_EXTEND
) -> np.ndarray:
    """The aligned residues of the best local alignment, int64 `(k, 2)` from 0; the arguments of `local_score`."""
    table = np.stack([np.zeros(scores.shape[1] + 1), *_best_rows(scores, gap_open, gap_extend)])
    i, j = map(int, np.unravel_index(table.argmax(), table.shape))
    path = []
    while table[i, j] > _TINY:
        if table[i - 1, j - 1] + scores[i - 1, j - 1] >= table[i, j] - _TINY:
            i, j = i - 1, j - 1
            path.append((i, j))
            continue
        # Not a pair, so a gap ends here: the one that began where most was left.
        up = table[:i, j][::-1] - gap_extend * np.arange(i)
        left = table[i, :j][::-1] - gap_extend * np.arange(j)
        if up.max(initial=-np.inf) >= left.max(initial=-np.inf):
            i -= int(up.argmax()) + 1
        else:
            j -= int(left.argmax()) + 1
    return np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


def path_text(first: str, second: str, path: np.ndarray, width: int = 80) -> str:
    """The aligned residues as three lines a block: the first, | where letters are equal, the second; gaps as -."""
    one, two, at = [], [], None
    for i, j in path.tolist():
        if at is not None:
            one += [*first[at[0] + 1 : i], *"-" * (j - at[1] - 1)]
            two += [*"-" * (i - at[0] - 1), *second[at[1] + 1 : j]]
        one.append(first[i])
        two.append(second[j])
        at = i, j
    middle = "".join("|" if a == b else " " for a, b in zip(one, two, strict=True))
    pieces = [slice(start, start + width) for start in range(0, len(one), width)]
    return "\n\n".join(f"{''.join(one[p])}\n{middle[p]}\n{''.join(two[p])}" for p in pieces)


def align_residues(first: np.ndarray, second: np.ndarray, offset: float = _OFFSET) -> ResidueAlignment:
    """Align two proteins by their residue vectors, and against chance.

    Args:
        first: `(n, width)`.
        second: `(m, width)`.
        offset: taken from each score, so that unrelated residues cost.
    """
    scores = cosine_scores(first, second) - offset
    return ResidueAlignment(local_score(scores), local_score(scores[:, ::-1]))
