"""Every metric against scikit-learn and SciPy, values worked by hand, and where there is no value."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.calibration import (
    calibration_bins,
    claims_and_outcomes,
    expected_calibration_error,
)
from biotl_core.evaluation.metrics import METRICS, evaluate, storable, weighted_metrics

NUMBERS = {
    "rmse": lambda true, guess: np.sqrt(reference.mean_squared_error(true, guess)),
    "mae": reference.mean_absolute_error,
    "r2": reference.r2_score,
    "pearson": lambda true, guess: stats.pearsonr(true, guess).statistic,
    "spearman": lambda true, guess: stats.spearmanr(true, guess).statistic,
}
CLASSES = {
    "accuracy": lambda true, chance: reference.accuracy_score(true, chance.argmax(1)),
    "balanced_accuracy": lambda true, chance: reference.balanced_accuracy_score(true, chance.argmax(1)),
    "macro_f1": lambda true, chance: reference.f1_score(true, chance.argmax(1), average="macro"),
    "mcc": lambda true, chance: reference.matthews_corrcoef(true, chance.argmax(1)),
}


def numbers_with_ties(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, 12, n).astype(float) + 40
    return true, np.round(true + random.normal(0, 3, n), 0)


def classes_with_ties(seed: int, n_classes: int, n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, n_classes, n)
    chance = random.integers(1, 6, (n, n_classes)) + 3 * np.eye(n_classes)[true] * (
        random.random((n, 1)) < 0.4
    )
    return true, chance / chance.sum(axis=1, keepdims=True)


def drawn_rows(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn with replacement, and how often each was drawn."""
    rows = np.random.default_rng(seed).integers(0, n, n)
    return rows, np.bincount(rows, minlength=n).astype(float)[None]


def sklearn_rankings(true: np.ndarray, chance: np.ndarray) -> tuple[float, float]:
    if chance.shape[1] == 2:
        return reference.roc_auc_score(true, chance[:, 1]), reference.average_precision_score(
            true, chance[:, 1]
        )
    each = [(true == i, chance[:, i]) for i in np.unique(true)]
    areas = [reference.roc_auc_score(*one) for one in each]
    return np.mean(areas), np.mean([reference.average_precision_score(*one) for one in each])


@pytest.mark.parametrize("seed", range(4))
def test_numbers_equal_scipy_and_sklearn_also_on_repeated_rows(seed):
    true, guess = numbers_with_ties(seed)
    rows, counts = drawn_rows(seed, len(true))
    weighted = weighted_metrics("regression", (), true, guess).evaluated(counts)
    for name, expected in NUMBERS.items():
        assert METRICS[name].function(true, guess) == pytest.approx(expected(true, guess), abs=1e-12)
        assert weighted[name][0] == pytest.approx(expected(true[rows], guess[rows]), abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_classes_equal_sklearn_also_on_repeated_rows(seed, n_classes):
    true, chance = classes_with_ties(seed, n_classes)
    rows, counts = drawn_rows(seed, len(true))
    names = tuple("abcdefg"[:n_classes])
    plain = evaluate("classification", names, true, chance)
    weighted = weighted_metrics("classification", names, true, chance).evaluated(counts)
    for name, expected in CLASSES.items():
        assert plain[name] == pytest.approx(expected(true, chance), abs=1e-12)
        assert weighted[name][0] == pytest.approx(expected(true[rows], chance[rows]), abs=1e-12)
    for chosen, values in ((slice(None), plain), (rows, weighted)):
        auroc, auprc = sklearn_rankings(true[chosen], chance[chosen])
        assert np.ravel(values["auroc"])[0] == pytest.approx(auroc, abs=1e-12)
        assert np.ravel(values["auprc"])[0] == pytest.approx(auprc, abs=1e-12)


def test_values_worked_by_hand():
    true, guess = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    scores = evaluate("regression", (), true, guess)
    # Misses 0, 1, 1, 0; squared distances from the mean 2.25 + 0.25 + 0.25 + 2.25 = 5.
    assert scores["mae"] == 0.5
    assert scores["rmse"] == pytest.approx(np.sqrt(0.5))
    assert scores["r2"] == pytest.approx(1 - 2 / 5)
    # Ranks differ by 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15).
    assert scores["spearman"] == pytest.approx(0.8)

    # Yes at 0.9 and 0.6, no at 0.7 and 0.2: of four pairs three are in order.
    chance = np.array([0.9, 0.6, 0.7, 0.2])
    scores = evaluate(
        "classification", ("no", "yes"), np.array([1, 1, 0, 0]), np.stack([1 - chance, chance], 1)
    )
    assert scores["auroc"] == 0.75
    # Precision 1 at the first yes, 2/3 at the second, each half of the recall.
    assert scores["auprc"] == pytest.approx((1 + 2 / 3) / 2)
    # At one half: two yes found, one no called yes, one no right: F1 of 0.8 and 2/3; MCC 2 / sqrt(12).
    assert scores["accuracy"] == 0.75
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["mcc"] == pytest.approx(2 / np.sqrt(3 * 2 * 2 * 1))


def test_labels_leave_out_what_was_not_measured_and_average_over_labels_with_both_outcomes():
    nan = np.nan
    true = np.array([[1, nan, 1], [0, 1, 1], [1, 0, 1], [0, 0, nan]])
    chance = np.array([[0.9, 0.1, 0.4], [0.2, 0.8, 0.6], [0.4, 0.3, 0.7], [0.1, 0.7, 0.2]])
    scores = evaluate("multilabel", ("a", "b", "only yes"), true, chance)
    assert scores["auroc"] == 1.0
    # Label a: one yes missed of four rows; label b: one no called yes of three. The third label has no no.
    assert scores["accuracy"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 3 / 4) / 2)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_residues_are_pooled_and_unknown_or_cut_ones_left_out():
    true = [np.array([0, 1, -1]), np.array([1, 1, 0, 0])]
    predicted = [
        np.array([[0.9, 0.1], [0.2, 0.8], [0.0, 1.0]]),
        np.array([[0.8, 0.2], [0.1, 0.9], [0.7, 0.3], [np.nan, np.nan]]),
    ]
    scores = evaluate("residue_classification", ("H", "C"), true, predicted)
    assert scores["accuracy"] == pytest.approx(4 / 5)
    pooled = evaluate(
        "classification",
        ("H", "C"),
        np.array([0, 1, 1, 1, 0]),
        np.vstack([predicted[0][:2], predicted[1][:3]]),
    )
    assert scores == pooled
    numbers = evaluate(
        "residue_regression",
        (),
        [np.array([1.0, np.nan]), np.array([3.0])],
        [np.array([2.0, 9.0]), np.array([3.0])],
    )
    assert numbers["mae"] == 0.5


