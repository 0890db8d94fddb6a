"""A library of molecules in a file of any length, read in pieces, so that it is never in memory as a whole.

SMILES files, CSV and TSV (plain or gzipped), SDF (plain or gzipped) and Parquet. The columns are guessed on the
first rows
and can be named. A row that cannot be read stays a row, with an empty fingerprint.
"""

import csv
import gzip
import hashlib
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from biotl_core.data.column_names import sequence_rank
from biotl_core.data.quoting import listed, shown
from biotl_core.data.text_tables import find_separator
from biotl_core.errors import UserError
from biotl_core.screening.standardising import LONGEST_SMILES

CHUNK = 4_096
"""Molecules in a piece."""
_HEAD_BYTES = 200_000
_LOOKED_AT = 200
"""Lines by which the columns are guessed."""
_NAME_COLUMNS = ("name", "id", "title", "molecule_chembl_id", "zinc_id", "compound", "compound_id", "cid")
_LABELS = ("active", "label", "activity", "is_active", "class", "actives")
_SDF_END = "$$$$"


class Piece(NamedTuple):
    """Some molecules of a library, in the order of the file."""

    names: list[str]
    smiles: list[str]
    """As written."""
    labels: list[str]
    """What the column of known actives says, "" where there is none."""


@dataclass(frozen=True)
class Library:
    """Where the molecules are and how to read them; made by `open_library`."""

    path: Path
    kind: str
    """text, sdf or parquet."""
    content_hash: str
    """Of the file and of how it is read: the same hash is the same list of molecules."""
    source: str
    """What the user calls it."""
    separator: str = " "
    has_header: bool = False
    smiles_column: int | str = 0
    name_column: int | str | None = None
    label_column: int | str | None = None

    def pieces(self, skip: int = 0, size: int = CHUNK) -> Iterator[Piece]:
        """The molecules piece by piece, the first `skip` pieces passed over."""
        read = {"text": self._text_rows, "sdf": self._sdf_rows, "parquet": self._parquet_rows}[self.kind]
        rows = itertools.islice(read(), skip * size, None)
        number = skip * size
        while piece := list(itertools.islice(rows, size)):
            names = [name or f"molecule {number + i + 1}" for i, (_, name, _) in enumerate(piece)]
            number += len(piece)
            yield Piece(names, [smiles for smiles, _, _ in piece], [label for *_, label in piece])

    def _text_rows(self) -> Iterator[tuple[str, str, str]]:
        with _open_text(self.path) as file:
            rows = _split(file, self.separator)
            if self.has_header:
                next(rows, None)
            for row in rows:
                if row:
                    yield (
                        _cell(row, self.smiles_column),
                        _cell(row, self.name_column),
                        _cell(row, self.label_column),
                    )

    def _parquet_rows(self) -> Iterator[tuple[str, str, str]]:
        import pyarrow.parquet as pq

        columns = [c for c in (self.smiles_column, self.name_column, self.label_column) if c is not None]
        for batch in pq.ParquetFile(self.path).iter_batches(CHUNK, columns=[str(c) for c in columns]):
            table = batch.to_pydict()
            blank = [""] * batch.num_rows
            found = [table.get(c, blank) for c in (self.smiles_column, self.name_column, self.label_column)]
            for row in zip(*found, strict=True):
                yield tuple("" if cell is None else str(cell) for cell in row)

    def _sdf_rows(self) -> Iterator[tuple[str, str, str]]:
        from rdkit import Chem, rdBase

        with rdBase.BlockLogs():
            for block in _sdf_blocks(self.path):
                molecule = Chem.MolFromMolBlock(block)
                name = block.split("\n", 1)[0].strip()
                is_read = molecule is not None and molecule.GetNumAtoms()
                yield (Chem.MolToSmiles(molecule) if is_read else ""), name, ""


def open_library(
    path: Path, *, smiles: str | None = None, name: str | None = None, source: str | None = None
) -> Library:
    """Look at the first rows of a file and say how to read it.

    Args:
        path: the file.
        smiles: the column of the SMILES; guessed when not given.
        name: the column of the names; guessed when not given.
        source: what the user calls it.

    Raises:
        UserError: the file is missing or empty, holds no molecules, or a named column is not there.
    """
    source = source or Path(path).name
    try:
        digest = hashlib.sha256()
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
            file.seek(0)
            start = file.read(4)
        head = _read_head(Path(path))
    except (OSError, EOFError) as error:
        raise UserError(f"Cannot read {shown(source)}: {_why(error, path)}. Check the file.") from error
    if not head.strip() and start != b"PAR1":
        raise UserError(f"{shown(source)} is empty. Choose a file of molecules.")
    found = _describe(Path(path), source, start, head, smiles, name)
    how = f"{found.kind} {found.separator} {found.has_header} {found.smiles_column} {found.name_column}"
    digest.update(how.encode())
    return Library(**{**vars(found), "content_hash": digest.hexdigest()[:32]})


