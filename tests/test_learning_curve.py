"""The learning curve finds the law that made the scores, and says nothing where there is none."""

import numpy as np
import pytest

from biotl_core.evaluation.learning_curve import fit_growth, subset_sizes

SIZES = np.array([50, 100, 200, 400, 800, 1600])


@pytest.mark.parametrize(("metric", "sign"), [("spearman", 1), ("rmse", -1)])
def test_the_law_that_made_the_scores_is_found(metric, sign):
    ceiling = 0.8 if metric == "spearman" else 0.3
    scores = ceiling - sign * 2.0 * SIZES**-0.5
    growth = fit_growth(SIZES, scores, metric)
    assert growth.at(3200) == pytest.approx(ceiling - sign * 2.0 * 3200**-0.5, abs=0.005)
    assert growth.misfit < 0.01


def test_nothing_is_promised_beyond_a_perfect_model():
    scores = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.98])
    growth = fit_growth(SIZES, scores, "spearman")
    assert growth.ceiling <= 1.0
    assert scores[-1] - 0.1 < growth.at(3200) <= 1.0


def test_falling_scores_and_few_sizes_give_no_curve():
    assert fit_growth(SIZES, np.linspace(0.8, 0.5, 6), "spearman") is None
    assert fit_growth(SIZES[:3], np.array([0.1, 0.2, 0.3]), "spearman") is None
    assert fit_growth(SIZES, np.full(6, np.nan), "spearman") is None


def test_sizes_grow_up_to_all():
    for n in (5, 21, 100, 9_999):
        sizes = subset_sizes(n)
        assert sizes[-1] == n and sizes == sorted(set(sizes))
        assert sizes[0] >= min(20, n)
