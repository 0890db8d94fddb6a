"""What surrounds every page: the head, the guard that asks for a dataset, and the sentence of an error."""

from pathlib import Path

import streamlit as st

from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.wording import plain_sentence
from widgets.navigation import BROWSER_ICON, PAGES, ensure_navigation, open_page
from widgets.readers import chosen_dataset_name, read_dataset
from widgets.sidebar import draw_sidebar

_STYLE = Path(__file__).with_name("style.css")


def begin_page(name: str, sentence: str) -> None:
    """The start of every page: browser title, navigation, sidebar, and the head with its one sentence."""
    entry = PAGES[name]
    st.set_page_config(page_title=f"{entry.title} · BioTL", page_icon=BROWSER_ICON, layout="wide")
    ensure_navigation()
    st.html(_STYLE)
    st.title(entry.title, anchor=False)  # before the sidebar, which reads files: a click is answered at once
    st.markdown(sentence)
    draw_sidebar()


def require_dataset() -> Dataset:
    """The guard: the chosen dataset; or else a way to one, and the page ends there."""
    name = chosen_dataset_name()
    if name is not None:
        try:
            return read_dataset(name)
        except UserError as error:
            draw_error(error)
    draw_guard("This page needs a dataset.", "Bring your own table, or look around with a built-in example.")


def draw_guard(needs: str, way_out: str) -> None:
    """Say what a page needs, with the two ways to a dataset, and end the page."""
    with st.container(border=True):
        st.markdown(f"**{needs}** {way_out}")
        with st.container(horizontal=True):
            if st.button("Bring a table", type="primary", icon=":material/upload:"):
                open_page("data")
            if st.button("Load an example", icon=":material/science:"):
                open_page("data", start="example")
    st.stop()


def draw_error(error: UserError) -> None:
    """A mistake the user can mend, in its one sentence."""
    st.error(plain_sentence(str(error)), icon=":material/error:")
