"""Models: which pretrained models are on this computer, the way to others, and to adapt one to one's own sequences."""

import os

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, list_backbones, list_unreadable
from biotl_core.errors import UserError
from biotl_core.hardware import devices
from biotl_core.home import home_folder
from biotl_core.learning.speed import USUAL_LENGTHS
from biotl_core.wording import plain
from widgets import begin_page, chosen_dataset_name, draw_error, draw_shell_command, read_dataset
from widgets.adaptation_view import ADAPT, choose_view, draw_adaptation_task
from widgets.backbone_cards import draw_backbone_cards, latest_downloads
from widgets.backbone_sources import asked_backbone, draw_hub_form, draw_import_form
from widgets.describe import MODALITY_TITLES
from widgets.kept import kept
from widgets.speed_probe import draw_running_probe

begin_page("models", "Pretrained models to start from: which are on this computer, and how to get others.")
device = devices()[0]
if choose_view() == ADAPT:
    draw_adaptation_task(device)
    st.stop()
downloads, asked = latest_downloads(), asked_backbone()
for problem in list_unreadable():
    draw_error(UserError(problem))
if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
    st.info(
        "Downloads are switched off on this computer (HF_HUB_OFFLINE). What is here works; other models can be "
        "brought as a folder.",
        icon=":material/cloud_off:",
    )


def guess_modality() -> str:
    """That of what was asked for, else of the chosen dataset."""
    if asked is not None:
        return asked.modality
    try:
        return read_dataset(name).modality if (name := chosen_dataset_name()) else "protein"
    except UserError:
        return "protein"


modality = st.segmented_control(
    "What they read", list(MODALITY_TITLES), format_func=MODALITY_TITLES.get, required=True,
    label_visibility="collapsed", **kept(f"models-{asked.name if asked else ''}", "modality", guess_modality()),
)  # fmt: skip
draw_running_probe()

listed = list_backbones(modality)
here = [backbone for backbone in listed if backbone_state(backbone) != "download"]
others = [backbone for backbone in listed if backbone not in here]
if asked is not None and asked.modality == modality and backbone_state(asked) == "download":
    others = [asked, *(backbone for backbone in others if backbone.name != asked.name)]

st.subheader("On this computer", anchor=False)
draw_backbone_cards(here, device, downloads)
st.subheader("To download", anchor=False)
draw_backbone_cards(others, device, downloads)
st.subheader("Another one", anchor=False)
left, right = st.columns(2)
with left:
    draw_hub_form(modality)
with right:
    draw_import_form(modality)
st.caption(
    f"Speeds are told in sequences of {USUAL_LENGTHS[modality]} letters, roughly as long as they are not measured. "
    f"Downloaded and imported models are kept in {plain(home_folder() / 'backbones')}."
)
draw_shell_command("python -m biotl_core backbones")
