"""From a table of molecules and target proteins on the pages Data and Train to learning them as pairs."""

from pathlib import Path

import streamlit as st

from biotl_core.data.raw_table import RawTable
from biotl_core.data.saved_datasets import read_origin
from biotl_core.errors import UserError
from biotl_core.screening.pairs import PairColumns, find_pair_columns
from biotl_core.wording import plain
from widgets.navigation import link_page
from widgets.table_steps import read_table


def draw_pair_handover(table_id: str, raw: RawTable) -> None:
    """Where each row has a molecule and a target protein: say so, and lead to learning both; else nothing."""
    columns = _find(table_id, raw)
    if columns is None:
        return
    with st.container(border=True):
        st.markdown(
            f":material/join_inner: Each row holds a molecule (*{plain(columns.molecules)}*) and a target protein "
            f"(*{plain(columns.proteins)}*). Learned as pairs, what is known of other targets helps yours, and new "
            "molecules can be ranked against any target. This page learns one of the two columns alone."
        )
        link_page(
            "screening",
            "Learn molecules and target proteins together",
            ":material/arrow_forward:",
            table=table_id,
        )


def draw_pair_handover_of(dataset_folder: Path) -> None:
    """The same for the table that a dataset was made from, where that is still here."""
    table_id = read_origin(dataset_folder).get("table")
    if not table_id:
        return
    try:
        raw = read_table(table_id)
    except UserError:
        return  # it was deleted since: there is nothing to hand over
    draw_pair_handover(table_id, raw)


@st.cache_data(max_entries=16, show_spinner=False)
def _find(table_id: str, _raw: RawTable) -> PairColumns | None:
    return find_pair_columns(_raw)
