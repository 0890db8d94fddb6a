"""A chosen pair of proteins: aligned by its letters, and by what the protein model sees in each residue."""

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.genomes.alignment import alignment_text, clean
from biotl_core.genomes.comparison import Comparison, gene_names
from biotl_core.genomes.residue_alignment import ResidueView, path_text
from biotl_core.home import safe_name
from biotl_core.plots.gene_map import plot_residues
from biotl_core.runs.residue_views import residue_view
from biotl_core.wording import plain
from widgets.background import wait_for
from widgets.frame import draw_error
from widgets.genome_downloads import CHART, download_figure, download_tsv

_WIDTH = 40
"""Letters of a line, so that it fits its column."""


def draw_residues(comparison: Comparison, a: int, b: int, index: int) -> None:
    """Both alignments of one row of the pairs, side by side; the model's is computed when it is first asked for."""
    row = comparison.pairs[a, b].orthologs.loc[index]
    ranks = int(row["rank_a"]), int(row["rank_b"])
    genomes = comparison.genomes[a], comparison.genomes[b]
    names = tuple(str(gene_names(genome)[rank]) for genome, rank in zip(genomes, ranks, strict=True))
    proteins = tuple(clean(genome.proteins[rank]) for genome, rank in zip(genomes, ranks, strict=True))
    st.markdown(f"**{plain(names[0])} and {plain(names[1])}, residue by residue**")
    left, right = st.columns([3, 2], gap="medium")
    with right:
        st.caption("By letters (Smith-Waterman, BLOSUM62): | equal, + alike.")
        st.code(alignment_text(*proteins, width=_WIDTH), language=None, height=220)
    with left:
        progress = st.container()
    try:
        with progress:
            view = wait_for("Aligning residues", proteins, lambda control: residue_view(*proteins, control))
    except UserError as error:
        draw_error(error)
        return
    with right:
        st.caption(
            f"By the model's vectors ({_say_excess(view)}): | equal.",
            help="The score of the alignment beside that of the same proteins with one reversed, which keeps "
            "composition and length: by chance they are the same.",
        )
        st.code(path_text(*proteins, view.path, _WIDTH) or "No residues align.", language=None, height=220)
    with left:
        figure = plot_residues(view.scores, view.path, names, proteins)
        st.plotly_chart(figure, key=f"residues-{a}-{b}", config=CHART)
        read = view.scores.shape
        if read != (len(proteins[0]), len(proteins[1])):
            st.caption(f"The model reads the first {read[0]:,} and {read[1]:,} residues.")
        stem = f"{safe_name(names[0])}-{safe_name(names[1])}"
        with st.container(horizontal=True):
            download_tsv(_path_table(view, proteins), f"residues-{stem}.tsv", "Aligned residues as TSV")
            download_figure(figure, f"residues-{stem}.html")


def _say_excess(view: ResidueView) -> str:
    if view.excess <= 0:
        return "no better than chance"
    return f"{1 + view.excess:.1f} times the score of chance"


def _path_table(view: ResidueView, proteins: tuple[str, str]) -> pd.DataFrame:
    """The aligned residues with their places, counted from 1."""
    first, second = view.path[:, 0], view.path[:, 1]
    return pd.DataFrame(
        {
            "place_a": first + 1,
            "letter_a": [proteins[0][i] for i in first],
            "place_b": second + 1,
            "letter_b": [proteins[1][j] for j in second],
            "alike": np.round(view.scores[first, second], 3),
        }
    )
