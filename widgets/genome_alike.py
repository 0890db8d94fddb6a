"""How alike two genomes are: identities by tier, and the table of all pairs."""

import streamlit as st

from biotl_core.genomes.comparison import Comparison
from biotl_core.genomes.exports import ortholog_table
from biotl_core.genomes.pair import TIERS
from biotl_core.plots.genomes import plot_alikeness, plot_identities
from widgets.genome_downloads import CHART, download_figure, download_tsv
from widgets.genome_residues import draw_residues

_FIRST_COLUMNS = [
    "symbol_a", "gene_a", "symbol_b", "gene_b", "product_a", "identity", "tier", "bits", "evalue", "coverage_a",
    "coverage_b", "relation",
]  # fmt: skip
"""Of the table of pairs, what is shown first."""


def draw_alike(comparison: Comparison, a: int, b: int, store: str) -> None:
    """Identities of the chosen two and the table of their pairs; of more genomes every one against every other."""
    if len(comparison.genomes) > 2:
        st.markdown("**Every genome against every other**")
        every = plot_alikeness(comparison)
        st.plotly_chart(every, key="alikeness", config=CHART)
        download_figure(every, "alikeness.html")
    orthologs = comparison.pairs[a, b].orthologs
    if orthologs.empty:
        st.info("There are no pairs of genes to show.")
        return
    figure = plot_identities(orthologs)
    st.plotly_chart(figure, key="identities", config=CHART)
    present = [tier for tier in TIERS if (orthologs["tier"] == tier).any()]
    st.caption("  \n".join(f"**{tier}**: {TIERS[tier]}" for tier in present))
    table = ortholog_table(comparison, a, b)
    st.markdown(
        "**All pairs**", help="Choose a row to see its two proteins aligned, by letters and by the model."
    )
    chosen = st.dataframe(
        table[[*_FIRST_COLUMNS, *table.columns.difference(_FIRST_COLUMNS, sort=False)]],
        hide_index=True, height=320, on_select="rerun", selection_mode="single-row", key=f"pairs-{a}-{b}",
        column_config={
            "identity": st.column_config.ProgressColumn("identity", min_value=0, max_value=1, format="percent"),
            "evalue": st.column_config.NumberColumn("E-value", format="%.1e"),
            "coverage_a": st.column_config.NumberColumn(format="percent"),
            "coverage_b": st.column_config.NumberColumn(format="percent"),
        },
    )  # fmt: skip
    with st.container(horizontal=True):
        download_tsv(table, "orthologs.tsv", "Pairs as TSV")
        download_figure(figure, "identities.html")
    if rows := chosen["selection"]["rows"]:
        draw_residues(comparison, a, b, int(orthologs.index[rows[0]]))
