"""What a run will cost, whether it fits, and what stands in its way."""

import numpy as np
import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.learning.cost import Cost, Workload
from biotl_core.learning.speed import read_speed
from biotl_core.wording import plain, plain_sentence, say_bytes
from widgets.backbone_choice import take_backbone
from widgets.kept import choices
from widgets.navigation import PAGES, link_page
from widgets.settings_form import STORE
from widgets.speed_probe import draw_running_probe, is_probing, start_probe


def draw_cost(cost: Cost, with_twin: bool) -> None:
    """How long and how much memory, in a sentence."""
    icon = ":material/check_circle:" if cost.fits else ":material/warning:"
    twin = " The twin from random weights takes about as long again." if with_twin else ""
    st.markdown(f"{icon} **{plain_sentence(cost.sentence)}**{twin}", width="content")


def draw_fitting_choice(cost: Cost) -> None:
    """Where it does not fit: the nearest choice that does, and a button that takes it."""
    if cost.fits:
        return
    if cost.nearest is None or cost.nearest_settings is None or cost.nearest_backbone is None:
        st.markdown(
            "No choice on this page fits into the free memory. Close other programs, or use shorter sequences."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(plain_sentence(cost.nearest), width="content")
        st.button("Take this choice", icon=":material/done:", on_click=_take, args=(cost,))


def _take(cost: Cost) -> None:
    if cost.nearest_settings is not None and cost.nearest_backbone is not None:
        changed = {
            name: value for name, value in cost.nearest_settings.to_dict().items() if value is not None
        }
        choices(STORE).update(changed)
        take_backbone(cost.nearest_backbone)


def draw_speed_measurement(backbone: Backbone, device: Device, workload: Workload) -> None:
    """The offer to measure instead of guessing, and the wait for it; nothing where it was measured before."""
    if is_probing():
        draw_running_probe()
    elif not read_speed(backbone, device).is_measured and _is_here(backbone):
        st.button(
            "Measure it here",
            icon=":material/speed:",
            type="tertiary",
            help="Runs this backbone for some seconds on this computer, so that the times are no longer guessed.",
            on_click=start_probe,
            args=(backbone, device, _typical_lengths(workload)),
        )


def _is_here(backbone: Backbone) -> bool:
    try:
        locate_backbone(backbone)
    except UserError:
        return False
    return True


def _typical_lengths(workload: Workload) -> list[int]:
    lengths = np.concatenate(list(workload.lengths.values()))
    return np.random.default_rng(0).choice(lengths, 20).tolist()


def draw_obstacle(backbone: Backbone, error: UserError) -> None:
    """Why it cannot start yet, and the way out."""
    if backbone_state(backbone) != "download":
        st.markdown(f":material/info: {plain_sentence(str(error))}")
        return
    size = f" ({say_bytes(backbone.download_megabytes * 1e6)})" if backbone.download_megabytes else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/info: **{plain(backbone.title)}** has to be fetched first{size}; then it can start.",
            width="content",
        )
        if "models" in PAGES:
            link_page("models", "Fetch it on the page Models", ":material/download:", backbone=backbone.name)