def _why(error: Exception, path: Path) -> str:
    if isinstance(error, EOFError | gzip.BadGzipFile):
        return "it is a damaged gzip file"
    return "it is a folder" if Path(path).is_dir() else "it is not there or may not be read"


def _describe(
    path: Path, source: str, start: bytes, head: str, smiles: str | None, name: str | None
) -> Library:
    if start == b"PAR1":
        return _describe_parquet(path, source, smiles, name)
    if start[:4] == b"PK\x03\x04":
        raise UserError(
            f"{shown(source)} is a ZIP archive or workbook, which cannot be read in pieces. Save it as CSV."
        )
    if re.search(r"(?m)^(M  END|\$\$\$\$)\s*$", head):
        return Library(path, "sdf", "", source)
    return _describe_text(path, source, head, smiles, name)


def _describe_text(path: Path, source: str, head: str, smiles: str | None, name: str | None) -> Library:
    """Which column of a text holds what; without a header, the one whose cells RDKit can read."""
    lines = head.split("\n")
    lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut
    text = "\n".join(lines[:_LOOKED_AT])
    separator = find_separator(text) or " "
    rows = [row for row in _split(io.StringIO(text + "\n"), separator) if row]
    header = [cell.strip() for cell in rows[0]]
    has_header = not any(map(_is_molecule, header)) and any(sequence_rank(cell) for cell in header)
    has_header |= smiles in header
    below = rows[1:] if has_header else rows
    columns = header if has_header else [f"column {i + 1}" for i in range(len(header))]
    place = {column: i for i, column in enumerate(columns)}
    for wanted in filter(None, (smiles, name)):
        if wanted not in place:
            raise UserError(
                f"{shown(source)} has no column {shown(wanted)}; the columns are {listed(columns)}. Choose one."
            )
    smiles_column = place[smiles] if smiles else _find_smiles(source, columns, below)
    others = [column for column in columns if place[column] != smiles_column]
    names = [column for column in others if column.lower() in _NAME_COLUMNS]
    if not has_header and others:
        names = others[:1]  # the usual SMILES file: "SMILES name"
    label = next((column for column in others if has_header and column.lower() in _LABELS), None)
    name_column = place[name] if name else place[names[0]] if names else None
    return Library(
        path, "text", "", source, separator, has_header, smiles_column, name_column, place.get(label)
    )


def _find_smiles(source: str, columns: list[str], rows: list[list[str]]) -> int:
    """The column with most cells that are molecules; of several, the one with the longest."""

    def worth(i: int) -> tuple[float, float]:
        cells = [row[i].strip() for row in rows if i < len(row)]
        molecules = [cell for cell in cells if _is_molecule(cell)]
        return round(len(molecules) / max(1, len(cells)), 1), sum(map(len, molecules)) / max(
            1, len(molecules)
        )

    best = max(range(len(columns)), key=worth)
    if worth(best)[0] == 0:
        raise UserError(
            f"{shown(source)}: no column holds SMILES; the columns are {listed(columns)}. Choose a file of molecules."
        )
    return best


def _is_molecule(text: str) -> bool:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return bool(text) and len(text) < LONGEST_SMILES and Chem.MolFromSmiles(text) is not None


def _describe_parquet(path: Path, source: str, smiles: str | None, name: str | None) -> Library:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.ParquetFile(path).schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{shown(source)} is a damaged Parquet file. Save or copy it again.") from error
    smiles_column = smiles or next((n for n in names if "smiles" in n.lower()), None)
    if smiles_column not in names:
        raise UserError(
            f"{shown(source)}: no column of SMILES; the columns are {listed(names)}. Name it "
            "(in the shell: --smiles NAME)."
        )
    name_column = name or next((n for n in names if n.lower() in _NAME_COLUMNS), None)
    label = next((n for n in names if n.lower() in _LABELS and n not in (smiles_column, name_column)), None)
    return Library(path, "parquet", "", source, " ", True, smiles_column, name_column, label)


def _read_head(path: Path) -> str:
    with _open_bytes(path) as file:
        return file.read(_HEAD_BYTES).decode("utf-8", errors="replace").lstrip("\ufeff")


def _open_bytes(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def _open_text(path: Path) -> TextIO:
    return io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", errors="replace", newline="")


def _split(file: TextIO, separator: str) -> Iterator[list[str]]:
    if separator == " ":
        return (line.split(None, 1) for line in file if line.strip())
    return csv.reader((line.replace("\0", "") for line in file), delimiter=separator)


def _cell(row: list[str], column: int | str | None) -> str:
    return row[column].strip() if isinstance(column, int) and column < len(row) else ""


def _sdf_blocks(path: Path) -> Iterator[str]:
    lines: list[str] = []
    with _open_text(path) as file:
        for line in file:
            if line.startswith(_SDF_END):
                if any(map(str.strip, lines)):
                    yield "".join(lines)
                lines = []
            else:
                lines.append(line)
    if any(map(str.strip, lines)):
        yield "".join(lines)
