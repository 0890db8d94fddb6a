"""Plots of what the protein model sees: the map of proteins, the residues of a pair, and the controls."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.genomes.comparison import Comparison, gene_names
from biotl_core.plots.theme import (
    ACCENT,
    OTHER,
    QUIET,
    SEQUENTIAL,
    TWIN_COLOUR,
    all_shown,
    new_figure,
    scatter_kind,
    shown,
)

ALONE_COLOURS = ("#E69F00", "#0072B2")
"""Genes without a partner, of the first and of the second genome."""
_BAR_COLOURS = {"model and head": ACCENT, "model alone": "#7CCBC1", "random weights": TWIN_COLOUR}


def plot_protein_map(
    comparison: Comparison, places: pd.DataFrame, a: int, b: int, shares: list[float]
) -> go.Figure:
    """Proteins of two genomes as the search by embedding sees them; those without a partner are marked.

    Args:
        comparison: of the genomes.
        places: `genome, rank, x, y`, from `transfer_map.map_proteins`.
        a: number of the first genome.
        b: of the second.
        shares: of the spread that the two axes show.
    """
    axes = [f"Axis {i} ({share:.0%} of the spread)" for i, share in enumerate(shares, 1)]
    figure = new_figure(520, *axes)
    orthologs = comparison.pairs[a, b].orthologs
    shared = orthologs[orthologs["tier"] != "embedding only"]
    for is_alone in (False, True):
        for number, ranks, colour in ((a, "rank_a", ALONE_COLOURS[0]), (b, "rank_b", ALONE_COLOURS[1])):
            genome = comparison.genomes[number]
            mine = places[places["genome"] == number]
            mine = mine[~mine["rank"].isin(shared[ranks]) == is_alone]
            if mine.empty:
                continue
            names, coding = all_shown(gene_names(genome)[mine["rank"]]), genome.coding.iloc[mine["rank"]]
            words = [
                f"<b>{name}</b><br>{what}"
                for name, what in zip(names, all_shown(coding["product"]), strict=True)
            ]
            title = "only in" if is_alone else "with a partner,"
            figure.add_trace(
                scatter_kind(len(places))(
                    x=mine["x"], y=mine["y"], mode="markers",
                    name=f"{title} {shown(genome.name, 24)} ({len(mine):,})",
                    marker={
                        "color": colour if is_alone else OTHER, "size": 7 if is_alone else 4,
                        "symbol": "circle" if number == a else "diamond", "opacity": 0.85 if is_alone else 0.4,
                    },
                    customdata=np.stack([np.full(len(mine), number), mine["rank"]], axis=1),
                    text=words, hovertemplate="%{text}<extra>" + shown(genome.name, 24) + "</extra>",
                )
            )  # fmt: skip
    figure.update_layout(legend_itemsizing="constant", clickmode="event+select")
    return figure


def plot_residues(
    scores: np.ndarray, path: np.ndarray, names: tuple[str, str], proteins: tuple[str, str]
) -> go.Figure:
    """How alike the residues of two proteins are by their vectors, with the aligned path on it.

    Args:
        scores: `(n, m)`, from `residue_alignment.cosine_scores`.
        path: places of the aligned residues, int64 `(k, 2)`, from 0.
        names: of the two proteins.
        proteins: their letters.
    """
    n, m = scores.shape
    figure = new_figure(
        int(np.clip(500 * n / max(m, 1), 320, 560)),
        f"Residue of {shown(names[1])}",
        f"Residue of {shown(names[0])}",
    )
    limit = float(np.quantile(scores, 0.995)) if scores.size else 1.0
    figure.add_heatmap(
        z=np.round(scores, 2), x=np.arange(1, m + 1), y=np.arange(1, n + 1), colorscale=list(SEQUENTIAL),
        zmin=0.0, zmax=max(limit, 0.1), colorbar={"title": {"text": "alike"}},
        hovertemplate="%{y} and %{x}: %{z}<extra></extra>",
    )  # fmt: skip
    letters = [f"{proteins[0][i]}{i + 1} · {proteins[1][j]}{j + 1}" for i, j in path]
    figure.add_scatter(
        x=path[:, 1] + 1, y=path[:, 0] + 1, mode="markers", marker={"color": "#D55E00", "size": 4}, text=letters,
        hovertemplate="%{text}<extra>aligned</extra>", name="aligned path", showlegend=False,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return figure


def plot_controls(table: pd.DataFrame, n_hidden: int) -> go.Figure:
    """How many of the hidden pairs each way of seeing found, with 95 % intervals; `controls.control_table`."""
    rows = table.iloc[::-1]
    figure = new_figure(100 + 34 * len(rows), "Hidden pairs found", "", f"{n_hidden:,} pairs")
    figure.add_bar(
        y=rows["view"], x=rows["recall"], orientation="h",
        marker_color=[_BAR_COLOURS.get(view, QUIET) for view in rows["view"]],
        error_x={
            "type": "data", "symmetric": False, "array": rows["high"] - rows["recall"],
            "arrayminus": rows["recall"] - rows["low"], "color": QUIET, "thickness": 1.5,
        },
        text=rows["what"], hovertemplate="%{y}: %{x:.0%}<br>%{text}<extra></extra>", textposition="none",
    )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    return figure
