"""The judgement: what is kept by hash, what is calibrated where, and that a new process checks the model."""

import numpy as np
import pandas as pd
import pytest
from run_folders import like_ones, make_dataset, predict_with_noise

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation import kept_baselines
from biotl_core.evaluation.kept_baselines import find_baselines
from biotl_core.evaluation.tables import certainty_columns, read_predictions
from biotl_core.evaluation.uncertainty import count_covered_ranges
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.judging import Trial, judge, write_predictions


def made(task: str, n: int = 200) -> Trial:
    dataset = make_dataset(task, n)
    predicted = predict_with_noise(dataset, 0.6, np.random.default_rng(0))
    return Trial.of(dataset, predicted, None if dataset.task.is_class else like_ones(predicted))


@pytest.mark.parametrize("task", TASKS)
def test_simple_methods_are_run_once_for_the_same_data_and_parts(biotl_home, monkeypatch, task):
    dataset = make_dataset(task, 60)
    first = find_baselines(dataset)

    def never(*arguments, **named):
        raise AssertionError("they are kept")

    monkeypatch.setattr(kept_baselines, "run_baselines", never)
    again = find_baselines(dataset)
    assert list(again) == list(first)
    for name, one in first.items():
        assert again[name].scores == pytest.approx(one.scores, nan_ok=True)
        pairs = zip(one.predicted_test, again[name].predicted_test, strict=True)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    other = dataset.table["part"].replace({"test": "validation", "validation": "test"})
    with pytest.raises(AssertionError, match="they are kept"):
        find_baselines(dataset.with_parts(other))


def test_the_test_part_has_no_say_in_the_calibration():
    trial = made("regression")
    changed = trial.raw.copy()
    changed[(trial.dataset.table["part"] == "test").to_numpy()] += 100
    assert Trial.of(trial.dataset, changed, trial.difficulty).calibration == trial.calibration


@pytest.mark.parametrize("task", TASKS)
def test_everything_is_judged_beside_rivals(biotl_home, task):
    trial = made(task)
    rows = trial.dataset.part("test").index
    nearest = pd.DataFrame({"identity": np.linspace(0.1, 0.95, len(rows))}, index=rows)
    rival = trial.of_part("test")[1]
    result = judge(
        trial, TrainingSettings().resolved(trial.dataset.task), {"random_weights": ("Twin", rival)}, nearest,
        "random", Control(),
    )  # fmt: skip
    assert result["differences"]["random_weights"] == [0.0, 0.0, 0.0]  # it is the run itself
    assert set(result["differences"]) == set(result["baselines"])
    assert sum(band["n"] for band in result["bands"]) == len(rows)
    assert 0.6 < result["certainty"]["test"]["share"] <= 1.0
    assert result["leak"]["highest"] == pytest.approx(0.95)


def test_ranges_in_the_file_are_those_that_were_judged(tmp_path):
    trial = made("regression")
    held_out = trial.dataset.table.index[trial.dataset.table["part"] != "train"]
    nearest = pd.DataFrame({"identity": 0.5}, index=held_out)
    write_predictions(trial, nearest, tmp_path / "predictions.csv")
    table = read_predictions(tmp_path / "predictions.csv")
    test = table[table["part"] == "test"]
    ends = test["lower"].to_numpy(float), test["upper"].to_numpy(float)
    covered = count_covered_ranges("regression", test["target"].to_numpy(float), *ends)
    assert covered.share == trial.covered(test.index.to_numpy()).share
    assert table.loc[table["part"] == "train", "lower"].isna().all()


def test_sets_are_written_for_a_person():
    trial = made("residue_classification")
    table = certainty_columns(trial.calibration, trial.predicted[:2], None)
    first = table["set"].iloc[0].split()
    assert len(first) == len(trial.dataset.table["sequence"].iloc[0])
    assert set("".join(first)) <= {"C", "E", "H", "-"}
    labels = certainty_columns(made("multilabel").calibration, made("multilabel").predicted[:5], None)
    assert set(labels.to_numpy().ravel()) <= {"yes", "no", "yes or no", "neither"}
