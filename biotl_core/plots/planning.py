"""Plots of the next round: the plate, the candidates, last round's guesses, and rounds retold."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.planning.plates import SHAPES, PlateSize
from biotl_core.planning.rounds import RoundReview
from biotl_core.plots.theme import (
    ACCENT,
    CATEGORIES,
    GRID,
    OTHER,
    QUIET,
    all_shown,
    count_note,
    new_figure,
    point_style,
    sampled,
    scatter_kind,
    shown,
)

CONTENT_COLOURS = {
    "candidate": ACCENT,
    "parent": CATEGORIES[0],
    "negative control": CATEGORIES[5],
    "positive control": CATEGORIES[2],
    "blank": CATEGORIES[1],
    "empty": "rgba(128, 145, 140, 0.18)",
}
_METHOD_COLOURS = {"BioTL": ACCENT, "random": QUIET}


def plot_plate(plate: pd.DataFrame, size: PlateSize) -> go.Figure:
    """One plate as it lies on the bench, A1 in the upper left corner.

    Args:
        plate: rows of one plate, as from `lay_out_plates`.
        size: its wells.
    """
    shape = SHAPES[size]
    figure = new_figure(400 if size == 96 else 520)
    for content, colour in CONTENT_COLOURS.items():
        wells = plate[plate["content"] == content]
        if wells.empty:
            continue
        names = all_shown(wells["name"])
        words = [f"{well}<br>{name or content}" for well, name in zip(wells["well"], names, strict=True)]
        figure.add_scatter(
            x=wells["column"], y=wells["row"], mode="markers", name=content, customdata=words,
            marker={"size": 24 if size == 96 else 13, "color": colour, "line": {"width": 1, "color": GRID}},
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    rows = sorted(plate["row"].unique())
    figure.update_xaxes(
        side="top",
        tickvals=list(range(1, shape.n_columns + 1)),
        range=[0.4, shape.n_columns + 0.6],
        showgrid=False,
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=rows, autorange="reversed", showgrid=False, type="category"
    )
    figure.update_layout(legend={"y": -0.05, "yanchor": "top"}, margin={"t": 40})
    return figure


def plot_candidates(ranked: pd.DataFrame, chosen: Sequence[str], target_name: str, best: float) -> go.Figure:
    """Every candidate by what is expected and how unsure that is; the chosen ones stand out.

    Args:
        ranked: `name, sequence, expected, spread` of all candidates.
        chosen: sequences that were chosen.
        target_name: the measured quantity.
        best: the best measurement so far.
    """
    is_chosen = ranked["sequence"].isin(set(chosen)).to_numpy()
    name = shown(target_name)
    figure = new_figure(360, f"{name}, expected", "Uncertainty", count_note(len(ranked), "candidates"))
    others = np.flatnonzero(~is_chosen)
    others = others[sampled(len(others))]
    for rows, title, colour in (
        (others, "other candidates", QUIET),
        (np.flatnonzero(is_chosen), "chosen", ACCENT),
    ):
        part = ranked.iloc[rows]
        figure.add_trace(
            scatter_kind(len(rows))(
                x=part["expected"], y=part["spread"], mode="markers", name=title, customdata=all_shown(part["name"]),
                marker=point_style(len(rows), colour, 1.0 if title == "chosen" else 0.5),
                hovertemplate="%{customdata}<br>expected %{x:.3g}, give or take %{y:.2g}<extra></extra>",
            )
        )  # fmt: skip
    figure.add_vline(
        x=best, line={"color": QUIET, "width": 1, "dash": "dash"}, annotation_text="best measured",
        annotation_position="top",
    )  # fmt: skip
    figure.update_layout(margin={"t": 48})
    return figure


def plot_review(review: RoundReview, target_name: str) -> go.Figure:
    """What was predicted for the last round against what came out, with the intervals where there were any."""
    table, name = review.table, shown(target_name)
    figure = new_figure(420, f"{name}, predicted before", f"{name}, measured since", f"n = {len(table):,}")
    values = np.concatenate([table["measured"], table["predicted"]])
    margin = 0.05 * (np.ptp(values) or 1.0)
    ends = [values.min() - margin, values.max() + margin]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": QUIET, "width": 1.5, "dash": "dash"}, hoverinfo="skip",
        name="prediction = measurement",
    )  # fmt: skip
    errors = None
    if {"lower", "upper"} <= set(table):
        errors = {
            "type": "data", "symmetric": False, "array": table["upper"] - table["predicted"],
            "arrayminus": table["predicted"] - table["lower"], "color": GRID, "thickness": 1.5, "width": 0,
        }  # fmt: skip
    is_hit = table["is_hit"]
    for rows, title, colour in ((~is_hit, "new measurement", OTHER), (is_hit, "hit", ACCENT)):
        part = table[rows]
        bars = (
            None
            if errors is None
            else {**errors, "array": errors["array"][rows], "arrayminus": errors["arrayminus"][rows]}
        )
        figure.add_scatter(
            x=part["predicted"], y=part["measured"], mode="markers", name=title, error_x=bars,
            marker=point_style(len(table), colour), customdata=all_shown(part["name"]),
            hovertemplate="%{customdata}<br>predicted %{x:.3g}<br>measured %{y:.3g}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=review.threshold, line={"color": QUIET, "width": 1, "dash": "dot"})
    return figure


def plot_rounds(curves: Mapping[str, Mapping[str, np.ndarray]], n_per_round: int) -> go.Figure:
    """Recall of the best after each round, a panel a set and a line a method; bars are the spread over the seeds.

    Args:
        curves: set -> method -> recall `(seeds, rounds + 1)`.
        n_per_round: measurements a round.
    """
    from plotly.subplots import make_subplots

    from biotl_core.plots.theme import style

    figure = make_subplots(
        cols=len(curves), subplot_titles=list(curves), shared_yaxes=False, horizontal_spacing=0.07
    )
    style(figure, 380)
    for column, by_method in enumerate(curves.values(), 1):
        for i, (method, recall) in enumerate(by_method.items()):
            colour = _METHOD_COLOURS.get(method, CATEGORIES[i])
            counts = n_per_round * np.arange(1, recall.shape[1] + 1)
            mean, spread = recall.mean(axis=0), recall.std(axis=0)
            figure.add_scatter(
                x=counts, y=mean, mode="lines+markers", name=method, legendgroup=method, showlegend=column == 1,
                line={"color": colour, "width": 2.5}, row=1, col=column,
                error_y={"type": "data", "array": spread, "color": colour, "thickness": 1},
            )  # fmt: skip
    figure.update_xaxes(title_text="Measurements")
    figure.update_yaxes(rangemode="tozero", tickformat=".0%")
    figure.update_yaxes(title_text="Found of the best 1 %", col=1)
    figure.update_layout(margin={"t": 70}, legend={"y": 1.12})
    return figure
