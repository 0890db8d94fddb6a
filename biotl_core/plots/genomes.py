"""Plots of compared genomes: gene order as dots and as ribbons, a locus with its genes, shares, identities, times."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.genomes.comparison import Comparison, gene_names
from biotl_core.genomes.gene_order import Arrangement
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.orthogroups import SHARES
from biotl_core.genomes.pair import TIERS, Pair
from biotl_core.plots.theme import (
    ACCENT,
    GRID,
    OTHER,
    QUIET,
    SEQUENTIAL,
    TEXT,
    all_shown,
    count_axis,
    new_figure,
    scatter_kind,
    shown,
)

SAME, INVERTED = ACCENT, "#D55E00"
"""Colours of what lies the same way in both genomes, and of what is turned."""
TIER_COLOURS = dict(zip(TIERS, (ACCENT, "#56B4E9", "#CC79A7", "#E69F00", OTHER), strict=True))
SHARE_COLOURS = {"core": ACCENT, "accessory": "#56B4E9", "unique": "#E69F00"}
_MOST_BOUNDARIES = 40
_LOCUS_GENES = 8


def arranged_places(genome: Genome, arrangement: Arrangement | None) -> tuple[np.ndarray, np.ndarray]:
    """Where each coding gene stands once contigs are ordered and turned: place int64 `(n,)`, turn +1 or -1 `(n,)`."""
    coding = genome.coding
    contigs = list(genome.contigs)
    order = arrangement.order if arrangement else tuple(range(len(contigs)))
    flipped = arrangement.flipped if arrangement else (False,) * len(contigs)
    ranks_of = {name: group.to_numpy() for name, group in coding.groupby("contig").groups.items()}
    place, turn, at = np.zeros(len(coding), dtype=np.int64), np.ones(len(coding), dtype=np.int64), 0
    for number in order:
        ranks = np.sort(ranks_of.get(contigs[number], np.zeros(0, dtype=np.int64)))
        ranks = ranks[::-1] if flipped[number] else ranks
        place[ranks] = at + np.arange(len(ranks))
        turn[ranks] = -1 if flipped[number] else 1
        at += len(ranks)
    return place, turn


def plot_gene_order(first: Genome, second: Genome, pair: Pair) -> go.Figure:
    """Each pair of genes as a dot: its place in the first genome against its place in the second."""
    figure = new_figure(520, f"Gene number in {shown(first.name)}", f"Gene number in {shown(second.name)}")
    place_b, turn_b = arranged_places(second, pair.arrangement)
    orthologs = pair.orthologs
    turn = first.coding["strand"].to_numpy()[orthologs["rank_a"]] * second.coding["strand"].to_numpy()[
        orthologs["rank_b"]
    ] * turn_b[orthologs["rank_b"]]  # fmt: skip
    inside = (orthologs["block"] >= 0).to_numpy()
    groups = (
        ("outside blocks", ~inside, OTHER),
        ("in order", inside & (turn > 0), SAME),
        ("in order, turned", inside & (turn < 0), INVERTED),
    )
    names_a, names_b = all_shown(gene_names(first)), all_shown(gene_names(second))
    for name, chosen, colour in groups:
        rows = orthologs[chosen]
        if rows.empty:
            continue
        words = [
            f"{names_a[a]} · {names_b[b]}<br>{_say_evidence(identity, tier)}"
            for a, b, identity, tier in rows[["rank_a", "rank_b", "identity", "tier"]].itertuples(index=False)
        ]
        figure.add_trace(
            scatter_kind(len(orthologs))(
                x=rows["rank_a"] + 1,
                y=place_b[rows["rank_b"]] + 1,
                mode="markers",
                name=f"{name} ({len(rows):,})",
                marker={"color": colour, "size": 5 if len(orthologs) > 500 else 7},
                customdata=rows.index.to_numpy()[:, None],
                text=words,
                hovertemplate="%{text}<extra></extra>",
            )
        )
    _add_boundaries(figure, first, second, pair.arrangement)
    for axis in ("x", "y"):
        count_axis(figure, axis)
    figure.update_layout(legend_itemsizing="constant", clickmode="event+select")
    return figure


def _say_evidence(identity: float, tier: str) -> str:
    return f"{identity:.0%} identical, {tier}" if np.isfinite(identity) else tier


def _add_boundaries(figure: go.Figure, first: Genome, second: Genome, arrangement: Arrangement) -> None:
    """Thin lines where one contig ends and the next begins."""
    counts_a = first.coding["contig"].value_counts().reindex(list(first.contigs), fill_value=0)
    counts_b = second.coding["contig"].value_counts().reindex(list(second.contigs), fill_value=0)
    line = {"color": GRID, "width": 1}
    if 1 < len(counts_a) <= _MOST_BOUNDARIES:
        for at in counts_a.cumsum()[:-1]:
            figure.add_vline(x=at + 0.5, line=line)
    if 1 < len(counts_b) <= _MOST_BOUNDARIES:
        for at in counts_b.iloc[list(arrangement.order)].cumsum()[:-1]:
            figure.add_hline(y=at + 0.5, line=line)


def plot_segments(first: Genome, second: Genome, pair: Pair) -> go.Figure:
    """Aligned DNA as lines: place in the first genome against place in the second, in megabases."""
    unit, factor = ("Mb", 1e6) if max(first.size, second.size) > 500_000 else ("kb", 1e3)
    figure = new_figure(
        520, f"Place in {shown(first.name)} ({unit})", f"Place in {shown(second.name)} ({unit})"
    )
    starts_a = _contig_starts(first, tuple(range(len(first.contigs))))
    starts_b = _contig_starts(second, pair.arrangement.order)
    flipped = dict(zip(second.contigs, pair.arrangement.flipped, strict=True))
    for name, colour, is_turned in (("same way", SAME, False), ("turned", INVERTED, True)):
        x: list[float | None] = []
        y: list[float | None] = []
        for row in pair.segments.itertuples():
            ends = [row.start_b, row.end_b]
            if flipped[row.contig_b]:
                length = len(second.contigs[row.contig_b])
                ends = [length - row.end_b, length - row.start_b]
            if ((row.direction < 0) != flipped[row.contig_b]) != is_turned:
                continue
            ends = ends[::-1] if is_turned else ends
            x += [(starts_a[row.contig_a] + place) / factor for place in (row.start_a, row.end_a)] + [None]
            y += [(starts_b[row.contig_b] + place) / factor for place in ends] + [None]
        if x:
            figure.add_trace(
                go.Scattergl(
                    x=x, y=y, mode="lines", name=f"{name} ({len(x) // 3:,})", line={"color": colour, "width": 2},
                    hoverinfo="skip",
                )
            )  # fmt: skip
    return figure


def _contig_starts(genome: Genome, order: Sequence[int]) -> dict[str, int]:
    names, starts, at = list(genome.contigs), {}, 0
    for number in order:
        starts[names[number]] = at
        at += len(genome.contigs[names[number]])
    return starts


def plot_ribbons(comparison: Comparison, numbers: Sequence[int]) -> go.Figure:
    """Genomes as bars one below the other, blocks of gene order as ribbons between neighbours, turned ones coloured."""
    figure = new_figure(90 + 110 * len(numbers), "Gene number")
    places = [arranged_places(comparison.genomes[numbers[0]], None)[0]]
    turned: set[int] = set()
    for upper, lower in pairwise(numbers):
        a, b = min(upper, lower), max(upper, lower)
        pair = comparison.pairs[a, b]
        place, _ = arranged_places(comparison.genomes[lower], pair.arrangement if upper < lower else None)
        places.append(place)
        for block in pair.blocks.itertuples():
            extents = [(block.first_a, block.last_a), (block.first_b, block.last_b)]
            extents = extents if upper < lower else extents[::-1]
            _add_ribbon(figure, len(places) - 2, extents, places[-2:], block, turned)
    for row, number in enumerate(numbers):
        n = len(comparison.genomes[number].coding)
        figure.add_trace(
            go.Scatter(
                x=[1, max(n, 1)], y=[-row, -row], mode="lines", line={"color": TEXT, "width": 9}, showlegend=False,
                hovertemplate=f"{shown(comparison.genomes[number].name)}: {n:,} coding genes<extra></extra>",
            )
        )  # fmt: skip
    names = [shown(comparison.genomes[number].name, 28) for number in numbers]
    figure.update_yaxes(tickvals=[-row for row in range(len(numbers))], ticktext=names, showgrid=False)
    figure.update_yaxes(range=[-len(numbers) + 0.7, 0.3])
    return figure


def _add_ribbon(
    figure: go.Figure, row: int, extents: list, places: list[np.ndarray], block: object, seen: set[int]
) -> None:
    (a, a_end), (b, b_end) = extents
    upper, lower = (int(places[0][a]), int(places[0][a_end])), (int(places[1][b]), int(places[1][b_end]))
    # Places rise with ranks but on turned contigs; the block's own direction says the rest.
    is_turned = (block.direction < 0) != ((upper[0] > upper[1]) != (lower[0] > lower[1]))
    (x0, x1), (x2, x3) = sorted(upper), sorted(lower)
    right, left = (x2, x3) if is_turned else (x3, x2)
    name = "turned" if is_turned else "same way"
    figure.add_trace(
        go.Scatter(
            x=[x0 + 1, x1 + 1, right + 1, left + 1, x0 + 1],
            y=[-row - 0.06, -row - 0.06, -row - 0.94, -row - 0.94, -row - 0.06],
            mode="lines", fill="toself", fillcolor=_faint(INVERTED if is_turned else SAME), hoveron="fills",
            line={"width": 0.5, "color": INVERTED if is_turned else SAME}, name=name, legendgroup=name,
            showlegend=is_turned not in seen, text=f"Block {block.block + 1}: {block.n_pairs:,} genes, {name}",
            hoverinfo="text",
        )
    )  # fmt: skip
    seen.add(is_turned)


def _faint(colour: str, opacity: float = 0.35) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def plot_locus(first: Genome, second: Genome, pair: Pair, index: int) -> go.Figure:
    """The genes around one pair in both genomes as arrows, partners linked, the second genome turned to fit.

    Args:
        first: above.
        second: below.
        pair: of the two.
        index: row of `pair.orthologs` in the middle.
    """
    middle = pair.orthologs.loc[index]
    rank_a, rank_b = int(middle["rank_a"]), int(middle["rank_b"])
    turn = int(first.coding["strand"].iloc[rank_a] * second.coding["strand"].iloc[rank_b])
    upper, lower = _window(first, rank_a, 1), _window(second, rank_b, turn)
    figure = new_figure(300, "Letters from the middle of the chosen gene")
    partners = pair.orthologs[
        pair.orthologs["rank_a"].isin(upper["rank"]) & pair.orthologs["rank_b"].isin(lower["rank"])
    ]
    at_a, at_b = upper.set_index("rank"), lower.set_index("rank")
    for row in partners.itertuples():
        a, b = at_a.loc[row.rank_a], at_b.loc[row.rank_b]
        depth = 0.15 + 0.45 * (row.identity if np.isfinite(row.identity) else 0.2)
        colour = SAME if a["strand"] == b["strand"] else INVERTED
        figure.add_trace(
            go.Scatter(
                x=[a["left"], a["right"], b["right"], b["left"], a["left"]], y=[0.8, 0.8, 0.2, 0.2, 0.8],
                fill="toself", fillcolor=_faint(colour, depth), mode="lines", line={"width": 0}, showlegend=False,
                text=_say_evidence(row.identity, row.tier), hoverinfo="text", hoveron="fills",
            )
        )  # fmt: skip
    paired = (set(partners["rank_a"]), set(partners["rank_b"]))
    for y, genes, chosen, known in ((1.0, upper, rank_a, paired[0]), (0.0, lower, rank_b, paired[1])):
        _add_arrows(figure, genes, y, chosen, known)
    figure.update_yaxes(tickvals=[1, 0], ticktext=[shown(first.name, 28), shown(second.name, 28)])
    figure.update_yaxes(range=[-0.55, 1.55], showgrid=False)
    count_axis(figure, "x")
    figure.update_xaxes(rangemode="normal")
    return figure


def _window(genome: Genome, rank: int, turn: int) -> pd.DataFrame:
    """Genes around one on its contig, in letters from its middle, turned on request."""
    coding = genome.coding
    near = coding.iloc[max(0, rank - _LOCUS_GENES) : rank + _LOCUS_GENES + 1]
    near = near[near["contig"] == coding["contig"].iloc[rank]]
    centre = (coding["start"].iloc[rank] + coding["end"].iloc[rank]) / 2
    ends = np.stack([near["start"] - centre, near["end"] - centre]) * turn
    return pd.DataFrame(
        {
            "rank": near.index,
            "left": ends.min(axis=0),
            "right": ends.max(axis=0),
            "strand": near["strand"].to_numpy() * turn,
            "name": gene_names(genome)[near.index],
            "has_symbol": (near["symbol"] != "").to_numpy(),
            "product": near["product"].to_numpy(),
        }
    )


def _add_arrows(figure: go.Figure, genes: pd.DataFrame, y: float, chosen: int, paired: set[int]) -> None:
    half = 0.13
    for gene in genes.itertuples():
        tip, tail = (gene.right, gene.left) if gene.strand > 0 else (gene.left, gene.right)
        neck = tip - np.sign(gene.strand) * min(0.35 * (gene.right - gene.left), 260)
        colour = ACCENT if gene.rank == chosen else "#7CCBC1" if gene.rank in paired else OTHER
        figure.add_trace(
            go.Scatter(
                x=[tail, neck, neck, tip, neck, neck, tail, tail],
                y=[y + half, y + half, y + 1.6 * half, y, y - 1.6 * half, y - half, y - half, y + half],
                fill="toself", fillcolor=colour, mode="lines", line={"width": 0.8, "color": TEXT}, showlegend=False,
                text=f"<b>{shown(gene.name)}</b><br>{shown(gene.product)}", hoverinfo="text", hoveron="fills",
            )
        )  # fmt: skip
    # A locus tag is long and says little: only symbols, and the chosen gene, are written out.
    is_named = genes["has_symbol"] | (genes["rank"] == chosen)
    labels = all_shown(genes["name"].where(is_named, ""), 14)
    figure.add_trace(
        go.Scatter(
            x=(genes["left"] + genes["right"]) / 2, y=[y + (0.33 if y > 0.5 else -0.33)] * len(genes), mode="text",
            text=labels, textfont={"size": 10, "color": TEXT}, showlegend=False, hoverinfo="skip",
        )
    )  # fmt: skip


def plot_identities(orthologs: pd.DataFrame) -> go.Figure:
    """How alike the pairs are, stacked by the tier of their evidence."""
    figure = new_figure(320, "Identical amino acids", "Pairs of genes", f"{len(orthologs):,} pairs")
    edges = np.linspace(0, 1, 51)
    for tier, colour in TIER_COLOURS.items():
        values = orthologs.loc[orthologs["tier"] == tier, "identity"].dropna()
        if values.empty:
            continue
        counts, _ = np.histogram(values, edges)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, name=f"{tier} ({len(values):,})", marker_color=colour,
            width=0.02, hovertemplate="%{x:.0%}: %{y:,}<extra>" + tier + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    count_axis(figure, "y")
    return figure


def plot_functions(table: pd.DataFrame) -> go.Figure:
    """Coding genes by class of function, stacked by core, accessory and unique; `functions_by_share`."""
    counts = table.pivot_table(index="class", columns="share", values="n", aggfunc="sum", fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values().index]
    figure = new_figure(
        120 + 26 * len(counts), "Coding genes", "", f"{int(counts.to_numpy().sum()):,} in all genomes"
    )
    for share in SHARES:
        if share in counts.columns:
            figure.add_bar(
                y=counts.index, x=counts[share], name=share, orientation="h", marker_color=SHARE_COLOURS[share],
                hovertemplate="%{y}: %{x:,} " + share + "<extra></extra>",
            )  # fmt: skip
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    count_axis(figure, "x")
    return figure


def plot_alikeness(comparison: Comparison) -> go.Figure:
    """Every genome against every other: nucleotide identity, or protein identity where DNA has no answer."""
    n = len(comparison.genomes)
    values, words = np.full((n, n), np.nan), np.full((n, n), "", dtype=object)
    for (a, b), pair in comparison.pairs.items():
        value = pair.ani.identity if pair.ani.identity is not None else pair.aai
        kind = "DNA" if pair.ani.identity is not None else "proteins"
        values[a, b] = values[b, a] = np.nan if value is None else value
        words[a, b] = words[b, a] = f"{value:.1%} identical {kind}" if value is not None else "no answer"
    names = all_shown((genome.name for genome in comparison.genomes), 24)
    figure = new_figure(160 + 26 * n)
    figure.add_heatmap(
        z=values, x=names, y=names, text=words, colorscale=list(SEQUENTIAL),
        hovertemplate="%{y}, %{x}<br>%{text}<extra></extra>",
        colorbar={"tickformat": ".0%"}, xgap=1, ygap=1,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return figure


def plot_times(seconds: dict[str, float]) -> go.Figure:
    """Where the time went, in CPU seconds by stage."""
    known = {stage: value for stage, value in seconds.items() if value > 0}
    figure = new_figure(90 + 28 * len(known), "CPU seconds")
    figure.add_bar(
        y=list(known)[::-1], x=list(known.values())[::-1], orientation="h", marker_color=ACCENT,
        hovertemplate="%{y}: %{x:.2f} s<extra></extra>",
    )  # fmt: skip
    return figure


def plot_transfer_reliability(table: pd.DataFrame) -> go.Figure:
    """What the transfer tier's probabilities were worth on families that its head never saw: `n, said, right`."""
    n = int(table["n"].sum())
    figure = new_figure(
        300, "Probability said", "Share that was right", f"{n:,} candidates of held-out folds"
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": QUIET, "dash": "dot"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=table["said"], y=table["right"], mode="lines+markers", line={"color": ACCENT},
        marker={"size": 6 + 14 * np.sqrt(table["n"] / table["n"].max())},
        text=[f"{n:,} pairs" for n in table["n"]],
        hovertemplate="said %{x:.0%}, right %{y:.0%}<br>%{text}<extra></extra>",
    )  # fmt: skip
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickformat=".0%", range=[-0.02, 1.02])
    figure.update_layout(showlegend=False)
    return figure