@pytest.mark.parametrize("task_name", TASKS)
def test_every_metric_of_a_task_is_known_and_explained(task_name):
    task = TASKS[task_name]
    kind = "label" if task_name == "multilabel" else "class" if task.is_class else "number"
    for name in task.metrics:
        assert kind in METRICS[name].kinds
        assert METRICS[name].explanation.endswith(".") and METRICS[name].title


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_is_best(metric):
    if "number" in METRICS[metric].kinds:
        true, guess = numbers_with_ties(0)
        best, other = METRICS[metric].function(true, true), METRICS[metric].function(true, guess)
    else:
        true, chance = classes_with_ties(0, 3)
        best = METRICS[metric].function(true, np.eye(3)[true])
        other = METRICS[metric].function(true, chance)
    assert (best > other) == METRICS[metric].higher_is_better
    assert best == pytest.approx(1.0 if METRICS[metric].higher_is_better else 0.0)


def test_what_has_no_value_is_nan_without_a_warning():
    ones = np.ones(5)
    shares = np.tile([0.3, 0.7], (5, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        constant = evaluate("regression", (), np.arange(5.0), ones * 2.1)
        same = evaluate("regression", (), ones * 0.1, np.arange(5.0))
        one_class = evaluate("classification", ("a", "b"), np.ones(5, dtype=int), shares)
        majority = evaluate("classification", ("a", "b"), np.array([0, 1, 1, 1, 1]), shares)
        empty = evaluate("regression", (), np.zeros(0), np.zeros(0))
        no_residue = evaluate("residue_classification", ("a", "b"), [np.array([-1])], [np.ones((1, 2))])
        nothing_measured = evaluate("multilabel", ("a",), np.full((4, 1), np.nan), np.full((4, 1), 0.5))
        diverged = evaluate("regression", (), np.arange(3.0), np.array([1.0, np.nan, 2.0]))
        huge = evaluate("regression", (), np.arange(3.0), np.array([1e200, -1e200, 3e200]))
    assert np.isnan([constant["spearman"], constant["pearson"], same["r2"], same["spearman"]]).all()
    assert constant["mae"] == pytest.approx(1.22)
    assert np.isnan([one_class["auroc"], one_class["auprc"], one_class["mcc"]]).all()
    assert one_class["accuracy"] == 1.0
    assert (majority["auroc"], majority["mcc"], majority["auprc"]) == (0.5, 0.0, pytest.approx(0.8))
    for scores in (empty, no_residue, nothing_measured, diverged):
        assert np.isnan(list(scores.values())).all()
    assert list(huge) == list(TASKS["regression"].metrics)
    assert storable(constant)["spearman"] is None


def test_calibration_error_by_hand():
    # Ten claims of 0.8 of which six came true, ten of 0.3 of which three did: (0.2 + 0) / 2.
    claimed = np.repeat([0.8, 0.3], 10)
    came_true = np.array([1] * 6 + [0] * 4 + [1] * 3 + [0] * 7)
    assert expected_calibration_error(claimed, came_true) == pytest.approx(0.1)
    bins = calibration_bins(claimed, came_true)
    assert bins.observed.tolist() == [0.3, 0.6] and bins.n.tolist() == [10, 10]
    assert (bins.low < bins.observed).all() and (bins.observed < bins.high).all()
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))


def test_claims_of_each_kind_of_class():
    chance = np.array([[0.2, 0.8], [0.9, 0.1]])
    claimed, came_true = claims_and_outcomes("classification", ("a", "b"), np.array([1, 1]), chance)
    assert claimed.tolist() == [0.8, 0.1] and came_true.tolist() == [True, True]
    chance = np.array([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]])
    claimed, came_true = claims_and_outcomes("classification", ("a", "b", "c"), np.array([1, 2]), chance)
    assert claimed.tolist() == [0.7, 0.5] and came_true.tolist() == [True, False]
    labels = np.array([[1, np.nan], [0, 1.0]])
    claimed, came_true = claims_and_outcomes("multilabel", ("a", "b"), labels, chance[:, :2])
    assert claimed.tolist() == [0.2, 0.5, 0.1] and came_true.tolist() == [True, False, True]
