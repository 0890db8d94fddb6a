"""What can be predicted: the kinds of target, each with its losses and metrics."""

from dataclasses import dataclass
from typing import Literal

TaskName = Literal[
    "regression", "classification", "multilabel", "residue_classification", "residue_regression"
]

UNKNOWN_RESIDUE = "?"
"""The mark of a residue without a known class in a `residue_classification` target."""


@dataclass(frozen=True)
class Task:
    """A kind of target: one value or class a sequence, several labels, or one value or class a residue."""

    name: TaskName
    title: str
    """What a biologist calls it."""
    explanation: str
    """One sentence with an example."""
    losses: tuple[str, ...]
    """Losses that fit, the default first (see `learning.settings.LOSSES`)."""
    metrics: tuple[str, ...]
    """Names in `evaluation.metrics.METRICS` that are reported, in order of display."""
    is_per_residue: bool = False
    """One target for each letter of the sequence instead of one for the whole sequence."""
    is_class: bool = False
    """The target is a class (or several labels), not a number."""

    def headline_metric(self, n_classes: int = 0) -> str:
        """The one metric that chooses the best epoch and is said first.

        Threshold-free (AUROC) for two classes and for several labels; Matthews' coefficient for many classes, since
        it stays low for a model that only knows the commonest class.
        """
        if self.name == "classification":
            return "auroc" if n_classes == 2 else "mcc"
        return self.metrics[0]


_NUMBER_METRICS = ("spearman", "pearson", "r2", "rmse", "mae")
_CLASS_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc", "auprc")

TASKS: dict[TaskName, Task] = {
    task.name: task
    for task in (
        Task(
            "regression",
            "One number per sequence",
            "A measured value for each sequence, such as a melting temperature or log fitness (regression).",
            ("mse", "huber", "mae"),
            _NUMBER_METRICS,
        ),
        Task(
            "classification",
            "One class per sequence",
            "A category for each sequence, such as active or inactive, or a cell compartment (classification).",
            ("cross_entropy", "focal"),
            _CLASS_METRICS,
            is_class=True,
        ),
        Task(
            "multilabel",
            "Several yes/no labels per sequence",
            "Several independent yes/no answers, some possibly not measured, such as twelve toxicity assays "
            "(multi-label classification).",
            ("bce", "focal"),
            ("auroc", "auprc", "accuracy", "balanced_accuracy", "macro_f1"),
            is_class=True,
        ),
        Task(
            "residue_classification",
            "One class per residue",
            "A letter for each position of the sequence, such as helix, strand or coil (token classification).",
            ("cross_entropy", "focal"),
            _CLASS_METRICS,
            is_per_residue=True,
            is_class=True,
        ),
        Task(
            "residue_regression",
            "One number per residue",
            "A measured value for each position of the sequence, such as a disorder score (token regression).",
            ("mse", "huber", "mae"),
            _NUMBER_METRICS,
            is_per_residue=True,
        ),
    )
}
