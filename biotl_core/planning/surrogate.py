"""Surrogate: a Gaussian process that guesses a measurement and says how unsure it is, from few measurements.

The covariance of two sequences is a weighted sum of kernels, each seeing them in its own way (which letters differ,
how alike these are, what the backbone makes of them), plus noise. The weights are those that make the measurements
likeliest (Rasmussen and Williams 2006, "Gaussian processes for machine learning", eq. 5.8), so a view that says nothing
about the target gets next to none. With linear kernels this is Bayesian ridge regression; scikit-learn's process knows
no sum of kernels over parts of its columns with a weight each, hence these lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from biotl_core.errors import UserError

MOST_ROWS = 3_000
"""Exact processes cost the cube of the rows: of more measurements so many are taken."""
_WEIGHT_ROWS = 800
"""The weights are found on at most so many."""
_FEWEST = 8


@dataclass(frozen=True)
class View:
    """Sequences as one kernel sees them."""

    name: str
    """In words, for the page: "which letters stand where"."""
    features: np.ndarray | sparse.csr_array
    """float64 `(n, d)`; sparse ones are taken from where they are 0, dense ones from their mean."""
    is_smooth: bool = False
    """Radial basis function of the distance instead of a straight line."""

    def scaled(self) -> "View":
        """The same with mean square length 1, so that weights compare."""
        features = self.features
        if not sparse.issparse(features):
            features = features - features.mean(axis=0)
        size = np.sqrt(_squares(features).mean())
        return View(self.name, features / size if size > 1e-12 else features, self.is_smooth)

    def of(self, rows: np.ndarray) -> "View":
        """Only some rows."""
        return View(self.name, self.features[rows], self.is_smooth)

    def covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The kernel between two lists of row numbers, `(len(rows), len(columns))`."""
        return self.of(rows).against(self.of(columns))

    def against(self, other: "View") -> np.ndarray:
        """The kernel between all rows and those of another part of the same view, `(n, n_others)`."""
        a, b = self.features, other.features
        products = a @ b.T
        products = products.toarray() if sparse.issparse(products) else products
        if not self.is_smooth:
            return products
        distances = _squares(a)[:, None] + _squares(b)[None] - 2 * products
        return np.exp(-np.maximum(distances, 0.0) / 2)

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """The kernel of each row with itself, `(len(rows),)`."""
        return np.ones(len(rows)) if self.is_smooth else _squares(self.features[rows])


