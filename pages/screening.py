"""Screening: from measured molecules to a ranked, explained list of others, for one target protein or for many."""

import streamlit as st

from biotl_core.runs.folder import read_config
from biotl_core.shell import shell_command
from widgets import begin_page, draw_shell_command
from widgets.assay_source import chosen_assay_table, draw_assay_chooser, draw_new_assay
from widgets.assay_view import draw_assay
from widgets.hits_view import add_run_of_screen, draw_screen
from widgets.kept_results import choose_result
from widgets.pairs_view import draw_pairs, draw_repurposing, pair_target
from widgets.screen_form import draw_screen_form

begin_page("screening", "Learn from the molecules that you measured, then rank a library of others with it.")

add_run_of_screen()
assay, pairs = choose_result("assay"), choose_result("pairs")
run = assay or pairs
command = shell_command("assay", {"data": "ASSAY.csv"})
if run is None:
    table_id = chosen_assay_table()
    if table_id is None:
        draw_assay_chooser()
    elif said := draw_new_assay(table_id):
        command = said
else:
    result = draw_assay(run) if assay else draw_pairs(run)
    if result is not None:
        st.subheader("Rank a library", anchor=False)
        draw_screen_form(run, result, pair_target(run) if run is pairs else None)
        if run is pairs:
            draw_repurposing(run)
        screen = choose_result("screen")
        if screen is not None:
            draw_screen(screen)
            asked = read_config(screen)
            options = {"run": run, "library": asked.get("library", "LIBRARY.smi"), "output": "hits.csv"}
            command = shell_command(
                "screen", options | ({"target_protein": "TARGET"} if run is pairs else {})
            )
draw_shell_command(command)
with st.expander("How was this computed"):
    st.markdown(
        "Molecules: largest part, uncharged, canonical isomeric SMILES (RDKit). Fingerprints: Morgan, radius 2, 4,096 "
        "bits with counts (Rogers and Hahn 2010). Gaussian process with the Tanimoto kernel (Ralaivola 2005; GAUCHE, "
        "Griffiths 2023), ridge regression, random forest (Breiman 2001), gradient boosting (Friedman 2001). Chosen on "
        "inner folds of the training part, judged once on the test part (nested validation: Varma and Simon 2006). "
        "Ranges: conformal, from the misses on the inner folds (Vovk 2015). Pairs: two towers whose vectors are "
        "multiplied, three times from different beginnings, beside similar pairs, biases and boosted trees; pretrained "
        "models under them frozen, or adjusted through peft (LoRA: Hu 2022; LoKr: Yeh 2024; IA3: Liu 2022; what to "
        "expect: the published tables of BALM). Decoys: Chen 2019. QED: Bickerton 2012. Rule of five: Lipinski 1997. "
        "PAINS: Baell and Holloway 2010. BRENK: Brenk 2008. BEDROC: Truchon and Bayly 2007. 3D shape: ETKDG "
        "(Riniker and "
        "Landrum 2015). A ranking says what to measure next; it does not say that a molecule binds."
    )
