"""The curves of a training, live or finished."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots.theme import ACCENT, QUIET, style

_FEW_PASSES = 30
"""Up to here each pass is a dot."""
_FEWEST_PASSES = 10
"""Up to here each pass is a tick."""


def plot_history(history: Sequence[dict[str, Any]], headline: str, *, log_loss: bool = False) -> go.Figure:
    """Loss on the training and validation parts, and the headline metric on validation, over the passes.

    Args:
        history: the lines of `history.jsonl`.
        headline: name of the metric that chooses the best pass.
        log_loss: draw the loss on a logarithmic axis, to see small changes late in the training.
    """
    metric = METRICS[headline]
    figure = make_subplots(cols=2, horizontal_spacing=0.16)
    style(figure, 300)
    epochs = [line["epoch"] for line in history]
    mode = "lines+markers" if len(epochs) <= _FEW_PASSES else "lines"
    losses = (("training", "train_loss", QUIET), ("validation", "validation_loss", ACCENT))
    for title, key, colour in losses:
        values = _numbers(line.get(key) for line in history)
        _add_curve(figure, 1, epochs, values, f"{title} loss", colour, mode)
    scores = _numbers((line.get("metrics") or {}).get(headline) for line in history)
    _add_curve(figure, 2, epochs, scores, f"validation {metric.title}", ACCENT, mode)
    if (best := best_epoch(scores, metric.higher_is_better)) is not None:
        _mark_best(figure, epochs[best], scores[best])
    else:
        figure.add_annotation(
            text="no value yet", x=0.5, y=0.5, xref="x2 domain", yref="y2 domain", showarrow=False
        )
        figure.update_yaxes(showticklabels=False, showgrid=False, col=2)
    figure.update_xaxes(title_text="Pass over the data (epoch)")
    if len(epochs) <= _FEWEST_PASSES:
        figure.update_xaxes(dtick=1, range=[epochs[0] - 0.5, epochs[-1] + 0.5] if epochs else [0.5, 1.5])
    figure.update_yaxes(title_text="Loss", col=1, type="log" if log_loss else "linear")
    figure.update_yaxes(title_text=f"{metric.title} on validation", col=2)
    return figure


def best_epoch(scores: Sequence[float], higher_is_better: bool) -> int | None:
    """Index of the best score that is known; None when none is."""
    scores = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(scores).any():
        return None
    return int(np.nanargmax(scores if higher_is_better else -scores))


def _numbers(values: Any) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _add_curve(
    figure: go.Figure, column: int, epochs: list[int], values: np.ndarray, title: str, colour: str, mode: str
) -> None:
    figure.add_scatter(
        x=epochs, y=values, mode=mode, name=title, row=1, col=column, showlegend=column == 1,
        line={"color": colour, "width": 2}, marker={"size": 5},
        hovertemplate=f"pass %{{x}}<br>{title} %{{y:.4g}}<extra></extra>",
    )  # fmt: skip


def _mark_best(figure: go.Figure, epoch: int, score: float) -> None:
    figure.add_vline(x=epoch, line={"color": QUIET, "width": 1, "dash": "dot"}, row=1, col="all")
    figure.add_scatter(
        x=[epoch], y=[score], mode="markers", row=1, col=2, showlegend=False,
        marker={"symbol": "star", "size": 13, "color": ACCENT},
        hovertemplate=f"best pass: {epoch} (%{{y:.4g}})<extra></extra>",
    )  # fmt: skip
    figure.add_annotation(
        text=f"best: pass {epoch}", x=epoch, xref="x2", y=1, yref="paper", yanchor="bottom", showarrow=False
    )
