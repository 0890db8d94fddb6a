"""Predictions read back: how wrong each row is, by hand."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import evaluate
from biotl_core.runs.folder import read_result
from biotl_core.runs.results import Scored, read_scored
from tests.run_folders import make_run


@pytest.mark.parametrize("task", TASKS)
def test_the_file_gives_the_scores_of_the_run_again(task, biotl_home):
    folder = make_run(biotl_home, "one", task)
    result = read_result(folder)
    test = read_scored(folder, task, result["classes"]).of_part("test")
    again = evaluate(task, test.classes, test.true, test.predicted)
    assert again == pytest.approx(result["test"], rel=1e-5, nan_ok=True)
    assert test.errors.shape == (len(test.table),)
    assert test.identity.shape == (len(test.table),)


def table(targets, predictions, **columns) -> pd.DataFrame:
    return pd.DataFrame({"target": targets, "prediction": predictions, **columns})


def test_errors_of_numbers_are_distances():
    scored = Scored(table(["1.0", "2.0"], ["1.5", "0.0"]), "regression", ())
    assert scored.errors == pytest.approx([0.5, 2.0])
    assert np.isnan(scored.identity).all()


def test_errors_of_classes_are_what_the_true_class_lacks():
    columns = {"probability_a": [0.9, 0.3], "probability_b": [0.1, 0.7]}
    scored = Scored(table(["a", "a"], ["a", "b"], **columns), "classification", ("a", "b"))
    assert scored.errors == pytest.approx([0.1, 0.7])


def test_labels_not_measured_do_not_count():
    columns = {"probability_x": [0.2, 0.5], "probability_y": [0.9, 0.5]}
    scored = Scored(table(["0 nan", "nan nan"], ["0 1", "1 1"], **columns), "multilabel", ("x", "y"))
    assert scored.errors[0] == pytest.approx(0.2)
    assert np.isnan(scored.errors[1])


def test_unknown_residues_do_not_count():
    columns = {"probability_H": ["0.9 0.9 0.2"], "probability_C": ["0.1 0.1 0.8"]}
    scored = Scored(table(["HC?"], ["HHC"], **columns), "residue_classification", ("H", "C"))
    assert scored.errors == pytest.approx([0.5])
    numbers = Scored(table(["1 nan 3"], ["2 9 3"]), "residue_regression", ())
    assert numbers.errors == pytest.approx([0.5])
