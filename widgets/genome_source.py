"""Where genomes come from: uploaded files or the example, the thresholds, and the comparisons made before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.genomes.calling import find_program
from biotl_core.genomes.examples import EXAMPLE_TITLE, HOW_MADE, write_example
from biotl_core.genomes.orthologs import SEARCHES
from biotl_core.genomes.pair import PairSettings
from biotl_core.genomes.reading import FORMATS
from biotl_core.home import home_subfolder
from biotl_core.runs.folder import launch, list_runs, resume_run
from biotl_core.runs.genome_requests import BACKBONE, create_genome_run
from biotl_core.runs.homology import finished_heads, head_folder
from widgets.frame import draw_error
from widgets.homology_view import draw_teaching
from widgets.kept import kept
from widgets.structure_source import keep_upload

_STORE = "genomes"
EMBEDDED = "The embedded one"
_MAX_MEGABYTES = 2048
_SHOWN_EARLIER = 6
SEARCH_TITLES = {"auto": "As hard as the genomes need", "words": "Fast", "full": "As hard as possible"}


def open_comparison(folder: Path) -> NoReturn:
    """Show a comparison, and put it into the address."""
    st.query_params["run"] = folder.name
    st.rerun()


def close_comparison() -> None:
    """Back to choosing."""
    st.query_params.clear()


def draw_start_again(folder: Path) -> None:
    """The way on for a comparison that was stopped or broke off: the same files, with all finished pairs kept."""
    help = "Runs the same comparison again; pairs of genomes that were finished are not computed anew."
    if st.button("Start again", type="primary", icon=":material/replay:", help=help):
        try:
            resume_run(folder)
        except UserError as error:
            draw_error(error)
        else:
            st.rerun()


def draw_genome_chooser() -> None:
    """Files or the example, the thresholds, the one primary button, and earlier comparisons."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Your genomes**")
        uploaded = st.file_uploader(
            "Genome files", accept_multiple_files=True, label_visibility="collapsed", key="genome-upload",
            max_upload_size=_MAX_MEGABYTES,
            help="A GFF3 goes to the FASTA with its name, or with the contigs it names.",
        )  # fmt: skip
        st.caption(f"Two or more: {FORMATS}. The first is the reference that the others are laid beside.")
        if find_program() is None:
            st.caption(
                "Genes of bare FASTA are not called here: that needs the separate program pyrodigal "
                "(`pip install pyrodigal`). DNA is compared all the same."
            )
    with right:
        st.markdown("**Or try an example**")
        if st.button(EXAMPLE_TITLE, help=HOW_MADE, width="stretch"):
            files = write_example(home_subfolder("uploads/example-genomes"))
            _start(files, PairSettings(), source="example")
    settings, options = _draw_settings()
    if st.button("Compare", type="primary", icon=":material/compare_arrows:"):
        if not uploaded:
            st.warning(f"Add two or more genomes first ({FORMATS}), or try the example.")
        else:
            files = [_keep(one) for one in uploaded]
            _start(files, settings, **options)
    draw_teaching()
    _draw_earlier()


def _keep(uploaded) -> Path:
    """Copy an upload to disk at once."""
    return keep_upload(uploaded.getvalue(), uploaded.name)


def _start(files: Sequence[Path], settings: PairSettings, **options) -> None:
    try:
        folder = create_genome_run(files, settings, **options)
    except UserError as error:
        draw_error(error)
        return
    launch(folder)
    open_comparison(folder)


