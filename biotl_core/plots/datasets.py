"""Plots of a dataset before any training: how long, which targets, which parts."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from biotl_core.data.dataset import PARTS, Dataset
from biotl_core.plots.theme import (
    ACCENT,
    NOUNS,
    OTHER,
    PART_COLOURS,
    add_histogram,
    all_shown,
    count_axis,
    new_figure,
    shown,
)

_LENGTH_TITLES = {
    "protein": "Length (amino acids)",
    "dna": "Length (nucleotides)",
    "molecule": "Length of the SMILES (characters)",
}
_MOST_CLASSES = 20


def plot_lengths(dataset: Dataset) -> go.Figure:
    """How long the sequences are; the longest hundredth is left out where it would squeeze all others."""
    lengths = dataset.table["sequence"].str.len().to_numpy()
    things = NOUNS[dataset.modality]
    note = f"n = {len(lengths):,} {things}"
    if len(lengths) and lengths.max() > 2 * (limit := np.percentile(lengths, 99, method="lower")):
        beyond = lengths > limit
        note += f"; {beyond.sum():,} longer than {limit:,.0f} not drawn, the longest {lengths.max():,}"
        lengths = lengths[~beyond]
    figure = new_figure(280, _LENGTH_TITLES[dataset.modality], things.capitalize(), note)
    add_histogram(figure, lengths, ACCENT, things, whole=True)
    if len(lengths) and np.ptp(lengths) < 10:
        figure.update_xaxes(range=[lengths.min() - 5.5, lengths.max() + 5.5], tickformat=",d")
    return figure


def plot_targets(dataset: Dataset) -> go.Figure:
    """What was measured: a histogram of numbers, or how many there are of each class or label."""
    match dataset.task_name:
        case "regression":
            return _plot_numbers(dataset, dataset.target_values(), NOUNS[dataset.modality])
        case "residue_regression":
            values = np.concatenate([np.zeros(0), *dataset.target_values()])
            return _plot_numbers(dataset, values, "residues")
        case "multilabel":
            return _plot_labels(dataset)
        case "classification":
            return _plot_classes(dataset, dataset.target_values(), NOUNS[dataset.modality])
        case _:
            classes = np.concatenate([np.zeros(0, dtype=np.int64), *dataset.target_values()])
            return _plot_classes(dataset, classes, "residues")


def _plot_numbers(dataset: Dataset, values: np.ndarray, things: str) -> go.Figure:
    known = values[np.isfinite(values)]
    figure = new_figure(280, shown(dataset.target_name), things.capitalize(), f"n = {len(known):,} {things}")
    add_histogram(figure, known, ACCENT, things)
    return figure


def _plot_classes(dataset: Dataset, classes: np.ndarray, things: str) -> go.Figure:
    counts = np.bincount(classes[classes >= 0], minlength=len(dataset.classes))
    names, values = list(dataset.classes), counts.tolist()
    order = np.argsort(-counts, kind="stable")
    shown_classes, rest = order[:_MOST_CLASSES], order[_MOST_CLASSES:]
    names = all_shown([names[i] for i in shown_classes])
    values = [int(counts[i]) for i in shown_classes]
    colours = [ACCENT] * len(names)
    if len(rest):
        names.append(f"{len(rest)} other classes")
        values.append(int(counts[rest].sum()))
        colours.append(OTHER)
    if n_unknown := int((classes < 0).sum()):
        names.append("not known")
        values.append(n_unknown)
        colours.append(OTHER)
    figure = new_figure(
        max(180, 70 + 26 * len(names)), things.capitalize(), "", f"n = {sum(values):,} {things}"
    )
    total = max(sum(values), 1)
    figure.add_bar(
        x=values,
        y=list(range(len(names))),
        orientation="h",
        marker={"color": colours},
        text=[f"{value:,} ({value / total:.0%})" for value in values],
        textposition="auto",
        textfont={"size": 12},
        constraintext="none",
        customdata=names,
        hovertemplate="%{customdata}: %{x:,}<extra></extra>",
        showlegend=False,
    )
    count_axis(figure, "x")
    _name_rows(figure, names)
    return figure


def _name_rows(figure: go.Figure, names: list[str]) -> None:
    """Names at the rows of a horizontal bar chart, the first on top. By number, since two cut names may be alike."""
    rows = list(range(len(names)))
    figure.update_yaxes(tickvals=rows, ticktext=names, range=[len(names) - 0.5, -0.5], showgrid=False)
    figure.update_layout(bargap=0.25)


def _plot_labels(dataset: Dataset) -> go.Figure:
    values = dataset.target_values()
    names = all_shown(dataset.classes)
    yes, no = (values > 0.5).sum(axis=0), (values <= 0.5).sum(axis=0)
    missing = len(values) - yes - no
    things = NOUNS[dataset.modality]
    figure = new_figure(
        max(200, 90 + 26 * len(names)), things.capitalize(), "", f"n = {len(values):,} {things}"
    )
    parts = (
        ("yes", yes, ACCENT),
        ("no", no, PART_COLOURS["validation"]),
        ("not measured", missing, "rgba(128,145,140,0.25)"),
    )
    for title, counts, colour in parts:
        figure.add_bar(
            x=counts,
            y=list(range(len(names))),
            orientation="h",
            name=title,
            marker={"color": colour},
            customdata=names,
            hovertemplate=f"%{{customdata}}<br>{title}: %{{x:,}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    count_axis(figure, "x")
    _name_rows(figure, names)
    return figure


def plot_parts(counts: Mapping[str, int]) -> go.Figure:
    """One bar cut into training, validation and test part, with what is in each.

    Args:
        counts: sequences in each part, by the part's name.
    """
    total = max(sum(counts.get(part, 0) for part in PARTS), 1)
    figure = new_figure(96)
    words = []
    for part in PARTS:
        n = counts.get(part, 0)
        figure.add_bar(
            x=[n],
            y=[0],
            orientation="h",
            marker={"color": PART_COLOURS[part]},
            hovertemplate=f"{part}: {n:,} ({n / total:.1%})<extra></extra>",
            showlegend=False,
        )
        words.append(f"<span style='color:{PART_COLOURS[part]}'>■</span> {part} {n:,} ({n / total:.0%})")
    figure.add_annotation(
        text="     ".join(words), x=0, y=1, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
        yshift=4, showarrow=False, align="left",
    )  # fmt: skip
    figure.update_layout(barmode="stack", margin={"l": 0, "r": 0, "t": 30, "b": 4}, bargap=0)
    figure.update_xaxes(visible=False, range=[0, total])
    figure.update_yaxes(visible=False)
    return figure
