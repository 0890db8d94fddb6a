"""predictions.csv: targets and predictions as a table a person can read, and back into arrays.

Lists (labels, numbers of residues) stand space-separated in one cell, `nan` where unknown; residue classes
are a text as long as the sequence. Probabilities of residues are such lists in `probability_<class>`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Dataset
from biotl_core.data.tasks import TASKS, UNKNOWN_RESIDUE, TaskName
from biotl_core.evaluation.metrics import Arrays
from biotl_core.evaluation.uncertainty import COVERAGE, Calibration

_TEXTS = ("name", "part", "sequence", "target", "prediction", "nearest_name", "set")
_LABEL_SETS = ("neither", "no", "yes", "yes or no")
"""By whether "no" (1) and "yes" (2) are counted with."""
_DIGITS = 7
"""Significant digits, as many as single precision holds."""


def predictions_table(dataset: Dataset, rows: pd.DataFrame, predicted: Arrays) -> pd.DataFrame:
    """Columns `name, part, sequence, target, prediction` and, for classes and labels, `probability_<class>`.

    Args:
        dataset: says the task and the classes.
        rows: those rows of `dataset.table` that were predicted.
        predicted: as in `metrics.evaluate`, in the order of `rows`.
    """
    table = rows[["name", "part", "sequence"]].reset_index(drop=True)
    table["target"] = [as_cell(target) for target in rows["target"]]
    return table.join(prediction_columns(dataset.task_name, dataset.classes, predicted))


def prediction_columns(task_name: TaskName, classes: Sequence[str], predicted: Arrays) -> pd.DataFrame:
    """Columns `prediction` and `probability_<class>` for predictions as in `metrics.evaluate`."""
    task = TASKS[task_name]
    if not task.is_class:
        return pd.DataFrame({"prediction": [as_cell(value) for value in predicted]})
    names = np.array(classes)
    if task.is_per_residue:
        chosen = ["".join(_residue_classes(names, one)) for one in predicted]
        shares = {name: [as_cell(one[:, i]) for one in predicted] for i, name in enumerate(classes)}
    elif task_name == "multilabel":
        chosen = [as_cell(one) for one in (np.asarray(predicted) > 0.5).astype(int)]
        shares = {name: np.round(predicted[:, i], _DIGITS) for i, name in enumerate(classes)}
    else:
        chosen = names[np.asarray(predicted).argmax(axis=1)]
        shares = {name: np.round(predicted[:, i], _DIGITS) for i, name in enumerate(classes)}
    columns = {f"probability_{name}": values for name, values in shares.items()}
    return pd.DataFrame({"prediction": chosen, **columns})


def certainty_columns(
    calibration: Calibration, predicted: Arrays, difficulty: Arrays | None, coverage: float = COVERAGE
) -> pd.DataFrame:
    """How far each prediction can be trusted, beside `prediction_columns`.

    Numbers: `lower` and `upper`, per residue lists. Classes: `set`, names joined by "; " (empty where no class is
    usual); per residue one group of letters a residue, "-" where none is. Labels: `set_<label>`, "yes", "no",
    "yes or no" or "neither".

    Args:
        calibration: of the run.
        predicted: numbers or calibrated probabilities, as in `metrics.evaluate`.
        difficulty: of numbers, in the shapes of `predicted`.
        coverage: how often a range or set shall hold the measured value.
    """
    task, classes = TASKS[calibration.task_name], calibration.classes
    if not task.is_class:
        ends = calibration.ranges(predicted, difficulty, coverage)
        return pd.DataFrame(
            {name: [as_cell(v) for v in one] for name, one in zip(("lower", "upper"), ends, strict=True)}
        )
    sets = calibration.sets(predicted, coverage)
    if task.is_per_residue:
        return pd.DataFrame({"set": [_residue_sets(classes, one) for one in sets]})
    if calibration.task_name == "multilabel":
        numbers = sets[..., 0] + 2 * sets[..., 1]
        names = np.array(_LABEL_SETS)
        return pd.DataFrame({f"set_{label}": names[numbers[:, i]] for i, label in enumerate(classes)})
    return pd.DataFrame({"set": ["; ".join(np.array(classes)[one]) for one in sets]})


def _residue_sets(classes: Sequence[str], usual: np.ndarray) -> str:
    return " ".join("".join(np.array(classes)[one]) or "-" for one in usual)


def targets_and_predictions(
    table: pd.DataFrame, task_name: TaskName, classes: Sequence[str]
) -> tuple[Arrays, Arrays]:
    """The arrays of `metrics.evaluate` from rows of a predictions table."""
    task = TASKS[task_name]
    targets = [str(target) for target in table["target"]]
    shares = [table[f"probability_{name}"] for name in classes] if task.is_class else []
    match task_name:
        case "regression":
            return np.array(targets, dtype=np.float64), table["prediction"].to_numpy(dtype=np.float64)
        case "residue_regression":
            return _lists(targets), _lists(table["prediction"])
        case "residue_classification":
            index = {name: i for i, name in enumerate(classes)}
            true = [np.array([index.get(letter, -1) for letter in target]) for target in targets]
            columns = [_lists(share) for share in shares]
            return true, [np.stack(one, axis=1) for one in zip(*columns, strict=True)]
        case "multilabel":
            predicted = np.array([share.to_numpy(dtype=np.float64) for share in shares]).T
            return np.array(_lists(targets)).reshape(len(targets), len(classes)), predicted
        case "classification":
            index = {name: i for i, name in enumerate(classes)}
            predicted = np.array([share.to_numpy(dtype=np.float64) for share in shares]).T
            return np.array([index[target] for target in targets], dtype=np.int64), predicted


def read_predictions(path: Path) -> pd.DataFrame:
    """A predictions table from its file, its texts kept as texts: a class "NA" or "1" stays what it is."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in table.columns.difference(_TEXTS):
        numbers = pd.to_numeric(table[column], errors="coerce")
        if (numbers.notna() | table[column].isin(("", "nan"))).all():
            table[column] = numbers
    return table


def as_cell(value: object) -> object:
    """A target or prediction as one cell."""
    if isinstance(value, str):
        return value
    if np.ndim(value) == 0:
        return float(f"{value:.{_DIGITS}g}")
    return " ".join(f"{number:.{_DIGITS}g}" for number in np.asarray(value, dtype=np.float64))


def _lists(cells: Sequence[str]) -> list[np.ndarray]:
    return [np.array(str(cell).split(), dtype=np.float64) for cell in cells]


def _residue_classes(names: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The likeliest class of each residue; unknown where the sequence was cut and nothing predicted."""
    is_known = np.isfinite(chances).all(axis=1)
    return np.where(is_known, names[np.where(is_known, chances.argmax(axis=1), 0)], UNKNOWN_RESIDUE)
