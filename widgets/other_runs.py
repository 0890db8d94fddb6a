"""Runs of other kinds on the page Runs: where each stands, stop, resume, and the way to it."""

from typing import NamedTuple

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunKind, RunSummary, list_runs, resume_run, stop_run
from biotl_core.wording import plain, plain_sentence
from widgets.answers import draw_state
from widgets.frame import draw_error
from widgets.navigation import RUN_PLACES, link_page
from widgets.sidebar import draw_progress


class _OtherKind(NamedTuple):
    title: str
    icon: str
    tells: bool = False
    """The closing sentence of a finished run is its answer."""


_KINDS: dict[RunKind, _OtherKind] = {
    "adapt": _OtherKind("Backbones that go on learning", ":material/menu_book:"),
    "distances": _OtherKind(
        "Contacts and distances learned from structures", ":material/deployed_code:", True
    ),
    "homology": _OtherKind("Heads that judge relatives", ":material/genetics:", True),
}


def draw_other_runs(is_open: bool = False) -> bool:
    """A folded list for each kind, open while one runs or waits, or when asked; whether there is any run."""
    is_there = False
    for kind, entry in _KINDS.items():
        runs = list_runs(kind)
        if not runs:
            continue
        is_there = True
        any_open = any(run.status.is_open for run in runs)
        with st.expander(f"{entry.title} ({len(runs)})", icon=entry.icon, expanded=is_open or any_open):
            # The timer lives in the browser, and only while there is something to watch.
            st.fragment(_draw_list, run_every=2.0 if any_open else None)(kind, any_open)
    return is_there


def _draw_list(kind: RunKind, was_open: bool) -> None:
    runs = list_runs(kind)
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
        elif run.status.state == "failed" or (run.status.state == "finished" and _KINDS[kind].tells):
            st.caption(plain_sentence(run.status.message))


def _draw_actions(run: RunSummary) -> None:
    if run.status.is_open:
        is_stopping = (run.folder / "stop").exists()
        st.button(
            "Stopping" if is_stopping else "Stop", icon=":material/stop:", disabled=is_stopping, type="tertiary",
            key=f"stop-{run.kind}-{run.name}", on_click=stop_run, args=(run.folder,),
        )  # fmt: skip
    elif run.status.state != "finished" and st.button(
        "Resume", icon=":material/play_arrow:", type="tertiary", key=f"resume-{run.kind}-{run.name}"
    ):
        try:
            resume_run(run.folder)
        except UserError as error:
            draw_error(error)
        else:
            st.rerun()
    page, word = RUN_PLACES[run.kind]
    link_page(page, "Look at it", ":material/open_in_new:", **{word: run.name})
