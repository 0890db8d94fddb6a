"""Where the values to paint on a structure come from: a table of the user, or the predictions of a run."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.runs.folder import list_runs
from biotl_core.runs.scans import FinishedScan, read_scan
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.predictions import (
    rank_by_similarity,
    read_residue_predictions,
    values_from_prediction,
)
from biotl_core.structures.structure import Structure
from biotl_core.structures.values import (
    ResidueValues,
    find_columns,
    values_from_table,
    values_on_structure,
)
from biotl_core.structures.variant_values import find_mutants, values_from_mutants
from biotl_core.wording import plain, say_count
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.structure_source import keep_upload

_TABLE, _RUN, _SCAN = "A table of mine", "A run's predictions", "A scan of mutations"
_MAX_ROWS = 200
"""So many rows of a run are offered, the best fitting first."""


def draw_values_chooser(
    structure: Structure, structure_id: str, chain: str, store: str
) -> ResidueValues | None:
    """Choose values for a chain; None, with a sentence that says why, as long as there are none."""
    runs, scans = _residue_runs(), _protein_scans()
    sources = [_TABLE, *([_RUN] if runs else []), *([_SCAN] if scans else [])]
    source = _TABLE
    if len(sources) > 1:
        source = st.segmented_control("Values from", sources, **kept(store, "source", _TABLE)) or _TABLE
    try:
        if source == _RUN:
            return _from_run(structure, chain, runs, store)
        if source == _SCAN:
            return _from_scan(structure, chain, scans, store)
        return _from_table(structure, structure_id, chain, store, offers_runs=bool(runs))
    except UserError as error:
        draw_error(error)
    return None


def _from_table(
    structure: Structure, structure_id: str, chain: str, store: str, offers_runs: bool
) -> ResidueValues | None:
    file = _draw_table_field(structure_id, store)
    if file is None:
        st.caption(
            "A table with a column of residue numbers (or of residue letters, in order) and a column of values; or of "
            "mutants (A24G, or whole sequences) and what was measured, which is averaged position by position."
            + (
                ""
                if offers_runs
                else " Finished runs that predict a value a residue will be offered here too."
            )
        )
        return None
    table = _read_table(str(file), file.stat().st_mtime_ns)
    if (mutants := find_mutants(table)) is not None:
        return _from_mutants(structure, chain, table, mutants, file, store)
    number, letter, chain_column, columns = find_columns(table)
    if not columns:
        raise UserError(f"The table {file.name} has no column of values beside {', '.join(table.columns)}.")
    column = st.selectbox(
        "Column", columns, format_func=plain, **kept(store, f"column-{file.parent.name}", columns[0])
    )
    return values_from_table(structure, chain, table, column, number, letter, chain_column)


def _from_mutants(
    structure: Structure, chain: str, table: pd.DataFrame, mutants: str, file: Path, store: str
) -> ResidueValues:
    """A deep mutational scan: the mean of the single mutants at each position."""
    numbers = [
        str(name)
        for name in table.columns
        if name != mutants and pd.to_numeric(table[name], errors="coerce").notna().mean() > 0.5
    ]
    if not numbers:
        raise UserError(f"The table {file.name} has no column of numbers beside its mutants ('{mutants}').")
    column = st.selectbox(
        "Column",
        numbers,
        format_func=plain,
        **kept(store, f"column-{file.parent.name}", numbers[-1], numbers),
    )
    return values_from_mutants(structure, chain, table, mutants, column)


def _draw_table_field(structure_id: str, store: str) -> Path | None:
    """The chosen table; an upload is copied to disk, and stands in the store from then on."""
    example = EXAMPLE_STRUCTURES.get(structure_id.removeprefix("example/"))
    key = f"{store}-table-upload"

    def keep() -> None:
        if (uploaded := st.session_state[key]) is not None:
            choices(store)["table"] = str(keep_upload(uploaded.getvalue(), uploaded.name))

    st.file_uploader("Table of values", help="CSV, TSV, Excel or Parquet.", key=key, on_change=keep)
    if example and example.values and "table" not in choices(store) and st.button("Use the example's values"):
        choices(store)["table"] = str(example.values)
    path = choices(store).get("table")
    return Path(path) if path and Path(path).is_file() else None


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_table(path: str, changed_at: int) -> pd.DataFrame:
    return read_file(Path(path)).table


def _residue_runs() -> dict[str, Path]:
    """Finished runs and predictions with a value a residue, by what they are called here."""
    tuned = [
        run
        for run in list_runs("train")
        if run.status.state == "finished" and run.task.startswith("residue_")
    ]
    predicted = [run for run in list_runs("predict") if run.status.state == "finished"]
    of_residue_runs = [run for run in predicted if run.task.startswith("residue_")]
    files = {f"{run.name} (test and training rows)": run.folder / "predictions.csv" for run in tuned}
    files |= {f"{run.name} (new sequences)": run.folder / "predictions.csv" for run in of_residue_runs}
    return {name: file for name, file in files.items() if file.is_file()}


def _protein_scans() -> dict[str, Path]:
    """Finished scans of proteins by their names."""
    scans = [run for run in list_runs("scan") if run.status.state == "finished" and run.modality == "protein"]
    return {run.name: run.folder for run in scans}


def _from_scan(structure: Structure, chain: str, scans: dict[str, Path], store: str) -> ResidueValues:
    """The mean effect of the substitutions at each position of a scanned sequence."""
    names = list(scans)
    name = st.selectbox("Scan", names, format_func=plain, **kept(store, "scan", names[0], names))
    found = _read_scan(str(scans[name]))
    titles = [scan.name for scan in found.scans]
    title = titles[0]
    if len(titles) > 1:
        title = st.selectbox(
            "Sequence of the scan", titles, format_func=plain, **kept(store, f"scanned-{name}", title, titles)
        )
    scan = found.scans[titles.index(title)]
    about = f"Mean effect of the substitutions ({found.effect_title})"
    return values_on_structure(structure, chain, scan.sequence, scan.position_means.tolist(), about)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_scan(folder: str) -> FinishedScan:
    return read_scan(Path(folder))


def _from_run(structure: Structure, chain: str, runs: dict[str, Path], store: str) -> ResidueValues:
    name = st.selectbox("Run", list(runs), format_func=plain, **kept(store, "run", next(iter(runs))))
    file = runs[name]
    table, columns = _read_predictions(str(file), file.stat().st_mtime_ns)
    shares = _ranked(structure, chain, str(file), file.stat().st_mtime_ns)
    rows = shares.index[:_MAX_ROWS].tolist()
    label = {row: f"{table.loc[row, 'name']} ({shares[row]:.0%} shared)" for row in rows}
    row = st.selectbox(
        "Sequence of the run",
        rows,
        format_func=lambda row: plain(label[row]),
        help="The best fitting first, by shared stretches of three residues; the values are brought onto the "
        f"chain by alignment. {say_count(len(table), 'sequence')} in all.",
        **kept(store, f"row-{file.parent.name}-{chain}", rows[0]),
    )
    order = sorted(columns, key=lambda column: column != "prediction")
    column = st.selectbox("Column", order, **kept(store, f"column-{file.parent.name}", order[0]))
    return values_from_prediction(structure, chain, table, row, column)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_predictions(path: str, changed_at: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    return read_residue_predictions(Path(path))


@st.cache_resource(max_entries=16, show_spinner=False)
def _ranked(_structure: Structure, chain: str, path: str, changed_at: int) -> pd.Series:
    return rank_by_similarity(_structure, chain, _read_predictions(path, changed_at)[0])
