"""Plots of drug screening: the models of an assay side by side, and how a library is spread."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from biotl_core.plots.theme import ACCENT, GRID, QUIET, count_axis, new_figure, shown
from biotl_core.screening.scores import SCORES
from biotl_core.wording import say_interval, say_number

_ROW_HEIGHT = 44


def plot_models(result: Mapping[str, Any], score: str | None = None) -> go.Figure:
    """Every model of an assay run on the test part, the best on top, the chosen one in the accent colour.

    Args:
        result: content of `result.json` of an assay run.
        score: a name in SCORES; the headline when None.
    """
    score = score or result["headline"]
    about = SCORES[score]
    rows = []
    for name, one in result["models"].items():
        value = one["test"].get(score)
        low, high = (one.get("test_interval") or {}).get(score) or (None, None)
        rows.append((name, np.nan if value is None else value, low, high))
    sign = -1 if about.higher_is_better else 1
    rows.sort(key=lambda row: sign * row[1] if np.isfinite(row[1]) else np.inf)
    direction = "higher is better" if about.higher_is_better else "lower is better"
    things = "pairs" if "controls" in result else "molecules"
    n = f"n = {result['counts']['test']:,} {things} in the test part; bars are 95 % intervals"
    figure = new_figure(90 + _ROW_HEIGHT * len(rows), f"{about.title} ({direction})", "", n)
    for place, (name, value, low, high) in enumerate(rows):
        is_chosen = name == result["chosen"]
        _add_row(figure, place, result["titles"][name], value, low, high, is_chosen)
    figure.update_yaxes(visible=False, range=[len(rows) - 0.5, -0.75])
    return figure


def _add_row(
    figure: go.Figure,
    place: int,
    title: str,
    value: float,
    low: float | None,
    high: float | None,
    is_main: bool,
) -> None:
    colour = ACCENT if is_main else QUIET
    figure.add_hline(y=place, line={"color": GRID, "width": 1}, layer="below")
    said = say_number(value) if np.isfinite(value) else "no value"
    if low is not None and high is not None:
        said += f" {say_interval(low, high)}"
        figure.add_scatter(
            x=[low, high], y=[place, place], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": colour, "width": 6 if is_main else 4}, opacity=0.35,
        )  # fmt: skip
    for text, x, side in ((title, 0, "left"), (said, 1, "right")):
        figure.add_annotation(
            text=f"<b>{shown(text)}</b>" if is_main else shown(text), x=x, xref="paper", xanchor=side, y=place,
            yanchor="bottom", yshift=5, showarrow=False,
        )  # fmt: skip
    if np.isfinite(value):
        figure.add_scatter(
            x=[value], y=[place], mode="markers", showlegend=False,
            marker={"color": colour, "size": 13 if is_main else 10},
            hovertemplate=f"{shown(title)}<br>{said}<extra></extra>",
        )  # fmt: skip


def plot_library(result: Mapping[str, Any], lowest_hit: float) -> go.Figure:
    """How the predictions of a whole library are spread, with the place where the list of hits begins.

    Args:
        result: content of `result.json` of a screen.
        lowest_hit: prediction of the last molecule on the list.
    """
    edges, counts = np.array(result["histogram"]["edges"]), np.array(result["histogram"]["counts"])
    figure = new_figure(
        280, f"{shown(result['value_name'])}, predicted", "Molecules", f"n = {result['n']:,} molecules"
    )
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), marker={"color": QUIET, "line": {"width": 0}},
        showlegend=False, hovertemplate="%{x:.3g}<br>%{y:,} molecules<extra></extra>",
    )  # fmt: skip
    count_axis(figure, "y")
    figure.add_vline(
        x=lowest_hit,
        line={"color": ACCENT, "width": 2},
        annotation_text="on the list",
        annotation_position="top right",
    )
    return figure
