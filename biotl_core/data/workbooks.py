"""XLSX workbooks and Parquet files as tables of text."""

import datetime
import io
import struct
import zipfile
import zlib
from xml.etree.ElementTree import ParseError

import pandas as pd

from biotl_core.data.quoting import listed, shown
from biotl_core.data.text_tables import MAX_COLUMNS, finish_table
from biotl_core.data.unpacking import check_size
from biotl_core.errors import UserError

# What openpyxl raises on a damaged workbook.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    struct.error,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
    EOFError,
    NotImplementedError,
)


def read_zip(data: bytes, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The first sheet of an XLSX workbook; UserError for every other archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            size = sum(entry.file_size for entry in archive.infolist())
            has_formulas = "xl/workbook.xml" in names and _has_formulas(archive)
    except _DAMAGE as error:
        raise UserError(
            f"{shown(source)} is a damaged or incomplete XLSX or ZIP file. Save or copy it again."
        ) from error
    if "xl/workbook.xml" not in names:
        raise UserError(
            f"{shown(source)} is a ZIP archive (of {listed(names, most=3)}), not a table. "
            "Unpack it and choose one file of it."
        )
    check_size(size, source)
    if size > 200 * len(data) + 64 * 1024**2:
        raise UserError(
            f"{shown(source)} unpacks to far more than its size; that is no table. Save it as CSV."
        )
    return _read_xlsx(data, source, has_formulas)


def _has_formulas(archive: zipfile.ZipFile) -> bool:
    sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
    return any(b"<f>" in archive.read(name) or b"<f " in archive.read(name) for name in sheets)


def _read_xlsx(data: bytes, source: str, has_formulas: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    notes: list[str] = []
    rows, title, other_sheets = _sheet_rows(data, source, values_only=True)
    if has_formulas:
        formulas = [
            (i, j)
            for i, row in enumerate(_sheet_rows(data, source, values_only=False)[0])
            for j, value in enumerate(row)
            if isinstance(value, str) and value.startswith("=")
        ]
        _check_formulas(formulas, rows, source, notes)
    first_row = next((i for i, row in enumerate(rows) if any(value is not None for value in row)), None)
    rows = (
        []
        if first_row is None
        else [row for row in rows[first_row:] if any(value is not None for value in row)]
    )
    if len(rows) < 2:
        others = (
            f"Its other sheets are {listed(other_sheets)}; move the right one to the front."
            if other_sheets
            else "Choose a table with a header and rows below it."
        )
        raise UserError(
            f"{shown(source)}: the first sheet {shown(title)} holds no header with rows below it. {others}"
        )
    if other_sheets:
        notes.append(f"The first sheet {shown(title)} was read, not {listed(other_sheets)}.")
    n_columns = max(len(row) for row in rows)
    if n_columns > MAX_COLUMNS:
        raise UserError(
            f"{shown(source)} has {n_columns:,} columns; at most {MAX_COLUMNS:,} are read. Remove some."
        )
    cells = [[_cell_text(value) for value in row] + [""] * (n_columns - len(row)) for row in rows]
    table = pd.DataFrame(cells[1:], dtype="str")
    return finish_table(table, cells[0], notes), tuple(notes)


def _sheet_rows(data: bytes, source: str, values_only: bool) -> tuple[list[tuple], str, list[str]]:
    """The cells of the first sheet, its title, and the titles of the others."""
    import openpyxl

    try:
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values_only)
        sheets = workbook.worksheets
        rows = list(sheets[0].iter_rows(values_only=True)) if sheets else []
    except _DAMAGE as error:
        raise UserError(f"{shown(source)} is a damaged XLSX workbook. Open it and save it again.") from error
    return rows, sheets[0].title if sheets else "", [sheet.title for sheet in sheets[1:]]


def _check_formulas(
    formulas: list[tuple[int, int]], rows: list[tuple], source: str, notes: list[str]
) -> None:
    """UserError when a formula has no saved value; a note when all have one."""
    for i, j in formulas:
        if i >= len(rows) or j >= len(rows[i]) or rows[i][j] is None:
            raise UserError(
                f"{shown(source)}, cell {_cell_name(i, j)}: a formula without a saved value. "
                "Open the workbook in a spreadsheet program and save it, or paste the values instead of formulas."
            )
    if formulas:
        notes.append(f"{len(formulas):,} cells hold formulas; their saved values were read.")


def _cell_name(row: int, column: int) -> str:
    """The spreadsheet's name of a cell, from 0-based row and column.

    >>> _cell_name(0, 0), _cell_name(4, 27)
    ('A1', 'AB5')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return (
            ""
            if value != value
            else repr(int(value))
            if value.is_integer() and abs(value) < 1e15
            else repr(value)
        )
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def read_parquet(data: bytes, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A Parquet file as text; lists of numbers become space-separated, other nested columns are left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    notes: list[str] = []
    try:
        arrow = pq.read_table(io.BytesIO(data))
        arrow.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError, KeyError) as error:
        raise UserError(
            f"{shown(source)} is a damaged or incomplete Parquet file. Save or copy it again."
        ) from error
    if arrow.num_columns > MAX_COLUMNS:
        raise UserError(
            f"{shown(source)} has {arrow.num_columns:,} columns; at most {MAX_COLUMNS:,} are read."
        )
    columns, names = [], []
    for name, column in zip(arrow.column_names, arrow.columns, strict=True):
        text = None if name.startswith("__index_level_") else _arrow_text(column)
        if text is not None:
            columns.append(text)
            names.append(name)
        elif not name.startswith("__index_level_"):
            notes.append(f"Column {shown(name)} holds nested values ({shown(column.type)}) and was left out.")
    if not columns or not arrow.num_rows:
        raise UserError(
            f"{shown(source)} is a Parquet file without rows of plain values. Save it with flat columns."
        )
    return finish_table(pd.DataFrame(dict(enumerate(columns)), dtype="str"), names, notes), tuple(notes)


def _arrow_text(column) -> pd.Series | None:
    """A column as text, "" for missing; None where it cannot be one."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if pa.types.is_nested(kind.value_type):
            return None
        values = [[] if row is None else row for row in column.to_pylist()]
        return pd.Series(
            [" ".join("nan" if v is None else str(v) for v in row) for row in values], dtype="str"
        )
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return None if pa.types.is_nested(kind) else pd.Series([""] * len(column), dtype="str")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pd.Series(
            [(v or b"").decode("utf-8", errors="replace") for v in column.to_pylist()], dtype="str"
        )
    text = pd.Series(column.cast(pa.string()).to_pandas(), dtype="str").fillna("")
    return text.where(text != "nan", "") if pa.types.is_floating(kind) else text
