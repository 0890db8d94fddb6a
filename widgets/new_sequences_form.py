"""New sequences for a run: pasted or uploaded, checked at once, with what cannot be used and why."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.new_sequences import NewSequences, check_new_sequences, read_pasted_sequences
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.evaluation.uncertainty import COVERAGE
from biotl_core.wording import plain, plain_sentence, say_count
from widgets.describe import NOUNS, say_rows
from widgets.frame import draw_error
from widgets.rows import all_ends
from widgets.table_source import FORMATS, find_table, keep_file, table_title

COVERAGES = (0.8, COVERAGE, 0.95)
_TEXT_KEY = "predict-text"
_FILE_KEY = "predict-table"
_PLACEHOLDERS: dict[Modality, str] = {
    "protein": ">variant 1\nMTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE",
    "dna": ">promoter 1\nTTGACAATTAATCATCGGCTCGTATAATGTGTGGAATTG",
    "molecule": "CC(=O)Oc1ccccc1C(=O)O",
}


def choose_new_sequences(run_folder: Path, modality: Modality) -> tuple[NewSequences, str] | None:
    """Draw the two ways to bring sequences; what was brought and where it is from, or None as long as nothing is.

    Args:
        run_folder: the run they are for; its test part serves as an example.
        modality: what the run reads.
    """
    way = st.segmented_control(
        "New sequences", ["Paste", "Upload a file"], default="Paste", required=True, key="predict-way",
        help=f"FASTA, one {ALPHABETS[modality].title} a line, or a table. Files: {FORMATS}",
    )  # fmt: skip
    try:
        brought = _pasted(run_folder, modality) if way == "Paste" else _uploaded()
        if brought is None:
            return None
        new = _check(brought, modality)
    except UserError as error:
        draw_error(error)
        return None
    _draw_what_was_found(new, modality)
    return new, brought.raw.source


def choose_coverage() -> float:
    """How often ranges and sets shall hold the true value."""
    return st.segmented_control(
        "Ranges that hold the true value",
        COVERAGES,
        default=COVERAGE,
        format_func=lambda share: f"{share:.0%} of the time",
        required=True,
        key="predict-coverage",
        help="Wider ranges (or larger sets of classes) hold it more often (coverage of conformal prediction). The "
        "promise is for sequences of the kind the run was tested on.",
    )


class _Brought(NamedTuple):
    """A table as it was brought, and what tells it from any other."""

    key: str
    raw: RawTable


def _pasted(run_folder: Path, modality: Modality) -> _Brought | None:
    text = st.text_area(
        "Sequences",
        key=_TEXT_KEY,
        height=150,
        placeholder=_PLACEHOLDERS[modality],
        label_visibility="collapsed",
    )
    if text and text.strip():
        return _Brought(hashlib.sha256(text.encode()).hexdigest(), _read_text(text))
    st.button(
        "Try with ten test sequences of this run", type="tertiary", icon=":material/science:",
        on_click=_fill_in_test_sequences, args=(run_folder,),
    )  # fmt: skip
    return None


def _fill_in_test_sequences(run_folder: Path) -> None:
    rows = Dataset.load(run_folder).part("test").head(10)
    # In FASTA a name ends at the first blank, and "=" or "|" would make a column of it.
    names = [re.sub(r"[\s=|]+", "_", name) for name in rows["name"]]
    records = [f">{name}\n{sequence}" for name, sequence in zip(names, rows["sequence"], strict=True)]
    st.session_state[_TEXT_KEY] = "\n".join(records)


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_text(text: str) -> RawTable:
    return read_pasted_sequences(text)


def _uploaded() -> _Brought | None:
    table_id = st.session_state.get(_FILE_KEY)
    if table_id is None:
        # The uploader keeps the file in memory; it is copied to disk at once, and leaves with the next drawing.
        uploaded = st.file_uploader("Table of sequences", label_visibility="collapsed")
        if uploaded is None:
            return None
        st.session_state[_FILE_KEY] = keep_file(uploaded, uploaded.name, "upload")
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/draft: **{plain(table_title(table_id))}**", width="content")
        st.button("Choose another file", type="tertiary", icon=":material/swap_horiz:", on_click=_forget_file)
    path = find_table(table_id)
    changed_at = path.stat().st_mtime_ns
    return _Brought(f"{path} {changed_at}", _read_table(str(path), changed_at))


def _forget_file() -> None:
    st.session_state.pop(_FILE_KEY, None)


@st.cache_resource(max_entries=2, show_spinner="Reading the file")
def _read_table(path: str, changed_at: int) -> RawTable:
    return read_file(Path(path))


def _check(brought: _Brought, modality: Modality) -> NewSequences:
    """Check with the guessed column; where that cannot be guessed, ask which one it is."""
    key, raw = brought
    try:
        return _check_column(raw, key, modality, None)
    except UserError:
        if len(raw.columns) < 2:
            raise
        column = st.selectbox(
            "Which column holds the sequences?", raw.columns, index=None, key="predict-column"
        )
        if column is None:
            raise
        return _check_column(raw, key, modality, column)


@st.cache_resource(max_entries=4, show_spinner="Checking the sequences")
def _check_column(_raw: RawTable, key: str, modality: Modality, column: str | None) -> NewSequences:
    """Checked once; `_raw` is told by its `key`, which is quicker than by its content."""
    return check_new_sequences(_raw, modality, sequence=column)


def _draw_what_was_found(new: NewSequences, modality: Modality) -> None:
    n_refused = len(new.refused)
    found = f"**{say_rows(len(new.table), modality)}** can be predicted"
    st.markdown(f"{found}; {say_count(n_refused, 'row')} cannot." if n_refused else f"{found}.")
    for note in new.notes:
        st.caption(plain_sentence(note))
    if not n_refused:
        return
    with st.expander(f"Why {say_count(n_refused, 'row')} cannot be used", icon=":material/rule:"):
        shown = new.refused.assign(sequence=all_ends(new.refused["sequence"]))
        st.dataframe(
            shown, hide_index=True, lazy=len(shown) > 10_000, alt="Rows that cannot be used",
            column_config={"row": "Row", "name": "Name", "sequence": "Found", "reason": "Why"},
        )  # fmt: skip


def say_what_to_bring(modality: Modality) -> str:
    """The sentence where Predict was pressed without sequences."""
    return f"Paste or upload {NOUNS[modality][1]} first."
