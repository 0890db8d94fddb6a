"""The sequences that a backbone shall read: a file, an example, or a dataset of the Data page."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from biotl_core.data.alphabets import guess_modality
from biotl_core.data.dataset import Modality
from biotl_core.data.examples import EXAMPLES
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_sequences, read_file
from biotl_core.data.saved_datasets import list_datasets
from biotl_core.data.unlabelled import Unlabelled, read_unlabelled, unlabelled_of
from biotl_core.errors import UserError
from biotl_core.wording import plain
from widgets.describe import MODALITY_TITLES, NOUNS
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.readers import read_dataset
from widgets.table_source import FORMATS, find_table, keep_file, table_title

STORE = "adapt"
_UPLOAD, _DATASET = "Upload a file", "A dataset of the Data page"


class Source(NamedTuple):
    """Where sequences come from."""

    key: str
    """Tells this source in this state from any other."""
    address: str
    """What the shell calls it."""
    raw: RawTable | None
    dataset: str | None
    modality: Modality


def choose_source() -> Source | None:
    """Draw the ways to bring sequences; None as long as there are none."""
    datasets = list_datasets()
    ways = [_UPLOAD, _DATASET] if datasets else [_UPLOAD]
    way = st.segmented_control(
        "Where they are", ways, required=True, label_visibility="collapsed", **kept(STORE, "way", ways[0], ways),
        help=f"No measurement is needed. Files: {FORMATS}",
    )  # fmt: skip
    try:
        return _choose_dataset(datasets) if way == _DATASET else _choose_file()
    except UserError as error:
        choices(STORE).pop("file", None)
        draw_error(error)
        return None


def _choose_dataset(datasets: list[str]) -> Source:
    name = st.selectbox("Dataset", datasets, **kept(STORE, "dataset", datasets[0], datasets))
    dataset = read_dataset(name)
    return Source(f"dataset {name} {dataset.content_hash}", name, None, name, dataset.modality)


def _choose_file() -> Source | None:
    table_id = choices(STORE).get("file")
    if table_id is None:
        # The uploader keeps the file in memory; it is copied to disk at once, and leaves with the next drawing.
        uploaded = st.file_uploader("File of sequences", label_visibility="collapsed", key="adapt-upload")
        if uploaded is not None:
            choices(STORE)["file"] = keep_file(uploaded, uploaded.name, "upload")
            st.rerun()
        with st.container(horizontal=True):
            firsts = {example.modality: name for name, example in reversed(EXAMPLES.items())}
            for modality in MODALITY_TITLES:
                st.button(
                    f"Try with {NOUNS[modality][1]} of an example", type="tertiary", icon=":material/science:",
                    key=f"adapt-example-{modality}", on_click=choices(STORE).update,
                    args=({"file": f"example/{firsts[modality]}"},),
                )  # fmt: skip
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/draft: **{plain(table_title(table_id))}**", width="content")
        st.button(
            "Choose another file", type="tertiary", icon=":material/swap_horiz:",
            on_click=choices(STORE).pop, args=("file", None),
        )  # fmt: skip
    path = find_table(table_id)
    changed_at = path.stat().st_mtime_ns
    raw, modality = _read_table(str(path), changed_at)
    return Source(f"{path} {changed_at}", path.name, raw, None, modality)


@st.cache_resource(max_entries=2, show_spinner="Reading the file")
def _read_table(path: str, changed_at: int) -> tuple[RawTable, Modality]:
    raw = read_file(Path(path))
    try:
        column = guess_sequences(raw)[0]
    except UserError:  # she is asked for the column below
        return raw, "protein"
    return raw, guess_modality(raw.table[column].head(1000))


def read_source(source: Source, modality: Modality) -> tuple[Unlabelled, str | None]:
    """The checked sequences; where the column cannot be guessed, it is asked for."""
    if source.dataset is not None:
        return _of_dataset(source.dataset, source.key), None
    column = None
    try:
        guess_sequences(source.raw, sequence="sequence" if "sequence" in source.raw.table else None)
    except UserError:
        columns = source.raw.columns
        column = st.selectbox("Which column holds the sequences?", columns, index=None, key="adapt-column")
        if column is None:
            raise
    return _of_table(source.raw, source.key, modality, column), column


@st.cache_resource(max_entries=2, show_spinner="Checking the sequences")
def _of_table(_raw: RawTable, key: str, modality: Modality, column: str | None) -> Unlabelled:
    return read_unlabelled(_raw, modality, sequence=column)


@st.cache_resource(max_entries=2, show_spinner=False)
def _of_dataset(name: str, key: str) -> Unlabelled:
    return unlabelled_of(read_dataset(name))
