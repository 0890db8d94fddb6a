"""Plots of how far predictions can be trusted: ranges with what was measured, scores and likeness to training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from biotl_core.data.dataset import Modality
from biotl_core.data.leaks import RELATED_FROM
from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots.theme import (
    ACCENT,
    NOUNS,
    QUIET,
    add_histogram,
    all_shown,
    count_note,
    new_figure,
    sampled,
    scatter_kind,
    shown,
)

_OUTSIDE = "#D55E00"
_MOST_RANGES = 400
_WORDS = "%{customdata}<br>measured %{y:.3g}<extra></extra>"


def plot_ranges(
    true: np.ndarray,
    predicted: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    names: Sequence[str],
    target_name: str,
) -> go.Figure:
    """Each test sequence with its range, from the lowest prediction to the highest; measured ones outside stand out.

    Args:
        true, predicted, lower, upper: numbers `(n,)`; nan ends where there is no range.
        names: what each is called.
        target_name: the measured quantity, with its unit if known.
    """
    known = np.flatnonzero(np.isfinite(lower) & np.isfinite(true))
    rows = (
        known[sampled(len(known))] if len(known) <= _MOST_RANGES else known[:: -(-len(known) // _MOST_RANGES)]
    )
    rows = rows[np.argsort(predicted[rows], kind="stable")]
    place = np.arange(len(rows))
    figure = new_figure(
        340, "Test sequences, from the lowest prediction to the highest", shown(target_name),
        count_note(len(rows), "sequences") if len(rows) == len(known) else f"{len(rows):,} of {len(known):,} drawn",
    )  # fmt: skip
    gaps = np.full(len(rows), np.nan)
    figure.add_trace(
        scatter_kind(3 * len(rows))(
            x=np.repeat(place, 3), y=np.column_stack([lower[rows], upper[rows], gaps]).ravel(), mode="lines",
            line={"color": ACCENT, "width": 2}, opacity=0.35, name="range", hoverinfo="skip",
        )
    )  # fmt: skip
    inside = (true[rows] >= lower[rows]) & (true[rows] <= upper[rows])
    for title, chosen, colour in (
        ("measured, inside", inside, ACCENT),
        ("measured, outside", ~inside, _OUTSIDE),
    ):
        figure.add_trace(
            scatter_kind(len(rows))(
                x=place[chosen], y=true[rows][chosen], mode="markers", name=title,
                marker={"color": colour, "size": 5}, customdata=all_shown([names[i] for i in rows[chosen]]),
                hovertemplate=_WORDS,
            )
        )  # fmt: skip
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_layout(showlegend=True)
    return figure


def plot_bands(bands: Sequence[Mapping[str, Any]], metric: str) -> go.Figure:
    """The score in each band of identity to training, with its interval.

    Args:
        bands: of `result.json`.
        metric: its name.
    """
    names = [f"{band['low']:.0%} to {band['high']:.0%}" for band in bands]
    figure = new_figure(280, "Identity to the nearest training sequence", METRICS[metric].title)
    known = [band["score"] is not None for band in bands]
    score, low, high = (
        np.array([np.nan if band[key] is None else band[key] for band in bands], dtype=float)
        for key in ("score", "score_low", "score_high")
    )
    figure.add_scatter(
        x=names, y=score, mode="markers+lines" if sum(known) > 1 else "markers", line={"color": ACCENT, "width": 1},
        marker={"size": 11, "color": ACCENT}, customdata=[band["n"] for band in bands], showlegend=False,
        error_y={"type": "data", "symmetric": False, "array": high - score, "arrayminus": score - low, "color": ACCENT},
        hovertemplate="%{x}: %{y:.3f}<br>%{customdata:,} test sequences<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(type="category")
    return figure


def plot_identities(identity: np.ndarray, modality: Modality) -> go.Figure:
    """How near each test item is to its nearest training item; the line marks where near relatives begin.

    Args:
        identity: `(n,)`, 0..1, nan where not known.
        modality: what they are.
    """
    known = identity[np.isfinite(identity)]
    title = "Tanimoto similarity" if modality == "molecule" else "Identity"
    things = NOUNS[modality]
    note = f"n = {len(known):,} test {things}"
    figure = new_figure(220, f"{title} to the nearest training item", things.capitalize(), note)
    add_histogram(figure, known, ACCENT, things)
    line = RELATED_FROM[modality]
    if len(known) and known.min() < line:
        figure.add_vline(
            x=line, line={"color": QUIET, "width": 1.5, "dash": "dash"}, annotation_text="near relatives",
            annotation_position="top right",
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%")
    return figure
