"""Gene order of two genomes: every pair as a dot, DNA, ribbons, blocks, and the neighbourhood of a chosen pair."""

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.genomes.alignment import alignment_text, clean
from biotl_core.genomes.comparison import Comparison, gene_names
from biotl_core.genomes.dna import SEGMENTS_ABSENT, can_find_segments
from biotl_core.genomes.exports import block_table, contig_table
from biotl_core.genomes.pair import TIERS
from biotl_core.plots.genomes import plot_gene_order, plot_locus, plot_ribbons, plot_segments
from biotl_core.wording import plain, say_count, say_number
from widgets.genome_downloads import CHART, download_figure, download_tsv
from widgets.kept import choices, kept

_MOST_RIBBONS = 12


def draw_order(comparison: Comparison, a: int, b: int, store: str) -> None:
    """The chosen view of the order of genes, a neighbourhood, and the table of blocks."""
    first, second, pair = comparison.genomes[a], comparison.genomes[b], comparison.pairs[a, b]
    views = ["Genes", "DNA", "Ribbons"] if len(pair.orthologs) else ["DNA"]
    view = st.segmented_control(
        "Show", views, required=True,
        help="**Genes**: each pair of genes a dot; click one to see its neighbourhood. **DNA**: stretches that align. "
        "**Ribbons**: blocks of gene order, turned ones in orange.",
        **kept(store, "view", views[0], views),
    )  # fmt: skip
    if view == "DNA" and not can_find_segments():
        st.markdown(f":material/info: {SEGMENTS_ABSENT}")
    elif view == "DNA":
        figure = plot_segments(first, second, pair)
        st.plotly_chart(figure, key="dna", config=CHART)
    elif view == "Ribbons":
        shown = list(range(len(comparison.genomes)))[:_MOST_RIBBONS]
        figure = plot_ribbons(comparison, shown if len(comparison.genomes) > 2 else [a, b])
        st.plotly_chart(figure, key="ribbons", config=CHART)
    else:
        figure = plot_gene_order(first, second, pair)
        clicked = st.plotly_chart(
            figure, key=f"dots-{a}-{b}", on_select="rerun", selection_mode="points", config=CHART
        )
        if points := clicked["selection"]["points"]:
            choices(store)["pair"] = int(points[0]["customdata"][0])
    download_figure(figure, f"{view.lower()}.html")
    _draw_contigs(comparison, a, b)
    if len(pair.orthologs):
        _draw_locus(comparison, a, b, store)
        table = block_table(comparison, a, b)
        st.markdown(
            "**Blocks of gene order**",
            help="From the longest run of genes to the shortest; places count from 1.",
        )
        st.dataframe(table.sort_values("genes", ascending=False), hide_index=True, height=240)
        download_tsv(table, "blocks.tsv", "Blocks as TSV")


def _draw_contigs(comparison: Comparison, a: int, b: int) -> None:
    """In which order and direction the contigs of the second genome are drawn, where it has several."""
    table = contig_table(comparison, a, b)
    if len(table) < 2 and not table["turned"].any():
        return
    reference, other = (plain(comparison.genomes[number].name) for number in (a, b))
    n_turned = int(table["turned"].sum())
    with st.expander(
        f"{say_count(len(table), 'contig')} of {other} in the order of {reference}, {n_turned:,} turned"
    ):
        st.caption(
            "Each contig is laid where the middle one of its genes' partners lies, and turned where most of them run "
            "the other way; contigs without a partner come last. Places in tables stay those of your file."
        )
        st.dataframe(table, hide_index=True, height="content" if len(table) < 8 else 240)
        download_tsv(table, "contigs.tsv", "Order of contigs as TSV")


def _draw_locus(comparison: Comparison, a: int, b: int, store: str) -> None:
    """The neighbourhood of a chosen pair, its evidence and its alignment."""
    first, second, pair = comparison.genomes[a], comparison.genomes[b], comparison.pairs[a, b]
    orthologs = pair.orthologs
    names_a, names_b = gene_names(first), gene_names(second)
    labels = {
        index: f"{names_a[x]} · {names_b[y]}"
        for index, x, y in zip(orthologs.index, orthologs["rank_a"], orthologs["rank_b"], strict=True)
    }
    index = st.selectbox(
        "Neighbourhood of", orthologs.index, format_func=labels.__getitem__,
        help="Click a dot above, or search here by gene name.",
        **kept(store, "pair", _first_in_order(orthologs), orthologs.index),
    )  # fmt: skip
    figure = plot_locus(first, second, pair, index)
    st.plotly_chart(figure, key="locus", config=CHART)
    row = orthologs.loc[index]
    st.caption(_say_evidence(row))
    left, right = st.columns([1, 5])
    with left:
        download_figure(figure, "locus.html", "This view as HTML")
    with right, st.expander("Alignment of the two proteins"):
        proteins = first.proteins[int(row["rank_a"])], second.proteins[int(row["rank_b"])]
        st.code(alignment_text(*map(clean, proteins)), language=None)


def _first_in_order(orthologs: pd.DataFrame) -> int:
    inside = orthologs[orthologs["block"] >= 0]
    rows = inside if len(inside) else orthologs
    return int(rows.index[len(rows) // 3])


def _say_evidence(row: pd.Series) -> str:
    words = [f"**{row['tier'][0].upper()}{row['tier'][1:]}**: {TIERS[row['tier']]}"]
    if np.isfinite(row["bits"]):
        words.append(
            f"{say_number(row['bits'])} bits, E-value {row['evalue']:.1g}, {row['identity']:.0%} identical over "
            f"{row['coverage_a']:.0%} and {row['coverage_b']:.0%} of the proteins."
        )
    if np.isfinite(row["probability"]):
        words.append(f"Probability {row['probability']:.0%}.")
    return " ".join(words)
