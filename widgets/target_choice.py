"""Which target protein: pasted letters, or a FASTA, PDB or mmCIF file with its chains."""

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.target_proteins import FORMATS, TargetProtein, read_sequence, read_target_proteins
from biotl_core.wording import plain, say_count
from widgets.frame import draw_error
from widgets.kept import choices
from widgets.table_source import find_table, keep_file, table_title

_LONGEST_SHOWN = 60


def draw_target_field(store: str, title: str, about: str) -> TargetProtein | None:
    """Letters pasted or a file brought; None where there is neither. What is wrong with it is said.

    Args:
        store: where choices are kept.
        title: above the field.
        about: what the target protein is for.
    """
    left, right = st.columns(2, gap="medium")
    with left:
        pasted = st.text_area(
            title, height=80, placeholder="MKT... or FASTA", help=about, key=f"{store}-pasted-target"
        )
    with right:
        st.file_uploader(
            "or its file", help=f"{FORMATS} A structure is shown beside the hits.", key=f"{store}-target-file",
            on_change=_keep_upload, args=(store,),
        )  # fmt: skip
    try:
        if pasted and pasted.strip():
            return TargetProtein("pasted", read_sequence(pasted))
        return _draw_file(store)
    except UserError as error:
        draw_error(error)
        return None


def _keep_upload(store: str) -> None:
    if (uploaded := st.session_state[f"{store}-target-file"]) is not None:
        choices(store)["target-file"] = keep_file(uploaded, uploaded.name, "upload")


def _draw_file(store: str) -> TargetProtein | None:
    """The file that was brought, and which of its chains or records is meant; None without one."""
    file_id = choices(store).get("target-file")
    if not file_id:
        return None
    found = _read(str(find_table(file_id)), table_title(file_id))
    what = "chain" if found[0].structure is not None else "protein"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/draft: **{plain(table_title(file_id))}**", width="content")
        chosen = 0
        if len(found) > 1:
            chosen = st.selectbox(
                f"Which {what}", range(len(found)), format_func=lambda i: _say(found[i]), index=0,
                key=f"{store}-target-chain",
            )  # fmt: skip
        else:
            st.caption(_say(found[0]))
        st.button(
            "Take it away", type="tertiary", icon=":material/close:", key=f"{store}-forget-target",
            on_click=lambda: choices(store).pop("target-file", None),
        )  # fmt: skip
    return found[int(chosen or 0)]


@st.cache_resource(max_entries=8, show_spinner="Reading the target protein")
def _read(path: str, title: str) -> list[TargetProtein]:
    from pathlib import Path

    return read_target_proteins(Path(path), title)


def _say(target: TargetProtein) -> str:
    name = f"Chain {target.chain}" if target.chain else target.name[:_LONGEST_SHOWN]
    return f"{name}, {say_count(len(target.sequence), 'residue')}"


def choose_target(run_name: str, proteins: pd.DataFrame) -> TargetProtein:
    """The target protein to rank against: one of those of the pairs (`sequence, name`), or a new one."""
    numbered = [f"target {i + 1}" for i in range(len(proteins))]
    names = np.where(proteins["name"] == "", numbered, proteins["name"])
    place = st.selectbox(
        "Rank against this target protein", range(len(proteins)), format_func=lambda i: names[i], index=0,
        key="pair-target",
    )  # fmt: skip
    own = TargetProtein(str(names[place]), str(proteins["sequence"].iloc[int(place)]))
    new = draw_target_field(
        f"pairs {run_name}", "or a new one, or the structure of this one",
        "A protein that is not in the table: how well that works is what the split by new targets tells.",
    )  # fmt: skip
    return new if new is not None and new.sequence else own
