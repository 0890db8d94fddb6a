"""The sidebar under the navigation: the chosen dataset, what runs now, and the device in use."""

from pathlib import Path

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.hardware import Device, devices
from biotl_core.home import home_folder
from biotl_core.runs.folder import KIND_FOLDERS, RunSummary, read_progress, read_summary
from biotl_core.runs.status import read_status
from biotl_core.wording import plain, plain_sentence, say_number, say_seconds
from widgets.describe import describe_dataset
from widgets.navigation import RUN_PLACES, link_page
from widgets.readers import chosen_dataset_name, read_dataset

_SHOWN_RUNS = 3


def draw_sidebar() -> None:
    """Draw what every page shows beside itself."""
    with st.sidebar:
        _draw_chosen_dataset()
        is_busy = bool(_open_runs())
        # A run of the whole page draws what is true now: to begin it anew here would lose the click that led to it.
        st.session_state["sidebar_was_busy"] = is_busy
        # The timer runs in the browser, and only while there is something to watch.
        st.fragment(_draw_open_runs, run_every=2 if is_busy else None)()
        _draw_device(devices()[0])


def _draw_chosen_dataset() -> None:
    name = chosen_dataset_name()
    if name is None:
        return
    st.caption("Dataset")
    link_page("data", plain(name), ":material/dataset:", dataset=name)
    try:
        st.caption(describe_dataset(read_dataset(name)))
    except UserError as error:
        st.caption(plain_sentence(str(error)))


def _open_runs() -> list[RunSummary]:
    """What waits or runs, the oldest first; reads one small file a run, since every click comes by here."""
    folders = [
        (folder, kind)
        for kind in RUN_PLACES
        for folder in (home_folder() / KIND_FOLDERS[kind]).glob("[!.]*")
        if (folder / "state.json").exists() and read_status(folder).is_open
    ]
    return sorted((read_summary(*run) for run in folders), key=lambda run: run.status.queued_at or 0.0)


def _draw_open_runs() -> None:
    runs = _open_runs()
    for run in runs[:_SHOWN_RUNS]:
        st.caption("Running" if run.status.state == "running" else "Waiting")
        page, word = RUN_PLACES[run.kind]
        link_page(page, plain(run.name), ":material/play_circle:", **{word: run.name})
        draw_progress(run.folder)
    if len(runs) > _SHOWN_RUNS:
        st.caption(f"and {len(runs) - _SHOWN_RUNS} more waiting")
    _redraw_page_when_all_ended(bool(runs))


def _redraw_page_when_all_ended(is_busy: bool) -> None:
    was_busy = st.session_state["sidebar_was_busy"]
    st.session_state["sidebar_was_busy"] = is_busy
    if was_busy and not is_busy:
        st.rerun()


def _draw_device(device: Device) -> None:
    st.caption(
        f":material/memory: {plain(device.title[0].upper() + device.title[1:])}  \n"
        f"{say_number(round(device.free_memory_gb, 1))} GB of memory free",
        help="Where training runs, unless another device is chosen.",
    )


def draw_progress(folder: Path) -> None:
    """One bar: what is being done, how far it is, and how long still."""
    status = read_status(folder)
    waiting = status.message if status.state == "waiting" else "Getting ready"
    progress = read_progress(folder) or {"stage": waiting, "done": 0, "total": 0}
    share = min(progress["done"] / progress["total"], 1.0) if progress["total"] else 0.0
    left = progress.get("seconds_left")
    text = plain_sentence(progress["stage"])
    st.progress(share, text if left is None else f"{text} · {say_seconds(left)} left")
