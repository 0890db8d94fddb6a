"""Where a structure comes from: an uploaded file or a built-in example; always a file at once.

A structure is known by its id, `upload/<hash>/<file>`, `example/<name>` or `fold/<run>/<model>`, which stands in
the address (`?structure=`), so that reloading the page finds it again.
"""

import hashlib
import re
from pathlib import Path

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name
from biotl_core.runs.folder import find_run
from biotl_core.runs.foldings import read_model
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.result_files import SavedResult
from biotl_core.structures.structure import Structure, read_structure
from biotl_core.wording import plain
from widgets.answers import draw_answer

FORMATS = "PDB or mmCIF, plain or gzipped."
_UPLOADER = "structure-upload"
MAX_MEGABYTES = 200
_ID = re.compile(r"upload/[0-9a-f]{16}/[A-Za-z0-9_-][A-Za-z0-9._-]*")


def chosen_structure() -> str | None:
    """The id in the address, else the one chosen before in this session."""
    structure_id = st.query_params.get("structure") or st.session_state.get("structure")
    if structure_id:
        st.session_state["structure"] = st.query_params["structure"] = structure_id
    return structure_id or None


def find_structure(structure_id: str) -> Path:
    """The file of a structure; UserError when it is gone or the id is none."""
    kind, _, rest = structure_id.partition("/")
    if kind == "example" and rest in EXAMPLE_STRUCTURES:
        return EXAMPLE_STRUCTURES[rest].file
    if (saved := saved_result(structure_id)) is not None:
        return saved.structure_file
    file = home_folder() / "uploads" / rest
    if not _ID.fullmatch(structure_id) or not file.is_file():
        raise UserError(
            "The structure in the address is no longer here. Open it again, or choose an example."
        )
    return file


def saved_result(structure_id: str) -> SavedResult | None:
    """The result behind an id `fold/<run>/<model>`, None for other ids; UserError when it is gone."""
    kind, _, rest = structure_id.partition("/")
    run, _, model = rest.partition("/")
    return read_model(find_run(run, "fold"), model) if kind == "fold" else None


def keep_upload(content: bytes, name: str) -> Path:
    """Write an upload below the home, named by its content, so that the same file twice is one file."""
    folder = home_subfolder(f"uploads/{hashlib.sha256(content).hexdigest()[:16]}")
    file = folder / safe_name(name, "structure")
    file.write_bytes(content)
    return file


def draw_structure_chooser() -> None:
    """A file or an example; choosing one starts the page anew with it."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("**Open a file**")
        # The uploader keeps the file in memory; it is copied to disk at once, and leaves with the next drawing.
        st.file_uploader(
            "Structure file",
            help=FORMATS,
            label_visibility="collapsed",
            max_upload_size=MAX_MEGABYTES,
            key=_UPLOADER,
            on_change=_open_upload,
        )
        st.caption(f"{FORMATS} The format is told by the content, so the file's ending does not matter.")
    with right:
        st.markdown("**Or try an example**")
        for name, example in EXAMPLE_STRUCTURES.items():
            st.button(
                example.title,
                help=example.how_made,
                key=f"structure-example-{name}",
                width="stretch",
                on_click=_open,
                args=(f"example/{name}",),
            )


def _open_upload() -> None:
    uploaded = st.session_state[_UPLOADER]
    if uploaded is not None:
        file = keep_upload(uploaded.getvalue(), uploaded.name)
        _open(f"upload/{file.parent.name}/{file.name}")


def _open(structure_id: str) -> None:
    st.query_params.clear()
    st.session_state["structure"] = st.query_params["structure"] = structure_id


def _close() -> None:
    st.session_state.pop("structure", None)
    st.query_params.pop("structure", None)


def draw_open_structure(structure_id: str, sentence: str) -> None:
    """What is open, in a sentence, with the way to another structure; an example says how it was made."""
    kind, _, name = structure_id.partition("/")
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_answer(sentence)
        st.space("stretch")
        st.button("Open another structure", icon=":material/folder_open:", on_click=_close)
    if kind == "example" and name in EXAMPLE_STRUCTURES:
        st.caption(f"Example: {plain(EXAMPLE_STRUCTURES[name].how_made)}")


def open_structure(file: Path, model: int = 1) -> Structure:
    """A structure file, read once for all reruns."""
    return _read(str(file), file.stat().st_mtime_ns, model)


@st.cache_resource(max_entries=8, show_spinner="Reading the structure")
def _read(path: str, changed_at: int, model: int) -> Structure:
    return read_structure(Path(path), model=model)
