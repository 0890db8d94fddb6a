"""Lay one set of points on another: by least squares, or so that a similarity score is as high as possible."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_ROUNDS = 12
"""Rounds in which the pairs that lie close are superposed anew; the sets settle in fewer."""


class Movement(NamedTuple):
    """A rotation, then a shift: `points @ rotation.T + shift`."""

    rotation: np.ndarray
    """Shape (3, 3), or (n, 3, 3) for several at once."""
    shift: np.ndarray
    """Shape (3,), or (n, 3)."""

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points moved, any shape that ends in 3 (for one movement)."""
        return points @ self.rotation.T + self.shift

    def inverse(self) -> "Movement":
        """The way back."""
        return Movement(self.rotation.T, -self.shift @ self.rotation)


def superpose(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray | None = None) -> Movement:
    """The movement of `moving` (n, 3) onto `fixed` (n, 3) with the least (weighted) squared distance.

    Kabsch, Acta Cryst A32, 922 (1976). Weights of shape (m, n) give m movements at once.
    """
    is_one = weights is None or weights.ndim == 1
    w = np.ones((1, len(fixed))) if weights is None else np.atleast_2d(weights)
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-12)
    centre_f, centre_m = w @ fixed, w @ moving
    covariance = np.einsum("sn,ni,nj->sij", w, moving, fixed, optimize=True)
    covariance -= centre_m[:, :, None] * centre_f[:, None, :]
    u, _, vt = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    u[:, :, 2] *= np.where(sign == 0, 1, sign)[:, None]  # a rotation, no mirror image
    rotation = np.swapaxes(u @ vt, 1, 2)
    shift = centre_f - np.einsum("sij,sj->si", rotation, centre_m)
    return Movement(rotation[0], shift[0]) if is_one else Movement(rotation, shift)


def search(
    fixed: np.ndarray, moving: np.ndarray, cutoff: float, score: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, Movement]:
    """The superposition of paired points with the highest score, found as TM-score's program looks for it.

    Stretches of several lengths are superposed; then, again and again, the pairs that lie within the cutoff.

    Args:
        fixed: shape (n, 3).
        moving: shape (n, 3).
        cutoff: Å within which pairs are taken into the next round (widened where fewer than three are).
        score: distances (m, n) to scores (m,).
    """
    n = len(fixed)
    weights = _stretches(n)
    best, found = -np.inf, superpose(fixed, moving)
    for _ in range(_ROUNDS):
        movement = superpose(fixed, moving, weights)
        moved = np.einsum("sij,nj->sni", movement.rotation, moving) + movement.shift[:, None]
        distances = np.linalg.norm(moved - fixed, axis=2)
        scores = score(distances)
        top = int(scores.argmax())
        if scores[top] > best:
            best, found = float(scores[top]), Movement(movement.rotation[top], movement.shift[top])
        third = np.partition(distances, min(2, n - 1), axis=1)[:, min(2, n - 1)]
        fresh = (distances <= np.maximum(cutoff, third + 0.5)[:, None]).astype(float)
        if np.array_equal(fresh, weights):
            break
        weights = np.unique(fresh, axis=0)
    return best, found


def _stretches(n: int) -> np.ndarray:
    """Stretches of n points to begin with, one a row: the whole, halves, quarters and so on, overlapping."""
    rows = [np.ones(n)]
    length = n // 2
    while length >= 4:
        for start in range(0, n - length + 1, max(1, length // 2)):
            rows.append(np.zeros(n))
            rows[-1][start : start + length] = 1
        length //= 2
    return np.stack(rows)
