"""The curves of an adaptation, live or finished."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from biotl_core.plots.theme import ACCENT, QUIET, style


def plot_adaptation(points: Sequence[dict[str, Any]], letters: int) -> go.Figure:
    """Loss of the steps, and perplexity of the held-out sequences beside what it was before, over the letters read.

    Args:
        points: the lines of `history.jsonl`: tokens, loss (None at the first), perplexity.
        letters: that will have been read at the end; the axes reach to it.
    """
    figure = make_subplots(cols=2, horizontal_spacing=0.16)
    style(figure, 300)
    learned = [point for point in points if point["loss"] is not None]
    _add_curve(figure, 1, learned, "loss", "loss of the steps", QUIET)
    _add_curve(figure, 2, points, "perplexity", "held-out perplexity", ACCENT)
    if points:
        before = points[0]["perplexity"]
        figure.add_hline(
            y=before, line={"color": QUIET, "width": 1, "dash": "dot"}, row=1, col=2,
            annotation={"text": f"before: {before:.3g}", "showarrow": False, "yanchor": "bottom"},
        )  # fmt: skip
    if not learned:
        figure.add_annotation(
            text="no value yet", x=0.5, y=0.5, xref="x domain", yref="y domain", showarrow=False
        )
        figure.update_yaxes(showticklabels=False, showgrid=False, col=1)
    end = max([letters, *_letters(points)])
    figure.update_xaxes(title_text="Letters read", range=[-0.03 * end, 1.03 * end])
    figure.update_yaxes(title_text="Loss of the steps", col=1)
    figure.update_yaxes(title_text="Held-out perplexity", col=2)
    figure.update_layout(showlegend=False)
    return figure


def _letters(points: Sequence[dict[str, Any]]) -> list[int]:
    return [point["tokens"] for point in points]


def _add_curve(
    figure: go.Figure, column: int, points: Sequence[dict[str, Any]], key: str, title: str, colour: str
) -> None:
    figure.add_scatter(
        x=_letters(points), y=[point[key] for point in points], mode="lines+markers", name=title, row=1, col=column,
        line={"color": colour, "width": 2}, marker={"size": 5},
        hovertemplate=f"%{{x:,}} letters<br>{title} %{{y:.4g}}<extra></extra>",
    )  # fmt: skip
