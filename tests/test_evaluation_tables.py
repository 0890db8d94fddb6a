"""predictions.csv: what is written comes back as it was."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.metrics import evaluate
from biotl_core.evaluation.tables import predictions_table, read_predictions, targets_and_predictions

NAN = float("nan")
TARGETS = {
    "regression": ((), [1.5e-9, -2.0, 3e7]),
    "classification": (("1", "NA", "0"), ["NA", "1", "0"]),
    "multilabel": (("a", "b"), [[1.0, NAN], [0.0, 1.0], [NAN, NAN]]),
    "residue_classification": (("H", "C"), ["HC?", "CC", "HHHH"]),
    "residue_regression": ((), [[1.0, NAN, 2.5], [0.1, 0.2], [1e-7, -4.0, 3.0, 9.0]]),
}


def make_dataset(task_name: str) -> Dataset:
    classes, targets = TARGETS[task_name]
    sequences = ["MKV", "MK", "MKVA"]
    table = pd.DataFrame(
        {"name": ["<b>x</b>", "a,b", "NA"], "sequence": sequences, "target": targets, "part": "test"}
    )
    return Dataset(table, "protein", task_name, classes)


def make_predictions(dataset: Dataset):
    random = np.random.default_rng(0)
    n_classes = len(dataset.classes)
    if not dataset.task.is_per_residue:
        return random.dirichlet(np.ones(n_classes), 3) if n_classes else random.normal(size=3)
    lengths = dataset.table["sequence"].str.len()
    return [random.dirichlet(np.ones(n_classes), n) if n_classes else random.normal(size=n) for n in lengths]


@pytest.mark.parametrize("task_name", TARGETS)
def test_round_trip_through_the_file(task_name, tmp_path):
    dataset = make_dataset(task_name)
    predicted = make_predictions(dataset)
    table = predictions_table(dataset, dataset.part("test"), predicted)
    table.assign(nearest_identity=[0.5, NAN, 1.0]).to_csv(tmp_path / "predictions.csv", index=False)
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["name"].tolist() == ["<b>x</b>", "a,b", "NA"]
    assert read["nearest_identity"].dtype == float
    true, again = targets_and_predictions(read, task_name, dataset.classes)
    for one, other in zip(true, dataset.target_values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for one, other in zip(again, predicted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    before = evaluate(task_name, dataset.classes, dataset.target_values(), predicted)
    after = evaluate(task_name, dataset.classes, true, again)
    assert after == pytest.approx(before, rel=1e-4, nan_ok=True)


def test_prediction_says_the_likeliest_class(tmp_path):
    dataset = make_dataset("residue_classification")
    predicted = make_predictions(dataset)
    predicted[2][3:] = NAN  # cut by the backbone's longest sequence
    table = predictions_table(dataset, dataset.part("test"), predicted)
    expected = "".join("HC"[i] for i in predicted[2][:3].argmax(axis=1)) + "?"
    assert table["prediction"][2] == expected
    assert table.columns.tolist()[:5] == ["name", "part", "sequence", "target", "prediction"]
