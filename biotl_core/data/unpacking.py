"""From the bytes of a file to what they hold: unpack gzip, know foreign formats, decode text."""

import gzip
import io
import zlib

from biotl_core.data.quoting import shown
from biotl_core.errors import UserError
from biotl_core.wording import say_bytes

MAX_BYTES = 2 * 1024**3
"""Largest content that is read, unpacked."""
_BOMB_BYTES, _BOMB_RATIO = 64 * 1024**2, 500
"""Beyond this size, content that packs more than 500-fold is no table (deflate reaches 1,032 on equal bytes)."""

# How a foreign file begins, what it is, and what to do instead.
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", "Copy the table out of it into a spreadsheet and save that as CSV"),
    (b"\x89PNG", "a picture", "Choose the table itself, as CSV or XLSX"),
    (b"\xff\xd8\xff", "a picture", "Choose the table itself, as CSV or XLSX"),
    (b"GIF8", "a picture", "Choose the table itself, as CSV or XLSX"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file, or one with a password", "Save it as XLSX without a password"),
    (b"BZh", "packed with bzip2", "Unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "packed with xz", "Unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "Unpack it, or pack it with gzip"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and choose one file of it"),
    (b"Rar!", "a RAR archive", "Unpack it and choose one file of it"),
    (b"\x89HDF", "an HDF5 file", "Save its table as CSV or Parquet"),
    (b"\x93NUMPY", "a NumPy array", "Save it with its sequences as CSV"),
    (b"SQLite format 3", "a database", "Save its table as CSV"),
    (b"ARROW1", "an Arrow file", "Save it as Parquet"),
    (b"\x7fELF", "a program", "Choose a table"),
    (b"MZ\x90", "a program", "Choose a table"),
    (b"{\\rtf", "a text document", "Save the table in it as CSV"),
)
_FOREIGN_TEXT: tuple[tuple[str, str, str], ...] = (
    ("<", "a web page or XML file", "Save the table itself as CSV"),
    ("{", "a JSON file", "Save it as CSV"),
    ('["', "a JSON file", "Save it as CSV"),
    ("[{", "a JSON file", "Save it as CSV"),
    ("[[", "a JSON file", "Save it as CSV"),
    ("##gff", "a GFF annotation without targets", "Choose a table of sequences with a target"),
    ("##fileformat", "a VCF file of variants", "Choose a table of sequences with a target"),
    ("HEADER    ", "a protein structure", "Open it on the page Structures"),
    ("ATOM  ", "a protein structure", "Open it on the page Structures"),
    ("data_", "a protein structure or CIF file", "Open it on the page Structures"),
    ("CLUSTAL", "an alignment", "Save it as FASTA"),
    ("# STOCKHOLM", "an alignment", "Save it as FASTA"),
    ("ID   ", "an EMBL or UniProt flat file", "Save it as GenBank or FASTA"),
)


def check_size(size: int, source: str) -> None:
    """UserError when the content is larger than what is read."""
    if size > MAX_BYTES:
        raise UserError(
            f"{shown(source)} holds {say_bytes(size)}; at most {say_bytes(MAX_BYTES)} are read. "
            "Split it, or keep only the columns you need."
        )


def unpack(data: bytes, source: str) -> bytes:
    """The content of a file, unpacked where it is gzipped (up to twice)."""
    for _ in range(2):
        if data[:2] != b"\x1f\x8b":
            break
        data = _gunzip(data, source)
    return data


def _gunzip(data: bytes, source: str) -> bytes:
    pieces, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            while piece := packed.read(1 << 22):
                pieces.append(piece)
                size += len(piece)
                if size > _BOMB_BYTES and size > _BOMB_RATIO * len(data):
                    raise UserError(
                        f"{shown(source)} unpacks to more than {_BOMB_RATIO} times its size; that is no table. "
                        "Check where it comes from, and upload the unpacked table."
                    )
                check_size(size, source)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{shown(source)} is a damaged or incomplete gzip file. Copy or download it again."
        ) from error
    return b"".join(pieces)


def refuse_foreign_bytes(data: bytes, source: str) -> None:
    """UserError when the content is of a known kind that holds no table of sequences."""
    for start, what, instead in _FOREIGN:
        if data.startswith(start):
            _refuse(source, what, instead)


def refuse_foreign_text(text: str, source: str) -> None:
    """UserError when a text is of a known kind that holds no table of sequences."""
    lines = text[:4000].split("\n")
    for start, what, instead in _FOREIGN_TEXT:
        if text.startswith(start):
            _refuse(source, what, instead)
    if text.startswith("@") and len(lines) > 2 and lines[2].startswith("+"):
        _refuse(source, "a FASTQ file of sequencing reads", "Choose a table of sequences with a target")


def _refuse(source: str, what: str, instead: str) -> None:
    raise UserError(
        f"{shown(source)} is {what}, not a table (CSV, TSV, XLSX, Parquet) and not FASTA, GenBank, SMILES or SDF. "
        f"{instead}."
    )


def decode(data: bytes, source: str) -> tuple[str, tuple[str, ...]]:
    """The text of a file and notes on its encoding; UserError when it is not text.

    UTF-8, UTF-16 and UTF-32 (with mark, or told by its zero bytes), else Western European (Windows-1252).
    """
    encoding = _encoding_by_mark(data)
    notes: list[str] = []
    if encoding is None:
        _check_is_text(data, source)
        encoding = "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise UserError(
                f"{shown(source)} is damaged text ({encoding}). Save it again as UTF-8."
            ) from error
        text = data.decode("cp1252", errors="replace")
        notes.append("The file is not UTF-8; its letters were read as Western European (Windows-1252).")
    if zeros := text.count("\x00"):
        text = text.replace("\x00", "")
        notes.append(f"{zeros:,} zero bytes were left out.")
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), tuple(notes)


def _encoding_by_mark(data: bytes) -> str | None:
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Text in UTF-16 without a mark: every second byte of Latin letters is zero.
    head = data[:4000]
    if len(head) >= 8 and head[1::2].count(0) > 0.4 * len(head[1::2]) and head[::2].count(0) == 0:
        return "utf-16-le"
    if len(head) >= 8 and head[::2].count(0) > 0.4 * len(head[::2]) and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None


_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b") + b"\x7f"


def _check_is_text(data: bytes, source: str) -> None:
    head = data[: 1 << 18]
    n_control = len(head) - len(head.translate(None, _CONTROL))
    if n_control > 0.005 * len(head) + 2:
        raise UserError(
            f"{shown(source)} is not text: it holds binary data of an unknown kind. "
            "Save the table as CSV, TSV, XLSX or Parquet."
        )
