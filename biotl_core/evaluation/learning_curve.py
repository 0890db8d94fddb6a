"""How the score grows with the number of training sequences, and where it would be with twice as many."""

from typing import NamedTuple

import numpy as np

from biotl_core.evaluation.metrics import METRICS

_POWERS = np.linspace(0.05, 2.0, 80)
_FEWEST_SIZES = 4
_BEST: dict[str, float] = {"rmse": 0.0, "mae": 0.0}
"""The value of a perfect model, for metrics whose best is not 1."""
_BOUND_TO_ONE = 1.0


class Growth(NamedTuple):
    """score(n) = ceiling - drop * n ** -power (inverse power law)."""

    ceiling: float
    drop: float
    power: float
    misfit: float
    """Root mean squared distance of the measured scores from the curve."""

    def at(self, n: np.ndarray | float) -> np.ndarray | float:
        """The score with so many training sequences."""
        return self.ceiling - self.drop * np.asarray(n, dtype=float) ** -self.power


def fit_growth(sizes: np.ndarray, scores: np.ndarray, metric: str) -> Growth | None:
    """The inverse power law through measured scores; None where they do not grow, or there are too few sizes.

    Figueroa et al. 2012, BMC Med. Inform. Decis. Mak. 12:8. For each of many powers, ceiling and drop by weighted least
    squares (larger sets count more: weights grow with the size); a ceiling beyond a perfect model is put at it.

    Args:
        sizes: training sequences `(n,)`.
        scores: `(n,)`, nan where there is none.
        metric: its name; where lower is better the curve falls.
    """
    known = np.isfinite(scores)
    sizes, scores = np.asarray(sizes, float)[known], np.asarray(scores, float)[known]
    if len(np.unique(sizes)) < _FEWEST_SIZES:
        return None
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    best = sign * _BEST.get(metric, _BOUND_TO_ONE)
    fits = [_fit_power(sizes, sign * scores, power, best) for power in _POWERS]
    found = min(fits, key=lambda fit: fit.misfit)
    if found.drop <= 0:
        return None
    return Growth(sign * found.ceiling, sign * found.drop, found.power, found.misfit)


def _fit_power(sizes: np.ndarray, scores: np.ndarray, power: float, best: float) -> Growth:
    weights = np.sqrt(sizes / sizes.max())
    shrinking = -(sizes**-power)
    table = np.stack([np.ones(len(sizes)), shrinking], axis=1)
    (ceiling, drop), *_ = np.linalg.lstsq(table * weights[:, None], scores * weights, rcond=None)
    if ceiling > best:
        ceiling = best
        drop = float((weights**2 * shrinking * (scores - best)).sum() / (weights**2 * shrinking**2).sum())
    misfit = np.sqrt(np.average((ceiling + drop * shrinking - scores) ** 2, weights=weights**2))
    return Growth(float(ceiling), float(drop), float(power), float(misfit))


def subset_sizes(n: int, n_sizes: int = 6) -> list[int]:
    """Growing numbers of training sequences up to all of them, each a fixed factor more, none below 20.

    >>> subset_sizes(3200)
    [100, 200, 400, 800, 1600, 3200]
    """
    low = max(min(20, n), n / 2 ** (n_sizes - 1))
    return sorted({round(size) for size in np.geomspace(low, n, n_sizes)})
