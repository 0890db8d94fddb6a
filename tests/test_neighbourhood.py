"""Hard is what lies far from training or among neighbours that disagree."""

import numpy as np

from biotl_core.evaluation.neighbourhood import Neighbourhood, settle


def made(seed: int = 0, n: int = 600, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, width))
    noise = np.where(features[:, 0] > 0, 2.0, 0.05)  # one half of space is unpredictable
    return features, features[:, 1] + noise * random.normal(size=n)


def test_far_ones_and_disagreeing_neighbours_are_hard():
    features, targets = made()
    around = settle(features, targets)
    typical = around.difficulty(around.place(features[:100]))
    far = around.difficulty(around.place(features[:100] * 10))
    assert (far > typical).mean() > 0.95
    quiet = around.difficulty(around.place(np.tile([-2.0] + [0.0] * 7, (5, 1))))
    loud = around.difficulty(around.place(np.tile([2.0] + [0.0] * 7, (5, 1))))
    assert quiet.max() < loud.min()


def test_difficulty_does_not_depend_on_units_or_on_company():
    features, targets = made()
    one = settle(features, targets)
    other = settle(features * 100 + 7, targets * 1000)
    asked = made(seed=1)[0]
    first, second = one.difficulty(one.place(asked)), other.difficulty(other.place(asked * 100 + 7))
    assert np.allclose(first, second, rtol=1e-2)
    assert np.allclose(first[:3], one.difficulty(one.place(asked[:3])), rtol=1e-5)
    assert (first > 0.3).all()


def test_it_survives_a_file_and_small_or_equal_training_parts(tmp_path):
    for features, targets in (made(n=3), (np.zeros((20, 4)), np.ones(20)), (np.ones((1, 4)), np.ones(1))):
        around = settle(features, targets)
        hard = around.difficulty(around.place(features))
        assert np.isfinite(hard).all() and (hard > 0).all()
    around.save(tmp_path / "n.npz")
    again = Neighbourhood.load(tmp_path / "n.npz")
    assert np.array_equal(again.difficulty(again.place(features)), hard)
    assert len(around.difficulty(np.zeros((0, around.turn.shape[1])))) == 0
