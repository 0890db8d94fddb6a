"""Which model to trust: every model on inner folds of the training part, the choice judged once on the test part.

Nested validation (Varma and Simon, BMC Bioinformatics 7, 91, 2006): the test part takes no part in choosing. The
distances between prediction and truth on the inner folds, where no molecule was predicted by a model that had learned
it, give the interval around every later prediction (cross-conformal: Vovk, Ann. Math. Artif. Intell. 74, 9, 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from biotl_core.data.clusters import cluster_scaffolds
from biotl_core.data.ordered_splits import deal_in_order
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.screening.models import MODELS, Features, Model, Predicted, fit_one_sided
from biotl_core.screening.scores import SCORES, score_interval, scores_of
from biotl_core.wording import say_count

AssaySplit = Literal["scaffold", "random", "time"]
SPLIT_TITLES: dict[AssaySplit, str] = {
    "scaffold": "New kinds of molecule",
    "random": "More molecules of the same kind",
    "time": "What was measured later",
}
N_FOLDS = 5
_STAGE = "Trying every model"
TEST_SHARE = 0.2
COVERAGE = 0.9
"""Share of true values that an interval is to hold."""
_CHOSEN_BY = {"number": "rmse", "active": "auroc"}
"""The score on the inner folds that chooses."""


@dataclass(frozen=True)
class Judged:
    """One model on the inner folds and on the test part."""

    name: str
    inner: dict[str, float]
    """Scores on the inner folds, all folds together."""
    test: dict[str, float]
    """Scores on the test part."""
    test_interval: dict[str, tuple[float, float]]
    """Of the scores that are said first."""


@dataclass(frozen=True)
class Choice:
    """What nested validation found."""

    chosen: str
    """Name of the model."""
    judged: dict[str, Judged]
    parts: np.ndarray
    """Fold 0..N_FOLDS-1 of each molecule of the training part, -1 in the test part; int64 `(n,)`."""
    test_predicted: dict[str, np.ndarray]
    """Predictions of the test part by each model, in the order of the molecules."""
    half_width: float
    """Of the interval around a prediction, in units of the model's spread."""
    covered: float
    """Share of exact test values inside their interval; nan without any."""
    headline: str
    """The score that is said first."""


def deal_parts(
    smiles: Sequence[str],
    values: np.ndarray,
    split: AssaySplit,
    seed: int = 0,
    times: np.ndarray | None = None,
) -> np.ndarray:
    """A fold for every molecule, -1 for the test part.

    Molecules of one ring system stay together for "scaffold"; for "time" the test part holds the latest by `times`.

    Whole groups are dealt from the largest to the smallest, each to the part that lacks most; so large series stay in
    training and the test part holds many small ones.

    Raises:
        UserError: there are too few ring systems to hold some out, or times are asked for and there are none.
    """
    n = len(smiles)
    if split == "time":
        return _deal_by_time(times, values, seed)
    groups = cluster_scaffolds(list(smiles)) if split == "scaffold" else np.arange(n)
    n_groups = int(groups.max()) + 1
    if n_groups < 2 * N_FOLDS or np.bincount(groups).max() > 0.6 * n:
        raise UserError(
            f"The molecules have {say_count(n_groups, 'ring system')}, the largest with "
            f"{np.bincount(groups).max():,} of {n:,} molecules, so no new ones can be held out. Choose a random split."
        )
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(n_groups)
    order = order[np.argsort(-sizes[order], kind="stable")]
    wanted = np.array([*[(1 - TEST_SHARE) * n / N_FOLDS] * N_FOLDS, TEST_SHARE * n])
    if split == "random":
        # Evenly over the values: neighbours in their order go to different parts.
        order = _by_value(values, seed)
    part_of_group = np.zeros(n_groups, np.int64)
    got = np.zeros(N_FOLDS + 1)
    for group in order:
        part_of_group[group] = part = int(np.argmin((got + sizes[group]) / wanted))
        got[part] += sizes[group]
    parts = part_of_group[groups]
    return np.where(parts == N_FOLDS, -1, parts)


def _deal_by_time(times: np.ndarray | None, values: np.ndarray, seed: int) -> np.ndarray:
    """The latest fifth is the test part, those before it folds over the values; what has one time stays together."""
    if times is None or not np.isfinite(times).all():
        raise UserError(
            "A split by time needs a column of dates or years with a value in every row. Choose the column, or "
            "another split."
        )
    is_test = deal_in_order(times, np.arange(len(times)), (1 - TEST_SHARE, 0.0, TEST_SHARE), seed) == 2
    if not is_test.any() or is_test.mean() > 0.6:
        raise UserError(
            "Nearly all molecules have one time, so no later ones can be held out. Choose another split."
        )
    parts = np.full(len(times), -1, np.int64)
    train = np.flatnonzero(~is_test)
    parts[train[_by_value(values[train], seed)]] = np.arange(len(train)) % N_FOLDS
    return parts


