"""Choosing batches: formulas worked by hand, and laws of the choice."""

import numpy as np
import pytest
from scipy import integrate, stats

from biotl_core.errors import UserError
from biotl_core.planning.selection import AIMS, _Unknown, choose_batch, expected_improvement
from biotl_core.planning.surrogate import Surrogate, View

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(120, 4))
TARGETS = FEATURES @ [1.0, 0.5, 0.0, -1.0] + RNG.normal(0, 0.2, 120)
MEASURED = np.arange(30)
FREE = np.arange(30, 120)


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    views = [View("x", FEATURES), View("x", FEATURES, is_smooth=True)]
    return Surrogate(views, MEASURED, TARGETS[MEASURED])


def test_expected_improvement_is_the_mean_of_what_is_gained():
    mean, spread, best = 0.3, 0.7, 0.5
    gained, _ = integrate.quad(lambda x: max(0, x - best) * stats.norm.pdf(x, mean, spread), best, 10)
    assert expected_improvement(np.array([mean]), np.array([spread]), best)[0] == pytest.approx(
        gained, rel=1e-6
    )


@pytest.mark.parametrize("aim", AIMS)
def test_a_batch_has_no_one_twice_and_nothing_that_was_measured(aim, surrogate):
    batch = choose_batch(surrogate, FREE, 20, aim)
    assert len(set(batch.rows)) == 20 and set(batch.rows) <= set(FREE)
    assert set(choose_batch(surrogate, FREE, 500, aim).rows) == set(FREE)


def test_greedy_without_diversity_takes_the_best_guesses(surrogate):
    best = choose_batch(surrogate, FREE, 10, "expected_value", diversity=0.0)
    order = FREE[np.argsort(-surrogate.guess(FREE).mean)]
    assert best.rows.tolist() == order[:10].tolist()
    lowest = choose_batch(surrogate, FREE, 10, "expected_value", diversity=0.0, maximise=False)
    assert lowest.rows.tolist() == order[::-1][:10].tolist()


def test_diversity_spreads_a_batch(surrogate):
    def nearest(diversity: float) -> float:
        rows = choose_batch(surrogate, FREE, 12, "expected_value", diversity=diversity).rows
        gaps = np.linalg.norm(FEATURES[rows][:, None] - FEATURES[rows][None], axis=2)
        return float(np.min(gaps + 99 * np.eye(12), axis=1).mean())

    assert nearest(1.0) > nearest(0.0)


def test_measuring_one_after_the_other_equals_measuring_all_at_once(surrogate):
    unknown = _Unknown(surrogate, FREE)
    for pick in (3, 40, 77):
        unknown.measure(pick)
    rows = np.concatenate([MEASURED, FREE[[3, 40, 77]]])
    kernel = surrogate.covariance(rows, rows) + surrogate.noise * np.eye(len(rows))
    tied = surrogate.covariance(rows, FREE)
    left = surrogate.prior_variance(FREE) - (tied * np.linalg.solve(kernel, tied)).sum(axis=0)
    np.testing.assert_allclose(unknown.spread(), np.sqrt(left) * surrogate.scale, rtol=1e-5)


def test_an_unknown_aim_is_told(surrogate):
    with pytest.raises(UserError, match="no aim 'luck'"):
        choose_batch(surrogate, FREE, 3, "luck")


@pytest.mark.parametrize("aim", AIMS)
def test_looking_at_the_most_promising_first_changes_no_choice(aim, surrogate, monkeypatch):
    all_at_once = choose_batch(surrogate, FREE, 8, aim, diversity=0.8)
    monkeypatch.setattr("biotl_core.planning.selection._LOOKED_AT_EACH", 1)
    monkeypatch.setattr("biotl_core.planning.selection._LOOKED_AT_LEAST", 1)
    assert choose_batch(surrogate, FREE, 8, aim, diversity=0.8).rows.tolist() == all_at_once.rows.tolist()
