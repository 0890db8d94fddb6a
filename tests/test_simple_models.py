"""The models behind the simple methods, against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from biotl_core.evaluation import simple_models
from biotl_core.evaluation.simple_models import (
    Question,
    Split,
    commonest,
    label_shares,
    logistic,
    nearest,
    ridge,
    ridge_path,
)
from biotl_core.progress import Stopped

NAN = float("nan")


def ignore(step: int, steps: int) -> None:
    assert 0 <= step <= steps


@pytest.mark.parametrize("few_columns", [1000, 0])
def test_ridge_equals_sklearn_by_both_ways(few_columns, monkeypatch):
    monkeypatch.setattr(simple_models, "_FEW_COLUMNS", few_columns)
    random = np.random.default_rng(0)
    features = sparse.random_array((80, 30), density=0.3, rng=random, format="csr")
    targets = features @ random.normal(size=30) + 5 + 0.1 * random.normal(size=80)
    strengths = np.array([0.01, 1.0, 100.0])
    weights, offsets = ridge_path(features, targets, strengths, ignore)
    for i, strength in enumerate(strengths):
        expected = Ridge(alpha=strength).fit(features.toarray(), targets)
        np.testing.assert_allclose(weights[:, i], expected.coef_, atol=1e-4)
        assert offsets[i] == pytest.approx(expected.intercept_, abs=1e-4)


def split_question(task_name: str, targets: np.ndarray, classes: tuple[str, ...] = ()) -> Question:
    return Question(task_name, classes, Split(targets[:60], targets[60:80], targets[80:]))


def split_features(features: np.ndarray) -> Split:
    rows = sparse.csr_array(features)
    return Split(rows[:60], rows[60:80], rows[80:])


def test_ridge_and_logistic_find_a_straight_line():
    random = np.random.default_rng(1)
    features = random.normal(size=(100, 4))
    line = features @ [1.0, -2.0, 0.5, 0.0]
    predicted = ridge(split_question("regression", line + 7), split_features(features), ignore)
    np.testing.assert_allclose(predicted, line[80:] + 7, atol=0.01)
    classes = (line > 0).astype(np.int64)
    chances = logistic(
        split_question("classification", classes, ("a", "b")), split_features(features), ignore
    )
    assert chances.shape == (20, 2)
    assert (chances.argmax(axis=1) == classes[80:]).mean() >= 0.95


def test_what_the_test_part_holds_changes_nothing():
    """Simple methods must not see the targets they are judged on."""
    random = np.random.default_rng(2)
    features = split_features(random.normal(size=(100, 3)))
    targets = random.normal(size=100)
    question = split_question("regression", targets)
    blind = split_question("regression", np.where(np.arange(100) < 80, targets, NAN))
    for model in (ridge, nearest):
        np.testing.assert_array_equal(model(question, features, ignore), model(blind, features, ignore))


def test_logistic_knows_classes_that_training_lacks_and_labels_with_gaps():
    random = np.random.default_rng(3)
    features = split_features(random.normal(size=(100, 3)))
    classes = random.integers(0, 2, 100) * 2  # the middle class never occurs
    chances = logistic(split_question("classification", classes, ("a", "b", "c")), features, ignore)
    assert chances.shape == (20, 3) and not chances[:, 1].any()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    labels = np.stack([classes / 2, np.full(100, NAN), np.ones(100)], axis=1)
    labels[::3, 0] = NAN
    chances = logistic(
        split_question("multilabel", labels, ("a", "never measured", "always")), features, ignore
    )
    assert (chances[:, 1] == 0.5).all() and (chances[:, 2] == 1).all()
    assert 0 < chances[:, 0].min() < chances[:, 0].max() < 1


def test_commonest_answers():
    numbers = Question("regression", (), Split(np.array([1.0, 2.0, 6.0]), None, None))
    assert commonest(numbers, 2).tolist() == [3.0, 3.0]
    classes = Question("classification", ("a", "b", "c"), Split(np.array([0, 2, 2, 2]), None, None))
    assert commonest(classes, 1).tolist() == [[0.25, 0.0, 0.75]]
    assert label_shares(np.array([[1, NAN], [0, NAN], [NAN, NAN]])).tolist() == [0.5, 0.5]


def test_nearest_copies_its_neighbour_and_knows_when_there_is_none():
    train = sparse.csr_array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0.9, 0.4, 0]])
    queries = sparse.csr_array([[2.0, 0, 0, 0], [0, 0, 0, 1]])
    features = Split(train, train[:2], queries)
    question = Question("regression", (), Split(np.array([1.0, 5.0, 6.0]), np.array([1.0, 5.0]), None))
    # Validation copies are best told by one neighbour; the second query shares nothing, so the mean of all.
    assert nearest(question, features, ignore).tolist() == [1.0, 4.0]
    labels = Question(
        "multilabel", ("a",), Split(np.array([[1.0], [NAN], [0.0]]), np.array([[1.0], [0.0]]), None)
    )
    assert nearest(labels, features, ignore).tolist() == [[1.0], [0.5]]


def test_without_a_validation_part_the_middle_setting_is_taken():
    question = Question("regression", (), Split(np.arange(3.0), np.zeros(0), np.zeros(0)))
    assert question.best([np.zeros(0)] * 5) == 2


def test_without_features_everything_is_commonest():
    nothing = Split(*(sparse.csr_array((n, 0)) for n in (3, 2, 2)))
    numbers = Question("regression", (), Split(np.array([1.0, 2.0, 6.0]), np.zeros(2), None))
    assert (
        ridge(numbers, nothing, ignore).tolist() == nearest(numbers, nothing, ignore).tolist() == [3.0, 3.0]
    )
    classes = Question("classification", ("a", "b"), Split(np.array([0, 0, 1]), np.zeros(2, dtype=int), None))
    np.testing.assert_allclose(logistic(classes, nothing, ignore), [[2 / 3, 1 / 3]] * 2)


@pytest.mark.parametrize("model", [ridge, logistic, nearest])
def test_models_stop_when_told(model):
    def stop(step: int, steps: int) -> None:
        raise Stopped("now")

    task = "classification" if model is logistic else "regression"
    question = split_question(task, np.arange(100) % 2, ("a", "b") if model is logistic else ())
    features = split_features(np.random.default_rng(0).normal(size=(100, 1001 if model is ridge else 2)))
    with pytest.raises(Stopped):
        model(question, features, stop)
