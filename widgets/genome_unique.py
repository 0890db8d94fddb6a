"""Genes that only one genome has, each with what speaks for and against that."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.genomes.comparison import Comparison
from biotl_core.genomes.dna import SEGMENTS_ABSENT, can_find_segments
from biotl_core.genomes.families import RELIABILITY
from biotl_core.genomes.unique import VERDICTS, explain_unique
from biotl_core.home import safe_name
from biotl_core.plots.genomes import plot_transfer_reliability
from biotl_core.runs.genome_requests import HEAD
from biotl_core.wording import plain
from widgets.genome_downloads import CHART, download_figure, download_tsv
from widgets.kept import kept


def draw_unique(comparison: Comparison, a: int, b: int, store: str, folder: Path) -> None:
    """Genes without a partner, each with what speaks against its being unique."""
    genomes, pair = (comparison.genomes[a], comparison.genomes[b]), comparison.pairs[a, b]
    names = [genome.name for genome in genomes]
    side = st.segmented_control(
        "Genes only in", (0, 1), format_func=names.__getitem__, required=True, **kept(store, "side", 0)
    )
    table = explain_unique(genomes, pair.orthologs, pair.nearest, pair.segments, side)
    counts = table["verdict"].value_counts()
    n_doubtful = len(table) - int(counts.get("nothing alike", 0))
    st.markdown(
        f"**{len(table):,} genes** of {plain(names[side])} have no partner in {plain(names[1 - side])}; "
        f"for **{n_doubtful:,}** of them something speaks against their being unique."
    )
    if not can_find_segments():
        st.caption(f":material/info: {SEGMENTS_ABSENT}")
    verdicts = [verdict for verdict in VERDICTS if verdict in counts]
    st.caption(
        "  \n".join(f"**{verdict}** ({counts[verdict]:,}): {VERDICTS[verdict]}" for verdict in verdicts)
    )
    st.dataframe(
        table.drop(columns="rank"), hide_index=True, height=400, placeholder="",
        column_config={
            "product": st.column_config.TextColumn(width="medium"),
            "nearest_gene": "nearest gene",
            "evalue": st.column_config.NumberColumn("E-value", format="%.1e"),
            "identity": st.column_config.NumberColumn(format="percent"),
            "coverage": st.column_config.NumberColumn("part aligned", format="percent"),
            "dna_covered": st.column_config.ProgressColumn("DNA found", min_value=0, max_value=1, format="percent"),
            "probability": st.column_config.NumberColumn(format="percent"),
        },
    )  # fmt: skip
    download_tsv(table, f"unique-{safe_name(names[side])}.tsv", "This table as TSV")
    if table["probability"].notna().any():
        with st.expander("How far can the probabilities be trusted?"):
            own = folder / HEAD / "reliability.csv"
            whose, groups = "labelled proteins (SCOPe)", "folds"
            if own.is_file():
                whose, groups = "the proteins of your pairs", "families"
            figure = plot_transfer_reliability(pd.read_csv(own if own.is_file() else RELIABILITY))
            st.plotly_chart(figure, key="reliability", config=CHART)
            download_figure(figure, "reliability.html")
            st.caption(
                f"Candidates among {whose} that a plain alignment does not match, from {groups} that "
                "neither the head nor its calibration saw. On the line, a probability says how often it is right."
            )
