"""Cached reading: what several clicks in a row look at is read from disk once.

Large tables go through `st.cache_resource`, which hands out the same object each time: `st.cache_data` would
copy 100,000 rows at every click. Nothing here may therefore be changed in place.
"""

import streamlit as st

from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.home import home_folder, safe_name


def chosen_dataset_name() -> str | None:
    """The dataset named in the address (`?dataset=`), else the one chosen in this session."""
    name = st.query_params.get("dataset") or st.session_state.get("dataset")
    if name:
        st.session_state["dataset"] = name
    return name or None


def list_datasets() -> list[str]:
    """Names of the saved datasets, newest first."""
    files = (home_folder() / "datasets").glob("*/dataset.parquet")
    return [file.parent.name for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)]


def read_dataset(name: str) -> Dataset:
    """A saved dataset by its name; UserError when there is none."""
    file = home_folder() / "datasets" / safe_name(name) / "dataset.parquet"
    if safe_name(name) != name or not file.is_file():
        raise UserError(f"There is no dataset called '{name}' any more. Choose another one on the Data page.")
    return _load_dataset(str(file), file.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_dataset(path: str, changed_at: int) -> Dataset:
    from pathlib import Path

    return Dataset.load(Path(path).parent)
