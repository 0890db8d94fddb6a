"""Cached reading: what several clicks in a row look at is read from disk once.

Large tables go through `st.cache_resource`, which hands out the same object each time: `st.cache_data` would
copy 100,000 rows at every click. Nothing here may therefore be changed in place.
"""

from pathlib import Path

import streamlit as st

from biotl_core.data.dataset import Dataset
from biotl_core.data.saved_datasets import find_dataset


def chosen_dataset_name() -> str | None:
    """The dataset named in the address (`?dataset=`), else the one chosen in this session."""
    name = st.query_params.get("dataset") or st.session_state.get("dataset")
    if name:
        st.session_state["dataset"] = name
    return name or None


def read_dataset(name: str) -> Dataset:
    """A saved dataset by its name; UserError when there is none."""
    file = find_dataset(name) / "dataset.parquet"
    return _load_dataset(str(file), file.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_dataset(path: str, changed_at: int) -> Dataset:
    return Dataset.load(Path(path).parent)