def _squares(features: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Squared length of each row `(n,)`."""
    squared = features.multiply(features) if sparse.issparse(features) else features**2
    return np.asarray(squared.sum(axis=1)).ravel()


class Guess(NamedTuple):
    """What the surrogate expects, and how unsure it is about the true value (noise of the measurement left out)."""

    mean: np.ndarray
    """float64 `(n,)`, in the unit of the target."""
    spread: np.ndarray
    """Standard deviation `(n,)`."""


class LeftOut(NamedTuple):
    """Each measurement guessed from all the others."""

    mean: np.ndarray
    spread: np.ndarray
    """Of the measurement, its noise included."""


class Surrogate:
    """A Gaussian process fitted to some measured rows of a table of sequences."""

    def __init__(self, views: Sequence[View], measured: np.ndarray, targets: np.ndarray) -> None:
        """Fit the weights and the process.

        Args:
            views: all sequences, measured or not, as each kernel sees them; `(n, d)` each.
            measured: row numbers of the measurements `(m,)`; of more than `MOST_ROWS` a random sample is used.
            targets: their values `(m,)`.

        Raises:
            UserError: too few measurements, or all the same.
        """
        if len(measured) < _FEWEST or np.ptp(targets) == 0:
            raise UserError(
                f"{len(measured)} measurements are too few (or all alike) to guess from; at least {_FEWEST} that "
                "differ are needed."
            )
        if len(measured) > MOST_ROWS:
            chosen = np.sort(np.random.default_rng(0).permutation(len(measured))[:MOST_ROWS])
            measured, targets = measured[chosen], targets[chosen]
        self.views = [view.scaled() for view in views]
        self.measured = np.asarray(measured)
        self._centre, self._scale = float(targets.mean()), float(targets.std())
        self._targets = (np.asarray(targets, dtype=np.float64) - self._centre) / self._scale
        self._fit()

    def _fit(self) -> None:
        from scipy.linalg import cho_factor, cho_solve

        n = len(self.measured)
        some = np.sort(np.random.default_rng(0).permutation(n)[:_WEIGHT_ROWS])
        kernels = [view.covariance(self.measured[some], self.measured[some]) for view in self.views]
        self.weights, self.noise = likeliest_weights(kernels, self._targets[some])
        covariance = self.covariance(self.measured, self.measured) + self.noise * np.eye(n)
        self._factor = cho_factor(covariance, lower=True)
        self._solved = cho_solve(self._factor, self._targets)

    def covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Prior covariance of two lists of rows, in squared units of the targets' spread."""
        pairs = zip(self.weights, self.views, strict=True)
        return sum(
            weight * view.covariance(rows, columns) for weight, view in pairs if weight > 0
        ) + np.zeros((len(rows), len(columns)))

    def prior_variance(self, rows: np.ndarray) -> np.ndarray:
        """Prior variance of rows `(n,)`, in the same unit."""
        pairs = zip(self.weights, self.views, strict=True)
        return sum(weight * view.variance(rows) for weight, view in pairs if weight > 0) + np.zeros(len(rows))

    def whitened(self, rows: np.ndarray) -> np.ndarray:
        """What ties rows to the measurements: columns `w` `(m, n)`; the posterior covariance is prior - w' w."""
        return self._whiten(self.covariance(self.measured, rows))

    def _whiten(self, shared: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        return solve_triangular(self._factor[0], shared, lower=True)

    def guess(self, rows: np.ndarray) -> Guess:
        """Posterior mean and spread of rows (Rasmussen and Williams, eq. 2.25 and 2.26)."""
        shared = self.covariance(self.measured, rows)
        mean = self._solved @ shared
        left = self.prior_variance(rows) - (self._whiten(shared) ** 2).sum(axis=0)
        return Guess(mean * self._scale + self._centre, np.sqrt(np.maximum(left, 1e-9)) * self._scale)

    def leave_one_out(self) -> LeftOut:
        """Each measurement guessed from the others, in closed form (Rasmussen and Williams, eq. 5.12)."""
        from scipy.linalg import cho_solve

        inverse = np.diag(cho_solve(self._factor, np.eye(len(self.measured))))
        mean = self._targets - self._solved / inverse
        return LeftOut(mean * self._scale + self._centre, np.sqrt(1 / inverse) * self._scale)

    @property
    def scale(self) -> float:
        """Spread of the targets: turns the unit of `covariance` back into that of the target."""
        return self._scale

    @property
    def targets(self) -> np.ndarray:
        """The measurements that are used, in their unit."""
        return self._targets * self._scale + self._centre

    def shares(self) -> dict[str, float]:
        """How much of what the surrogate expects to vary each view explains, and the noise; they sum to 1."""
        parts = {view.name: 0.0 for view in self.views}
        for weight, view in zip(self.weights, self.views, strict=True):
            parts[view.name] += weight * float(view.variance(self.measured).mean())
        parts["noise"] = self.noise
        total = sum(parts.values())
        return {name: part / total for name, part in parts.items()}


def likeliest_weights(kernels: Sequence[np.ndarray], targets: np.ndarray) -> tuple[np.ndarray, float]:
    """The weight of each kernel and the noise that make the targets likeliest (type II maximum likelihood).

    Args:
        kernels: covariances `(n, n)`.
        targets: `(n,)`, mean 0 and spread 1.

    Returns:
        Weights `(n_kernels,)` and the variance of the noise, in units of the targets' variance.
    """
    from scipy.optimize import minimize

    stack = np.array(kernels)
    start = np.log(np.append(np.full(len(kernels), 0.7 / len(kernels)), 0.3))
    bounds = [(np.log(1e-6), np.log(30.0))] * len(kernels) + [(np.log(1e-3), np.log(3.0))]
    found = minimize(_negative_evidence, start, (stack, targets), jac=True, method="L-BFGS-B", bounds=bounds)
    weights = np.exp(found.x)
    weights[:-1][weights[:-1] < 1e-5] = 0.0
    return weights[:-1], float(weights[-1])


def _negative_evidence(
    logs: np.ndarray, kernels: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Negative log marginal likelihood and its gradient by the logarithms (Rasmussen and Williams, eq. 5.8, 5.9)."""
    from scipy.linalg import cho_factor, cho_solve

    weights = np.exp(logs)
    covariance = np.tensordot(weights[:-1], kernels, axes=1) + weights[-1] * np.eye(len(targets))
    factor = cho_factor(covariance, lower=True)
    inverse = cho_solve(factor, np.eye(len(targets)))
    solved = inverse @ targets
    value = 0.5 * targets @ solved + np.log(np.diag(factor[0])).sum()
    pull = inverse - np.outer(solved, solved)
    gradient = 0.5 * weights * np.append(np.tensordot(kernels, pull, axes=2), np.trace(pull))
    # A mild pull (log-normal prior) keeps weights that the data say nothing about from running away.
    middle = np.log(0.2)
    return value + 0.5 * ((logs - middle) ** 2).sum() / 9, gradient + (logs - middle) / 9
