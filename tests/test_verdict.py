"""The sentences of a finished run, against values chosen by hand."""

import pytest

from biotl_core.runs.verdict import (
    TWIN,
    answer_sentence,
    best_simple,
    comparison_note,
    rival,
    transfer_sentence,
)


def make_result(**changes) -> dict:
    """A regression with Spearman 0.71, between 0.66 and 0.75."""
    result = {
        "task": "regression",
        "method": "lora",
        "modality": "protein",
        "headline": "spearman",
        "test": {"spearman": 0.71, "rmse": 1.0},
        "test_interval": {"spearman": [0.66, 0.75], "rmse": [0.9, 1.1]},
        "baselines": {"mean": {"spearman": None}, "ridge": {"spearman": 0.58, "rmse": 1.3}},
        "baseline_titles": {"ridge": "Ridge on letters", "mean": "Mean"},
        "counts": {"train": 1000, "test": 312},
        "dataset_hash": "a",
    }
    return result | changes


def test_a_clear_gain_is_said_as_such():
    assert answer_sentence(make_result()) == (
        "Spearman 0.710 (0.660 to 0.750) on 312 test proteins; the best simple method, ridge on letters, "
        "reaches 0.580; so transfer bought +0.130."
    )


@pytest.mark.parametrize(
    ("ridge", "words"),
    [
        (0.68, "may be chance"),
        (0.73, "at least as well here: prefer it"),
        (0.80, "does better here: use it"),
    ],
)
def test_no_gain_is_said_honestly(ridge, words):
    result = make_result(baselines={"ridge": {"spearman": ridge}})
    assert words in answer_sentence(result)


def test_where_lower_is_better_the_gain_turns_round():
    result = make_result(headline="rmse")
    assert rival(result, "ridge").gain == pytest.approx(0.3)
    assert rival(result, "ridge").is_clear


def test_a_baseline_without_a_value_is_no_rival():
    assert rival(make_result(), "mean") is None
    assert best_simple(make_result()).name == "ridge"
    assert best_simple(make_result(baselines={})) is None
    assert "No simple method" in answer_sentence(make_result(baselines={}))


def test_a_run_without_a_value_of_its_own_still_speaks():
    result = make_result(test={"spearman": None}, test_interval={"spearman": [None, None]})
    assert answer_sentence(result).startswith("Spearman not known on 312 test proteins")


def test_the_twin_is_no_simple_method_and_has_its_own_sentence():
    result = make_result(baselines={"ridge": {"spearman": 0.58}, TWIN: {"spearman": 0.62}})
    assert best_simple(result).name == "ridge"
    assert transfer_sentence(result) == (
        "The same backbone from random weights reaches 0.620: pretraining is worth +0.0900 Spearman here."
    )
    assert transfer_sentence(make_result()) is None
    worse = make_result(baselines={TWIN: {"spearman": 0.9}})
    assert "pretraining did not help" in transfer_sentence(worse)
    same = make_result(baselines={TWIN: {"spearman": 0.70}})
    assert "no clear effect" in transfer_sentence(same)


def test_only_runs_on_the_same_data_are_ranked():
    assert comparison_note({"a": make_result(), "b": make_result()})[0]
    other = comparison_note({"a": make_result(), "b": make_result(dataset_hash="b")})
    assert not other[0]
    assert "different data" in other[1]
    tasks = comparison_note({"a": make_result(), "b": make_result(task="classification")})
    assert not tasks[0]
    assert "different kinds of question" in tasks[1]
