"""Where a table comes from: an uploaded file, pasted text or a built-in example; always a file at once.

A table is known by its id, `upload/<hash>/<file>`, `paste/<hash>/<file>` or `example/<name>`, which stands in
the address (`?table=`): reloading the page finds it again, and nothing large stays in the session.
"""

import hashlib
import re
import shutil
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from biotl_core.data.examples import EXAMPLES
from biotl_core.data.raw_table import RawTable
from biotl_core.data.saved_datasets import find_dataset, list_datasets, read_origin
from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name
from biotl_core.wording import plain, plain_sentence, say_count
from widgets.describe import MODALITY_TITLES
from widgets.kept import choices
from widgets.navigation import link_page

_ID = re.compile(r"(upload|paste)/[0-9a-f]{16}/[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PASTED_NAME = "pasted-table.txt"
_SHOWN_DATASETS = 6
FORMATS = "CSV, TSV, Excel, Parquet, FASTA, GenBank, SMILES or SDF, plain or gzipped."


def find_table(table_id: str) -> Path:
    """The file of a table; UserError when it is gone or the id is none."""
    kind, _, rest = table_id.partition("/")
    if kind == "example" and rest in EXAMPLES:
        return EXAMPLES[rest].file
    file = home_folder() / "uploads" / rest
    if not _ID.fullmatch(table_id) or not file.is_file():
        raise UserError("The table in the address is no longer here. Bring it again, or choose an example.")
    return file


def table_title(table_id: str) -> str:
    """What she calls it: the file's name, or that it was pasted."""
    return "pasted table" if table_id.startswith("paste/") else find_table(table_id).name


def table_store(table_id: str) -> str:
    """The name of the choices that belong to a table (see `kept`)."""
    return f"data {table_id}"


def chosen_table() -> str | None:
    """The table in the address; else that of the dataset in the address; else the one open in this session."""
    table_id = st.query_params.get("table")
    if table_id is None and (name := st.query_params.get("dataset")):
        table_id = _reopen(name)
    table_id = table_id or st.session_state.get("table")
    if table_id:
        choose_table(table_id)
    return table_id


def _reopen(dataset_name: str) -> str | None:
    """The table a saved dataset was made from, with all choices as they were; None where that is not known."""
    try:
        origin = read_origin(find_dataset(dataset_name))
        find_table(origin["table"])
    except (UserError, KeyError):
        return None
    choices(table_store(origin["table"])).update(origin.get("choices", {}))
    return origin["table"]


def choose_table(table_id: str) -> None:
    """Remember a table in the address and in the session."""
    st.session_state["table"] = st.query_params["table"] = table_id


def forget_table() -> None:
    """Back to choosing."""
    st.session_state.pop("table", None)
    st.query_params.clear()


def keep_file(content: BinaryIO, name: str, kind: str) -> str:
    """Write an upload below the home, named by its content, and return its id.

    The same content twice is one file; another file of the same name is another one.
    """
    digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    content.seek(0)
    folder = home_subfolder(f"uploads/{digest}")
    with (folder / safe_name(name, "table")).open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    return f"{kind}/{digest}/{safe_name(name, 'table')}"


def draw_chosen_table(table_id: str, raw: RawTable) -> None:
    """The table in one line, with the way to another; folded, its rows as they lie in the file."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/draft: **{plain(table_title(table_id))}** "
            f":gray[{raw.file_format}, {say_count(len(raw.table), 'row')}, {say_count(len(raw.columns), 'column')}]",
            width="content",
        )
        st.button(
            "Choose another table", type="tertiary", icon=":material/swap_horiz:", on_click=forget_table
        )
    for note in raw.notes:
        st.caption(plain_sentence(note))
    rows = st.expander("Look at the rows", type="compact", on_change="rerun", key="raw-rows")
    if rows.open:
        rows.dataframe(
            raw.table.set_axis(range(1, len(raw.table) + 1)),
            lazy=True,
            height=280,
            alt="The table as it lies in the file",
        )


def draw_table_chooser() -> None:
    """Three ways to a table; choosing one starts the page anew with it."""
    wants_example = st.query_params.get("start") == "example"
    tabs = st.tabs(
        ["Upload a file", "Paste a table", "Try an example"],
        default="Try an example" if wants_example else "Upload a file",
    )
    with tabs[0]:
        _draw_uploader()
    with tabs[1]:
        _draw_paste_field()
    with tabs[2]:
        _draw_examples()
    _draw_earlier_datasets()


def _draw_earlier_datasets() -> None:
    names = list_datasets()[:_SHOWN_DATASETS]
    if names:
        st.caption("Or go on with a dataset that you made before:")
        with st.container(horizontal=True):
            for name in names:
                link_page("data", plain(name), ":material/dataset:", dataset=name)


def _open(table_id: str) -> None:
    st.query_params.clear()
    choose_table(table_id)


def _draw_uploader() -> None:
    # A callback, since it comes once: a file that cannot be read stays in the uploader and must not be opened again.
    st.file_uploader(
        "Table with sequences",
        help=FORMATS,
        label_visibility="collapsed",
        key="upload",
        on_change=_open_upload,
    )
    st.caption(f"{FORMATS} The format is told by the content, so the file's ending does not matter.")


def _open_upload() -> None:
    """Copy the file to disk at once: the uploader holds it in memory, and forgets it when the page changes."""
    uploaded = st.session_state["upload"]
    if uploaded is not None:
        _open(keep_file(uploaded, uploaded.name, "upload"))


def _draw_paste_field() -> None:
    text = st.text_area(
        "Table",
        height=200,
        placeholder="sequence\ttm\nMKTAYIAKQR\t48.2\n...",
        label_visibility="collapsed",
        key="pasted",
    )
    is_empty = (
        st.button("Use this table", icon=":material/content_paste:", on_click=_open_paste)
        and not text.strip()
    )
    if is_empty:
        st.caption(
            "There is nothing here yet: copy rows from a spreadsheet, with their head, and paste them."
        )


def _open_paste() -> None:
    text = st.session_state["pasted"]
    if text.strip():
        _open(keep_file(BytesIO(text.encode()), _PASTED_NAME, "paste"))


def _draw_examples() -> None:
    with st.grid(3):
        for name, example in EXAMPLES.items():
            with st.container(border=True, height="stretch", vertical_alignment="distribute"):
                with st.container():
                    st.markdown(f"**{plain(example.title)}**")
                    st.badge(MODALITY_TITLES[example.modality], color="gray")
                    st.caption(plain(example.how_made))
                st.button(
                    "Open this example", key=f"example-{name}", on_click=_open, args=(f"example/{name}",)
                )
