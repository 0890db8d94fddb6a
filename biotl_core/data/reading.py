"""A file or a pasted text becomes a RawTable: the format is told by the content, never by the file's name."""

import re
from pathlib import Path

import pandas as pd

from biotl_core.data.columns import guess_reading, guess_sequences
from biotl_core.data.quoting import shown
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.sequence_files import read_fasta, read_genbank, read_sdf
from biotl_core.data.text_tables import finish_table, read_text_table
from biotl_core.data.unpacking import check_size, decode, refuse_foreign_bytes, refuse_foreign_text, unpack
from biotl_core.data.workbooks import read_parquet, read_zip
from biotl_core.errors import UserError

__all__ = ["FORMATS", "RawTable", "Reading", "guess_reading", "guess_sequences", "read_file", "read_pasted"]

FORMATS = ("CSV", "TSV", "XLSX", "Parquet", "FASTA", "GenBank", "SMILES", "SDF")
"""What is read, plain or gzipped; for the help text of an upload."""


def read_file(path: Path, original_name: str | None = None) -> RawTable:
    """Read a table of sequences.

    Args:
        path: The file; its name says nothing about its format.
        original_name: What the user calls it, where the file was stored under another name.

    Raises:
        UserError: where the file is missing, empty, damaged, of a kind that holds no table, or too large.
    """
    source = original_name or Path(path).name
    try:
        check_size(Path(path).stat().st_size, source)
        data = Path(path).read_bytes()
    except OSError as error:
        reason = "it is a folder" if Path(path).is_dir() else "it is not there or may not be read"
        raise UserError(f"Cannot open {shown(source)}: {reason}. Check the path.") from error
    return read_bytes(data, source)


def read_pasted(text: str) -> RawTable:
    """Read a pasted table (from a spreadsheet or a CSV), FASTA, or list of sequences."""
    return read_bytes(text.encode(), "pasted table")


def read_bytes(data: bytes, source: str) -> RawTable:
    """Read the content of a file; `source` is what the user calls it."""
    data = unpack(data, source)
    if not data.strip():
        raise UserError(f"{shown(source)} is empty. Choose a table of sequences with a target.")
    if data.startswith(b"PK\x03\x04"):
        return _finish(*read_zip(data, source), "XLSX", source)
    if data.startswith(b"PAR1"):
        return _finish(*read_parquet(data, source), "Parquet", source)
    refuse_foreign_bytes(data, source)
    text, notes = decode(data, source)
    return _read_text(text, source).with_notes(*notes)


def _read_text(text: str, source: str) -> RawTable:
    start = text.lstrip()
    if not start:
        raise UserError(f"{shown(source)} is empty. Choose a table of sequences with a target.")
    refuse_foreign_text(start, source)
    if start.startswith(">"):
        return _finish(*read_fasta(start, source), "FASTA", source)
    if re.match(r"LOCUS\s+\S+", start):
        return _finish(*read_genbank(start, source), "GenBank", source)
    if re.search(r"(?m)^(M  END|\$\$\$\$|.{34}V[23]000)\s*$", text):
        return _finish(*read_sdf(text, source), "SDF", source)
    table, file_format, notes = read_text_table(text.strip("\n"), source)
    return RawTable(table, source, file_format, notes)


def _finish(table: pd.DataFrame, notes: tuple[str, ...], file_format: str, source: str) -> RawTable:
    more: list[str] = []
    table = finish_table(table, list(table.columns), more)
    return RawTable(table, source, file_format, (*notes, *more))
