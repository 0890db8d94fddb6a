"""Adaptations on the page Runs: where each stands, stop, resume, and the way to it."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunSummary, list_runs, resume_run, stop_run
from biotl_core.wording import plain, plain_sentence
from widgets.answers import draw_state
from widgets.frame import draw_error
from widgets.navigation import link_page
from widgets.sidebar import draw_progress


def draw_adaptations() -> None:
    """The folded list; open while one runs or waits. Nothing where there is none."""
    runs = list_runs("adapt")
    if not runs:
        return
    any_open = any(run.status.is_open for run in runs)
    with st.expander(
        f"Backbones that go on learning ({len(runs)})", icon=":material/menu_book:", expanded=any_open
    ):
        # The timer lives in the browser, and only while there is something to watch.
        st.fragment(_draw_list, run_every=2.0 if any_open else None)(any_open)


def _draw_list(was_open: bool) -> None:
    runs = list_runs("adapt")
    if was_open and not any(run.status.is_open for run in runs):
        st.rerun()
    for run in runs:
        with st.container(horizontal=True, vertical_alignment="center"):
            draw_state(run.status.state)
            st.markdown(f"**{plain(run.name)}**", width="content")
            begun = plain(run.backbone) or "random weights"
            st.caption(f"{plain(run.source)} · {begun}", width="content")
            st.space("stretch")
            _draw_actions(run)
        if run.status.is_open:
            draw_progress(run.folder)
        elif run.status.state == "failed":
            st.caption(plain_sentence(run.status.message))


def _draw_actions(run: RunSummary) -> None:
    if run.status.is_open:
        is_stopping = (run.folder / "stop").exists()
        st.button(
            "Stopping" if is_stopping else "Stop", icon=":material/stop:", disabled=is_stopping, type="tertiary",
            key=f"stop-{run.name}", on_click=stop_run, args=(run.folder,),
        )  # fmt: skip
    elif run.status.state != "finished" and st.button(
        "Resume", icon=":material/play_arrow:", type="tertiary", key=f"resume-{run.name}"
    ):
        try:
            resume_run(run.folder)
        except UserError as error:
            draw_error(error)
        else:
            st.rerun()
    link_page("models", "Look at it", ":material/open_in_new:", adapt=run.name)
