"""Figures of a structure: values along the chain."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.structures.confidence import BANDS
from biotl_core.structures.structure import Structure

_LINE = "#0F766E"
_GAP = 1
"""Residue numbers further apart than this are not joined by the line."""


def plot_along_chain(
    structure: Structure, chain: str, values: pd.Series, title: str, selected: int | None = None
) -> go.Figure:
    """A line of values over the residues of a chain, broken where residues are missing.

    Args:
        structure: whose residues the values belong to.
        chain: the chain to draw.
        values: one a row of `structure.residues`, nan where there is none.
        title: what the values are, with their unit.
        selected: the row of the residue to mark, if it is in the chain.
    """
    rows = structure.chain(chain)
    x = np.arange(1, len(rows) + 1)
    labels = [structure.residue_label(row) for row in rows.index]
    figure = go.Figure()
    shown = values.loc[rows.index].to_numpy(float)
    is_break = np.diff(rows["number"].to_numpy(), prepend=rows["number"].iloc[0]) > _GAP
    breaks = np.flatnonzero(is_break)
    figure.add_scattergl(
        x=np.insert(x.astype(float), breaks, np.nan),
        y=np.insert(shown, breaks, np.nan),
        text=np.insert(np.array(labels, dtype=object), breaks, ""),
        mode="lines",
        line={"color": _LINE, "width": 1.6},
        hovertemplate="%{text}<br>" + title + " %{y:.3g}<extra></extra>",
        showlegend=False,
    )
    if structure.confidence_kind == "pLDDT" and values is structure.residues["b_factor"]:
        _add_bands(figure)
    if selected is not None and selected in rows.index:
        place = rows.index.get_loc(selected)
        figure.add_vline(x=x[place], line={"color": "#D55E00", "width": 1.5, "dash": "dot"})
        figure.add_scatter(
            x=[x[place]], y=[shown[place]], mode="markers", marker={"color": "#D55E00", "size": 9},
            text=[labels[place]], hovertemplate="%{text}<extra></extra>", showlegend=False,
        )  # fmt: skip
    _number_axis(figure, rows, x)
    figure.update_yaxes(title=title)
    figure.update_layout(height=230, margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return figure


def _number_axis(figure: go.Figure, rows: pd.DataFrame, x: np.ndarray) -> None:
    """Ticks at the residue numbers of the file, which may jump, repeat or be negative."""
    step = max(1, int(np.ceil(len(rows) / 14 / 5)) * 5) if len(rows) > 14 else 1
    picked = np.arange(0, len(rows), step)
    numbers = (rows["number"].astype(str) + rows["insertion"]).to_numpy()
    figure.update_xaxes(
        title=f"Residue of chain {rows['chain'].iloc[0]} (n = {len(rows):,})",
        tickvals=x[picked],
        ticktext=numbers[picked],
        range=[0.5, len(rows) + 0.5],
    )


def _add_bands(figure: go.Figure) -> None:
    top = 100.0
    for lowest, colour, _ in BANDS:
        figure.add_hrect(y0=lowest, y1=top, fillcolor=colour, opacity=0.14, line_width=0, layer="below")
        top = lowest
    figure.update_yaxes(range=[0, 100])
