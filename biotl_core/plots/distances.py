"""Contacts and distances learned from structures: the curves of a training, and the head beside what needs less."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from biotl_core.plots.comparisons import ScoreRow, plot_rows
from biotl_core.plots.theme import ACCENT, QUIET, TWIN_COLOUR, new_figure, style
from biotl_core.structures.pair_measures import PAIR_METRICS


def plot_distance_history(
    history: Sequence[Mapping[str, Any]], twin: Sequence[Mapping[str, Any]], headline: str
) -> go.Figure:
    """Loss on training and the headline metric on validation over the passes, of the head and of its twin on letters.

    Args:
        history: the lines of `history.jsonl`.
        twin: those of the twin, none before it begins.
        headline: in `PAIR_METRICS`.
    """
    figure = make_subplots(cols=2, horizontal_spacing=0.14)
    style(figure, 300)
    for lines, title, colour in (
        (history, "with the backbone", ACCENT),
        (twin, "letters alone", TWIN_COLOUR),
    ):
        if not lines:
            continue
        passes = [line["epoch"] for line in lines]
        scores = [line["metrics"].get(headline) for line in lines]
        look = {"mode": "lines+markers", "line": {"color": colour}, "name": title, "legendgroup": title}
        figure.add_scatter(x=passes, y=[line["train_loss"] for line in lines], col=1, row=1, **look)
        figure.add_scatter(x=passes, y=scores, col=2, row=1, showlegend=False, **look)
    figure.update_xaxes(title_text="Pass over the structures (epoch)")
    figure.update_yaxes(title_text="Training loss", col=1)
    figure.update_yaxes(title_text=f"{PAIR_METRICS[headline].title}, validation", col=2)
    return figure


def plot_adaptation_history(history: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Loss on training and validation over the passes of an adaptation; pass 0 is the network as it was."""
    figure = new_figure(300, "Pass over the structures (epoch)", "Loss of the distance bins")
    for key, title, colour in (("train_loss", "training", QUIET), ("validation_loss", "validation", ACCENT)):
        figure.add_scatter(
            x=[line["epoch"] for line in history],
            y=[line[key] for line in history],
            mode="lines+markers",
            name=title,
            line={"color": colour},
        )
    return figure


def plot_pair_rivals(result: Mapping[str, Any], metric: str, own: str = "This head") -> go.Figure:
    """The head and what stands beside it in one metric, on the same test chains, the best on top.

    Args:
        result: content of `result.json`.
        metric: in `PAIR_METRICS`.
        own: what the head is called.
    """
    low, high = result["test_interval"].get(metric) or (None, None)
    rows = [ScoreRow(own, _number(result["test"].get(metric)), _number(low), _number(high), ACCENT, True)]
    for name, scores in result["baselines"].items():
        if scores.get(metric) is not None:
            colour = TWIN_COLOUR if name in ("letters", "unadapted") else QUIET
            rows.append(ScoreRow(result["titles"][name], scores[metric], np.nan, np.nan, colour, False))
    rows.sort(key=lambda row: -row.value if np.isfinite(row.value) else np.inf)
    n = f"n = {result['counts']['test']:,} test chains; the bar is the 95 % interval"
    return plot_rows(rows, f"{PAIR_METRICS[metric].title} (higher is better)", n)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
