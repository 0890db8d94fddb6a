"""Backbones as cards: what each is, whether it is here, and the way to get it, use it or remove it."""

import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.folders import describe_folder, read_card
from biotl_core.backbones.importing import is_own, remove_backbone, zip_backbone
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.home import home_subfolder, safe_name
from biotl_core.learning.speed import read_speed
from biotl_core.runs.folder import RunSummary, list_runs, read_progress, start_run, stop_run
from biotl_core.runs.status import read_status
from biotl_core.wording import plain, plain_sentence, say_about, say_bytes
from widgets.backbone_choice import take_backbone
from widgets.describe import describe_speed
from widgets.frame import draw_error
from widgets.navigation import open_page
from widgets.sidebar import draw_progress
from widgets.speed_probe import is_probing, start_probe

_COLUMNS = 3
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
"""In a card the headings of a model card are too large."""


def latest_downloads() -> dict[str, RunSummary]:
    """The newest download of each backbone, by the backbone's name."""
    return {run.backbone: run for run in reversed(list_runs("download"))}


def start_download(backbone: Backbone) -> None:
    """Fetch a backbone in a worker of its own; a download that was stopped or broke goes on where it was."""
    asked = {"backbone": backbone.name, "modality": backbone.modality}
    start_run(asked, kind="download", name=backbone.name)


def draw_backbone_cards(
    backbones: Sequence[Backbone], device: Device, downloads: dict[str, RunSummary]
) -> None:
    """Cards side by side, a row of three at a time."""
    for start in range(0, len(backbones), _COLUMNS):
        row = backbones[start : start + _COLUMNS]
        for column, backbone in zip(st.columns(_COLUMNS), row, strict=False):
            with column.container(border=True, height="stretch", key=f"card-{backbone.name}"):
                _draw_card(backbone, device, downloads.get(backbone.name))


def _draw_card(backbone: Backbone, device: Device, download: RunSummary | None) -> None:
    state = backbone_state(backbone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(backbone.title)}**", width="content")
        _draw_state(backbone)
    if backbone.note:
        st.markdown(plain(backbone.note))
    st.caption("  \n".join(_facts(backbone, device)))
    if state == "download":
        _draw_way_here(backbone, download)
    else:
        _draw_use(backbone, device)


def _draw_state(backbone: Backbone) -> None:
    match backbone_state(backbone):
        case "embedded":
            st.badge("comes with BioTL", icon=":material/check:", color="primary")
        case "here":
            st.badge("on this computer", icon=":material/check:", color="primary")
        case "download":
            size = (
                say_bytes(backbone.download_megabytes * 1e6)
                if backbone.download_megabytes
                else "size unknown"
            )
            st.badge(size, icon=":material/cloud:", color="gray")


def _facts(backbone: Backbone, device: Device) -> list[str]:
    is_known = backbone.parameters_millions > 0
    numbers = [
        f"{say_about(backbone.parameters_millions, 3)} M parameters" if is_known else "",
        f"up to {backbone.max_length:,} letters",
        "for whole sequences only"
        if backbone.modality != "molecule" and backbone.letters_per_token != 1
        else "",
    ]
    page = f"[hub page](https://huggingface.co/{backbone.hub_id})" if backbone.hub_id else ""
    origin = [plain(backbone.licence), plain(backbone.reference), page]
    speed = [f"Reads {describe_speed(backbone, device)} here"] if is_known else []
    lines = [" · ".join(filter(None, words)) for words in (numbers, speed, origin)]
    return [line for line in lines if line]


def _draw_way_here(backbone: Backbone, download: RunSummary | None) -> None:
    if download is not None and download.status.is_open:
        # The timer lives in the browser: a closed tab ticks nothing, and the download does not mind.
        st.fragment(_draw_running_download, run_every=1.0)(download.folder)
        return
    label = (
        f"Download {say_bytes(backbone.download_megabytes * 1e6)}"
        if backbone.download_megabytes
        else "Download"
    )
    if download is not None and download.status.state == "failed":
        st.error(plain_sentence(download.status.message), icon=":material/error:")
        label = "Try again"
    elif download is not None and download.status.state == "stopped":
        st.caption("Stopped; what has arrived is kept.")
        label = "Go on with the download"
    if st.button(label, icon=":material/download:", key=f"download-{backbone.name}"):
        start_download(backbone)
        st.rerun()


def _draw_running_download(folder: Path) -> None:
    """A fragment: how far it is, looked at once a second; the page is drawn anew when it has ended."""
    status = read_status(folder)
    if not status.is_open:
        if status.state == "finished":
            st.toast(plain_sentence(status.message), icon=":material/check:")
        st.rerun()
    draw_progress(folder)
    progress = read_progress(folder) or {}
    arrived = (
        f"{say_bytes(progress['done'])} of {say_bytes(progress['total'])}. " if progress.get("total") else ""
    )
    st.caption(f"{arrived}You may close this page.")
    is_stopping = (folder / "stop").exists()
    st.button(
        "Stopping" if is_stopping else "Stop",
        icon=":material/stop:",
        disabled=is_stopping,
        key=f"stop-{folder.name}",
        on_click=stop_run,
        args=(folder,),
    )


def _draw_use(backbone: Backbone, device: Device) -> None:
    with st.container(horizontal=True):
        if st.button("Train with it", icon=":material/model_training:", key=f"use-{backbone.name}"):
            take_backbone(backbone)
            open_page("train")
        with st.popover("More", icon=":material/more_horiz:", key=f"more-{backbone.name}"):
            _draw_more(backbone, device)


def _draw_more(backbone: Backbone, device: Device) -> None:
    try:
        folder = locate_backbone(backbone)
    except UserError as error:
        draw_error(error)
        return
    st.caption(f"It lies in {plain(folder)}")
    if not read_speed(backbone, device).is_measured and not is_probing():
        help = "Runs it for some seconds on this computer, so that times are no longer guessed."
        if st.button(
            "Measure its speed here", icon=":material/speed:", key=f"probe-{backbone.name}", help=help
        ):
            start_probe(backbone, device)
            st.rerun()
    if is_own(backbone) and st.button(
        "Remove from this computer", icon=":material/delete:", key=f"remove-{backbone.name}"
    ):
        remove_backbone(backbone)
        st.rerun()
    if is_own(backbone):
        draw_zip(backbone)
    is_made_here = backbone_state(backbone) == "embedded" or (
        backbone.hub_id is None and describe_folder(folder).adapted_from
    )
    card = read_card(folder) if is_made_here else ""
    st.markdown(_HEADING.sub("##### ", card))


def draw_zip(backbone: Backbone) -> None:
    """A button that hands over the model as one file, which unzips to a plain Hugging Face folder."""
    place = home_subfolder("exports") / f"{safe_name(backbone.name)}.zip"
    st.download_button(
        "Download as a zip", lambda: zip_backbone(backbone, place).open("rb"), place.name, "application/zip",
        icon=":material/download:", on_click="ignore", key=f"zip-{backbone.name}",
    )  # fmt: skip
