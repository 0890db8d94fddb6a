"""The end of the Data page: the dataset gets its name, is kept, and training can begin."""

from collections.abc import Collection
from typing import Any

import streamlit as st

from biotl_core.data.cleaning import Cleaned
from biotl_core.data.reading import Reading
from biotl_core.data.saved_datasets import find_dataset, list_datasets, read_origin, save_dataset
from biotl_core.data.splitting import SplitResult, SplitSettings
from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.wording import say_count
from widgets.findings_view import undone_repairs
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import open_page
from widgets.table_source import find_table, table_store, table_title


def draw_saving(
    table_id: str,
    reading: Reading,
    repairs: Collection[str],
    cleaned: Cleaned,
    settings: SplitSettings,
    result: SplitResult,
) -> None:
    """The name, what is left undone, and the one primary button."""
    store = table_store(table_id)
    field, button = st.columns([5, 6], gap="medium", vertical_alignment="bottom")
    name = field.text_input(
        "Name of this dataset",
        max_chars=80,
        help="Runs and the sidebar show it.",
        **kept(store, "dataset_name", default_name(table_id)),
    )
    is_asked = button.button("Continue to training", type="primary", icon=":material/arrow_forward:")
    _draw_what_is_undone(cleaned, repairs)
    if not is_asked:
        return
    origin = {
        "table": table_id,
        "file": str(find_table(table_id)),
        "reading": reading_options(reading),
        "repairs": sorted(repairs),
        "repair": not undone_repairs(cleaned.findings, repairs),
        "choices": choices(store),
    }
    try:
        save_dataset(
            safe_name(name, "dataset"),
            result.dataset,
            cleaned.changes,
            describe_split(settings, result),
            origin,
        )
    except UserError as error:
        draw_error(error)
        return
    st.session_state["dataset"] = safe_name(name, "dataset")
    open_page("train")


def _draw_what_is_undone(cleaned: Cleaned, repairs: Collection[str]) -> None:
    n_lost = int(cleaned.changes["why"].str.endswith("not repaired").sum())
    if n_lost and undone_repairs(cleaned.findings, repairs):
        st.caption(
            f"{say_count(n_lost, 'row')} will be left out as things stand, which the safe repairs above would save."
        )


def default_name(table_id: str) -> str:
    """The name of the file without its ending; a number where another table has that name already."""
    stem = safe_name(table_title(table_id).split(".")[0], "dataset")
    taken = set(list_datasets())
    number, name = 1, stem
    while name in taken and read_origin(find_dataset(name)).get("table") != table_id:
        number += 1
        name = f"{stem}-{number}"
    return name


def describe_split(settings: SplitSettings, result: SplitResult) -> dict[str, Any]:
    """How the parts were made, for `split.json` and for the run."""
    return {
        "kind": result.kind,
        "fractions": list(settings.fractions),
        "seed": settings.seed,
        "identity": settings.identity,
        "coverage": settings.coverage,
        "column": settings.column,
        "sentence": result.sentence,
        "notes": list(result.notes),
        "counts": dict(result.counts),
    }


def reading_options(reading: Reading) -> dict[str, Any]:
    """How the table was read, as options of the shell."""
    return {
        "sequence": reading.sequence_column,
        "target": list(reading.target_columns),
        "name_column": reading.name_column,
        "part": reading.part_column,
        "modality": reading.modality,
        "task": reading.task_name,
    }
