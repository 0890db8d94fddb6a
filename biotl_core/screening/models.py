"""MODELS: the ways to learn a potency from a few dozen to some thousand molecules of one target.

All of them learn again within seconds from the molecules and a seed, so a finished run keeps those and no pickled
objects. Limits are learned one-sidedly: a molecule known to lie below 5 costs nothing as long as it is predicted
below 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy import sparse

from biotl_core.screening.fingerprints import tanimoto

MOST_GAUSSIAN = 4_000
"""A Gaussian process over more molecules would take minutes; so many are drawn at random."""
_ONE_SIDED_ROUNDS = 3
_FEWEST_EXACT = 10
_NOISE = np.geomspace(1e-3, 10, 30)
"""Noise variance over signal variance."""


class Features(NamedTuple):
    """What the models see of molecules."""

    bits: sparse.csr_array
    """Fingerprints, float32 `(n, N_BITS)`."""
    vectors: np.ndarray | None = None
    """Of a frozen backbone, float32 `(n, width)`; None where no model wants them."""

    def take(self, rows: np.ndarray) -> "Features":
        """Those of some molecules."""
        return Features(self.bits[rows], None if self.vectors is None else self.vectors[rows])


class Predicted(NamedTuple):
    """Predictions of n molecules."""

    mean: np.ndarray
    """float64 `(n,)`."""
    spread: np.ndarray
    """How unsure the model is compared with other molecules, float64 `(n,)`; ones where it cannot say."""


class Model(Protocol):
    """Something that learns and predicts."""

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """Learn from molecules and their targets `(n,)`."""
        ...

    def mean(self, features: Features) -> np.ndarray:
        """Predictions `(n,)` alone: what a whole library is ranked by."""
        ...

    def predict(self, features: Features) -> Predicted:
        """Predictions, and how unsure they are."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A model that is always tried."""

    title: str
    explanation: str
    make: Callable[[int], Model]
    """From a seed to a model that has learned nothing yet."""
    needs_vectors: bool = False
    """Learns on what a frozen backbone says."""
    members: tuple[str, ...] = ()
    """Predicts the mean of these models, the first of which says how unsure it is."""


class Mean:
    """Always the mean of what was learned."""

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """Keep the mean."""
        self.value = float(targets.mean())

    def mean(self, features: Features) -> np.ndarray:
        """The same for all."""
        return np.full(features.bits.shape[0], self.value)

    def predict(self, features: Features) -> Predicted:
        """The same for all."""
        return _evenly(self.mean(features))


class TanimotoProcess:
    """A Gaussian process whose kernel is the Tanimoto similarity; noise by the greatest marginal likelihood.

    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), ch. 2 and 5; with fingerprints as in
    Griffiths et al., GAUCHE (NeurIPS 2023).
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """One eigendecomposition serves every noise level: it costs n^3 once."""
        from scipy.linalg import eigh

        rows = np.arange(len(targets))
        if len(rows) > MOST_GAUSSIAN:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, MOST_GAUSSIAN, replace=False))
        self.training = features.bits[rows]
        values, vectors = eigh(tanimoto(self.training, self.training).astype(np.float64))
        values = np.maximum(values, 0.0)
        self.level = float(targets[rows].mean())
        turned = vectors.T @ (targets[rows] - self.level)
        likelihoods = [_minus_log_likelihood(values + noise, turned) for noise in _NOISE]
        self.noise = float(_NOISE[int(np.argmin(likelihoods))])
        spectrum = values + self.noise
        self.amplitude = float((turned**2 / spectrum).mean())
        self.weights = vectors @ (turned / spectrum)
        self._whitened = vectors / np.sqrt(spectrum)

    def mean(self, features: Features) -> np.ndarray:
        """Mean of the posterior."""
        return self.level + tanimoto(features.bits, self.training) @ self.weights

    def predict(self, features: Features) -> Predicted:
        """Mean and standard deviation (of a new measurement) of the posterior."""
        kernel = tanimoto(features.bits, self.training).astype(np.float64)
        explained = ((kernel @ self._whitened) ** 2).sum(axis=1)
        variance = self.amplitude * np.maximum(1.0 - explained + self.noise, 1e-9)
        return Predicted(self.level + kernel @ self.weights, np.sqrt(variance))


def _minus_log_likelihood(spectrum: np.ndarray, turned: np.ndarray) -> float:
    """Up to constants, with the amplitude at its best value."""
    amplitude = max(float((turned**2 / spectrum).mean()), 1e-12)
    return len(turned) * np.log(amplitude) + float(np.log(spectrum).sum())


class Ridge:
    """A straight line over the fingerprint, or over the vectors of a frozen backbone; its strength by leave-one-out."""

    def __init__(self, on_vectors: bool = False) -> None:
        self.on_vectors = on_vectors

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """Ridge regression with generalised cross-validation."""
        from sklearn.linear_model import RidgeCV

        if self.on_vectors:
            self.centre, scale = features.vectors.mean(axis=0), features.vectors.std(axis=0)
            self.scale = np.maximum(scale, 1e-6) * np.sqrt(features.vectors.shape[1])
            strengths = np.geomspace(1e-3, 10, 9)
        else:
            strengths = np.geomspace(1, 3000, 9)
        self.line = RidgeCV(alphas=strengths).fit(self._described(features), targets)

    def mean(self, features: Features) -> np.ndarray:
        """The line's value."""
        return np.asarray(self.line.predict(self._described(features)), np.float64)

    def predict(self, features: Features) -> Predicted:
        """The line's value."""
        return _evenly(self.mean(features))

    def _described(self, features: Features) -> np.ndarray | sparse.csr_array:
        if not self.on_vectors:
            return sparse.csr_matrix(features.bits)
        return (features.vectors - self.centre) / self.scale


