"""Scores against values worked by hand, and against their definition."""

import numpy as np
import pytest

from biotl_core.screening.scores import SCORES, concordance, per_target, score_interval, scores_of


def test_concordance_equals_its_definition():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 6, 60).astype(float), rng.integers(0, 8, 60).astype(float)
    right = total = 0.0
    for i in range(60):
        for j in range(60):
            if true[i] > true[j]:
                total += 1
                right += (predicted[i] > predicted[j]) + 0.5 * (predicted[i] == predicted[j])
    assert concordance(true, predicted) == pytest.approx(right / total)
    assert concordance(true, np.zeros(60)) == 0.5
    assert np.isnan(concordance(np.zeros(4), np.arange(4.0)))


def test_worked_values():
    true, predicted = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    assert SCORES["mse"].formula(true, predicted) == pytest.approx(4 / 3)
    assert SCORES["pearson"].formula(true, 2 * true + 1) == pytest.approx(1.0)
    # r2 = 1, and the line through the origin fits as well: nothing is taken off.
    assert SCORES["r2m"].formula(true, 2 * true) == pytest.approx(1.0)


def test_early_recognition_of_a_perfect_and_a_hopeless_list():
    labels = np.r_[np.ones(10), np.zeros(990)]
    best, worst = np.arange(1000, 0, -1.0), np.arange(1000.0)
    assert SCORES["ef1"].formula(labels, best) == pytest.approx(100.0)
    assert SCORES["bedroc"].formula(labels, best) == pytest.approx(1.0, abs=1e-6)
    assert SCORES["ef1"].formula(labels, worst) == 0.0
    assert SCORES["auroc"].formula(labels, best) == 1.0
    # A constant prediction finds nothing early, whatever the order of the file.
    assert SCORES["ef1"].formula(labels, np.zeros(1000)) == 0.0


def test_scores_of_numbers_gain_those_of_actives_with_a_threshold():
    values = np.linspace(4, 9, 40)
    assert "bedroc" not in scores_of("number", values, values)
    assert scores_of("number", values, values, 7.0)["auroc"] == 1.0
    assert set(scores_of("active", (values > 7) * 1.0, values)) <= set(SCORES)


def test_the_interval_holds_the_score():
    rng = np.random.default_rng(1)
    true = rng.normal(size=80)
    predicted = true + rng.normal(size=80)
    low, high = score_interval("pearson", true, predicted)
    assert low < SCORES["pearson"].formula(true, predicted) < high


def test_within_targets_there_may_be_nothing_where_pooled_looks_good():
    rng = np.random.default_rng(2)
    targets = np.repeat([0, 1], 50)
    true = targets * 5.0 + rng.normal(size=100)
    predicted = targets * 5.0 + rng.normal(size=100)
    assert SCORES["pearson"].formula(true, predicted) > 0.8
    assert abs(per_target(targets, true, predicted)) < 0.3
