"""Structures: predict one, look at it in 3D, compare several, and learn from known ones."""

import streamlit as st

from widgets import begin_page
from widgets.folding_view import draw_prediction_task
from widgets.structure_compare import draw_comparison_task
from widgets.structure_labels import draw_labels_task
from widgets.structure_look import draw_look_task
from widgets.structure_tasks import choose_task

begin_page(
    "structures", "Predict a protein structure, judge it, compare it, and see where on it your values lie."
)
match choose_task():
    case "look":
        draw_look_task()
    case "predict":
        draw_prediction_task()
    case "compare":
        draw_comparison_task()
    case "learn":
        draw_labels_task()
with st.expander("How was this computed"):
    st.markdown(
        "Secondary structure: backbone hydrogen bonds after Kabsch and Sander (DSSP, Biopolymers 22, 2577, 1983); from "
        "alpha carbons alone after Labesse et al. (P-SEA, CABIOS 13, 291, 1997). Values are brought onto a chain by "
        "residue number, or by a global alignment with BLOSUM62. TM-score: Zhang and Skolnick (Proteins 57, 702, "
        "2004); lDDT: Mariani et al. (Bioinformatics 29, 2722, 2013); GDT-TS: Zemla (Nucleic Acids Res 31, 3370, "
        "2003). Files are read with biotite (Kunzmann and Hamacher, BMC Bioinformatics 19, 346, 2018) and drawn with "
        "3Dmol.js (Rego and Koes, Bioinformatics 31, 1322, 2015)."
    )
