"""Values along the chain of a structure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.plots.theme import ACCENT, CATEGORIES, QUIET, new_figure, shown
from biotl_core.structures.confidence import BANDS
from biotl_core.structures.structure import Structure
from biotl_core.wording import say_count

_MARK = "#D55E00"
_MOST_TICKS = 20


def plot_along_chain(
    structure: Structure,
    chain: str,
    values: pd.Series,
    title: str,
    selected: int | None = None,
    has_bands: bool = False,
) -> go.Figure:
    """A line of values over the residues of a chain, broken where residues are missing.

    Args:
        structure: whose residues the values belong to.
        chain: the chain to draw.
        values: one a row of `structure.residues`, nan where there is none.
        title: what the values are, with their unit.
        selected: the row of the residue to mark, if it is in the chain.
        has_bands: draw the bands of a predictor's confidence (0 to 100) behind the line.
    """
    rows = structure.chain(chain)
    place = np.arange(1, len(rows) + 1, dtype=float)
    labels = structure.labels.loc[rows.index].to_numpy(object)
    heights = values.loc[rows.index].to_numpy(float)
    figure = new_figure(
        240, f"Residue of chain {shown(chain)}", shown(title), say_count(len(rows), "residue")
    )
    if has_bands:
        _add_bands(figure)
    breaks = np.flatnonzero(np.diff(rows["number"], prepend=rows["number"].iloc[0]) > 1)
    figure.add_scattergl(
        x=np.insert(place, breaks, np.nan),
        y=np.insert(heights, breaks, np.nan),
        text=np.insert(labels, breaks, ""),
        customdata=np.insert(rows.index.to_numpy(float), breaks, np.nan),
        mode="lines+markers",
        line={"color": ACCENT, "width": 1.6},
        # Small points, for a click chooses a point and not a line.
        marker={"color": ACCENT, "size": 5},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
        hovertemplate="%{text}<br>" + shown(title) + " %{y:.3g}<extra></extra>",
        showlegend=False,
    )
    if selected is not None and selected in rows.index:
        _mark(figure, rows.index.get_loc(selected), place, heights, labels)
    # The file's own numbers, which may jump, repeat with a letter, or be negative.
    step = next(
        step for step in (1, 5, 10, 20, 50, 100, 200, 500, len(rows)) if len(rows) <= step * _MOST_TICKS
    )
    is_told = ((rows["number"] % step == 0) & (rows["insertion"] == "")).to_numpy()
    figure.update_xaxes(
        tickvals=place[is_told],
        ticktext=rows["number"][is_told].astype(str),
        range=[0, len(rows) + 1],
        showgrid=False,
    )
    return figure


def _mark(figure: go.Figure, k: int, place: np.ndarray, heights: np.ndarray, labels: np.ndarray) -> None:
    figure.add_vline(x=place[k], line={"color": _MARK, "width": 1.5, "dash": "dot"})
    figure.add_scatter(
        x=[place[k]],
        y=[heights[k]],
        text=[labels[k]],
        mode="markers",
        marker={"color": _MARK, "size": 9},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        cliponaxis=False,
    )
    figure.add_annotation(
        x=place[k], y=1, yref="paper", yanchor="bottom", text=shown(labels[k]), showarrow=False
    )


def _add_bands(figure: go.Figure) -> None:
    top = 100.0
    for lowest, colour, _ in BANDS:
        figure.add_hrect(y0=lowest, y1=top, fillcolor=colour, opacity=0.16, line_width=0, layer="below")
        top = lowest
    figure.update_yaxes(range=[0, 100])


def plot_deviations(table: pd.DataFrame, names: list[str]) -> go.Figure:
    """Distance of each residue from the reference, a line a model, broken where nothing is matched.

    Args:
        table: as from `structures.comparison.deviation_table`.
        names: the models, each with a column `<name> deviation`.
    """
    figure = new_figure(260, "Residue of the reference", "Distance (Å)", say_count(len(table), "residue"))
    labels = table["letter"] + " " + table["position"].astype(str)
    for number, name in enumerate(names):
        figure.add_scatter(
            x=table["position"],
            y=table[f"{name} deviation"],
            text=labels,
            mode="lines",
            name=shown(name),
            line={"color": CATEGORIES[number % len(CATEGORIES)], "width": 1.6},
            hovertemplate="%{text}<br>%{y:.2f} Å<extra>" + shown(name) + "</extra>",
            showlegend=len(names) > 1,
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def plot_confidence(expected: np.ndarray, true: np.ndarray) -> go.Figure:
    """How far a confidence keeps its word: mean true lDDT in bands of ten of the expected one, and how many there are.

    Args:
        expected: confidence of residues, 0 to 100, shape (n,).
        true: their true lDDT, 0 to 100, shape (n,).
    """
    figure = new_figure(360, "Confidence (expected lDDT)", "True lDDT", say_count(len(expected), "residue"))
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": QUIET, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    band = np.minimum(expected // 10, 9).astype(int)
    bands = np.unique(band)
    counts = [int((band == b).sum()) for b in bands]
    figure.add_scatter(
        x=[float(expected[band == b].mean()) for b in bands],
        y=[float(true[band == b].mean()) for b in bands],
        error_y={"array": [float(true[band == b].std()) for b in bands], "color": ACCENT, "thickness": 1},
        customdata=counts,
        mode="lines+markers",
        marker={"color": ACCENT, "size": 9},
        hovertemplate="expected %{x:.0f}, true %{y:.0f}<br>%{customdata:,} residues<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 100])
    return figure
