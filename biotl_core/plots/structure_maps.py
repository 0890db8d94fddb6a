"""Maps of pairs of residues: expected errors, contacts, distances; a click chooses a pair."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from biotl_core.plots.theme import SEQUENTIAL, colour_scale, new_figure, shown
from biotl_core.wording import say_count

_MARK = "#D55E00"
_MOST_CELLS = 400
"""Rows and columns that are drawn; larger maps are averaged to so many."""
_MOST_TARGETS = 90
"""Rows and columns of the places to click; each stands for a block of residues in long chains."""


class MapKind(NamedTuple):
    """How one kind of map is drawn."""

    title: str
    unit: str
    colours: str | Sequence
    low: float
    high: float
    reversed: bool


MAP_KINDS: dict[str, MapKind] = {
    "pae": MapKind("Expected error (PAE)", "Å", "Greens", 0.0, 30.0, True),
    "contacts": MapKind("Probability of contact", "", colour_scale(SEQUENTIAL), 0.0, 1.0, False),
    "distances": MapKind("Distance between beta carbons", "Å", colour_scale(SEQUENTIAL), 2.0, 25.0, True),
}
"""Every map of pairs of residues."""


def plot_pair_map(
    kind: str, values: np.ndarray, labels: list[str], pair: tuple[int | None, int | None] = (None, None)
) -> go.Figure:
    """A square map of pairs of residues with invisible points to click.

    Args:
        kind: in `MAP_KINDS`.
        values: shape (n, n); nan stays blank.
        labels: how each residue is called, n of them.
        pair: the places of the chosen residues; a line marks each.
    """
    entry, n = MAP_KINDS[kind], len(values)
    cells = np.linspace(0, n, min(n, _MOST_CELLS) + 1).astype(int)
    drawn = _averaged(values, cells)
    centres = (cells[:-1] + cells[1:] - 1) / 2 + 1
    figure = new_figure(430, "Residue", "Residue", say_count(n, "residue"))
    unit = f" {entry.unit}" if entry.unit else ""
    figure.add_heatmap(
        z=drawn,
        x=centres,
        y=centres,
        colorscale=entry.colours,
        reversescale=entry.reversed,
        zmin=entry.low,
        zmax=entry.high,
        colorbar={"title": entry.unit, "thickness": 10, "len": 0.8},
        hoverinfo="skip",
    )
    _add_targets(figure, values, labels, unit)
    for place, add in zip(pair, (figure.add_hline, figure.add_vline), strict=True):
        if place is not None:
            add(place + 1, line={"color": _MARK, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(range=[0.5, n + 0.5], showgrid=False, constrain="domain")
    figure.update_yaxes(range=[n + 0.5, 0.5], showgrid=False, scaleanchor="x", constrain="domain")
    return figure


def _averaged(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    if len(edges) - 1 == len(values):
        return values
    known = np.nan_to_num(values)
    sums = np.add.reduceat(np.add.reduceat(known, edges[:-1], axis=0), edges[:-1], axis=1)
    counts = np.add.reduceat(np.add.reduceat(~np.isnan(values), edges[:-1], axis=0), edges[:-1], axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _add_targets(figure: go.Figure, values: np.ndarray, labels: list[str], unit: str) -> None:
    """Plotly tells a click on a point but not on a cell of a heat map, so points lie over it."""
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MOST_TARGETS)).round().astype(int))
    rows, columns = (grid.ravel() for grid in np.meshgrid(places, places, indexing="ij"))
    named = np.array([shown(label) for label in labels], dtype=object)
    figure.add_scattergl(
        x=columns + 1,
        y=rows + 1,
        customdata=np.stack([rows, columns], axis=1),
        text=[
            f"{named[i]} and {named[j]}<br>{value:.3g}{unit}"
            for i, j, value in zip(rows, columns, values[rows, columns], strict=True)
        ],
        mode="markers",
        marker={"size": max(6, int(330 / len(places))), "symbol": "square", "opacity": 0.0},
        selected={"marker": {"opacity": 0.0}},
        unselected={"marker": {"opacity": 0.0}},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
