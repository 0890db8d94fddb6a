"""Predict: new sequences through a finished run."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.evaluation.uncertainty import COVERAGE
from biotl_core.runs.predictions import start_prediction
from biotl_core.shell import shell_command
from widgets import begin_page, draw_error, draw_shell_command
from widgets.kept_results import choose_result, open_result
from widgets.new_sequences_form import choose_coverage, choose_new_sequences, say_what_to_bring
from widgets.next_steps import draw_next_steps
from widgets.prediction_list import draw_chosen_prediction
from widgets.prediction_view import draw_how_computed
from widgets.run_choice import choose_finished_run

begin_page(
    "predict",
    "Put new sequences through a finished run: predictions with ranges, and how near each is to what it learned from.",
)
prediction = choose_result("predict")
run = choose_finished_run(prediction)
brought = choose_new_sequences(run.folder, run.modality)
coverage = choose_coverage()
if st.button("Predict", type="primary", icon=":material/online_prediction:"):
    if brought is None:
        st.warning(say_what_to_bring(run.modality))
    else:
        try:
            folder = start_prediction(run.folder, *brought, coverage)
        except UserError as error:
            draw_error(error)
        else:
            open_result("predict", folder)
draw_next_steps(run.name, run.modality, run.task)
draw_chosen_prediction(prediction)
data = brought[1] if brought and not brought[1].startswith("pasted") else "NEW.fasta"
asked = {"coverage": coverage} if coverage != COVERAGE else {}
draw_shell_command(
    shell_command("predict", {"run": run.folder, "data": data, "output": "predictions.csv", **asked})
)
draw_how_computed()
