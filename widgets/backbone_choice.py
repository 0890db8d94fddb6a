"""The choice of a backbone: what is on this computer, what can be downloaded, or one's own folder."""

import streamlit as st

from biotl_core.backbones.catalogue import BackboneState, backbone_state, find_backbone, list_backbones
from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.wording import plain, say_bytes, say_number
from widgets.describe import describe_speed
from widgets.frame import draw_error
from widgets.kept import choices, kept

STORE = "backbone"
_LONG_LIST = 6
_READY, _KNOWN, _OWN = "On this computer", "To download", "Another one"
_STATE_WORDS: dict[BackboneState, str] = {
    "embedded": "comes with BioTL",
    "here": "on this computer",
    "download": "needs a download",
}


def choose_backbone(modality: Modality, device: Device) -> Backbone | None:
    """Draw the choice; None where nothing usable is chosen yet."""
    states = {backbone.name: backbone_state(backbone) for backbone in list_backbones(modality)}
    ready = [name for name, state in states.items() if state != "download"]
    where = st.segmented_control(
        "Where it lies",
        [_READY, _KNOWN, _OWN],
        required=True,
        label_visibility="collapsed",
        **kept(STORE, "where", _READY),
    )
    if where == _OWN:
        return _choose_own(modality)
    names = ready if where == _READY else [name for name in states if name not in ready]
    if not names:
        st.caption("There is none. Look at the other choices.")
        return None
    return _choose_known(f"{modality}-{where}", names, device)


def take_backbone(backbone: Backbone) -> None:
    """Choose a backbone from outside the widgets."""
    where = _READY if backbone_state(backbone) != "download" else _KNOWN
    choices(STORE).update({"where": where, f"{backbone.modality}-{where}": backbone.name})


def _choose_known(name: str, names: list[str], device: Device) -> Backbone:
    backbones = {name: find_backbone(name) for name in names}
    height = "content" if len(names) <= _LONG_LIST else 400
    chosen = st.container(height=height, border=False).radio(
        "Backbone",
        names,
        format_func=lambda name: plain(backbones[name].title),
        captions=[_describe(backbones[name], device) for name in names],
        label_visibility="collapsed",
        **kept(STORE, name, names[0], names),
    )
    return backbones[chosen]


def _choose_own(modality: Modality) -> Backbone | None:
    text = st.text_input(
        "A folder on this computer, or a name on the Hugging Face hub",
        placeholder="/data/models/my-esm2  or  facebook/esm2_t6_8M_UR50D",
        help="A folder as `save_pretrained` writes it, with config, tokenizer and safetensors; or `owner/name`.",
        **kept(STORE, "own", ""),
    )
    if not text.strip():
        st.caption("Name one, and the page goes on.")
        return None
    try:
        backbone = find_backbone(text, modality)
    except UserError as error:
        draw_error(error)
        return None
    st.caption(f"{plain(backbone.title)}: {_STATE_WORDS[backbone_state(backbone)]}.")
    return backbone


def _describe(backbone: Backbone, device: Device) -> str:
    size = f"{say_number(backbone.parameters_millions)} M parameters" if backbone.parameters_millions else ""
    download = (
        say_bytes(backbone.download_megabytes * 1e6)
        if backbone.download_megabytes and backbone_state(backbone) == "download"
        else ""
    )
    facts = [
        size,
        f"download {download}" if download else "",
        f"up to {backbone.max_length:,} letters",
        f"reads {describe_speed(backbone, device)} here",
        plain(backbone.licence),
    ]
    return " · ".join(fact for fact in facts if fact) + (
        f"  \n{plain(backbone.note)}" if backbone.note else ""
    )