def _by_value(values: np.ndarray, seed: int) -> np.ndarray:
    """Rows by value, those of one stretch of ten in random order."""
    jitter = np.random.default_rng(seed).permutation(len(values))
    ranks = np.empty(len(values), np.int64)
    ranks[np.lexsort((jitter, values))] = np.arange(len(values))
    return np.lexsort((jitter, ranks // 10))


def choose_model(
    features: Features,
    values: np.ndarray,
    sides: np.ndarray,
    parts: np.ndarray,
    kind: str,
    threshold: float | None = None,
    control: Control | None = None,
    seed: int = 0,
) -> Choice:
    """Learn and judge every model of MODELS that can be; the best on the inner folds is chosen.

    Args:
        features: of n molecules; models that need a backbone are left out where there are no vectors.
        values, sides: targets `(n,)` and on which side the truth lies (see `models.fit_one_sided`).
        parts: from `deal_parts`.
        kind: "number" or "active".
        threshold: numbers at or above it count as active for the scores of early recognition.
        control: progress and stop.
        seed: of forests, boosting and resampling.
    """
    control = control or Control()
    names = [
        name for name, recipe in MODELS.items() if features.vectors is not None or not recipe.needs_vectors
    ]
    alone = [name for name in names if not MODELS[name].members]
    steps = _Steps(control, len(alone) * (N_FOLDS + 1))
    inner = {name: _inner(name, features, values, sides, parts, seed, steps) for name in alone}
    inner |= {name: _joined(inner, MODELS[name].members) for name in names if name not in inner}
    exact_train, exact_test = (parts >= 0) & (sides == 0), (parts < 0) & (sides == 0)
    train, test = np.flatnonzero(parts >= 0), np.flatnonzero(parts < 0)
    scores = {
        n: scores_of(kind, values[exact_train], p.mean[exact_train], threshold) for n, p in inner.items()
    }
    by = _CHOSEN_BY[kind]
    chosen = max((n for n in names if n != "mean"), key=lambda n: _worth(by, scores[n][by]))
    headline = "auroc" if kind == "active" else "pearson"
    outer: dict[str, Predicted] = {}
    for name in alone:
        outer[name] = _learned(name, features, values, sides, train, seed).predict(features.take(test))
        steps.tell()
    outer |= {name: _joined(outer, MODELS[name].members) for name in names if name not in outer}
    judged = {}
    for name in names:
        found = outer[name]
        within = exact_test[test]
        true, own = values[test][within], found.mean[within]
        said = {by, headline}
        judged[name] = Judged(
            name,
            scores[name],
            scores_of(kind, true, own, threshold) if len(true) > 1 else {},
            {one: score_interval(one, true, own) for one in sorted(said)} if len(true) > 1 else {},
        )
        if name == chosen:
            half_width = _half_width(values[exact_train], inner[name], exact_train)
            misses = np.abs(true - own) / found.spread[within]
            covered = float((misses <= half_width).mean()) if len(true) else float("nan")
    test_predicted = {name: found.mean for name, found in outer.items()}
    return Choice(chosen, judged, parts, test_predicted, half_width, covered, headline)


def final_model(name: str, features: Features, values: np.ndarray, sides: np.ndarray, seed: int = 0) -> Model:
    """The chosen model, having learned from all molecules."""
    return _learned(name, features, values, sides, np.arange(len(values)), seed)


class _Steps:
    """Progress over all learning."""

    def __init__(self, control: Control, total: int) -> None:
        self.control, self.total, self.done = control, total, 0
        control.step(_STAGE, 0, total)

    def tell(self) -> None:
        self.done += 1
        self.control.step(_STAGE, self.done, self.total)


def _inner(
    name: str,
    features: Features,
    values: np.ndarray,
    sides: np.ndarray,
    parts: np.ndarray,
    seed: int,
    steps: _Steps,
) -> Predicted:
    """Predictions of each training molecule by a model that had not learned it; nan in the test part."""
    found = Predicted(np.full(len(values), np.nan), np.ones(len(values)))
    for fold in range(N_FOLDS):
        held_out, others = np.flatnonzero(parts == fold), np.flatnonzero((parts >= 0) & (parts != fold))
        if len(held_out) and len(others):
            predicted = _learned(name, features, values, sides, others, seed).predict(features.take(held_out))
            found.mean[held_out], found.spread[held_out] = predicted
        steps.tell()
    return found


def _joined(found: dict[str, Predicted], members: Sequence[str]) -> Predicted:
    """What `models.Together` gives, without learning its members again."""
    return Predicted(np.mean([found[name].mean for name in members], axis=0), found[members[0]].spread)


def _learned(
    name: str, features: Features, values: np.ndarray, sides: np.ndarray, rows: np.ndarray, seed: int
) -> Model:
    model = MODELS[name].make(seed)
    fit_one_sided(model, features.take(rows), values[rows], sides[rows])
    return model


def _half_width(true: np.ndarray, inner: Predicted, rows: np.ndarray) -> float:
    """The quantile of the misses, in units of the spread, that holds COVERAGE of new ones."""
    misses = np.sort(np.abs(true - inner.mean[rows]) / inner.spread[rows])
    if len(misses) == 0:
        return float("nan")
    place = int(np.ceil(COVERAGE * (len(misses) + 1))) - 1
    return float(misses[min(place, len(misses) - 1)])


def _worth(score: str, value: float) -> float:
    if not np.isfinite(value):
        return -np.inf
    return value if SCORES[score].higher_is_better else -value
