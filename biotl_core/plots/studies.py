"""Plots of studies: the score over the number of training sequences, and over rungs, seeds, folds or settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from biotl_core.evaluation.learning_curve import Growth
from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots.theme import ACCENT, QUIET, new_figure


def plot_study(result: Mapping[str, Any]) -> go.Figure:
    """What a study found: a curve over training sequences, else a dot a training.

    Args:
        result: content of the study's `result.json`.
    """
    return _plot_curve(result) if result["study"] == "curve" else _plot_rows(result)


def _plot_rows(result: Mapping[str, Any]) -> go.Figure:
    rows = result["rows"]
    about = METRICS[result["headline"]]
    figure = new_figure(300, "", f"{about.title} on the test part", "bars are 95 % intervals")
    _add_points(figure, [row["label"] for row in rows], rows, "markers")
    figure.update_xaxes(type="category")
    known = [row["score"] for row in rows if row["score"] is not None]
    if result["study"] in ("seeds", "folds", "repeats") and known:
        figure.add_hline(y=float(np.mean(known)), line={"color": QUIET, "width": 1.5, "dash": "dash"})
    return figure


def _plot_curve(result: Mapping[str, Any]) -> go.Figure:
    rows = result["rows"]
    about = METRICS[result["headline"]]
    figure = new_figure(
        320, "Training sequences", f"{about.title} on the test part", "bars are 95 % intervals"
    )
    sizes = [row["n_train"] for row in rows]
    if result.get("growth"):
        along = np.geomspace(sizes[0], 2 * sizes[-1], 60)
        figure.add_scatter(
            x=along, y=Growth(**result["growth"]).at(along), mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": QUIET, "width": 1.5, "dash": "dash"},
        )  # fmt: skip
        figure.add_scatter(
            x=[2 * sizes[-1]], y=[result["twice"]], mode="markers", showlegend=False,
            marker={"symbol": "circle-open", "size": 11, "color": ACCENT, "line": {"width": 2}},
            hovertemplate="twice the data: about %{y:.2f}<extra></extra>",
        )  # fmt: skip
    _add_points(figure, sizes, rows, "markers")
    figure.update_xaxes(type="log", tickvals=[*sizes, 2 * sizes[-1]], tickformat=",d")
    return figure


def _add_points(figure: go.Figure, x: list, rows: list[Mapping[str, Any]], mode: str) -> None:
    score, low, high = (
        np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=float)
        for key in ("score", "low", "high")
    )
    error = {"type": "data", "symmetric": False, "array": high - score, "arrayminus": score - low}
    figure.add_scatter(
        x=x, y=score, mode=mode, marker={"size": 11, "color": ACCENT}, error_y=error | {"color": ACCENT},
        showlegend=False, hovertemplate="%{x}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
