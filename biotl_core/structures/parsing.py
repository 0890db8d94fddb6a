"""The bytes of a structure file become atoms, or one sentence about what is wrong with them."""

import gzip
import io
import re
import warnings
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.letters import one_letter

if TYPE_CHECKING:  # biotite costs half a second, so it is imported where a file is read
    from biotite.structure import AtomArray

MAX_TEXT_BYTES = 200_000_000
"""Unpacked size above which a file is refused (about two million atoms)."""
MAX_ATOMS = 500_000
"""Atoms in one model above which a file is refused."""
_ALLOWED = "Open a PDB or mmCIF file (.pdb, .ent, .cif, plain or .gz)."
_BLANK = ("", ".", "?")


class ParsedFile(NamedTuple):
    """What one model of a structure file holds."""

    atoms: "AtomArray"
    """One model with `altloc_id`, `occupancy` and `b_factor` annotations; alternate locations still there."""
    n_models: int
    header: str
    """What stands before the atoms of a PDB file, or the lines of an mmCIF that say how it was made."""
    deposited: dict[str, str] = {}  # noqa: RUF012 - never changed
    """The whole sequence of each chain (SEQRES), residues without a position included; empty where not told."""


def read_text(data: bytes, name: str) -> str:
    """Unpack gzip when it is there (by content) and decode; UserError for what is no text."""
    if data[:2] == b"\x1f\x8b":
        data = _unpack(data, name)
    if len(data) > MAX_TEXT_BYTES:
        raise UserError(
            f"{name} is larger than {MAX_TEXT_BYTES // 1_000_000} MB, too large to draw. Cut out the chains "
            "you need."
        )
    if not data.strip():
        raise UserError(f"{name} is empty. {_ALLOWED}")
    if data[:4] == b"PK\x03\x04":
        raise UserError(f"{name} is a zip archive. Unpack it and open the PDB or mmCIF file inside.")
    if b"\x00" in data[:4096]:
        raise UserError(f"{name} is a binary file (for example BinaryCIF or MMTF). {_ALLOWED}")
    return data.decode("utf-8", errors="replace").lstrip("\ufeff")


