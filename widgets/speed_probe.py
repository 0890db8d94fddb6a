"""Measure how fast this computer works through a backbone: the start, and the wait for it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from biotl_core.backbones.entries import Backbone
from biotl_core.hardware import Device
from biotl_core.runs.folder import start_run
from biotl_core.runs.status import read_status
from biotl_core.wording import plain_sentence

_RUNNING = "probe"
"""In the session: the folder of the measurement that runs."""


def is_probing() -> bool:
    """Whether a measurement of this session runs."""
    return _RUNNING in st.session_state


def start_probe(backbone: Backbone, device: Device, lengths: Sequence[int] | None = None) -> None:
    """Start the measurement in a worker; with the lengths of one's own sequences where they are known."""
    asked = {
        "backbone": backbone.name,
        "modality": backbone.modality,
        "device": device.name,
        "lengths": lengths,
    }
    st.session_state[_RUNNING] = str(start_run(asked, kind="probe", name=f"{backbone.name}-{device.name}"))


def draw_running_probe() -> None:
    """The wait for the measurement; nothing where none runs."""
    if is_probing():
        st.fragment(_draw_tick, run_every=1.0)()


def _draw_tick() -> None:
    """Looked at once a second; when it has ended, the page is drawn anew."""
    status = read_status(Path(st.session_state[_RUNNING]))
    if status.is_open:
        st.caption(":material/speed: Measuring how fast this computer is, some seconds")
        return
    del st.session_state[_RUNNING]
    if status.state in ("finished", "failed"):
        st.toast(plain_sentence(status.message))
    st.rerun()
