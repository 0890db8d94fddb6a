"""One look for all plots: colours, template, axes, and how a user's text and a count are written.

Backgrounds are transparent and the text is a grey that can be read on white and on black, so a figure fits either
theme, and a report; on a page, Streamlit's own theme sets text and grid to match.
"""

import html
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from biotl_core.data.dataset import Modality

ACCENT = "#0F9488"
"""The tuned model, and whatever there is only one of; between the accents of the light and the dark theme."""
QUIET = "#8A9794"
"""Simple methods, reference lines."""
TWIN_COLOUR = "#E69F00"
"""The same backbone from random weights."""
PART_COLOURS = {"train": "#9AA6A3", "validation": "#7CCBC1", "test": ACCENT}
CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7A5195")
"""Okabe and Ito's colour-blind safe palette; purple for black, which vanishes on a dark ground."""
OTHER = "#9AA5A2"
"""Everything after the eighth category, and what is not known."""
SEQUENTIAL = (
    "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#E1CC55", "#FEE838",
)  # fmt: skip
"""Cividis (Nuñez, Anderton and Renslow 2018, PLoS ONE 13:e0199239) without its darkest tenth, lost on black."""
TEXT = "#76817E"
GRID = "rgba(128, 145, 140, 0.22)"
MANY_POINTS = 2_000
"""More points than this are drawn by the graphics card (WebGL)."""
MOST_POINTS = 20_000
"""More points than this are sampled: a browser draws no more without stutter, and an eye sees no more."""
MOST_BINS = 60
NOUNS: dict[Modality, str] = {"protein": "proteins", "dna": "sequences", "molecule": "molecules"}
_LONGEST_TEXT = 60


def colour_scale(colours: Sequence[str]) -> list[list[object]]:
    """Colours at even distances from 0 to 1."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


_AXIS = {
    "gridcolor": GRID,
    "linecolor": GRID,
    "zeroline": False,
    "ticks": "",
    "ticklabelstandoff": 5,
    "separatethousands": True,
    "automargin": True,
    "title": {"standoff": 8},
}
_COLOUR_BAR = {"thickness": 12, "outlinewidth": 0, "ticks": ""}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"color": TEXT, "size": 13, "family": "system-ui, 'Segoe UI', Roboto, Arial, sans-serif"},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "colorway": CATEGORIES,
        "colorscale": {"sequential": colour_scale(SEQUENTIAL), "diverging": "RdBu_r"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "hoverlabel": {"align": "left"},
    },
    data={
        "heatmap": [{"colorbar": _COLOUR_BAR}],
        "scatter": [{"marker": {"colorbar": _COLOUR_BAR}}],
        "scattergl": [{"marker": {"colorbar": _COLOUR_BAR}}],
    },
)


def new_figure(height: int = 320, x_title: str = "", y_title: str = "", n: str = "") -> go.Figure:
    """An empty figure in the house's look.

    Args:
        height: pixels; the width is that of the page's column.
        x_title: axis title, with its unit.
        y_title: the same for the other axis.
        n: what is counted, as "1,204 proteins"; stands below the title of the horizontal axis.
    """
    figure = go.Figure()
    style(figure, height)
    figure.update_xaxes(title_text=with_count(x_title, n))
    figure.update_yaxes(title_text=y_title)
    return figure


def style(figure: go.Figure, height: int) -> None:
    """Put the look on a figure made elsewhere (one with several panels)."""
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        margin={"l": 8, "r": 16, "t": 28, "b": 8},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "title_text": "",
        },
        bargap=0.04,
        uirevision="kept",  # a zoom survives the next tick of a live plot
    )


def count_axis(figure: go.Figure, axis: Literal["x", "y"]) -> None:
    """An axis of whole numbers: no fractions between them, and "150,000" instead of "150k"."""
    update = figure.update_xaxes if axis == "x" else figure.update_yaxes
    update(exponentformat="none", tickformat=",.12~g", rangemode="tozero")


def with_count(title: str, n: str) -> str:
    """An axis title with a count in small letters below it."""
    return f"{title}<br><span style='font-size:0.85em'>{n}</span>" if n else title


def shown(text: object, longest: int = _LONGEST_TEXT) -> str:
    """A user's text for a place where Plotly reads tags: shown as it is, cut when long."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return html.escape(line, quote=False)


def all_shown(texts: Iterable[object], longest: int = _LONGEST_TEXT) -> list[str]:
    """The same for many texts."""
    return [shown(text, longest) for text in texts]


def scatter_kind(n_points: int) -> type[go.Scatter] | type[go.Scattergl]:
    """Points through WebGL where there are many."""
    return go.Scattergl if n_points > MANY_POINTS else go.Scatter


def point_style(n_points: int, colour: object, weight: float = 1.0) -> dict:
    """Smaller and fainter points where there are more; a weight below 1 makes them fainter still."""
    size = float(np.interp(np.log10(max(n_points, 1)), [2, 4], [8, 4]))
    opacity = float(np.interp(np.log10(max(n_points, 1)), [2, 4], [0.8, 0.45]))
    return {"color": colour, "size": size, "opacity": opacity * weight, "line": {"width": 0}}


def sampled(n_points: int, seed: int = 0) -> np.ndarray:
    """Indices of at most MOST_POINTS points, in their order."""
    if n_points <= MOST_POINTS:
        return np.arange(n_points)
    return np.sort(np.random.default_rng(seed).choice(n_points, MOST_POINTS, replace=False))


def count_note(n: int, things: str) -> str:
    """How many of what are drawn: "n = 1,204 proteins", and whether they are a sample."""
    sample = f", {MOST_POINTS:,} of them drawn" if n > MOST_POINTS else ""
    return f"n = {n:,} {things}{sample}"


def add_histogram(
    figure: go.Figure, values: np.ndarray, colour: str, things: str, *, whole: bool = False
) -> None:
    """Bars of how many values lie where; counted here, so that the browser gets bars and not all values.

    Args:
        figure: where to draw.
        values: `(n,)`, finite.
        colour: of the bars.
        things: what is counted, for the hover text.
        whole: the values are whole numbers, each bin holding the same number of them.
    """
    edges = _whole_edges(values) if whole else _edges(values)
    counts, _ = np.histogram(values, edges)
    if whole:
        low, high = edges[:-1] + 0.5, edges[1:] - 0.5
        ends = [f"{a:,.0f}" if a == b else f"{a:,.0f} to {b:,.0f}" for a, b in zip(low, high, strict=True)]
    else:
        ends = [f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges)]
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        customdata=ends,
        marker={"color": colour, "line": {"width": 0}},
        hovertemplate="%{customdata}<br>%{y:,} " + things + "<extra></extra>",
        showlegend=False,
    )
    count_axis(figure, "y")


def _edges(values: np.ndarray) -> np.ndarray:
    if len(values) == 0 or np.ptp(values) == 0:
        centre = values[0] if len(values) else 0.0
        return np.array([centre - 0.5, centre + 0.5])
    edges = np.histogram_bin_edges(values, "fd")
    return (
        edges
        if 10 <= len(edges) <= MOST_BINS
        else np.linspace(values.min(), values.max(), min(MOST_BINS, 31))
    )


def _whole_edges(values: np.ndarray) -> np.ndarray:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    width = max(1, int(np.ceil((high - low + 1) / MOST_BINS)))
    return np.arange(low, high + width + 1, width) - 0.5