def _draw_settings() -> tuple[PairSettings, dict[str, Any]]:
    """The thresholds, each explained where it is set."""
    standard = PairSettings()
    with st.expander("More settings"):
        one, two, three = st.columns(3)
        search = one.selectbox(
            "Search for partners", list(SEARCHES), format_func=SEARCH_TITLES.__getitem__,
            help=" ".join(f"**{SEARCH_TITLES[name]}**: {text}" for name, text in SEARCHES.items()),
            **kept(_STORE, "search", standard.search),
        )  # fmt: skip
        evalue = two.number_input(
            "Weakest alignment (E-value)", 1e-30, 10.0, format="%.0e",
            help="How many alignments as good as this chance gives in a search through the other genome. Pairs are "
            "best both ways besides; those above 0.001 are marked as weak.",
            **kept(_STORE, "max_evalue", standard.max_evalue),
        )  # fmt: skip
        coverage = three.slider(
            "Least part aligned", 0.0, 1.0, step=0.05,
            help="Share of each of the two proteins that the alignment covers (coverage). Higher keeps out proteins "
            "that share only a domain; lower keeps genes that were cut short.",
            **kept(_STORE, "min_coverage", standard.min_coverage),
        )  # fmt: skip
        gap = one.number_input(
            "Genes skipped within a block", 0, 200,
            help="Two neighbouring pairs belong to one block of gene order if no more genes than this lie between "
            "them, in either genome.",
            **kept(_STORE, "max_gap", standard.max_gap),
        )  # fmt: skip
        pairs = two.number_input(
            "Pairs in a block", 2, 50,
            help="Fewer than this are taken as genes that moved, or chance, and not as a block.",
            **kept(_STORE, "min_pairs", standard.min_pairs),
        )  # fmt: skip
        code = three.number_input(
            "Genetic code", 1, 33, value=None, placeholder="found by itself",
            help="Number of NCBI's table. Empty: what the file says, or else the one with the fewest broken genes.",
        )  # fmt: skip
        each = st.toggle(
            "Every sequence of a file is a genome of its own",
            help="For several phages, plasmids or organelles in one FASTA.",
            **kept(_STORE, "each_sequence", False),
        )
        embedding = st.toggle(
            "Also search with the protein model",
            help="Genes that alignment leaves alone are searched by embedding; every pair found so is marked and has a "
            "probability. It takes about a minute for two bacteria.",
            **kept(_STORE, "embedding", True),
        )
        heads = finished_heads()
        head = None
        if heads:
            head = st.selectbox(
                "Which head judges relatives", [EMBEDDED, *heads], disabled=not embedding,
                help="The small layer that draws relatives together: the one that comes with BioTL, or one that you "
                "taught with pairs of your own.",
                **kept(_STORE, "head", EMBEDDED, [EMBEDDED, *heads]),
            )  # fmt: skip
        controls = st.toggle(
            "Check that search on pairs that are known", disabled=not embedding,
            help="Known pairs are hidden, and the protein model, the same model untrained, composition and alignment "
            "each have to find them (controls). It takes about ten seconds.",
            **kept(_STORE, "controls", True),
        )  # fmt: skip
        on_map = st.toggle(
            "Draw the map of proteins", disabled=not embedding,
            help="Lays the proteins on a plane as the protein model sees them: all without a partner, and up to 1,000 "
            "others. It takes about half a minute for two bacteria.",
            **kept(_STORE, "map", True),
        )  # fmt: skip
        reference = st.file_uploader(
            "Functions from a reference of your own", key="genome-reference", max_upload_size=_MAX_MEGABYTES,
            help="Genes whose annotation is silent get the function of their best match in it: proteins as FASTA with "
            "the function behind the name (as UniProt and NCBI write them), or an annotated genome (GenBank, EMBL).",
        )  # fmt: skip
    options = {
        "reference": _keep(reference) if reference else None,
        "each_sequence": each, "genetic_code": code, "backbone": BACKBONE if embedding else None,
        "head": head_folder(head) if head and head != EMBEDDED else None,
        "controls": controls, "map_of_proteins": on_map,
    }  # fmt: skip
    return PairSettings(search, evalue, coverage, gap, pairs), options


def _draw_earlier() -> None:
    """The comparisons made before, newest first, each a way back to it."""
    runs = list_runs("genomes")
    if not runs:
        return
    st.subheader("Earlier comparisons", anchor=False)
    table = pd.DataFrame(
        {
            "comparison": [run.name for run in runs],
            "state": [run.status.state for run in runs],
            "what was found": [run.status.message for run in runs],
            "files": [run.source for run in runs],
        }
    )
    chosen = st.dataframe(
        table, hide_index=True, on_select="rerun", selection_mode="single-row", key="genome-earlier",
        height=38 + 35 * min(len(table), _SHOWN_EARLIER),
    )  # fmt: skip
    if rows := chosen["selection"]["rows"]:
        open_comparison(runs[rows[0]].folder)
