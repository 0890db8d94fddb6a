"""The judgement of a trained model: scores, simple methods and rivals on identical parts, certainty, leaks."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.data.dataset import PARTS, Dataset
from biotl_core.data.leaks import LeakReport, make_leak_report
from biotl_core.data.similarity import nearest_identity
from biotl_core.evaluation.bands import score_by_identity
from biotl_core.evaluation.calibration import claims_and_outcomes, expected_calibration_error
from biotl_core.evaluation.intervals import bootstrap_intervals, paired_difference
from biotl_core.evaluation.kept_baselines import find_baselines
from biotl_core.evaluation.metrics import Arrays, evaluate, known_residues, storable
from biotl_core.evaluation.tables import certainty_columns, predictions_table
from biotl_core.evaluation.uncertainty import (
    COVERAGE,
    Calibration,
    Covered,
    calibrate,
    count_covered_ranges,
    count_covered_sets,
)
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control


@dataclass(frozen=True)
class Trial:
    """What a model said of all rows of a dataset, and what the validation part taught about its misses."""

    dataset: Dataset
    raw: Arrays
    """Predictions as the model gives them, in the shapes of `metrics.evaluate`."""
    difficulty: Arrays | None
    """How hard each number is; None for classes."""
    calibration: Calibration | None
    """None where the validation part has no known target."""
    predicted: Arrays
    """With probabilities brought to their word."""

    @classmethod
    def of(cls, dataset: Dataset, raw: Arrays, difficulty: Arrays | None) -> "Trial":
        """Calibrate on the validation part.

        That part has also chosen the best pass, so its misses are, if anything, a little smaller than those on new
        sequences; the share covered on the test part, which chose nothing, is told beside every range.
        """
        rows = dataset.part("validation")
        hard = None if difficulty is None else _take(difficulty, rows.index)
        calibration = calibrate(
            dataset.task_name, dataset.classes, dataset.target_values(rows), _take(raw, rows.index), hard
        )
        return cls(
            dataset, raw, difficulty, calibration, calibration.probabilities(raw) if calibration else raw
        )

    def of_part(self, part: str) -> tuple[Arrays, Arrays]:
        """Targets and predictions of one part."""
        rows = self.dataset.part(part)
        return self.dataset.target_values(rows), _take(self.predicted, rows.index)

    def covered(self, indices: np.ndarray, coverage: float = COVERAGE) -> Covered:
        """How often ranges or sets of some rows of the dataset held what was measured."""
        true, held = self._held(indices, coverage)
        return self._count(true, held)

    def covered_by_row(self, indices: np.ndarray, coverage: float = COVERAGE) -> np.ndarray:
        """The same for each of the rows by itself: the share `(n,)`, nan where nothing was measured."""
        true, held = self._held(indices, coverage)
        rows = (np.array([i]) for i in range(len(indices)))
        return np.array([self._count(_take(true, i), [_take(one, i) for one in held]).share for i in rows])

    def _held(self, indices: np.ndarray, coverage: float) -> tuple[Arrays, list[Arrays]]:
        """The targets of some rows, and their ranges (lower and upper ends) or sets."""
        true = self.dataset.target_values(self.dataset.table.iloc[indices])
        predicted = _take(self.predicted, indices)
        if self.dataset.task.is_class:
            return true, [self.calibration.sets(predicted, coverage)]
        return true, list(self.calibration.ranges(predicted, _take(self.difficulty, indices), coverage))

    def _count(self, true: Arrays, held: list[Arrays]) -> Covered:
        count = count_covered_sets if self.dataset.task.is_class else count_covered_ranges
        return count(self.dataset.task_name, true, *held)


def judge(
    trial: Trial,
    settings: TrainingSettings,
    rivals: dict[str, tuple[str, Arrays]],
    nearest: pd.DataFrame,
    split_kind: str,
    control: Control,
) -> dict[str, Any]:
    """What `result.json` says of how good the run is.

    Args:
        trial: what the model said.
        settings: of the run.
        rivals: other models on the same backbone: name -> title and predictions of the test part.
        nearest: of each test row, as from `nearest_in_training`.
        split_kind: how the parts were made.
        control: progress and stop.
    """
    dataset, name, classes = trial.dataset, trial.dataset.task_name, trial.dataset.classes
    headline = dataset.task.headline_metric(len(classes))
    true, own = trial.of_part("test")
    control.step("Judging on the test part", 0, 0)
    intervals = bootstrap_intervals(name, classes, true, own)
    beside = _beside(trial, rivals, headline, control)
    identity = nearest["identity"].to_numpy()
    leak = make_leak_report(dataset, identity, split_kind)
    return {
        "task": name,
        "modality": dataset.modality,
        "classes": list(classes),
        "target_name": dataset.target_name,
        "method": settings.method,
        "settings": settings.to_dict(),
        "headline": headline,
        "counts": {part: int((dataset.table["part"] == part).sum()) for part in PARTS},
        "test": storable(evaluate(name, classes, true, own)),
        "test_interval": {metric: list(ends) for metric, ends in intervals.items()},
        "validation": storable(evaluate(name, classes, *trial.of_part("validation"))),
        **beside,
        "leak": leak_facts(leak),
        "certainty": certainty_facts(trial),
        "bands": band_facts(trial, headline, identity),
    }  # fmt: skip


def _beside(
    trial: Trial, rivals: dict[str, tuple[str, Arrays]], headline: str, control: Control
) -> dict[str, dict[str, Any]]:
    """The simple methods and the rivals: scores, intervals, titles, paired differences of the headline metric."""
    dataset, name, classes = trial.dataset, trial.dataset.task_name, trial.dataset.classes
    true, own = trial.of_part("test")
    simple = find_baselines(dataset, control)
    predicted = {key: one.predicted_test for key, one in simple.items()}
    scores = {key: one.scores for key, one in simple.items()}
    intervals = {key: one.intervals for key, one in simple.items()}
    titles = {key: one.title for key, one in simple.items()}
    for key, (title, said) in rivals.items():
        predicted[key], titles[key] = said, title
        scores[key] = evaluate(name, classes, true, said)
        intervals[key] = bootstrap_intervals(name, classes, true, said)
    differences = {}
    for done, (key, said) in enumerate(predicted.items()):
        control.step("Comparing on the test part", done, len(predicted))
        differences[key] = list(paired_difference(name, classes, true, own, said, headline))
    return {
        "baselines": {key: storable(one) for key, one in scores.items()},
        "baseline_intervals": {
            key: {m: list(ends) for m, ends in one.items()} for key, one in intervals.items()
        },
        "baseline_titles": titles,
        "differences": differences,
    }


def leak_facts(leak: LeakReport) -> dict[str, Any]:
    """What `result.json` says of how near the test part is to training."""
    return {
        "sentence": leak.sentence,
        "warning": leak.warning,
        "highest": leak.highest,
        "related_share": leak.related_share,
    }


def certainty_facts(trial: Trial) -> dict[str, Any] | None:
    """What is known about ranges or sets: asked, and held on the test part; the calibration error of probabilities."""
    if trial.calibration is None:
        return None
    test = np.flatnonzero(trial.dataset.table["part"] == "test")
    said: dict[str, Any] = {
        "coverage": COVERAGE,
        "n_calibration": trial.calibration.n,
        "test": trial.covered(test)._asdict(),
    }
    if trial.dataset.task.is_class:
        said["temperature"] = trial.calibration.temperature
        said["calibration_error"] = _calibration_error(trial, trial.predicted)
        said["calibration_error_before"] = _calibration_error(trial, trial.raw)
    return said


def _calibration_error(trial: Trial, predicted: Arrays) -> float:
    dataset, rows = trial.dataset, trial.dataset.part("test")
    true, own = dataset.target_values(rows), _take(predicted, rows.index)
    name = dataset.task_name
    if dataset.task.is_per_residue:
        true, own, _ = known_residues(true, own, is_class=True)
        name = "classification"
    return expected_calibration_error(
        *claims_and_outcomes(name, dataset.classes, np.asarray(true), np.asarray(own))
    )


def band_facts(trial: Trial, headline: str, identity: np.ndarray) -> list[dict[str, Any]]:
    """The test part band by band of identity to training; see `evaluation.bands`."""
    dataset = trial.dataset
    test = np.flatnonzero(dataset.table["part"] == "test")
    true, own = trial.of_part("test")
    bands = score_by_identity(
        dataset.task_name, dataset.classes, headline, true, own, identity, modality=dataset.modality,
        is_covered=None if trial.calibration is None else trial.covered_by_row(test),
    )  # fmt: skip
    return [asdict(band) for band in bands]


def nearest_in_training(dataset: Dataset, control: Control) -> pd.DataFrame:
    """The nearest training row of every row that is not in training: `identity, nearest`, index as the table."""
    is_train = (dataset.table["part"] == "train").to_numpy()
    sequences = dataset.table["sequence"]
    found = nearest_identity(
        sequences[~is_train].tolist(), sequences[is_train].tolist(), dataset.modality, control
    )
    return pd.DataFrame(
        {"identity": found.identity, "nearest": found.index}, index=dataset.table.index[~is_train]
    )


def write_predictions(trial: Trial, nearest: pd.DataFrame, path: Path) -> None:
    """`predictions.csv`: every row with its target and prediction; ranges, sets and identity but for training rows."""
    table = predictions_table(trial.dataset, trial.dataset.table, trial.predicted)
    rows = nearest.index.to_numpy()
    if trial.calibration is not None:
        difficulty = None if trial.difficulty is None else _take(trial.difficulty, rows)
        columns = certainty_columns(trial.calibration, _take(trial.predicted, rows), difficulty)
        table = table.join(columns.set_index(rows))
    table["nearest_identity"] = np.round(nearest["identity"].reindex(table.index), 4)
    table.to_csv(path, index=False)


def _take(values: Arrays, rows: Any) -> Arrays:
    rows = np.asarray(rows)
    return values[rows] if isinstance(values, np.ndarray) else [values[i] for i in rows]
