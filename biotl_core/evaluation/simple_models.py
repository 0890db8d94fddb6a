"""The models behind the simple methods: ridge, logistic regression, random forest, nearest neighbours.

Each learns from the training part only, takes its one setting from the validation part, and predicts the test
part.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.evaluation.metrics import METRICS, evaluate

RIDGE_STRENGTHS = 10.0 ** np.arange(-4, 4)
LOGISTIC_FREEDOMS = (0.3, 3.0, 30.0, 300.0)
NEIGHBOURS = (1, 3, 5)
FOREST_TREES = 100
FOREST_ROWS = 5_000
"""Of more training rows a forest learns from as many: its time grows faster than theirs."""
_FEW_COLUMNS = 1000
_MOST_STEPS = 300
_CHUNK = 500
_MOST_DENSE = 50_000_000


class Split(NamedTuple):
    """One thing for each part."""

    train: Any
    validation: Any
    test: Any


@dataclass(frozen=True)
class Question:
    """What is to be learned, and from what."""

    task_name: TaskName
    """regression, classification or multilabel; residues are rows like any other here."""
    classes: tuple[str, ...]
    targets: Split
    """Numbers, class indices or labels with nan, as in `metrics.evaluate`; those of the test part are not used."""

    def best(self, candidates: Sequence[np.ndarray]) -> int:
        """Which of the predictions for the validation part is best; the middle one when it cannot be told.

        Numbers are judged by RMSE, since every ridge strength gives nearly the same order; classes and labels
        by the task's headline metric.
        """
        is_number = self.task_name == "regression"
        name = "rmse" if is_number else TASKS[self.task_name].headline_metric(len(self.classes))
        sign = 1 if METRICS[name].higher_is_better else -1
        true = self.targets.validation
        scores = [sign * evaluate(self.task_name, self.classes, true, one)[name] for one in candidates]
        return len(scores) // 2 if np.isnan(scores).all() else int(np.nanargmax(scores))


Tell = Callable[[int, int], None]
"""Told how many of how many fits are done; may raise Stopped."""


def ridge(question: Question, features: Split, tell: Tell) -> np.ndarray:
    """Ridge regression: predicted numbers of the test part, float64 `(n_test,)`."""
    if features.train.shape[1] == 0:
        return commonest(question, features.test.shape[0])
    weights, offsets = ridge_path(features.train, question.targets.train, RIDGE_STRENGTHS, tell)
    candidates = features.validation @ weights + offsets
    best = question.best(list(candidates.T))
    return features.test @ weights[:, best] + offsets[best]


def ridge_path(
    features: sparse.csr_array, targets: np.ndarray, strengths: np.ndarray, tell: Tell
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression with an offset, for all strengths at once.

    Solves (X'X + strength I) w = X'y with centred X and y: few columns by one eigendecomposition, many by
    conjugate gradients (Hestenes and Stiefel 1952, J. Res. Natl. Bur. Stand. 49:409), one column a strength,
    so that each pass over the sparse matrix serves them all.

    Args:
        features: `(n, d)`.
        targets: `(n,)`.
        strengths: `(s,)`, above 0.
        tell: told how many of how many steps are done.

    Returns:
        Weights `(d, s)` and offsets `(s,)`.
    """
    features = features.astype(np.float64)
    turned = features.T.tocsr()
    mean = features.mean(axis=0)
    right_side = turned @ (targets - targets.mean())
    if features.shape[1] <= _FEW_COLUMNS:
        gram = (turned @ features).toarray() - features.shape[0] * np.outer(mean, mean)
        values, vectors = np.linalg.eigh(gram)
        shrunk = (vectors.T @ right_side)[:, None] / (np.maximum(values, 0)[:, None] + strengths)
        weights = vectors @ shrunk
    else:
        weights = _conjugate_gradients(features, turned, mean, right_side, strengths, tell)
    return weights, targets.mean() - mean @ weights


def _conjugate_gradients(
    features: sparse.csr_array,
    turned: sparse.csr_array,
    mean: np.ndarray,
    right_side: np.ndarray,
    strengths: np.ndarray,
    tell: Tell,
) -> np.ndarray:
    """Weights `(d, s)` of `ridge_path`."""
    weights = np.zeros((features.shape[1], len(strengths)))
    rest = np.repeat(right_side[:, None], len(strengths), axis=1)
    direction = rest.copy()
    size = (rest**2).sum(axis=0)
    small_enough = 1e-10 * size
    for done in range(_MOST_STEPS):
        tell(done, _MOST_STEPS)
        is_open = size > small_enough
        if not is_open.any():
            break
        seen = features @ direction - mean @ direction
        pushed = turned @ seen - np.outer(mean, seen.sum(axis=0)) + strengths * direction
        step = np.where(is_open, size / np.maximum((direction * pushed).sum(axis=0), 1e-300), 0.0)
        weights += step * direction
        rest -= step * pushed
        new_size = (rest**2).sum(axis=0)
        direction = rest + np.where(is_open, new_size / np.maximum(size, 1e-300), 0.0) * direction
        size = new_size
    return weights


