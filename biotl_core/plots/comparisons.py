"""A run beside the simple methods, and runs side by side: dots on lines, each named where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots.theme import ACCENT, GRID, QUIET, TWIN_COLOUR, new_figure, shown
from biotl_core.runs.verdict import OWN_KIN
from biotl_core.wording import say_interval, say_number

_ROW_HEIGHT = 46


class ScoreRow(NamedTuple):
    """One dot: a method and its score."""

    title: str
    value: float
    """nan where the metric has no value."""
    low: float
    high: float
    """Ends of its interval, nan where there is none."""
    colour: str
    is_main: bool


def plot_comparison(
    result: Mapping[str, Any], metric: str | None = None, model_title: str = "This model"
) -> go.Figure:
    """The tuned model against the simple methods on the test part, the best on top.

    Args:
        result: content of `result.json`.
        metric: which metric; the headline one when None.
        model_title: what the model is called.
    """
    metric = metric or result["headline"]
    rows = [_row(model_title, result["test"], result.get("test_interval", {}), metric, ACCENT, is_main=True)]
    intervals, titles = result.get("baseline_intervals", {}), result.get("baseline_titles", {})
    for name, scores in result.get("baselines", {}).items():
        colour = TWIN_COLOUR if name in OWN_KIN else QUIET
        title = titles.get(name) or name.replace("_", " ")
        rows.append(_row(title, scores, intervals.get(name, {}), metric, colour, is_main=False))
    return plot_rows(_best_first(rows, metric), _axis_title(metric), _counted(result))


def plot_runs_compared(results: Mapping[str, Mapping[str, Any]], metric: str | None = None) -> go.Figure:
    """Several runs on their test parts, each with its best simple method as a small ring; the best run on top.

    Args:
        results: content of `result.json` by the name of the run.
        metric: which metric; the headline one of the first run when None.
    """
    first = next(iter(results.values()))
    metric = metric or first["headline"]
    rows, rings = [], {}
    for name, result in results.items():
        row = _row(name, result["test"], result.get("test_interval", {}), metric, ACCENT, is_main=True)
        rows.append(row)
        simple = [
            _number(scores.get(metric))
            for key, scores in result.get("baselines", {}).items()
            if key not in OWN_KIN
        ]
        known = [value for value in simple if np.isfinite(value)]
        if known:
            rings[row] = (max if METRICS[metric].higher_is_better else min)(known)
    counts = {_counted(result) for result in results.values()}
    rows = _best_first(rows, metric)
    figure = plot_rows(rows, _axis_title(metric), counts.pop() if len(counts) == 1 else "")
    figure.add_scatter(
        x=[rings[row] for row in rows if row in rings],
        y=[i for i, row in enumerate(rows) if row in rings],
        mode="markers",
        name="best simple method",
        marker={"symbol": "circle-open", "size": 9, "color": QUIET, "line": {"width": 2}},
        hovertemplate="best simple method: %{x:.3f}<extra></extra>",
        showlegend=bool(rings),
    )
    figure.update_layout(margin={"t": 36})
    return figure


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _row(
    title: str,
    scores: Mapping[str, Any],
    intervals: Mapping[str, Any],
    metric: str,
    colour: str,
    *,
    is_main: bool,
) -> ScoreRow:
    low, high = intervals.get(metric) or (None, None)
    return ScoreRow(title, _number(scores.get(metric)), _number(low), _number(high), colour, is_main)


def _best_first(rows: Sequence[ScoreRow], metric: str) -> list[ScoreRow]:
    sign = -1 if METRICS[metric].higher_is_better else 1
    return sorted(rows, key=lambda row: sign * row.value if np.isfinite(row.value) else np.inf)


def _counted(result: Mapping[str, Any]) -> str:
    n = (result.get("counts") or {}).get("test")
    return f"n = {n:,} in the test part; bars are 95 % intervals" if n else ""


def _axis_title(metric: str) -> str:
    about = METRICS[metric]
    return f"{about.title} ({'higher' if about.higher_is_better else 'lower'} is better)"


def plot_rows(rows: Sequence[ScoreRow], title: str, n: str) -> go.Figure:
    """One dot a row with its interval and its name.

    Args:
        rows: from top to bottom.
        title: of the axis.
        n: what was counted.
    """
    figure = new_figure(90 + _ROW_HEIGHT * len(rows), title, "", n)
    for place, row in enumerate(rows):
        figure.add_hline(y=place, line={"color": GRID, "width": 1}, layer="below")
        name, value = shown(row.title), _value_text(row)
        _write_above(figure, place, f"<b>{name}</b>" if row.is_main else name, "left")
        _write_above(figure, place, f"<b>{value}</b>" if row.is_main else value, "right")
        _add_dot(figure, row, place)
    figure.update_yaxes(visible=False, range=[len(rows) - 0.5, -0.75])
    figure.update_xaxes(range=_range(rows))
    return figure


def _value_text(row: ScoreRow) -> str:
    interval = f" {say_interval(row.low, row.high)}" if np.isfinite(row.low) else ""
    return say_number(row.value) + interval if np.isfinite(row.value) else "no value"


def _write_above(figure: go.Figure, place: int, text: str, side: Literal["left", "right"]) -> None:
    """A text above a row's line at its left or right end, where no dot can be in the way."""
    x = 0 if side == "left" else 1
    figure.add_annotation(
        text=text, x=x, xref="paper", xanchor=side, y=place, yanchor="bottom", yshift=5, showarrow=False
    )


def _add_dot(figure: go.Figure, row: ScoreRow, place: int) -> None:
    if not np.isfinite(row.value):
        return
    if np.isfinite(row.low):
        figure.add_scatter(
            x=[row.low, row.high], y=[place, place], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": row.colour, "width": 6 if row.is_main else 4}, opacity=0.35,
        )  # fmt: skip
    figure.add_scatter(
        x=[row.value], y=[place], mode="markers", showlegend=False,
        marker={"color": row.colour, "size": 13 if row.is_main else 10},
        hovertemplate=f"{shown(row.title)}<br>{_value_text(row)}<extra></extra>",
    )  # fmt: skip


def _range(rows: Sequence[ScoreRow]) -> list[float]:
    """All dots and intervals, with a little room on both sides."""
    ends = np.array([end for row in rows for end in (row.value, row.low, row.high)])
    ends = ends[np.isfinite(ends)]
    if len(ends) == 0:
        return [0.0, 1.0]
    low, high = ends.min(), ends.max()
    room = 0.05 * max(high - low, 0.02 * max(abs(high), 1e-6))
    return [low - room, high + room]
