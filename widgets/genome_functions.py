"""What the genes do: classes of function, functions from a partner, groups of genes."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.genomes.comparison import Comparison, count_shares, functions_by_share
from biotl_core.genomes.exports import group_table
from biotl_core.genomes.function_transfer import ENOUGH_PAIRS, transfer_functions
from biotl_core.home import safe_name
from biotl_core.plots.genomes import plot_functions
from biotl_core.runs.genome_requests import REFERENCE_FUNCTIONS
from widgets.answers import NumberCard, draw_number_cards
from widgets.genome_downloads import CHART, download_figure, download_tsv
from widgets.kept import kept


def draw_functions(comparison: Comparison, a: int, b: int, store: str) -> None:
    """Core, accessory and unique genes by class of function, functions from a partner, and the groups."""
    counts = count_shares(comparison.groups)
    cards = [
        NumberCard("Core", counts["core"], note="groups in every genome"),
        NumberCard("Accessory", counts["accessory"], note="groups in some genomes"),
        NumberCard("Unique", counts["unique"], note="groups in one genome"),
    ]
    draw_number_cards(cards if len(comparison.genomes) > 2 else [cards[0], cards[2]])
    if comparison.groups.empty:
        return
    figure = plot_functions(functions_by_share(comparison.genomes, comparison.groups))
    st.plotly_chart(figure, key="functions", config=CHART)
    st.caption(
        "Classes are told from the words of each gene's annotation; what it does not say is 'not known'."
    )
    _draw_transfer(comparison, a, b, store)
    st.markdown("**Groups of genes**", help="Orthogroups: genes of all genomes that descend from one gene.")
    table = _groups(comparison)
    st.dataframe(table, hide_index=True, height=320, lazy=True)
    with st.container(horizontal=True):
        download_tsv(table, "orthogroups.tsv", "Groups as TSV")
        download_figure(figure, "functions.html")


def _draw_transfer(comparison: Comparison, a: int, b: int, store: str) -> None:
    """Genes whose annotation is silent and whose partner's is not."""
    genomes, orthologs = (comparison.genomes[a], comparison.genomes[b]), comparison.pairs[a, b].orthologs
    tables = [transfer_functions(genomes, orthologs, to) for to in (0, 1)]
    if not any(len(table) for table in tables):
        return
    st.markdown(
        "**Functions from a partner**",
        help="Genes without a known function whose partner has one. The reliability is counted here: of the "
        "pairs with as much evidence whose function is known on both sides, the share that agree in their class; "
        f"blank below {ENOUGH_PAIRS} pairs.",
    )
    names = [genome.name for genome in genomes]
    guess = int(len(tables[1]) > len(tables[0]))
    to = st.segmented_control(
        "For genes of", (0, 1), format_func=names.__getitem__, required=True, **kept(store, "to", guess)
    )
    _draw_suggestions(tables[to], f"functions-{safe_name(names[to])}.tsv")


def draw_reference(comparison: Comparison, folder: Path) -> None:
    """Functions from the reference that was brought along, where there was one."""
    file = folder / REFERENCE_FUNCTIONS
    if not file.is_file():
        return
    table = pd.read_parquet(file)
    table.insert(0, "in", [comparison.genomes[number].name for number in table.pop("genome")])
    st.markdown(
        "**Functions from your reference**",
        help="The best alignment (E-value up to 0.001, half of both proteins covered) of each gene without a known "
        "function. The reliability is counted on proteins whose function is known on both sides: genes of these "
        "genomes with their match, and each protein of the reference with its nearest other one; a transfer is right "
        f"where both are of one class of function. Blank below {ENOUGH_PAIRS} pairs.",
    )
    if table.empty:
        st.caption("No gene without a known function has a match in it.")
        return
    st.markdown(f"{len(table):,} genes without a known function have a match in it.")
    _draw_suggestions(table, "functions-from-reference.tsv")


def _draw_suggestions(table: pd.DataFrame, name: str) -> None:
    """Suggested functions with their evidence, and the way to take them along."""
    st.dataframe(
        table, hide_index=True, height=260, placeholder="",
        column_config={
            "identity": st.column_config.NumberColumn(format="percent"),
            "probability": st.column_config.NumberColumn(format="percent"),
            "reliability": st.column_config.ProgressColumn("reliability", min_value=0, max_value=1, format="percent"),
            "n_known": st.column_config.NumberColumn("counted on"),
        },
    )  # fmt: skip
    download_tsv(table, name, "Functions as TSV")


@st.cache_resource(max_entries=3, show_spinner=False)
def _groups(_comparison: Comparison) -> pd.DataFrame:
    return group_table(_comparison)
