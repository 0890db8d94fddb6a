"""Figures for a page without a server: Plotly's script once, from the installed package, then a block a figure."""

import html

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

_TEXT, _GRID = "#33403D", "#E2E8E6"


def plotly_script() -> str:
    """Plotly's own script, to be put into a page once; nothing is asked of any host."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def drawn(figure: go.Figure, name: str, caption: str) -> str:
    """A figure with its caption as a block of HTML that the script draws; light, and as wide as its column.

    Args:
        figure: any of the house.
        name: identifier of its element, unique on the page.
        caption: a sentence below it.
    """
    copy = go.Figure([printable(trace) for trace in figure.data], figure.layout)
    copy.update_layout(font_color=_TEXT, paper_bgcolor="white", plot_bgcolor="white")
    copy.update_xaxes(gridcolor=_GRID, linecolor=_GRID)
    copy.update_yaxes(gridcolor=_GRID, linecolor=_GRID)
    height = int(figure.layout.height or 360)
    block = copy.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, default_height=f"{height}px",
        config={"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )  # fmt: skip
    return f"<figure>{block}<figcaption>{html.escape(caption)}</figcaption></figure>"


def printable(trace: BaseTraceType) -> BaseTraceType:
    """Points as lines of the page and not of the graphics card, whose picture is gone when the page is printed."""
    if trace.type != "scattergl":
        return trace
    return go.Scatter({key: value for key, value in trace.to_plotly_json().items() if key != "type"})
