"""One run in depth: its head, and then what its state calls for."""

from pathlib import Path

import streamlit as st

from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.learning.settings import METHODS
from biotl_core.runs.folder import RunSummary, delete_run, read_config, read_result
from biotl_core.wording import plain, say_bytes
from widgets.answers import draw_state
from widgets.finished_run import draw_finished_run
from widgets.frame import draw_error
from widgets.live_run import draw_ended_without_result, draw_open_run


def draw_run(run: RunSummary) -> None:
    """Everything about one run."""
    _draw_head(run)
    if run.status.is_open:
        draw_open_run(run.folder, run.status.state, _headline(run))
    elif run.status.state == "finished" and (result := read_result(run.folder)) is not None:
        draw_finished_run(run.folder, result)
    else:
        draw_ended_without_result(run.folder, run.status, run.kind, _headline(run))


def _headline(run: RunSummary) -> str:
    """The metric to draw while there is no result yet; the number of classes decides it."""
    if run.task not in TASKS:
        return ""
    return TASKS[run.task].headline_metric(len(read_config(run.folder).get("classes") or []))


def _draw_head(run: RunSummary) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="content")
        draw_state(run.status.state)
        st.space("stretch")
        if not run.status.is_open:
            draw_delete(run.folder)
    st.caption(_describe(run))


def _describe(run: RunSummary) -> str:
    method = METHODS[run.method][0] if run.method in METHODS else run.method
    words = [plain(word) for word in (run.source, run.target_name, run.backbone, method) if word]
    return " · ".join(words)


def draw_delete(folder: Path, kind: str = "run", title: str = "") -> None:
    """A button that removes a run or a prediction for good, once it was confirmed.

    Args:
        folder: of the run.
        kind: the word that names it in the address and in the session.
        title: what it is called; by default as in the address.
    """
    with st.popover("Delete", icon=":material/delete:", type="tertiary"):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        st.markdown(
            f"This removes **{plain(folder.name)}** with all its files ({say_bytes(size)}). It cannot be undone."
        )
        if st.button(
            f"Delete this {title or kind}",
            icon=":material/delete_forever:",
            key=f"delete-{kind}-{folder.name}",
        ):
            try:
                delete_run(folder)
            except UserError as error:
                draw_error(error)
            else:
                st.query_params.pop(kind, None)
                st.session_state.pop(kind, None)
                st.rerun()
