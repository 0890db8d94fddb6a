"""More backbones than the catalogue has: any model of the hub, a folder on this computer, or a zip of one."""

import shutil
from pathlib import Path

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, find_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.importing import import_folder
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.home import home_subfolder, safe_name
from biotl_core.wording import plain
from widgets.backbone_cards import start_download
from widgets.describe import MODALITY_TITLES
from widgets.frame import draw_error

ASKED = "asked-backbone"
"""In the session: name and modality of what was asked for, which may stand in no list yet."""


def draw_hub_form(modality: Modality) -> None:
    """Any model of the Hugging Face hub, by its name."""
    with st.form("hub", border=True):
        st.markdown("**From the Hugging Face hub**")
        hub_id = st.text_input(
            "Name on the hub", placeholder="owner/name",
            help="As in the address of its page, huggingface.co/owner/name. It must load without code of its own.",
        )  # fmt: skip
        chosen = _choose_modality("hub-modality", modality)
        if st.form_submit_button("Download it", icon=":material/download:"):
            _ask_hub(hub_id.strip().removeprefix("https://huggingface.co/").strip("/"), chosen)


def _ask_hub(hub_id: str, modality: Modality) -> None:
    try:
        if hub_id.count("/") != 1:
            raise UserError(f"'{hub_id}' is no name on the hub; it looks like owner/name. Type one.")
        backbone = find_backbone(hub_id, modality)
    except UserError as error:
        draw_error(error)
        return
    st.session_state[ASKED] = (backbone.name, backbone.modality)
    if backbone_state(backbone) == "download":
        start_download(backbone)
    st.rerun()


def asked_backbone() -> Backbone | None:
    """What was asked for in the address (`?backbone=`) or in this session; None where it cannot be found."""
    if in_address := st.query_params.get("backbone"):
        st.session_state[ASKED] = (in_address, None)
    name, modality = st.session_state.get(ASKED, (None, None))
    try:
        return find_backbone(name, modality) if name else None
    except UserError:
        return None


def draw_import_form(modality: Modality) -> None:
    """A folder of this computer, or an uploaded zip, copied to BioTL's own backbones."""
    with st.form("import", border=True):
        st.markdown("**From a folder or a zip**")
        path = st.text_input(
            "Folder or zip file on this computer", placeholder="/data/models/my-esm2",
            help="As `save_pretrained` writes it: config.json, tokenizer files and safetensors.",
        )  # fmt: skip
        uploaded = st.file_uploader("or upload a zip of it", type="zip", max_upload_size=1024)
        name = st.text_input("How to call it", placeholder="my enzymes")
        chosen = _choose_modality("import-modality", modality)
        if not st.form_submit_button("Import it", icon=":material/drive_folder_upload:"):
            return
    with st.spinner("Copying and checking the model"):
        backbone = _import(path.strip(), uploaded, name, chosen)
    if backbone is not None:
        st.success(
            f"{plain(backbone.title)} is imported and can be chosen for training.", icon=":material/check:"
        )


def _import(path: str, uploaded, name: str, modality: Modality) -> Backbone | None:
    try:
        if uploaded is not None:
            return _import_upload(uploaded, name, modality)
        if not path:
            raise UserError("There is nothing to import yet. Type the path of a folder, or upload a zip.")
        source = Path(path).expanduser()
        if not source.exists():
            raise UserError(f"There is no folder or file '{path}' on this computer. Type its full path.")
        return import_folder(source, name or source.stem, modality)
    except UserError as error:
        draw_error(error)
        return None


def _import_upload(uploaded, name: str, modality: Modality) -> Backbone:
    """The upload goes to disk at once, for the server would keep it in memory twice."""
    kept = home_subfolder("uploads") / safe_name(uploaded.name)
    try:
        with kept.open("wb") as file:
            shutil.copyfileobj(uploaded, file)
        return import_folder(kept, name or Path(uploaded.name).stem, modality)
    finally:
        kept.unlink(missing_ok=True)


def _choose_modality(key: str, modality: Modality) -> Modality:
    options = list(MODALITY_TITLES)
    return st.selectbox(
        "What it reads",
        options,
        index=options.index(modality),
        format_func=MODALITY_TITLES.get,
        key=f"{key}-{modality}",
    )
