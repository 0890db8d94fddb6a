"""Bootstrap intervals: they cover the truth as often as they say, narrow with more data, and are fast."""

import time

import numpy as np
import pytest
from scipy import stats

from biotl_core.evaluation.intervals import bootstrap_intervals, paired_difference, resamples_used
from biotl_core.evaluation.metrics import evaluate


def noisy(random: np.random.Generator, n: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    true = random.normal(size=n)
    return true, true + noise * random.normal(size=n)


def test_interval_covers_the_true_correlation_as_often_as_it_says():
    random = np.random.default_rng(0)
    truth = 1 / np.sqrt(2)  # of x and x + noise of the same size
    hits = 0
    for seed in range(200):
        low, high = bootstrap_intervals("regression", (), *noisy(random, 100), n_resamples=200, seed=seed)[
            "pearson"
        ]
        hits += low <= truth <= high
    # 190 expected; three standard deviations of a binomial are 9, and the method is a little narrow.
    assert 178 <= hits <= 199


def test_interval_of_accuracy_is_that_of_a_share():
    true = np.array([1] * 70 + [0] * 30)
    chance = np.tile([0.0, 1.0], (100, 1))
    low, high = bootstrap_intervals("classification", ("a", "b"), true, chance, n_resamples=4000)["accuracy"]
    assert low == pytest.approx(stats.binom.ppf(0.025, 100, 0.7) / 100, abs=0.011)
    assert high == pytest.approx(stats.binom.ppf(0.975, 100, 0.7) / 100, abs=0.011)


def test_same_seed_same_interval_and_more_data_narrower():
    random = np.random.default_rng(1)
    few, many = noisy(random, 50), noisy(random, 5000)
    one = bootstrap_intervals("regression", (), *few)
    assert one == bootstrap_intervals("regression", (), *few)
    assert one != bootstrap_intervals("regression", (), *few, seed=1)
    narrow = bootstrap_intervals("regression", (), *many, n_resamples=300)
    wide_90 = bootstrap_intervals("regression", (), *few, level=0.9)
    for metric in one:
        assert np.ptp(narrow[metric]) < np.ptp(one[metric])
        assert np.ptp(wide_90[metric]) < np.ptp(one[metric])


def test_residues_resample_whole_sequences():
    """Residues that repeat each other within a protein make the interval as wide as that of the proteins."""
    random = np.random.default_rng(2)
    true, guess = noisy(random, 40)
    repeated = bootstrap_intervals(
        "residue_regression", (), [np.full(30, t) for t in true], [np.full(30, g) for g in guess]
    )
    single = bootstrap_intervals("regression", (), true, guess)
    for metric in ("pearson", "rmse", "mae", "r2"):
        assert repeated[metric] == pytest.approx(single[metric], abs=1e-9)


def test_intervals_of_what_has_no_value():
    one_class = bootstrap_intervals(
        "classification", ("a", "b"), np.zeros(9, dtype=int), np.full((9, 2), 0.5)
    )
    assert np.isnan(one_class["auroc"]).all() and one_class["accuracy"] == (1.0, 1.0)
    empty = bootstrap_intervals("regression", (), np.zeros(0), np.zeros(0))
    assert np.isnan(list(empty.values())).all()


def test_paired_difference_sees_what_single_intervals_hide():
    random = np.random.default_rng(3)
    true = random.normal(size=300)
    shared = random.normal(size=300)
    better, worse = true + shared, true + shared + 0.6 * random.normal(size=300)
    gain = paired_difference("regression", (), true, better, worse, "pearson")
    scores = [evaluate("regression", (), true, guess)["pearson"] for guess in (better, worse)]
    assert gain.difference == pytest.approx(scores[0] - scores[1])
    assert 0 < gain.low < gain.difference < gain.high
    intervals = [bootstrap_intervals("regression", (), true, guess)["pearson"] for guess in (better, worse)]
    assert intervals[0][0] < intervals[1][1]  # they overlap
    nothing = paired_difference("regression", (), true, better, better, "spearman")
    assert nothing == (0.0, 0.0, 0.0)
    back = paired_difference("regression", (), true, worse, better, "pearson")
    assert back.low == pytest.approx(-gain.high) and back.difference == pytest.approx(-gain.difference)


def test_ten_thousand_rows_stay_quick():
    random = np.random.default_rng(4)
    true = random.integers(0, 2, 10_000)
    chance = np.clip(0.3 * true + 0.7 * random.random(10_000), 0, 1)
    assert resamples_used(10_000, 2) == 1000
    start = time.perf_counter()
    bootstrap_intervals("classification", ("a", "b"), true, np.stack([1 - chance, chance], 1))
    assert time.perf_counter() - start < 10  # about half a second on one free core


def test_fewer_resamples_for_very_many_residues():
    assert resamples_used(5_000_000, 3) == 200
    assert resamples_used(100, 2, n_resamples=150) == 150
