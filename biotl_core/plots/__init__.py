"""Plots: results of any room as Plotly figures in one look (`theme`), ready for a page or a report."""

from biotl_core.plots.classes import (
    plot_confusion,
    plot_precision_recall,
    plot_probability_histogram,
    plot_reliability,
    plot_roc,
)
from biotl_core.plots.comparisons import plot_comparison, plot_runs_compared
from biotl_core.plots.datasets import plot_lengths, plot_parts, plot_targets
from biotl_core.plots.maps import plot_embedding_map
from biotl_core.plots.numbers import (
    plot_predicted_against_true,
    plot_residuals,
    plot_residue_classes,
    plot_residue_track,
)
from biotl_core.plots.training import plot_history

__all__ = [
    "plot_comparison",
    "plot_confusion",
    "plot_embedding_map",
    "plot_history",
    "plot_lengths",
    "plot_parts",
    "plot_precision_recall",
    "plot_predicted_against_true",
    "plot_probability_histogram",
    "plot_reliability",
    "plot_residuals",
    "plot_residue_classes",
    "plot_residue_track",
    "plot_roc",
    "plot_runs_compared",
    "plot_targets",
]
