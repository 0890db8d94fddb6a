"""How well predictions agree with measurements: METRICS, one entry a metric, and `evaluate`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.evaluation import formulas
from biotl_core.evaluation.formulas import Weighted

TargetKind = Literal["number", "class", "label"]
Arrays = np.ndarray | Sequence[np.ndarray]


@dataclass(frozen=True)
class Metric:
    """One way to say how good predictions are."""

    title: str
    """As shown in tables and on axes."""
    formula: Callable[[np.ndarray, np.ndarray], Weighted]
    """From true and predicted values to the metric as a function of weights."""
    higher_is_better: bool
    kinds: tuple[TargetKind, ...]
    """The targets it is for: numbers, classes, or yes/no labels."""
    explanation: str
    """One sentence a biologist understands."""

    def function(self, true: np.ndarray, predicted: np.ndarray) -> float:
        """The metric itself; shapes as in `evaluate` for numbers and classes."""
        with np.errstate(all="ignore"):
            return float(self.formula(true, predicted)(np.ones((1, len(true))))[0])


METRICS: dict[str, Metric] = {
    "spearman": Metric(
        "Spearman", formulas.spearman, True, ("number",),
        "Whether the order is right, from -1 (reversed) over 0 (no relation) to 1 (same order).",
    ),
    "pearson": Metric(
        "Pearson", formulas.pearson, True, ("number",),
        "Whether points lie on one rising line, from -1 over 0 to 1.",
    ),
    "r2": Metric(
        "R²", formulas.r2, True, ("number",),
        "Share of the variation that is explained: 1 is perfect, 0 no better than the mean, below 0 worse.",
    ),
    "rmse": Metric(
        "RMSE", formulas.rmse, False, ("number",),
        "Size of a typical miss in the target's unit; large misses count more (root mean squared error).",
    ),
    "mae": Metric(
        "MAE", formulas.mae, False, ("number",),
        "Size of the average miss in the target's unit (mean absolute error).",
    ),
    "accuracy": Metric(
        "Accuracy", formulas.accuracy, True, ("class", "label"), "Share of predictions that are right."
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy", formulas.balanced_accuracy, True, ("class", "label"),
        "Share that is right within each class, averaged: rare classes count as much as common ones.",
    ),
    "macro_f1": Metric(
        "Macro F1", formulas.macro_f1, True, ("class", "label"),
        "Balance of finding all members of a class and calling no others so, averaged over the classes.",
    ),
    "mcc": Metric(
        "MCC", formulas.mcc, True, ("class",),
        "Agreement beyond chance, from -1 over 0 to 1; stays low for a model that only knows the commonest "
        "class (Matthews correlation coefficient).",
    ),
    "auroc": Metric(
        "AUROC", partial(formulas.one_against_rest, formulas.binary_auroc), True, ("class", "label"),
        "Chance that a random positive is ranked above a random negative: 0.5 is guessing, 1 is perfect "
        "(area under the ROC curve).",
    ),
    "auprc": Metric(
        "AUPRC", partial(formulas.one_against_rest, formulas.binary_auprc), True, ("class", "label"),
        "How pure the top of the ranking is; guessing gives the share of positives, 1 is perfect "
        "(average precision).",
    ),
}  # fmt: skip
"""Every metric by its name in `result.json`. Which ones a task reports stands in `data.tasks.TASKS`."""


class WeightedMetrics(NamedTuple):
    """The metrics of one set of predictions, ready for any weights."""

    values: dict[str, Weighted]
    unit: np.ndarray
    """`(n,)` the sequence of each row, 0..n_units-1; rows are residues in per-residue tasks."""
    n_units: int
    columns: int
    """Number of rankings a resample costs: classes or labels."""

    def evaluated(self, unit_weights: np.ndarray) -> dict[str, np.ndarray]:
        """All metrics for weights of sequences `(r, n_units)`: `(r,)` each."""
        weights = unit_weights.take(self.unit, axis=1)
        with np.errstate(all="ignore"):
            return {name: value(weights) for name, value in self.values.items()}


def weighted_metrics(
    task_name: TaskName, classes: Sequence[str], true: Arrays, predicted: Arrays
) -> WeightedMetrics:
    """The metrics that a task reports, prepared on its predictions; shapes as in `evaluate`."""
    task = TASKS[task_name]
    if task.is_per_residue:
        true, predicted, unit = known_residues(true, predicted, task.is_class)
    else:
        true, predicted = np.asarray(true), np.asarray(predicted, dtype=np.float64)
        unit = np.arange(len(true))
    n_units = int(unit.max(initial=-1)) + 1
    columns = max(len(classes), 1) if task.is_class else 1
    if len(true) == 0 or not np.isfinite(predicted).all():
        return WeightedMetrics(dict.fromkeys(task.metrics, _undefined), unit, n_units, columns)
    if not task.is_class:
        true, predicted = true.astype(np.float64), predicted.reshape(len(true))
    with np.errstate(all="ignore"):
        values = {name: _formula(task_name, name, true, predicted) for name in task.metrics}
    return WeightedMetrics(values, unit, n_units, columns)


def _formula(task_name: TaskName, metric: str, true: np.ndarray, predicted: np.ndarray) -> Weighted:
    if task_name == "multilabel":
        return _over_labels(metric, true, predicted)
    return METRICS[metric].formula(true, predicted)


def evaluate(
    task_name: TaskName, classes: Sequence[str], true: Arrays, predicted: Arrays
) -> dict[str, float]:
    """The metrics that a task reports, in its order; nan where one has no value.

    Args:
        task_name: the kind of target.
        classes: names of the classes or labels; empty for numbers.
        true: numbers `(n,)`; class indices `(n,)`; labels `(n, n_labels)` with nan where not measured; per
            residue a list of n arrays `(length,)`, nan or -1 where unknown. As from `Dataset.target_values`.
        predicted: numbers `(n,)`; probabilities `(n, n_classes)` or `(n, n_labels)`; per residue a list of n
            arrays `(length,)` or `(length, n_classes)`.

    Labels count one by one, over measured rows, and are averaged over those with both outcomes; F1 is that of
    the yes. Residues of all sequences are pooled (micro-average); those without a known target, or without a
    prediction because the sequence was cut, are left out.
    """
    prepared = weighted_metrics(task_name, classes, true, predicted)
    values = prepared.evaluated(np.ones((1, prepared.n_units)))
    return {name: float(value[0]) for name, value in values.items()}


def storable(scores: dict[str, float]) -> dict[str, float | None]:
    """Scores for a JSON file, which knows no nan: None where a metric has no value."""
    return {name: float(value) if np.isfinite(value) else None for name, value in scores.items()}


def _undefined(weights: np.ndarray) -> np.ndarray:
    return np.full(len(weights), np.nan)


def known_residues(
    true: Arrays, predicted: Arrays, is_class: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All residues with a known target and a prediction, one row each.

    Returns:
        true `(n,)`, predicted `(n,)` or `(n, n_classes)`, and which sequence each is from, counted without
        those that have no known residue: drawing these in a resample would change nothing.
    """
    lengths = [len(one) for one in true]
    if not lengths:
        return np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64)
    everything = np.concatenate([np.asarray(one, dtype=np.float64) for one in true])
    guesses = np.concatenate([np.asarray(one, dtype=np.float64) for one in predicted])
    known = everything >= 0 if is_class else np.isfinite(everything)
    known &= np.isfinite(guesses).reshape(len(guesses), -1).all(axis=1)
    _, unit = np.unique(np.repeat(np.arange(len(lengths)), lengths)[known], return_inverse=True)
    targets = everything[known].astype(np.int64) if is_class else everything[known]
    return targets, guesses[known], unit


def _over_labels(name: str, true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """A metric of yes/no labels, averaged over the labels of which both outcomes were measured."""
    each = [_one_label(name, true[:, i], predicted[:, i]) for i in range(true.shape[1])]
    return lambda weights: formulas.mean_of_defined(np.stack([value(weights) for value in each]))


def _one_label(name: str, true: np.ndarray, predicted: np.ndarray) -> Weighted:
    rows = np.flatnonzero(np.isfinite(true))
    is_yes, chance = true[rows] > 0.5, predicted[rows]
    if name == "macro_f1":
        value = formulas.f1_of_yes(is_yes, chance)
    else:
        value = METRICS[name].formula(is_yes.astype(np.int64), np.stack([1 - chance, chance], axis=1))

    def value_where_both(weights: np.ndarray) -> np.ndarray:
        weights = weights.take(rows, axis=1)
        n_yes = formulas.sum_of(is_yes, weights)
        has_both = (n_yes > 0) & (n_yes < weights.sum(axis=1))
        return np.where(has_both, value(weights), np.nan)

    return value_where_both if len(rows) else _undefined
