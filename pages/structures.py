"""Structures: open a protein structure, look at it in 3D, and see values where they sit."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.structures.structure import with_confidence_kind
from biotl_core.wording import plain
from widgets import begin_page, draw_error
from widgets.kept import choices
from widgets.structure_source import (
    chosen_structure,
    draw_open_structure,
    draw_structure_chooser,
    find_structure,
    open_structure,
)
from widgets.structure_view import (
    chosen_residue,
    describe_structure,
    draw_along_chain,
    draw_choices,
    draw_downloads,
    draw_more_settings,
    draw_residue,
    draw_view,
    residue_table,
)

begin_page("structures", "Open a structure, turn it in 3D, and see where on it your values lie.")
structure_id = chosen_structure()
if structure_id is None:
    draw_structure_chooser()
    st.stop()

store = f"structure-{structure_id}"
try:
    structure = open_structure(find_structure(structure_id), choices(store).get("model", 1))
    structure = with_confidence_kind(structure, choices(store).get("b_kind", structure.confidence_kind))
except UserError as error:
    draw_error(error)
    draw_structure_chooser()
    st.stop()

draw_open_structure(structure_id, describe_structure(structure))
view, beside = st.columns([7, 3], gap="medium")
with beside:
    look = draw_choices(structure, structure_id, store)
    draw_residue(structure, look, store)
    draw_more_settings(structure, store)
with view:
    draw_view(structure, look, store)

draw_along_chain(structure, look, chosen_residue(structure, look, store))
table = residue_table(structure, look)
st.dataframe(table, hide_index=True, height=280, key="residue-table")
draw_downloads(structure, look, table, store)
if structure.notes:
    with st.expander("What was found in the file"):
        st.markdown("\n".join(f"- {plain(note)}" for note in structure.notes))
with st.expander("How was this computed"):
    st.markdown(
        "Secondary structure: backbone hydrogen bonds after Kabsch and Sander (DSSP, Biopolymers 22, 2577, 1983); from "
        "alpha carbons alone after Labesse et al. (P-SEA, CABIOS 13, 291, 1997). Values are brought onto a chain by "
        "residue number, or by a global alignment with BLOSUM62. Files are read with biotite (Kunzmann and Hamacher, "
        "BMC Bioinformatics 19, 346, 2018) and drawn with 3Dmol.js (Rego and Koes, Bioinformatics 31, 1322, 2015)."
    )
