"""How hard a sequence is to predict: how far its nearest training sequences are, and how little they agree.

A prediction between training sequences that lie near and agree deserves a narrow range; one far from them, or among
neighbours with very different values, a wide one. Difficulty = 0.3 + half the mean distance to the 10 nearest training
sequences + half the standard deviation of their targets, both in units of their median over the training part; nothing
is fitted to misses, so the promise of the ranges made with it holds (as the nearest-neighbour measures of Papadopoulos,
Vovk and Gammerman 2011, J. Artif. Intell. Res. 40:815). Distances are taken between the features that the model's head
reads, along their 32 largest directions.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

N_NEIGHBOURS = 10
_DIRECTIONS = 32
_LEAST = 0.3
"""Of the difficulty, for sequences right among neighbours that agree: measurements scatter also there."""
_MOST_POINTS = 5000
_DIRECTION_ROWS = 2000
_CHUNK = 2000


@dataclass(frozen=True)
class Neighbourhood:
    """Training sequences (or residues) as points with their targets; small enough to be kept beside the model."""

    mean: np.ndarray
    scale: np.ndarray
    """float32 `(n_features,)`: brings features to one scale."""
    turn: np.ndarray
    """float32 `(n_features, n_directions)`: the largest directions, each brought half-way to one spread."""
    points: np.ndarray
    """float32 `(n_points, n_directions)`."""
    targets: np.ndarray
    """float64 `(n_points,)`."""
    typical: np.ndarray
    """Median distance to the neighbours, and median standard deviation of their targets; both above 0."""

    def place(self, features: np.ndarray) -> np.ndarray:
        """Features `(n, n_features)` as points `(n, n_directions)`."""
        return ((features - self.mean) / self.scale) @ self.turn

    def difficulty(self, points: np.ndarray) -> np.ndarray:
        """How hard each is `(n,)`, about 1.3 for the typical one; points as from `place`."""
        if not len(points):
            return np.zeros(0)
        parts = [self._look(points[start : start + _CHUNK]) for start in range(0, len(points), _CHUNK)]
        return _LEAST + (0.5 * np.concatenate(parts) / self.typical).sum(axis=1)

    def _look(self, points: np.ndarray, skip: int = 0) -> np.ndarray:
        """Mean distance of the neighbours and standard deviation of their targets, `(n, 2)`.

        `skip` leaves out so many of the nearest: 1 where the points themselves are among the neighbours.
        """
        n_wanted = min(N_NEIGHBOURS + skip, len(self.points))
        squares = (points**2).sum(axis=1)[:, None] + (self.points**2).sum(axis=1) - 2 * points @ self.points.T
        nearest = np.argpartition(squares, n_wanted - 1, axis=1)[:, :n_wanted]
        distance = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 0.0))
        if skip and n_wanted > skip:
            order = np.argsort(distance, axis=1)[:, skip:]
            nearest, distance = (np.take_along_axis(one, order, axis=1) for one in (nearest, distance))
        return np.stack([distance.mean(axis=1), self.targets[nearest].std(axis=1)], axis=1)

    def save(self, path: Path) -> None:
        """Write as `.npz`."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Neighbourhood":
        """What `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)


def settle(features: np.ndarray, targets: np.ndarray) -> Neighbourhood:
    """The neighbourhood of the training part.

    Args:
        features: `(n, n_features)`; of more than 5,000 rows as many are drawn.
        targets: known numbers `(n,)`.
    """
    rows = np.random.default_rng(0).permutation(len(features))[:_MOST_POINTS]
    features, targets = features[rows].astype(np.float32), targets[rows].astype(np.float64)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
    turn = _largest_directions((features[:_DIRECTION_ROWS] - mean) / scale)
    own = Neighbourhood(mean, scale, turn, ((features - mean) / scale) @ turn, targets, np.ones(2))
    typical = np.median(own._look(own.points[:_CHUNK], skip=1), axis=0)
    # Neighbours that all agree (or coincide) must not make every other sequence infinitely hard.
    floor = np.array([1e-6, max(0.1 * float(targets.std()), 1e-9)])
    return Neighbourhood(own.mean, scale, turn, own.points, targets, np.maximum(typical, floor))


def _largest_directions(scaled: np.ndarray) -> np.ndarray:
    _, lengths, directions = np.linalg.svd(scaled, full_matrices=False)
    n = min(_DIRECTIONS, len(lengths))
    variances = np.maximum(lengths[:n] ** 2 / max(len(scaled), 1), 1e-6)
    return (directions[:n].T / variances**0.25).astype(np.float32)
