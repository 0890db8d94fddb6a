"""A run that is open, or that ended without a result: what happens, how far, how to stop and to go on."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots import plot_history
from biotl_core.runs.folder import (
    QUEUED_KINDS,
    devices_of,
    list_runs,
    read_config,
    read_history,
    resume_run,
    stop_run,
)
from biotl_core.runs.status import RESUMABLE_KINDS, RunStatus, read_status
from biotl_core.runs.verdict import metric_title, solved_sentence
from biotl_core.wording import plain_sentence, say_number, say_seconds
from widgets.answers import NumberCard, draw_number_cards
from widgets.frame import draw_error
from widgets.sidebar import draw_progress

_LOG_LINES = 40


def draw_open_run(
    folder: Path, state_drawn: str, headline: str = "", draw_more: Callable[[Path], None] | None = None
) -> None:
    """Watch an open run, looked at once a second; when its state changes, the page is drawn anew, once.

    Args:
        folder: the run.
        state_drawn: the state that the page shows now.
        headline: name of the metric that is drawn; "" for kinds of run without a history.
        draw_more: draws what else there is to see, at every look.
    """
    # The timer lives in the browser: a closed tab ticks nothing, and the run does not mind.
    st.fragment(_draw_tick, run_every=1.0)(folder, headline, state_drawn, draw_more)


def _draw_tick(
    folder: Path, headline: str, state_drawn: str, draw_more: Callable[[Path], None] | None
) -> None:
    status = read_status(folder)
    if status.state != state_drawn:
        st.rerun()
    with st.container(border=True):
        _draw_what_happens(folder, status)
    if headline and (history := read_history(folder)):
        _draw_history(history, headline)
    if draw_more is not None:
        draw_more(folder)


def _draw_what_happens(folder: Path, status: RunStatus) -> None:
    is_stopping = (folder / "stop").exists()
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            if status.state == "waiting":
                st.markdown(_say_place_in_line(folder, status))
            else:
                draw_progress(folder)
        # Stop takes effect within three seconds, so the button says at once that it was heard.
        label = "Stopping" if is_stopping else "Stop"
        st.button(
            label, icon=":material/stop:", disabled=is_stopping, key=f"stop-{folder.name}",
            on_click=stop_run, args=(folder,),
        )  # fmt: skip
    st.caption(f"{_say_running_time(status)}You may close this page; the run goes on.")


def _say_place_in_line(folder: Path, status: RunStatus) -> str:
    n_ahead = count_ahead(folder, status)
    device = say_device(read_config(folder)["device"])
    if n_ahead == 0:
        return f"**Next in line for the {device}.** It starts in a moment."
    return (
        f"**{say_ordinal(n_ahead + 1)} in line for the {device}.** It starts by itself when its turn comes."
    )


def count_ahead(folder: Path, status: RunStatus) -> int:
    """How many open runs on the same device came earlier, the running one included."""
    device, queued_at = read_config(folder)["device"], status.queued_at or 0.0
    others = [run for kind in QUEUED_KINDS for run in list_runs(kind) if run.status.is_open]
    earlier = [run for run in others if run.folder != folder and (run.status.queued_at or 0.0) < queued_at]
    configs = [read_config(run.folder) for run in earlier]
    return sum(config["device"] == device and bool(devices_of(config)) for config in configs)


def say_ordinal(n: int) -> str:
    """A place in a line.

    >>> [say_ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def say_device(device: str) -> str:
    """A device as a person calls it.

    >>> say_device("cpu"), say_device("cuda:1"), say_device("mps")
    ('CPU', 'GPU 1', 'GPU')
    """
    name, _, number = device.partition(":")
    return {"cpu": "CPU"}.get(name, f"GPU {number}".strip())


def _say_running_time(status: RunStatus) -> str:
    if status.state != "running" or status.started_at is None:
        return ""
    return f"Running for {say_seconds(max(0.0, time.time() - status.started_at))}. "


def _draw_history(history: list[dict[str, Any]], headline: str) -> None:
    if solved_sentence(history, headline):
        draw_history(history, headline)
        return
    last, title = history[-1], metric_title(headline)
    cards = [NumberCard("Pass over the data", f"{last['epoch']} of {last['epochs']}", help="Epoch.")]
    if best := _best_epoch(history, headline):
        value, epoch = best
        cards.append(NumberCard(f"Best {title} so far", say_number(value), note=f"validation, pass {epoch}"))
    draw_number_cards(cards)
    draw_history(history, headline)


def draw_history(history: list[dict[str, Any]], headline: str) -> None:
    """The curves of the loss and of the headline metric, over the passes; words where there were none."""
    if sentence := solved_sentence(history, headline):
        st.markdown(sentence)
        return
    st.plotly_chart(plot_history(history, headline), key="history")


def _best_epoch(history: list[dict[str, Any]], metric: str) -> tuple[float, int] | None:
    """The best validation value and its epoch; None before there is one."""
    values = [(line["metrics"].get(metric), line["epoch"]) for line in history if line.get("metrics")]
    known = [(value, epoch) for value, epoch in values if value is not None]
    if not known:
        return None
    return (max if METRICS[metric].higher_is_better else min)(known)


def draw_ended_without_result(folder: Path, status: RunStatus, kind: str, headline: str = "") -> None:
    """A failed or stopped run: its sentence, the way on, how far it got, and the end of its log."""
    draw = st.error if status.state == "failed" else st.warning
    draw(
        plain_sentence(status.message),
        icon=":material/error:" if status.state == "failed" else ":material/stop:",
    )
    if kind in RESUMABLE_KINDS:
        _draw_resume(folder)
    if headline and (history := read_history(folder)):
        draw_history(history, headline)
    if lines := read_log_end(folder):
        with st.expander("The last lines of the log", icon=":material/notes:"):
            st.code(lines, language=None, height=320 if lines.count("\n") > 15 else "content")


def _draw_resume(folder: Path) -> None:
    n_done = len(read_history(folder))
    has_checkpoint = (folder / "checkpoint").is_dir()
    label = f"Resume after pass {n_done}" if has_checkpoint and n_done else "Resume"
    help = "Goes on from the last finished pass; nothing already computed is lost."
    if st.button(label, type="primary", icon=":material/play_arrow:", help=help):
        try:
            resume_run(folder)
        except UserError as error:
            draw_error(error)
        else:
            st.rerun()


def read_log_end(folder: Path, n_lines: int = _LOG_LINES) -> str:
    """The last lines that the worker printed; only the end of the file is read, logs can be long."""
    path = folder / "log.txt"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 400 * n_lines))
        text = file.read().decode(errors="replace")
    return "\n".join(text.replace("\r", "\n").splitlines()[-n_lines:])
