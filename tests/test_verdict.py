"""The sentences of a finished run, against values chosen by hand."""

import pytest

from biotl_core.runs.verdict import (
    FROZEN,
    TWIN,
    answer_sentence,
    best_simple,
    comparison_note,
    passes_words,
    rival,
    shares_words,
    solved_sentence,
    transfer_sentence,
    tuning_sentence,
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
        "differences": {"ridge": [0.13, 0.08, 0.18]},
    }
    return result | changes


def test_a_clear_gain_is_said_as_such():
    assert answer_sentence(make_result()) == (
        "Spearman 0.710 (0.660 to 0.750) on 312 test proteins; the best simple method, ridge on letters, "
        "reaches 0.580; so transfer bought +0.130 (0.0800 to 0.180)."
    )


@pytest.mark.parametrize(
    ("ridge", "difference", "words"),
    [
        (0.68, [0.03, -0.01, 0.07], "ahead by +0.0300 (−0.0100 to 0.0700), which may be chance"),
        (0.73, [-0.02, -0.06, 0.02], "at least as well here: prefer it"),
        (0.80, [-0.09, -0.14, -0.03], "does better here: use it"),
        (0.80, None, "at least as well here"),
        # Within the run's own interval and yet clear, as both were judged on the same resamples.
        (0.68, [0.03, 0.01, 0.05], "so transfer bought +0.0300"),
    ],
)
def test_no_gain_is_said_honestly(ridge, difference, words):
    result = make_result(
        baselines={"ridge": {"spearman": ridge}}, differences={"ridge": difference} if difference else {}
    )
    assert words in answer_sentence(result)


def test_where_lower_is_better_the_gain_turns_round():
    result = make_result(headline="rmse", differences={"ridge": [-0.3, -0.5, -0.1]})
    ridge = rival(result, "ridge")
    assert (ridge.gain, ridge.low, ridge.high) == pytest.approx((0.3, 0.1, 0.5))
    assert ridge.is_clear


def test_a_baseline_without_a_value_is_no_rival():
    assert rival(make_result(), "mean") is None
    assert best_simple(make_result()).name == "ridge"
    assert best_simple(make_result(baselines={})) is None
    assert "No simple method" in answer_sentence(make_result(baselines={}))


def test_a_run_without_a_value_of_its_own_still_speaks():
    result = make_result(test={"spearman": None}, test_interval={"spearman": [None, None]})
    assert answer_sentence(result).startswith("Spearman not known on 312 test proteins")


def test_the_twin_is_no_simple_method_and_has_its_own_sentence():
    result = make_result(
        baselines={"ridge": {"spearman": 0.58}, TWIN: {"spearman": 0.62}, FROZEN: {"spearman": 0.7}},
        differences={TWIN: [0.09, 0.04, 0.13], FROZEN: [0.01, -0.02, 0.03]},
    )
    assert best_simple(result).name == "ridge"
    assert transfer_sentence(result) == (
        "The same backbone from random weights reaches 0.620: pretraining bought +0.0900 (0.0400 to 0.130) Spearman."
    )
    assert "tuning more of the model bought nothing" in tuning_sentence(result)
    assert transfer_sentence(make_result()) is tuning_sentence(make_result()) is None
    worse = make_result(baselines={TWIN: {"spearman": 0.9}}, differences={TWIN: [-0.19, -0.25, -0.1]})
    assert "pretraining bought nothing here" in transfer_sentence(worse)
    same = make_result(baselines={TWIN: {"spearman": 0.70}}, differences={TWIN: [0.01, -0.03, 0.05]})
    assert "nothing here that is more than chance" in transfer_sentence(same)


def test_only_runs_on_the_same_data_are_ranked():
    assert comparison_note({"a": make_result(), "b": make_result()})[0]
    other = comparison_note({"a": make_result(), "b": make_result(dataset_hash="b")})
    assert not other[0]
    assert "different data" in other[1]
    tasks = comparison_note({"a": make_result(), "b": make_result(task="classification")})
    assert not tasks[0]
    assert "different kinds of question" in tasks[1]


def test_a_layer_that_was_solved_is_told_in_words():
    line = {
        "epoch": 1, "epochs": 1, "train_loss": 0.25, "validation_loss": 0.5, "metrics": {"spearman": 0.75},
        "learning_rate": 0.0, "elapsed_seconds": 0.1,
    }  # fmt: skip
    said = solved_sentence([line], "spearman")
    assert said is not None and all(
        word in said for word in ("solved at once", "0.25", "0.5", "Spearman there: 0.75")
    )
    unvalidated = solved_sentence([line | {"metrics": {}, "validation_loss": float("nan")}], "spearman")
    assert unvalidated is not None and "nan" not in unvalidated and "validation" not in unvalidated
    assert solved_sentence([line | {"learning_rate": 1e-4}], "spearman") is None
    assert solved_sentence([line, line], "spearman") is None and solved_sentence([], "spearman") is None


def test_the_say_of_each_kind_is_told_where_there_are_several():
    assert (
        shares_words(make_result(shares={"backbone": 0.25, "counts": 0.75}))
        == "the backbone 25 %, counts 75 %"
    )
    assert shares_words(make_result(shares={"backbone": 1.0})) == shares_words(make_result()) == ""


def test_passes_are_told_where_there_were_some():
    result = make_result(epochs_run=12, best_epoch=9)
    assert "best of 12 passes" in passes_words(result) and "pass 9" in passes_words(result)
    assert "without passes" in passes_words(result | {"settings": {"head": "kernel"}})