def _unpack(data: bytes, name: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            return stream.read(MAX_TEXT_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{name} is a damaged gzip file, probably cut off. Download it again.") from error


def parse(text: str, name: str, model: int = 1) -> ParsedFile:
    """The atoms of one model (1 is the first) of a PDB or mmCIF text; the format is told by the content.

    Raises:
        UserError: neither format, no atoms, a line that breaks off, no such model, too many atoms.
    """
    is_cif = re.match(r"\s*(#[^\n]*\n\s*)*data_", text) is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # biotite tells of guessed elements; our sentences say what matters
        parsed = _parse_cif(text, name, model) if is_cif else _parse_pdb(text, name, model)
    coordinates = parsed.atoms.coord
    if len(coordinates) == 0:
        raise UserError(f"{name}: model {model} holds no atoms. {_ALLOWED}")
    if not np.isfinite(coordinates).all():
        bad = int(np.flatnonzero(~np.isfinite(coordinates).all(axis=1))[0])
        raise UserError(
            f"{name}: atom {bad + 1:,} has no position (x, y, z must be numbers). Repair or remove it."
        )
    if len(coordinates) > 1 and np.ptp(coordinates, axis=0).max() < 1e-3:
        raise UserError(
            f"{name}: all {len(coordinates):,} atoms lie at one point. Open a file with 3D coordinates."
        )
    if len(coordinates) > MAX_ATOMS:
        raise UserError(
            f"{name} has {len(coordinates):,} atoms in one model; up to {MAX_ATOMS:,} can be opened. "
            "Cut out the chains you need."
        )
    return parsed


def _check_model(name: str, model: int, n_models: int) -> None:
    if not 1 <= model <= n_models:
        raise UserError(
            f"{name} has {n_models} model(s); model {model} is not there. Choose 1 to {n_models}."
        )


def _parse_pdb(text: str, name: str, model: int) -> ParsedFile:
    import biotite.structure.io.pdb as pdb
    from biotite.file import InvalidFileError

    lines = text.splitlines()
    atom_lines = [i for i, line in enumerate(lines) if line.startswith(("ATOM  ", "HETATM"))]
    if not atom_lines:
        raise UserError(_why_no_atoms(text, name))
    for i in atom_lines:
        lines[i] = _filled_in(lines[i])
    # A file whose last character is missing still has lines; only a whole number of models is readable.
    file = pdb.PDBFile.read(io.StringIO("\n".join(lines) + "\n"))
    _check_model(name, model, n_models := max(1, file.get_model_count()))
    try:
        atoms = file.get_structure(model=model, altloc="all", extra_fields=["b_factor", "occupancy"])
    except (ValueError, IndexError, KeyError, InvalidFileError) as error:
        raise UserError(_bad_pdb_line(lines, atom_lines, name)) from error
    header = "\n".join(lines[: atom_lines[0]])
    return ParsedFile(atoms, n_models, header, _seqres(header))


def _seqres(header: str) -> dict[str, str]:
    """The sequence of each chain by the SEQRES lines of a PDB file."""
    names: dict[str, list[str]] = {}
    for line in header.splitlines():
        if line.startswith("SEQRES"):
            names.setdefault(line[11:12].strip(), []).extend(line[19:70].split())
    return {chain: "".join(map(one_letter, found)) for chain, found in names.items()}


def _filled_in(line: str) -> str:
    """An ATOM line with a blank occupancy read as 1 and a blank B-factor as 0: often left out."""
    line = line.ljust(80)
    if not line[54:60].strip():
        line = line[:54] + "  1.00" + line[60:]
    if not line[60:66].strip():
        line = line[:60] + "  0.00" + line[66:]
    return line


def _bad_pdb_line(lines: list[str], atom_lines: list[int], name: str) -> str:
    fields = {"residue number": (22, 26), "x": (30, 38), "y": (38, 46), "z": (46, 54), "occupancy": (54, 60)}
    fields["B-factor"] = (60, 66)
    for i in atom_lines:
        for field, (start, end) in fields.items():
            found = lines[i][start:end].strip()
            if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", found) and not (
                field == "residue number" and re.fullmatch(r"[A-Za-z][0-9A-Za-z]{3}", found)
            ):
                shown = f"'{found}'" if found else "nothing"
                return (
                    f"{name}, line {i + 1:,}: the {field} in columns {start + 1}-{end} should be a number, "
                    f"found {shown}. The file may be cut off or its columns shifted; save it again as PDB."
                )
    return f"{name} could not be read as a PDB file. Save it again as PDB or mmCIF."


def _why_no_atoms(text: str, name: str) -> str:
    head = text.lstrip()[:2000]
    if head.startswith(">"):
        return f"{name} holds sequences (FASTA), no 3D coordinates. {_ALLOWED}"
    if re.match(r"<(!doctype|html|\?xml)", head, re.IGNORECASE):
        return f"{name} is a web page or XML, not a structure. Download the file itself again. {_ALLOWED}"
    if re.search(r"^(HEADER|TITLE|REMARK|CRYST1|MODEL)\b", head, re.MULTILINE):
        return f"{name} has a PDB header but no ATOM lines; it may be cut off. Download it again."
    return f"{name} holds no ATOM lines and is no mmCIF file. {_ALLOWED}"


def _parse_cif(text: str, name: str, model: int) -> ParsedFile:
    import biotite.structure.io.pdbx as pdbx
    from biotite.file import DeserializationError, InvalidFileError
    from biotite.structure import BadStructureError

    try:
        block = pdbx.CIFFile.read(io.StringIO(text)).block
        if "atom_site" not in block:
            raise UserError(f"{name} is an mmCIF file without atoms (no _atom_site). {_ALLOWED}")
        _fill_in_columns(block["atom_site"])
        _check_model(name, model, n_models := pdbx.get_model_count(block))
        atoms = pdbx.get_structure(block, model=model, altloc="all", extra_fields=["b_factor", "occupancy"])
    except (
        ValueError,
        IndexError,
        KeyError,
        InvalidFileError,
        DeserializationError,
        BadStructureError,
    ) as error:
        raise UserError(
            f"{name} could not be read as mmCIF; it may be cut off in the middle. Download it again, "
            "or save it as PDB."
        ) from error
    return ParsedFile(atoms, n_models, _cif_header(block), _cif_sequences(block))


def _cif_sequences(block) -> dict[str, str]:
    """The sequence of each chain by the polymer entities of an mmCIF file, under the author's chain names."""
    wanted = ("entity_id", "mon_id", "pdb_strand_id", "seq_id")
    if "pdbx_poly_seq_scheme" not in block or any(c not in block["pdbx_poly_seq_scheme"] for c in wanted):
        return {}
    scheme = block["pdbx_poly_seq_scheme"]
    chains, names, places = (scheme[c].as_array(str) for c in ("pdb_strand_id", "mon_id", "seq_id"))
    letters: dict[str, dict[str, str]] = {}
    for chain, name, place in zip(chains, names, places, strict=True):
        letters.setdefault(chain, {}).setdefault(place, one_letter(name))  # the first of two residue types
    return {chain: "".join(found.values()) for chain, found in letters.items()}


def _fill_in_columns(atom_site) -> None:
    """Columns that some programs leave out: model number, occupancy, B-factor, insertion code."""
    defaults = {
        "pdbx_PDB_model_num": "1",
        "occupancy": "1.0",
        "B_iso_or_equiv": "0.0",
        "pdbx_PDB_ins_code": ".",
    }
    for column, value in defaults.items():
        if column not in atom_site:
            atom_site[column] = np.full(atom_site.row_count, value)
        elif column in ("occupancy", "B_iso_or_equiv"):
            cells = atom_site[column].as_array(str)
            atom_site[column] = np.where(np.isin(cells, _BLANK), value, cells)


def _cif_header(block) -> str:
    lines = []
    for category, column in (
        ("exptl", "method"),
        ("ma_qa_metric", "name"),
        ("software", "name"),
        ("struct", "title"),
    ):
        if category in block and column in block[category]:
            cells = block[category][column].as_array(str)
            lines += [f"_{category}.{column} {cell}" for cell in cells]
    return "\n".join(lines)


def pick_alternates(atoms: "AtomArray") -> tuple["AtomArray", int]:
    """Keep one alternate location a residue: the one with the highest summed occupancy, the first on a tie.

    Two residue types at one position (microheterogeneity) count as alternates too.

    Returns:
        The atoms that stay, and how many positions had alternates.
    """
    import pandas as pd

    altloc = np.array([location.strip() for location in atoms.altloc_id])
    altloc[np.isin(altloc, _BLANK)] = ""
    if not altloc.any():
        return atoms, 0
    table = pd.DataFrame(
        {
            "position": pd.factorize(
                pd.Series(atoms.chain_id) + "|" + atoms.res_id.astype(str) + "|" + atoms.ins_code
            )[0],
            "altloc": altloc,
            "occupancy": atoms.occupancy,
        }
    )
    named = table[table["altloc"] != ""]
    sums = named.groupby(["position", "altloc"], sort=False)["occupancy"].sum().reset_index()
    best = sums.loc[sums.groupby("position", sort=False)["occupancy"].idxmax()].set_index("position")[
        "altloc"
    ]
    chosen = table["position"].map(best)
    keep = (table["altloc"] == "") | (table["altloc"] == chosen)
    return atoms[keep.to_numpy()], len(best)
