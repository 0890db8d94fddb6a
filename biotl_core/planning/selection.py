"""Selection: which candidates to measure next, a batch at a time, good ones that do not all say the same."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from biotl_core.errors import UserError
from biotl_core.planning.surrogate import Surrogate

Aim = Literal["expected_value", "upper_bound", "expected_improvement"]

AIMS: dict[Aim, tuple[str, str]] = {
    "upper_bound": (
        "Promising or unknown",
        "The value it may well have: expected value plus uncertainty. A balance that suits most rounds (upper "
        "confidence bound).",
    ),
    "expected_value": (
        "The best guesses",
        "The highest expected values. For a last round, when nothing more is to be learned (greedy).",
    ),
    "expected_improvement": (
        "Likely to beat the best so far",
        "How much better than the best measurement it is, on average over what is possible (expected improvement).",
    ),
}
"""What makes a candidate worth measuring: title and explanation."""


_LOOKED_AT_EACH, _LOOKED_AT_LEAST = 20, 500
"""So many of the most promising candidates for each one to choose are looked at first."""


@dataclass(frozen=True)
class Batch:
    """Chosen candidates, the first choice first."""

    rows: np.ndarray
    """Row numbers `(k,)`."""
    mean: np.ndarray
    """Expected values `(k,)`, in the unit of the target."""
    spread: np.ndarray
    """Uncertainty of each `(k,)`, before any of them is measured."""
    score: np.ndarray
    """What it was chosen by `(k,)`, given the choices before it."""


def choose_batch(
    surrogate: Surrogate,
    candidates: np.ndarray,
    n: int,
    aim: Aim = "upper_bound",
    *,
    maximise: bool = True,
    boldness: float = 1.0,
    diversity: float = 0.5,
) -> Batch:
    """Choose one after the other, as if each were measured at once.

    After each choice the uncertainty of whatever resembles it shrinks, as it will when it is measured (GP-BUCB:
    Desautels, Krause and Burdick 2014, J. Mach. Learn. Res. 15:4053), so a batch spreads out by itself where
    uncertainty counts. The diversity term takes away from every candidate in proportion to how strongly what is still
    unknown about it goes with what is unknown about the nearest choice (maximal marginal relevance).

    Args:
        surrogate: fitted to the measurements.
        candidates: row numbers to choose from.
        n: how many; all where there are fewer.
        aim: what makes a candidate worth it, one of `AIMS`.
        maximise: whether high values are wanted, or low ones.
        boldness: how many standard deviations count as possible, for the upper bound.
        diversity: 0 takes no care, 1 a lot.
    """
    if aim not in AIMS:
        raise UserError(f"There is no aim '{aim}'; there are {', '.join(AIMS)}.")
    candidates = np.asarray(candidates)
    sign = 1.0 if maximise else -1.0
    guess = surrogate.guess(candidates)
    mean = sign * guess.mean
    best = float((sign * surrogate.targets).max())
    penalty = diversity * (float(np.std(mean)) or surrogate.scale)
    at_first = _worth(aim, mean, guess.spread, best, boldness)
    order = np.argsort(-at_first, kind="stable")
    n_looked = min(len(order), max(_LOOKED_AT_EACH * n, _LOOKED_AT_LEAST))
    while True:
        looked = order[:n_looked]
        picks, scores = _pick(surrogate, candidates[looked], mean[looked], n, aim, best, boldness, penalty)
        # No candidate's worth ever grows, so none of those left out could have been better than the last choice.
        if n_looked == len(order) or scores[-1] >= at_first[order[n_looked]]:
            break
        n_looked = min(len(order), 4 * n_looked)
    rows = looked[picks]
    return Batch(candidates[rows], guess.mean[rows], guess.spread[rows], scores)


def _pick(
    surrogate: Surrogate,
    candidates: np.ndarray,
    mean: np.ndarray,
    n: int,
    aim: Aim,
    best: float,
    boldness: float,
    penalty: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Places in `candidates` of the choices, and their worth when they were chosen."""
    unknown = _Unknown(surrogate, candidates)
    likeness = np.zeros(len(candidates))
    is_free = np.ones(len(candidates), dtype=bool)
    picks, scores = [], []
    for _ in range(min(n, len(candidates))):
        worth = _worth(aim, mean, unknown.spread(), best, boldness) - penalty * likeness
        pick = int(np.argmax(np.where(is_free, worth, -np.inf)))
        is_free[pick] = False
        picks.append(pick)
        scores.append(worth[pick])
        likeness = np.maximum(likeness, unknown.measure(pick))
    return np.array(picks, dtype=np.int64), np.array(scores)


def _worth(aim: Aim, mean: np.ndarray, spread: np.ndarray, best: float, boldness: float) -> np.ndarray:
    """How much a measurement of each candidate is worth, in the unit of the target; high values are wanted."""
    match aim:
        case "expected_value":
            return mean
        case "upper_bound":
            return mean + boldness * spread
        case _:
            return expected_improvement(mean, spread, best)


def expected_improvement(mean: np.ndarray, spread: np.ndarray, best: float) -> np.ndarray:
    """Mean of max(0, value - best) for normal values (Jones, Schonlau and Welch 1998, J. Glob. Optim. 13:455)."""
    from scipy.special import ndtr

    distance = (mean - best) / spread
    density = np.exp(-(distance**2) / 2) / np.sqrt(2 * np.pi)
    return spread * (distance * ndtr(distance) + density)


class _Unknown:
    """What is not known about the candidates, shrinking with each that is taken for measured."""

    def __init__(self, surrogate: Surrogate, candidates: np.ndarray) -> None:
        self._surrogate = surrogate
        pairs = zip(surrogate.weights, surrogate.views, strict=True)
        self._views = [(weight, view.of(candidates)) for weight, view in pairs if weight > 0]
        self._tied = surrogate.whitened(candidates)
        self._variance = np.maximum(surrogate.prior_variance(candidates) - (self._tied**2).sum(axis=0), 1e-9)
        self._learned: list[np.ndarray] = []

    def spread(self) -> np.ndarray:
        """Standard deviations `(n,)`, in the unit of the target."""
        return np.sqrt(self._variance) * self._surrogate.scale

    def measure(self, pick: int) -> np.ndarray:
        """Take one for measured; the correlation of each with it before, 0..1 `(n,)` (negative ones count as 0)."""
        prior = sum(weight * view.of(np.array([pick])).against(view)[0] for weight, view in self._views)
        shared = prior - self._tied[:, pick] @ self._tied
        shared -= sum((row[pick] * row for row in self._learned), np.zeros(len(shared)))
        own = max(float(self._variance[pick]), 1e-9)
        correlation = shared / np.sqrt(own * self._variance)
        # One step of a Cholesky factorisation: the rows learned so far make the posterior covariance smaller.
        row = shared / np.sqrt(own + self._surrogate.noise)
        self._learned.append(row)
        self._variance = np.maximum(self._variance - row**2, 1e-9)
        return np.clip(correlation, 0.0, 1.0)
