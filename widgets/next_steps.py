"""What one does next with a finished run: links to the pages that start from it."""

import streamlit as st

from biotl_core.runs.plans import TASKS as PLANNED_TASKS
from biotl_core.runs.scans import TASKS as SCANNED_TASKS
from widgets.navigation import link_page


def draw_next_steps(run_name: str, modality: str, task: str) -> None:
    """Scan and "What to measure next", each where it works for what the run has learned.

    Args:
        run_name: of a finished run.
        modality: what it reads.
        task: what it predicts.
    """
    with st.container(horizontal=True):
        if modality != "molecule" and task in SCANNED_TASKS:
            link_page("scan", "Scan all substitutions", ":material/grid_on:", run=run_name)
        if task in PLANNED_TASKS:
            link_page("next", "What to measure next", ":material/next_plan:", run=run_name)
