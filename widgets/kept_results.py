"""What a page worked out: the one in the address (`?scan=`, `?plan=`) by its state, and the way to earlier ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunKind, RunSummary, find_run, list_runs, read_config
from biotl_core.runs.status import read_status
from biotl_core.wording import plain
from widgets.answers import draw_state
from widgets.frame import draw_error
from widgets.live_run import draw_ended_without_result, draw_open_run
from widgets.navigation import RUN_PLACES
from widgets.one_run import draw_delete
from widgets.run_list import state_column

_TITLES = {
    "fold": "structure prediction",
    "genomes": "comparison",
    "predict": "prediction",
    "pairs": "run",
    "adapt": "adaptation",
    "distances": "run",
    "homology": "run",
}
"""What the results of a kind are called, where that is not the kind's own name."""
_SHOWN_ROWS = 6
_ROW_PIXELS = 35


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
    if not draw_head(kind, folder, draw_live=draw_live):
        return
    try:
        draw_finished(folder)
    except UserError as error:
        draw_error(error)


def draw_head(
    kind: RunKind,
    folder: Path,
    *,
    title: str = "",
    origin: str | None = None,
    another: str = "",
    draw_live: Callable[[Path], None] | None = None,
) -> bool:
    """What every result begins with: its name, state and origin, and where it has not finished, what happens.

    Args:
        kind: of the run.
        folder: the run.
        title: Markdown to call it by; its name where there is none.
        origin: Markdown for below the name; None says from what and by whom.
        another: label of a button that leaves it; "" for none.
        draw_live: draws what one that runs, or ended early, has reached so far.

    Returns:
        Whether it has finished.
    """
    status, config = read_status(folder), read_config(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(title or plain(folder.name), anchor=False, width="content")
        draw_state(status.state)
        st.space("stretch")
        if another and st.button(another, icon=":material/swap_horiz:", type="tertiary"):
            st.query_params.clear()
            st.rerun()
        if not status.is_open:
            draw_delete(folder, RUN_PLACES[kind][1], _TITLES.get(kind, kind))
    if origin := _say_origin(config) if origin is None else origin:
        st.caption(origin)
    if status.is_open:
        draw_open_run(folder, status.state, draw_more=draw_live)
    elif status.state != "finished":
        draw_ended_without_result(folder, status, kind)
        if draw_live is not None:
            draw_live(folder)
    return status.state == "finished"


def _say_origin(config: dict[str, Any]) -> str:
    judge = Path(config["run"]).name if "run" in config else config.get("backbone", "")
    return f"{plain(config.get('source', ''))} by {plain(judge)}"


def draw_earlier(
    kind: RunKind,
    chosen: Path | None,
    facts: Callable[[dict[str, Any]], dict[str, Any]],
    columns: dict[str, Any],
) -> None:
    """The list of all results of a kind, newest first; choosing one opens it. Nothing where there is none.

    Args:
        kind: of the runs.
        chosen: the one that is shown.
        facts: cells of a row, from the run's config; that of a damaged run is empty.
        columns: how `st.dataframe` shows each of them.
    """
    runs = list_runs(kind)
    if not runs:
        return
    title = f"Earlier {_TITLES.get(kind, kind)}s"
    st.subheader(title, anchor=False)
    names = [run.name for run in runs]
    default = [names.index(chosen.name)] if chosen is not None and chosen.name in names else []
    table = pd.DataFrame([facts(_config(run)) for run in runs])
    table.insert(0, "state", [[run.status.state] for run in runs])
    table.insert(1, "name", names)
    table["when"] = pd.to_datetime([run.created or None for run in runs], utc=True, format="ISO8601")
    # A key of its own for each choice: the selection follows the address, whatever changed it.
    event = st.dataframe(
        table,
        key=f"earlier-{kind}-{chosen.name if chosen else ''}-{len(names)}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": default}},
        hide_index=True,
        height=_ROW_PIXELS * (min(len(names), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "state": state_column(),
            "name": "Name",
            "when": st.column_config.DatetimeColumn("Started", format="distance"),
            **columns,
        },
        placeholder="",
        alt=title,
    )
    selected = list(event["selection"]["rows"])
    if selected and selected != default:
        open_result(kind, runs[selected[0]].folder)


def _config(run: RunSummary) -> dict[str, Any]:
    try:
        return read_config(run.folder)
    except UserError:
        return {}
