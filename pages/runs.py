"""Runs: watch what runs, judge what finished, put runs side by side."""

import streamlit as st

from biotl_core.runs.folder import list_runs
from widgets import begin_page
from widgets.compared_runs import draw_comparison
from widgets.distances_view import draw_chosen_distances
from widgets.homology_view import draw_chosen_homology
from widgets.one_run import draw_run
from widgets.other_runs import draw_other_runs
from widgets.run_list import choose_run, choose_runs_to_compare, guard_without_runs

begin_page("runs", "Watch a training live; afterwards see how good the model is and whether transfer helped.")

if draw_chosen_distances() or draw_chosen_homology():
    st.stop()
runs = list_runs()
if draw_other_runs(is_open=not runs) and not runs:
    st.stop()
guard_without_runs(runs)
finished = [run for run in runs if run.status.state == "finished"]
wants_comparison = len(finished) > 1 and (
    st.segmented_control(
        "What to look at",
        ["One run", "Side by side"],
        default="Side by side" if "compare" in st.query_params else "One run",
        required=True,
        label_visibility="collapsed",
        key="runs-mode",
    )
    == "Side by side"
)
if wants_comparison:
    draw_comparison(choose_runs_to_compare(finished))
else:
    draw_run(choose_run(runs))
