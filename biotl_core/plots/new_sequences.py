"""Plots of predictions for new sequences, and of how errors grow with the distance from training."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from biotl_core.plots.theme import (
    ACCENT,
    QUIET,
    add_histogram,
    all_shown,
    count_note,
    new_figure,
    point_style,
    sampled,
    scatter_kind,
    shown,
)

_MOST_IDENTITY_BINS = 6
_FEWEST_IN_BIN = 10


def plot_predicted_numbers(predicted: np.ndarray, target_name: str, things: str = "sequences") -> go.Figure:
    """How the predicted numbers `(n,)` are spread."""
    known = predicted[np.isfinite(predicted)]
    figure = new_figure(
        260, f"{shown(target_name)}, predicted", things.capitalize(), f"n = {len(known):,} {things}"
    )
    add_histogram(figure, known, ACCENT, things)
    return figure


def plot_predicted_classes(
    names: Sequence[str], counts: Sequence[int], n: int, things: str = "sequences"
) -> go.Figure:
    """How many of `n` sequences (or residues) were given each class or label."""
    places = list(range(len(names)))
    figure = new_figure(
        int(np.clip(90 + 30 * len(names), 150, 600)), things.capitalize(), n=f"n = {n:,} {things}"
    )
    figure.add_bar(
        x=list(counts), y=places, orientation="h", marker={"color": ACCENT}, customdata=all_shown(names),
        text=[f"{count:,} ({count / max(n, 1):.0%})" for count in counts], textposition="auto", showlegend=False,
        hovertemplate="%{customdata}: %{x:,}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(tickformat=",d")
    ends = [len(names) - 0.5, -0.5]
    figure.update_yaxes(tickvals=places, ticktext=all_shown(names), range=ends, showgrid=False)
    figure.update_layout(bargap=0.3)
    return figure


class IdentityBins(NamedTuple):
    """Errors by the identity to the nearest training sequence, arrays `(n_bins,)`."""

    low: np.ndarray
    high: np.ndarray
    """Ends of the bin, 0..1."""
    error: np.ndarray
    """Mean error in the bin."""
    n: np.ndarray
    """Rows in the bin."""


def identity_bins(identity: np.ndarray, errors: np.ndarray) -> IdentityBins:
    """Mean errors in bins of about equally many rows, from the most distant to the nearest.

    Args:
        identity: to the nearest training sequence `(n,)`, 0..1; rows where it or the error is nan do not count.
        errors: `(n,)`.
    """
    known = np.isfinite(identity) & np.isfinite(errors)
    identity, errors = identity[known], errors[known]
    n_bins = int(np.clip(len(identity) // _FEWEST_IN_BIN, 1, _MOST_IDENTITY_BINS))
    # Equal identities belong in one bin, so edges that coincide are one edge.
    edges = np.unique(np.quantile(identity, np.linspace(0, 1, n_bins + 1))) if len(identity) else np.zeros(0)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    index = np.clip(np.searchsorted(edges, identity, side="right") - 1, 0, max(len(edges) - 2, 0))
    n = np.bincount(index, minlength=max(len(edges) - 1, 0))
    filled = n > 0
    sums = np.bincount(index, weights=errors, minlength=len(n))
    return IdentityBins(edges[:-1][filled], edges[1:][filled], sums[filled] / n[filled], n[filled])


def plot_error_by_identity(
    identity: np.ndarray, errors: np.ndarray, names: Sequence[str], error_title: str
) -> go.Figure:
    """How wrong each row is over its identity to the nearest training sequence; the steps are means of bins.

    Args:
        identity: `(n,)`, 0..1.
        errors: `(n,)`, larger is worse.
        names: what each row is called.
        error_title: what the error is, with its unit.
    """
    known = np.flatnonzero(np.isfinite(identity) & np.isfinite(errors))
    rows = known[sampled(len(known))]
    figure = new_figure(
        340, "Identity to the nearest training sequence", error_title, count_note(len(known), "sequences")
    )
    figure.add_trace(
        scatter_kind(len(rows))(
            x=identity[rows],
            y=errors[rows],
            mode="markers",
            marker=point_style(len(rows), QUIET),
            customdata=all_shown([names[i] for i in rows]),
            showlegend=False,
            hovertemplate="%{customdata}<br>identity %{x:.0%}<br>error %{y:.3g}<extra></extra>",
        )
    )
    bins = identity_bins(identity, errors)
    if len(bins.n) > 1:
        figure.add_scatter(
            x=np.column_stack([bins.low, bins.high, np.full(len(bins.n), np.nan)]).ravel(),
            y=np.repeat(bins.error, 3), mode="lines", line={"color": ACCENT, "width": 3}, name="mean",
            customdata=np.repeat(bins.n, 3),
            hovertemplate="mean error %{y:.3g}<br>%{customdata:,} sequences<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(rangemode="tozero")
    return figure
