"""Ranges and sets hold as often as they say, on data of which the truth is known; hand-worked limits."""

import json
import math

import numpy as np
import pytest

from biotl_core.evaluation.uncertainty import (
    Calibration,
    calibrate,
    count_covered_ranges,
    count_covered_sets,
)

LEVELS = (0.5, 0.8, 0.9, 0.95)


def heteroscedastic(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measured, predicted, and the true size of the miss."""
    size = random.uniform(0.2, 3.0, n)
    true = random.normal(size=n)
    return true, true + size * random.normal(size=n), size


def softmax(odds: np.ndarray) -> np.ndarray:
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def classified(random: np.random.Generator, n: int, shares=(0.7, 0.2, 0.1)) -> tuple[np.ndarray, np.ndarray]:
    """True classes of three, and honest probabilities for them."""
    true = random.choice(len(shares), n, p=shares)
    odds = np.log(shares) + 1.5 * np.eye(len(shares))[true] + random.normal(size=(n, len(shares)))
    return true, softmax(odds)


def test_the_limit_is_the_value_at_the_place_of_split_conformal_prediction():
    scores = tuple(float(i) for i in range(1, 10))
    calibration = Calibration("regression", (), (scores,))
    assert calibration.limit(0, 0.9) == 9.0  # ceil(10 * 0.9) = 9th of 9
    assert calibration.limit(0, 0.5) == 5.0
    assert math.isinf(calibration.limit(0, 0.95))  # ceil(9.5) = 10th of 9: nothing can be promised
    lower, upper = calibration.ranges(np.array([10.0]), np.array([2.0]), 0.5)
    assert (lower[0], upper[0]) == (0.0, 20.0)
    assert np.isnan(calibration.ranges(np.array([10.0]), np.array([2.0]), 0.95)[0]).all()


@pytest.mark.parametrize("level", LEVELS)
def test_ranges_hold_as_often_as_they_say(level):
    random = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        true, predicted, size = heteroscedastic(random, 60)
        calibration = calibrate("regression", (), true, predicted, size)
        true, predicted, size = heteroscedastic(random, 200)
        shares.append(
            count_covered_ranges("regression", true, *calibration.ranges(predicted, size, level)).share
        )
    promised = math.ceil(61 * level) / 61  # the exact mean of split conformal prediction
    assert np.mean(shares) == pytest.approx(promised, abs=0.012)


def test_ranges_that_know_the_hard_ones_hold_there_too():
    random = np.random.default_rng(1)
    true, predicted, size = heteroscedastic(random, 4000)
    new_true, new_predicted, new_size = heteroscedastic(random, 4000)
    hard = new_size > 2
    shares = []
    for difficulty, new in ((size, new_size), (np.ones(4000), np.ones(4000))):
        calibration = calibrate("regression", (), true, predicted, difficulty)
        lower, upper = calibration.ranges(new_predicted, new)
        shares.append(count_covered_ranges("regression", new_true[hard], lower[hard], upper[hard]).share)
    assert shares[0] == pytest.approx(0.9, abs=0.03)
    assert shares[1] < 0.82


def test_sets_hold_for_every_class_however_rare():
    random = np.random.default_rng(2)
    calibration = calibrate("classification", ("a", "b", "c"), *classified(random, 5000))
    true, predicted = classified(random, 20000)
    sets = calibration.sets(calibration.probabilities(predicted))
    for i in range(3):
        rows = true == i
        assert count_covered_sets("classification", true[rows], sets[rows]).share == pytest.approx(
            0.9, abs=0.03
        )


def test_a_class_too_rare_takes_the_limit_of_all():
    true = np.array([0] * 40 + [1] * 3)
    predicted = np.stack([np.linspace(0.9, 0.6, 43), 1 - np.linspace(0.9, 0.6, 43)], axis=1)
    calibration = calibrate("classification", ("a", "b"), true, predicted)
    assert calibration._class_limit(1, 0.9) == calibration.limit(-1, 0.9)


def test_temperature_brings_an_overconfident_model_to_its_word():
    random = np.random.default_rng(3)
    true, honest = classified(random, 4000)
    bold = honest**3 / (honest**3).sum(axis=1, keepdims=True)
    calibration = calibrate("classification", ("a", "b", "c"), true, bold)
    assert calibration.temperature == pytest.approx(3 * calibrate(
        "classification", ("a", "b", "c"), true, honest
    ).temperature, rel=0.02)  # fmt: skip
    mended = calibration.probabilities(bold)
    assert np.allclose(mended.sum(axis=1), 1)
    assert (mended.argmax(axis=1) == bold.argmax(axis=1)).all()


def test_labels_are_each_held_and_unmeasured_ones_left_out():
    random = np.random.default_rng(4)
    shares = np.array([0.1, 0.5])

    def draw(n):
        true = (random.random((n, 2)) < shares).astype(float)
        odds = 2 * (2 * true - 1) + random.normal(size=(n, 2)) * 1.5
        true[random.random((n, 2)) < 0.3] = np.nan
        return true, 1 / (1 + np.exp(-odds))

    calibration = calibrate("multilabel", ("x", "y"), *draw(5000))
    true, predicted = draw(10000)
    sets = calibration.sets(calibration.probabilities(predicted))
    assert sets.shape == (10000, 2, 2)
    covered = count_covered_sets("multilabel", true, sets)
    assert covered.n == np.isfinite(true).sum()
    assert covered.share == pytest.approx(0.9, abs=0.02)
    rare_yes = true[:, 0] == 1
    assert sets[rare_yes, 0, 1].mean() == pytest.approx(0.9, abs=0.04)


def test_residues_keep_their_shapes_and_unknown_ones_do_not_count():
    random = np.random.default_rng(5)
    lengths = random.integers(5, 30, 80)
    true = [random.normal(size=n) for n in lengths]
    predicted = [one + random.normal(size=len(one)) for one in true]
    predicted[0][-1] = np.nan  # cut
    true[1][0] = np.nan  # not measured
    difficulty = [np.ones(n) for n in lengths]
    calibration = calibrate("residue_regression", (), true, predicted, difficulty)
    assert calibration.n == sum(lengths) - 2
    lower, upper = calibration.ranges(predicted, difficulty)
    assert [len(one) for one in lower] == lengths.tolist()
    assert np.isnan(lower[0][-1])
    covered = count_covered_ranges("residue_regression", true, lower, upper)
    assert covered.n == sum(lengths) - 2
    assert covered.width == pytest.approx(2 * 1.645, rel=0.15)


def test_residue_classes_give_a_set_each():
    random = np.random.default_rng(6)
    true, flat = classified(random, 900)
    true, predicted = np.split(true, 9), np.split(flat, 9)
    calibration = calibrate("residue_classification", ("C", "E", "H"), true, predicted)
    sets = calibration.sets(calibration.probabilities(predicted))
    assert [one.shape for one in sets] == [(100, 3)] * 9
    assert count_covered_sets("residue_classification", true, sets).share == pytest.approx(0.9, abs=0.02)


def test_what_was_learned_survives_a_file():
    true, predicted = classified(np.random.default_rng(7), 300)
    calibration = calibrate("classification", ("a", "b", "c"), true, predicted)
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration


def test_nothing_measured_nothing_said():
    assert calibrate("regression", (), np.array([np.nan]), np.array([1.0])) is None
    assert calibrate("residue_classification", ("A",), [np.array([-1])], [np.ones((1, 1))]) is None
    assert math.isnan(count_covered_ranges("regression", np.zeros(0), np.zeros(0), np.zeros(0)).share)
