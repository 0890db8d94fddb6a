"""From a table to parts, step by step; each step is computed once for what it depends on.

Every step takes what the steps before it took, so changing the split does not check the rows again. The values are
shared between sessions and must not be changed in place (see `readers`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from biotl_core.data.cleaning import Cleaned, Findings, check, clean, split_column
from biotl_core.data.leaks import LeakReport, read_leak
from biotl_core.data.reading import RawTable, Reading, guess_reading, read_file
from biotl_core.data.set_kind import describe_kind
from biotl_core.data.splitting import SplitKind, SplitResult, SplitSettings, propose_split, split
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.plots.datasets import plot_lengths, plot_targets
from widgets.background import wait_for
from widgets.table_source import find_table, table_title

Chosen = tuple[tuple[str, object], ...]
"""What she chose for reading the table, sorted by name; what is not in it is guessed."""

_REFUSED = "refused-proposals"


def read_table(table_id: str) -> RawTable:
    """The table as it lies in its file."""
    file = find_table(table_id)
    return _read_table(str(file), file.stat().st_mtime_ns, table_title(table_id))


@st.cache_resource(max_entries=4, show_spinner="Reading the table")
def _read_table(path: str, changed_at: int, title: str) -> RawTable:
    return read_file(Path(path), title)


@st.cache_resource(max_entries=16, show_spinner="Looking at the columns")
def read_as(table_id: str, chosen: Chosen) -> Reading:
    """Which column is what: as chosen, the rest guessed."""
    return guess_reading(read_table(table_id), **dict(chosen))


def find_problems(table_id: str, reading: Reading) -> Findings:
    """All that is wrong with the table, or worth knowing."""
    raw = read_table(table_id)
    return wait_for(
        "Checking every row", (table_id, reading), lambda control: check(raw, reading, None, control)
    )


def clean_table(table_id: str, reading: Reading, repairs: frozenset[str]) -> Cleaned:
    """The dataset with these repairs made, and the log of changes."""
    raw = read_table(table_id)
    key = (table_id, reading, repairs)
    return wait_for("Making the repairs", key, lambda control: clean(raw, reading, repairs, control))


def proposed_split(
    table_id: str, reading: Reading, repairs: frozenset[str]
) -> tuple[SplitSettings, str | None]:
    """The split that suits the dataset; random where that turned out not to work, with the sentence why."""
    why_not = st.session_state.setdefault(_REFUSED, {}).get((table_id, reading, repairs))
    proposed = _propose(table_id, reading, repairs)
    return (replace(proposed, kind="random") if why_not else proposed), why_not


def refuse_proposal(table_id: str, reading: Reading, repairs: frozenset[str], error: UserError) -> None:
    """The proposed split does not work for this dataset: draw the page anew with a random one."""
    if proposed_split(table_id, reading, repairs)[0].kind != "random":
        st.session_state[_REFUSED][table_id, reading, repairs] = str(error)
        st.rerun()


@st.cache_resource(max_entries=8, show_spinner="Looking for a split that suits")
def _propose(table_id: str, reading: Reading, repairs: frozenset[str]) -> SplitSettings:
    return propose_split(clean_table(table_id, reading, repairs).dataset)


@st.cache_resource(max_entries=8, show_spinner=False)
def possible_kinds(table_id: str, reading: Reading, repairs: frozenset[str]) -> list[SplitKind]:
    """The ways of splitting that make sense for the dataset, the likeliest questions first."""
    dataset = clean_table(table_id, reading, repairs).dataset
    kinds: list[SplitKind] = ["given"] if reading.part_column else []
    if dataset.modality == "molecule":
        kinds += ["scaffold", "similarity", "random"]
    elif (variants := find_variants(dataset.table["sequence"].tolist())) is not None:
        n_counts = len(set(variants.is_mutated.sum(axis=1).tolist()))
        kinds += ["random", "position", *(["mutations"] if n_counts > 2 else [])]
    else:
        kinds += ["similarity", "random"]
    kinds += ["value"] if dataset.task_name == "regression" else []
    return [*kinds, *(["group", "time"] if free_columns(table_id, reading) else [])]


@st.cache_resource(max_entries=8, show_spinner=False)
def kind_of_set(table_id: str, reading: Reading, repairs: frozenset[str]) -> str:
    """What kind of set this is, in words."""
    return describe_kind(clean_table(table_id, reading, repairs).dataset)


def free_columns(table_id: str, reading: Reading) -> list[str]:
    """Columns that may hold groups or times: those that are neither sequence nor target nor parts."""
    taken = {reading.sequence_column, reading.part_column, reading.mask_column, *reading.target_columns}
    return [name for name in read_table(table_id).columns if name not in taken]


def split_table(
    table_id: str, reading: Reading, repairs: frozenset[str], settings: SplitSettings
) -> SplitResult:
    """The dataset with its parts."""
    cleaned = clean_table(table_id, reading, repairs)
    column = split_column(read_table(table_id), cleaned, settings)
    key = (table_id, reading, repairs, settings)
    return wait_for("Splitting", key, lambda control: split(cleaned.dataset, settings, control, column))


def find_leak(
    table_id: str, reading: Reading, repairs: frozenset[str], settings: SplitSettings, result: SplitResult
) -> LeakReport:
    """How near the test part is to training; computed beside the page, for at most 300 test sequences."""
    key = ("leak", table_id, reading, repairs, settings)
    return wait_for(
        "Looking for test sequences with a near relative in training",
        key,
        lambda control: read_leak(result.dataset, result.kind, control),
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def make_figures(table_id: str, reading: Reading, repairs: frozenset[str]) -> tuple[Any, Any]:
    """The plots of lengths and of targets."""
    dataset = clean_table(table_id, reading, repairs).dataset
    return plot_lengths(dataset), plot_targets(dataset)