def logistic(question: Question, features: Split, tell: Tell) -> np.ndarray:
    """Logistic regression: probabilities of the test part, `(n_test, n_classes)` or `(n_test, n_labels)`."""
    if features.train.shape[1] == 0:
        return commonest(question, features.test.shape[0])
    fit = _fit_labels if question.task_name == "multilabel" else _fit_classes
    models = []
    for done, freedom in enumerate(LOGISTIC_FREEDOMS):
        tell(done, len(LOGISTIC_FREEDOMS))
        models.append(fit(features.train, question.targets.train, len(question.classes), freedom))
    best = question.best([model(features.validation) for model in models])
    return models[best](features.test)


_Predict = Callable[[sparse.csr_array], np.ndarray]


def _fit_classes(features: sparse.csr_array, targets: np.ndarray, n_classes: int, freedom: float) -> _Predict:
    """Probabilities for all classes; 0 for those that the training part lacks."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(targets)
    if len(present) < 2:
        return lambda rows: np.tile(np.eye(n_classes)[present].sum(axis=0), (rows.shape[0], 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are enough for a comparison
        model = LogisticRegression(C=freedom, max_iter=200, tol=1e-3).fit(features, targets)

    def predict(rows: sparse.csr_array) -> np.ndarray:
        chances = np.zeros((rows.shape[0], n_classes))
        if rows.shape[0]:
            chances[:, present] = model.predict_proba(rows)
        return chances

    return predict


def _fit_labels(features: sparse.csr_array, targets: np.ndarray, n_labels: int, freedom: float) -> _Predict:
    """One model a label, each on the rows where it was measured."""
    shares = label_shares(targets)
    models = []
    for label in range(n_labels):
        rows = np.flatnonzero(np.isfinite(targets[:, label]))
        is_yes = (targets[rows, label] > 0.5).astype(np.int64)
        has_both = len(np.unique(is_yes)) == 2
        models.append(_fit_classes(features[rows], is_yes, 2, freedom) if has_both else None)

    def predict(rows: sparse.csr_array) -> np.ndarray:
        columns = [
            np.full(rows.shape[0], share) if model is None else model(rows)[:, 1]
            for model, share in zip(models, shares, strict=True)
        ]
        return np.stack(columns, axis=1)

    return predict


def forest(question: Question, features: Split, tell: Tell) -> np.ndarray:
    """Random forest (Breiman 2001, Mach. Learn. 45:5): as `ridge` and `logistic`, but for steps and combinations.

    100 trees, a third of the columns looked at for each cut of numbers, their square root for classes; no setting is
    chosen, so the validation part is not needed.
    """
    rows = _forest_rows(features.train.shape[0])
    train, targets = features.train[rows], question.targets.train[rows]
    if question.task_name == "regression":
        from sklearn.ensemble import RandomForestRegressor

        model = RandomForestRegressor(max_features=1 / 3, min_samples_leaf=2, warm_start=True, random_state=0)
        grown = _grow(model, train, targets, tell)
        return _by_chunks(grown.predict, features.test) if features.test.shape[0] else np.zeros(0)
    if question.task_name == "classification":
        return _forest_classes(train, targets, len(question.classes), features.test, tell)
    columns = []
    for label in range(targets.shape[1]):
        known = np.flatnonzero(np.isfinite(targets[:, label]))
        is_yes = (targets[known, label] > 0.5).astype(np.int64)
        chances = _forest_classes(train[known], is_yes, 2, features.test, lambda done, of: None)
        columns.append(chances[:, 1] if len(known) else np.full(features.test.shape[0], 0.5))
        tell(label + 1, targets.shape[1])
    return np.stack(columns, axis=1)


def _forest_rows(n: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(n)[:FOREST_ROWS]
    return np.sort(chosen)


def _forest_classes(
    features: sparse.csr_array, targets: np.ndarray, n_classes: int, asked: sparse.csr_array, tell: Tell
) -> np.ndarray:
    """Probabilities of all classes; 0 for those that the training part lacks."""
    from sklearn.ensemble import RandomForestClassifier

    chances = np.zeros((asked.shape[0], n_classes))
    present = np.unique(targets)
    if len(present) and asked.shape[0]:
        model = RandomForestClassifier(min_samples_leaf=2, warm_start=True, random_state=0)
        chances[:, present] = _by_chunks(_grow(model, features, targets, tell).predict_proba, asked)
    return chances


def _grow(model: Any, features: sparse.csr_array, targets: np.ndarray, tell: Tell) -> Any:
    """A forest fitted ten trees at a time, so that it can be stopped."""
    rows = _for_trees(features)
    for done in range(0, FOREST_TREES, 10):
        tell(done, FOREST_TREES)
        model.set_params(n_estimators=done + 10)
        model.fit(rows, targets)
    return model


def _by_chunks(predict: Callable[[Any], np.ndarray], rows: sparse.csr_array) -> np.ndarray:
    starts = range(0, rows.shape[0], _CHUNK)
    return np.concatenate([predict(_for_trees(rows[start : start + _CHUNK])) for start in starts])


def _for_trees(rows: sparse.csr_array) -> Any:
    """Dense where it fits, where trees search many times faster; else with the short indices they take."""
    if rows.shape[0] * rows.shape[1] <= _MOST_DENSE:
        return rows.toarray().astype(np.float32)
    narrow = sparse.csr_matrix(rows, dtype=np.float32)
    narrow.indices, narrow.indptr = narrow.indices.astype(np.int32), narrow.indptr.astype(np.int32)
    return narrow


def label_shares(targets: np.ndarray) -> np.ndarray:
    """Share of yes among the measured rows of each label `(n_labels,)`; one half where nothing was measured."""
    measured = np.isfinite(targets)
    n_yes = np.where(measured, targets, 0).sum(axis=0)
    return np.where(measured.any(axis=0), n_yes / np.maximum(measured.sum(axis=0), 1), 0.5)


def commonest(question: Question, n_test: int) -> np.ndarray:
    """The same answer for all: the mean, the share of each class, or the share of yes of each label."""
    targets = question.targets.train
    if question.task_name == "regression":
        return np.full(n_test, targets.mean())
    if question.task_name == "multilabel":
        return np.tile(label_shares(targets), (n_test, 1))
    counts = np.bincount(targets, minlength=len(question.classes))
    return np.tile(counts / counts.sum(), (n_test, 1))


def nearest(question: Question, features: Split, tell: Tell) -> np.ndarray:
    """The mean target of the most similar training rows; 1, 3 or 5 of them, as suits the validation part.

    Similarity is the cosine of the features; rows similar to none get the mean of all.
    """
    n_validation = features.validation.shape[0]
    queries = sparse.vstack([features.validation, features.test], format="csr")
    validation, test = np.split(_neighbours(queries, features.train, tell), [n_validation])
    best = question.best([_voted(question, validation, n) for n in NEIGHBOURS])
    return _voted(question, test, NEIGHBOURS[best])


def _neighbours(rows: sparse.csr_array, references: sparse.csr_array, tell: Tell) -> np.ndarray:
    """Indices of the most similar references, best first `(n, max(NEIGHBOURS))`; -1 where nothing is shared."""
    n_neighbours = min(max(NEIGHBOURS), references.shape[0])
    rows, turned = _unit(rows), _unit(references).T.tocsr()
    found = np.empty((rows.shape[0], n_neighbours), dtype=np.int64)
    for start in range(0, rows.shape[0], _CHUNK):
        tell(start, rows.shape[0])
        cosine = (rows[start : start + _CHUNK] @ turned).toarray()
        best = np.argpartition(-cosine, n_neighbours - 1, axis=1)[:, :n_neighbours]
        similarity = np.take_along_axis(cosine, best, axis=1)
        best = np.where(similarity > 0, best, -1)
        found[start : start + _CHUNK] = np.take_along_axis(best, np.argsort(-similarity, axis=1), axis=1)
    return found


def _unit(rows: sparse.csr_array) -> sparse.csr_array:
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    return (sparse.diags_array(1 / np.maximum(norms, 1e-12)) @ rows).tocsr().astype(np.float32)


def _voted(question: Question, neighbours: np.ndarray, n: int) -> np.ndarray:
    """Mean target of the first n neighbours, without unmeasured labels; what is commonest where none is left."""
    targets = question.targets.train
    if question.task_name == "classification":
        targets = np.eye(len(question.classes))[targets]
    targets = targets.reshape(len(targets), -1)
    votes = np.where(neighbours[:, :n, None] >= 0, targets[neighbours[:, :n]], np.nan)  # (rows, n, outputs)
    known = np.isfinite(votes)
    mean = np.where(known, votes, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    otherwise = commonest(question, len(neighbours)).reshape(mean.shape)
    voted = np.where(known.any(axis=1), mean, otherwise)
    return voted[:, 0] if question.task_name == "regression" else voted
