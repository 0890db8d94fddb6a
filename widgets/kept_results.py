"""What a page worked out: the one in the address (`?scan=`, `?plan=`) by its state, and the way to earlier ones."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunKind, find_run, list_runs, read_config
from biotl_core.runs.status import read_status
from biotl_core.wording import plain
from widgets.answers import draw_state
from widgets.frame import draw_error
from widgets.live_run import draw_ended_without_result, draw_open_run
from widgets.navigation import RUN_PLACES
from widgets.one_run import draw_delete

_TITLES = {
    "fold": "structure prediction",
    "genomes": "comparison",
    "predict": "prediction",
    "pairs": "run",
    "adapt": "adaptation",
}


def choose_result(kind: RunKind) -> Path | None:
    """The folder that the address names, or None; a name that leads nowhere is told."""
    word = RUN_PLACES[kind][1]
    name = st.query_params.get(word)
    if not name:
        return None
    try:
        folder = find_run(name, kind)
        read_config(folder)
    except UserError:
        st.query_params.pop(word, None)
        st.warning(f"There is no {_TITLES.get(kind, kind)} called {plain(name)} any more.")
        return None
    return folder


def open_result(kind: RunKind, folder: Path) -> NoReturn:
    """Show a result, and put it into the address."""
    st.query_params[RUN_PLACES[kind][1]] = folder.name
    st.rerun()


def draw_result(
    kind: RunKind,
    folder: Path | None,
    draw_finished: Callable[[Path], None],
    draw_live: Callable[[Path], None] | None = None,
) -> None:
    """The result in the address by its state, and below it the earlier ones.

    Args:
        kind: of the run.
        folder: the result in the address; None where there is none.
        draw_finished: draws one that has finished; may raise UserError.
        draw_live: draws what one that runs, or ended early, has reached so far.
    """
    if folder is not None:
        st.space("small")
        _draw_by_state(kind, folder, draw_finished, draw_live)
    earlier = [run.name for run in list_runs(kind)]
    if not earlier or (folder is not None and len(earlier) == 1):
        return
    at = earlier.index(folder.name) if folder and folder.name in earlier else None
    chosen = st.selectbox(
        f"Earlier {_TITLES.get(kind, kind)}s", earlier, index=at, placeholder=f"Choose one of {len(earlier)}",
        key=f"earlier-{kind}-{folder.name if folder else ''}",
    )  # fmt: skip
    if chosen is not None and (folder is None or chosen != folder.name):
        open_result(kind, find_run(chosen, kind))


def _draw_by_state(
    kind: RunKind,
    folder: Path,
    draw_finished: Callable[[Path], None],
    draw_live: Callable[[Path], None] | None,
) -> None:
    status, config = read_status(folder), read_config(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(folder.name), anchor=False, width="content")
        draw_state(status.state)
        st.space("stretch")
        if not status.is_open:
            draw_delete(folder, RUN_PLACES[kind][1], _TITLES.get(kind, kind))
    st.caption(_say_origin(config))
    if status.is_open:
        draw_open_run(folder, status.state, draw_more=draw_live)
    elif status.state != "finished":
        draw_ended_without_result(folder, status, kind)
        if draw_live is not None:
            draw_live(folder)
    else:
        try:
            draw_finished(folder)
        except UserError as error:
            draw_error(error)


def _say_origin(config: dict) -> str:
    judge = Path(config["run"]).name if "run" in config else config.get("backbone", "")
    return f"{plain(config.get('source', ''))} by {plain(judge)}"