class Forest:
    """A random forest over the bits that tell training molecules apart (Breiman, Machine Learning 45, 5, 2001)."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """200 trees, each on a bootstrap sample."""
        from sklearn.ensemble import RandomForestRegressor

        self.columns = _telling_bits(features.bits, 1024)
        self.trees = RandomForestRegressor(
            200, max_features=0.1, min_samples_leaf=1, random_state=self.seed, n_jobs=1
        )
        self.trees.fit(features.bits[:, self.columns].toarray(), targets)

    def mean(self, features: Features) -> np.ndarray:
        """The mean over the trees."""
        return self.trees.predict(features.bits[:, self.columns].toarray())

    def predict(self, features: Features) -> Predicted:
        """The mean over the trees and how far they are apart."""
        table = features.bits[:, self.columns].toarray()
        each = np.stack([tree.predict(table) for tree in self.trees.estimators_])
        return Predicted(each.mean(axis=0), each.std(axis=0) + 1e-6)


class Boosting:
    """Boosted trees over the commonest telling bits (Friedman, Annals of Statistics 29, 1189, 2001)."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """200 small trees, each mending what the ones before it missed."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        self.columns = _telling_bits(features.bits, 384)
        self.trees = HistGradientBoostingRegressor(
            max_iter=200, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=5, l2_regularization=1.0,
            max_features=0.3, early_stopping=False, random_state=self.seed,
        )  # fmt: skip
        self.trees.fit(features.bits[:, self.columns].toarray(), targets)

    def mean(self, features: Features) -> np.ndarray:
        """The sum of the trees."""
        return self.trees.predict(features.bits[:, self.columns].toarray())

    def predict(self, features: Features) -> Predicted:
        """The sum of the trees."""
        return _evenly(self.mean(features))


class Together:
    """The mean of the other models: what one gets wrong, another often gets right."""

    def __init__(self, members: list[Model]) -> None:
        self.members = members

    def fit(self, features: Features, targets: np.ndarray) -> None:
        """Every member by itself."""
        for member in self.members:
            member.fit(features, targets)

    def mean(self, features: Features) -> np.ndarray:
        """The mean of the members."""
        return np.mean([member.mean(features) for member in self.members], axis=0)

    def predict(self, features: Features) -> Predicted:
        """The mean of the members; the spread is that of the Gaussian process, the first of them."""
        return Predicted(self.mean(features), self.members[0].predict(features).spread)


def _evenly(mean: np.ndarray) -> Predicted:
    """Predictions of a model that cannot say how unsure it is."""
    return Predicted(mean, np.ones(len(mean)))


def _telling_bits(bits: sparse.csr_array, most: int) -> np.ndarray:
    """The columns that are set in some molecules and not in others, the most even ones first; at most so many."""
    share = np.asarray(bits.sum(axis=0)).ravel() / max(1, bits.shape[0])
    variance = share * (1 - share)
    order = np.argsort(-variance, kind="stable")[:most]
    return np.sort(order[variance[order] > 0]) if (variance > 0).any() else order[:1]


MODELS: dict[str, Recipe] = {
    "mean": Recipe("Always the mean", "Predicts the mean of the training molecules every time.", lambda seed: Mean()),
    "gaussian": Recipe(
        "Similar molecules (Gaussian process)",
        "A Gaussian process with the Tanimoto similarity of fingerprints; says how sure it is.",
        TanimotoProcess,
    ),
    "ridge": Recipe(
        "Atom groups (ridge)",
        "A straight line over which groups of neighbouring atoms a molecule has (ridge regression on fingerprints).",
        lambda seed: Ridge(),
    ),
    "forest": Recipe(
        "Random forest", "Many decision trees over atom groups, each on its own sample of molecules.", Forest
    ),
    "boosting": Recipe(
        "Boosted trees", "Small decision trees over atom groups, each mending those before it.", Boosting
    ),
    "backbone": Recipe(
        "Frozen backbone (ridge)",
        "A straight line over what a pretrained molecule model says of each molecule (frozen backbone).",
        lambda seed: Ridge(on_vectors=True),
        needs_vectors=True,
    ),
    "together": Recipe(
        "All but the mean, together",
        "The mean of the Gaussian process, ridge, forest and boosted trees.",
        lambda seed: Together([MODELS[name].make(seed) for name in MODELS["together"].members]),
        members=("gaussian", "ridge", "forest", "boosting"),
    ),
}  # fmt: skip
"""Every model by its name, the simplest first. A new one is one entry."""


def fit_one_sided(model: Model, features: Features, targets: np.ndarray, sides: np.ndarray) -> None:
    """Learn where some targets are limits: -1 says that the truth lies below the number, 1 above it.

    A limit that is kept costs nothing. Begun with the exact values alone, each round learns anew with every limit
    replaced by the prediction where that keeps it, and by the limit itself where it does not (majorisation of the
    one-sided squared loss). With hardly any exact value, limits count as values.
    """
    censored, exact = np.flatnonzero(sides), np.flatnonzero(sides == 0)
    if not len(censored) or len(exact) < _FEWEST_EXACT:
        model.fit(features, targets)
        return
    model.fit(features.take(exact), targets[exact])
    for _ in range(_ONE_SIDED_ROUNDS):
        guess = model.mean(features.take(censored))
        replaced, limits = targets.astype(np.float64), targets[censored]
        is_upper = sides[censored] < 0
        replaced[censored] = np.where(is_upper, np.minimum(guess, limits), np.maximum(guess, limits))
        model.fit(features, replaced)
