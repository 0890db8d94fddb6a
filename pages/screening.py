"""Screening: from an assay table of one target to a ranked, explained list of molecules."""

import streamlit as st

from biotl_core.runs.folder import read_config
from biotl_core.shell import shell_command
from widgets import begin_page, draw_shell_command
from widgets.assay_source import chosen_assay_table, draw_assay_chooser, draw_new_assay
from widgets.assay_view import chosen_assay, draw_assay
from widgets.hits_view import chosen_screen, draw_screen
from widgets.screen_form import draw_screen_form

begin_page(
    "screening", "Learn from what you measured on one target, then rank a library of molecules with it."
)

assay = chosen_assay()
command = shell_command("assay", {"data": "ASSAY.csv"})
if assay is None:
    table_id = chosen_assay_table()
    if table_id is None:
        draw_assay_chooser()
    elif path := draw_new_assay(table_id):
        command = shell_command("assay", {"data": path})
else:
    config = read_config(assay)
    result = draw_assay(assay)
    if result is not None:
        draw_screen_form(assay, result)
        screen = chosen_screen()
        if screen is not None:
            draw_screen(screen)
            library = read_config(screen)["library"]
            command = shell_command("screen", {"run": assay, "library": library, "output": "hits.csv"})
draw_shell_command(command)
with st.expander("How was this computed"):
    st.markdown(
        "Molecules: largest part, uncharged, canonical isomeric SMILES (RDKit). Fingerprints: Morgan, "
        "radius 2, 4,096 bits "
        "with counts (Rogers and Hahn 2010). Gaussian process with the Tanimoto kernel (Ralaivola 2005; "
        "GAUCHE, Griffiths "
        "2023), ridge regression, random forest (Breiman 2001), gradient boosting (Friedman 2001). Chosen "
        "on inner folds of "
        "the training part, judged once on the test part (nested validation: Varma and Simon 2006). Ranges: "
        "conformal, from "
        "the misses on the inner folds (Vovk 2015). QED: Bickerton 2012. Rule of five: Lipinski 1997. PAINS: Baell and "
        "Holloway 2010. BRENK: Brenk 2008. BEDROC: Truchon and Bayly 2007. 3D shape: ETKDG (Riniker and Landrum 2015). "
        "A ranking says what to measure next; it does not say that a molecule binds."
    )
