"""The map of proteins: two genomes as the search by embedding sees them, genes without a partner marked."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.genomes.comparison import Comparison, gene_names
from biotl_core.plots.gene_map import plot_protein_map
from biotl_core.runs.genome_requests import PROTEIN_MAP
from biotl_core.wording import plain
from widgets.genome_downloads import CHART, download_figure, download_tsv


def draw_map(comparison: Comparison, folder: Path, result: dict[str, Any], a: int, b: int) -> None:
    """The map, where the run drew one; a click on a protein tells what it is."""
    file = folder / PROTEIN_MAP
    if not file.is_file() or not result["map"]["n"]:
        return
    places = pd.read_parquet(file)
    places = places[places["genome"].isin((a, b))]
    st.markdown(
        "**Map of the proteins**",
        help="Near one another: alike to the protein model (the two largest principal components of the vectors that "
        "the search by embedding compares). Two axes show a small part of what it compares, so look for groups and not "
        "for exact distances.",
    )
    figure = plot_protein_map(comparison, places, a, b, result["map"]["shares"])
    clicked = st.plotly_chart(
        figure, key=f"map-{a}-{b}", on_select="rerun", selection_mode="points", config=CHART
    )
    if points := clicked["selection"]["points"]:
        number, rank = map(int, points[0]["customdata"])
        st.markdown(_say_protein(comparison, a, b, number, rank))
    n_genes = len(comparison.genomes[a].coding) + len(comparison.genomes[b].coding)
    if len(places) < n_genes:
        st.caption(
            f"{len(places):,} of {n_genes:,} proteins: those without a partner, and a sample of the others."
        )
    with st.container(horizontal=True):
        download_tsv(_named(comparison, places), "protein-map.tsv", "Map as TSV")
        download_figure(figure, "protein-map.html")


def _say_protein(comparison: Comparison, a: int, b: int, number: int, rank: int) -> str:
    """A protein of the map in words: name, product, partner."""
    genome, other = comparison.genomes[number], comparison.genomes[b if number == a else a]
    mine, theirs = ("rank_a", "rank_b") if number == a else ("rank_b", "rank_a")
    orthologs = comparison.pairs[a, b].orthologs
    row = genome.coding.iloc[rank]
    name, product = gene_names(genome)[rank], row["product"] or "no product told"
    said = f"**{plain(name)}** of {plain(genome.name)}: {plain(product)}"
    partners = orthologs[orthologs[mine] == rank]
    if partners.empty:
        return f"{said}; no partner in {plain(other.name)}."
    first = partners.iloc[0]
    return f"{said}; partner {plain(gene_names(other)[int(first[theirs])])} ({first['tier']})."


def _named(comparison: Comparison, places: pd.DataFrame) -> pd.DataFrame:
    """The map with names in place of numbers."""
    parts = []
    for number, group in places.groupby("genome"):
        coding = comparison.genomes[int(number)].coding.iloc[group["rank"]]
        named = coding[["gene", "symbol", "product"]].reset_index(drop=True)
        named.insert(0, "genome", comparison.genomes[int(number)].name)
        parts.append(named.assign(x=group["x"].to_numpy(), y=group["y"].to_numpy()))
    return pd.concat(parts, ignore_index=True)
