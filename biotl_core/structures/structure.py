"""Structure: one model of a PDB or mmCIF file, cleaned, as a table of residues and a text to draw."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from biotl_core.errors import UserError
from biotl_core.structures import residues as residue_tables
from biotl_core.structures.confidence import CONFIDENCES, ColumnReading, ConfidenceKind, read_b_column
from biotl_core.structures.letters import FORCE_FIELD, STANDARD, one_letter
from biotl_core.structures.parsing import parse, pick_alternates, read_text
from biotl_core.wording import say_count

if TYPE_CHECKING:
    from biotite.structure import AtomArray

Detail = Literal["all atoms", "backbone", "trace"]

MAX_DRAWN_ATOMS = 30_000
"""Above this many atoms only the backbone goes to the viewer, and if that is too much, one atom a residue."""
MAX_B_VALUE = 999
"""Values from here on do not fit the B column of a PDB file."""
_BACKBONE = (
    "N",
    "CA",
    "C",
    "O",
    "P",
    "OP1",
    "OP2",
    "O1P",
    "O2P",
    "O5'",
    "C5'",
    "C4'",
    "C3'",
    "O3'",
    "C2'",
    "N1",
    "N3",
)
_CHAIN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Structure:
    """One model of a structure file; made by `read_structure`."""

    name: str
    """The file's name."""
    text: str
    """What the viewer draws and the download holds: the residues in the order of `residues`, then ligands;
    without hydrogens, water and alternate locations."""
    format: Literal["pdb", "cif"]
    """The format of `text`: PDB where it fits, else mmCIF."""
    residues: pd.DataFrame
    """One row a residue of a protein or nucleic acid chain, index 0..n-1, columns `RESIDUE_COLUMNS`."""
    ligands: pd.DataFrame
    """One row a ligand or ion: chain, number, name, n_atoms."""
    atom_counts: tuple[int, ...]
    """Atoms in `text` of each residue of `residues`; atoms after these belong to ligands."""
    n_atoms: int
    """Atoms of the model in the file, hydrogens and water included."""
    model: int
    """Which model this is, from 1."""
    n_models: int
    confidence_kind: ConfidenceKind
    """What `b_factor` holds: a predictor's confidence (0 to 100), a B-factor in Å², or nothing."""
    confidence_reason: str
    """Why we think so, as a sentence."""
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Quaternion (x, y, z, w) that turns the longest axis horizontal and the shortest towards the eye."""
    detail: Detail = "all atoms"
    """How much of the structure `text` holds."""
    notes: tuple[str, ...] = ()
    """What was found and done on reading, a sentence each."""

    @property
    def chains(self) -> tuple[str, ...]:
        """Chain names in the order of the file."""
        return tuple(self.residues["chain"].unique())

    def chain(self, chain: str) -> pd.DataFrame:
        """The residues of one chain, with their index kept; UserError when there is no such chain."""
        rows = self.residues[self.residues["chain"] == chain]
        if rows.empty:
            there = ", ".join(self.chains) or "none"
            raise UserError(f"{self.name} has no chain '{chain}'. Its chains are: {there}.")
        return rows

    def sequence(self, chain: str) -> str:
        """One letter a resolved residue of a chain, `X` where unknown; what is not resolved is left out."""
        return "".join(self.chain(chain)["letter"])

    @cached_property
    def labels(self) -> pd.Series:
        """How each residue is called, indexed like `residues`: chain, name, number with insertion code."""
        table = self.residues
        return table["chain"] + " " + table["name"] + " " + table["number"].astype(str) + table["insertion"]

    def traced_chains(self) -> tuple[str, ...]:
        """Chains of which most residues lack backbone atoms: only a trace can be drawn."""
        if self.detail == "trace":
            return self.chains
        share = self.residues.groupby("chain", sort=False)["has_backbone"].mean()
        return tuple(share.index[share < 0.5])


def read_structure(source: Path | bytes, name: str | None = None, model: int = 1) -> Structure:
    """Read one model of a PDB or mmCIF file, plain or gzipped; both are told by the content, not the name.

    Raises:
        UserError: one sentence, whatever is wrong with the file.
    """
    if isinstance(source, Path):
        name = name or source.name
        if not source.is_file():
            raise UserError(f"{name} is not there any more. Open the file again.")
        source = source.read_bytes()
    name = name or "The structure"
    parsed = parse(read_text(source, name), name, model)
    atoms, renamed = _name_chains(parsed.atoms)
    atoms, n_alternates = pick_alternates(atoms)
    is_hydrogen = np.isin(atoms.element, ("H", "D"))
    kinds = residue_tables.classify(atoms)
    notes = _tell(parsed, atoms, kinds, is_hydrogen, n_alternates, renamed)
    atoms, kinds = residue_tables.order_atoms(atoms[~is_hydrogen], kinds[~is_hydrogen])
    table = residue_tables.residue_table(atoms, kinds)
    ligands = residue_tables.ligand_table(atoms, kinds)
    if table.empty:
        raise UserError(_no_chain(name, ligands))
    n_polymer = int(table["n_atoms"].sum())
    residue_index = np.repeat(np.arange(len(table)), table["n_atoms"])
    reading = read_b_column(parsed.header, atoms.b_factor[:n_polymer], residue_index)
    if reading.kind in CONFIDENCES:
        atoms.b_factor = atoms.b_factor * reading.scale
        table["b_factor"] = residue_tables.alpha_values(atoms, kinds)
    drawn, counts, detail = _what_to_draw(atoms, kinds, residue_index, len(table))
    if detail != "all atoms":
        notes.append(_tell_detail(detail, len(atoms)))
    text, text_format = _write(drawn, n_chain_atoms=int(counts.sum()))
    return Structure(
        name=name,
        text=text,
        format=text_format,
        residues=table,
        ligands=ligands,
        atom_counts=tuple(map(int, counts)),
        n_atoms=len(parsed.atoms),
        model=model,
        n_models=parsed.n_models,
        confidence_kind=reading.kind,
        confidence_reason=reading.reason,
        orientation=_orientation(drawn.coord),
        detail=detail,
        notes=tuple(notes),
    )


def with_confidence_kind(structure: Structure, kind: ConfidenceKind) -> Structure:
    """The same structure with its B column read as the user says; 0 to 1 becomes 0 to 100 for a confidence.

    Raises:
        UserError: the values cannot be a confidence.
    """
    if kind == structure.confidence_kind:
        return structure
    values = structure.residues["b_factor"]
    if kind in CONFIDENCES and not (values.min() >= 0 and values.max() <= 100):
        raise UserError(
            f"A confidence lies between 0 and 100, but the B column of {structure.name} reaches from "
            f"{values.min():.1f} to {values.max():.1f}. Read it as B-factors."
        )
    scale = 100.0 if kind in CONFIDENCES and values.max() <= 1 else 1.0
    reading = ColumnReading(kind, scale, "You said so.")
    return replace(
        structure,
        residues=structure.residues.assign(b_factor=values * reading.scale),
        confidence_kind=reading.kind,
        confidence_reason=reading.reason,
    )


def _name_chains(atoms: "AtomArray") -> tuple["AtomArray", str]:
    """Give atoms without a chain name the first free letter."""
    blank = np.isin(np.char.strip(atoms.chain_id), ("", ".", "?"))
    if not blank.any():
        return atoms, ""
    used = set(atoms.chain_id)
    letter = next(letter for letter in _CHAIN_LETTERS if letter not in used)
    atoms.chain_id[blank] = letter
    return atoms, letter


def _tell(parsed, atoms, kinds, is_hydrogen, n_alternates: int, renamed: str) -> list[str]:
    notes = []
    if parsed.n_models > 1:
        notes.append(f"The file holds {parsed.n_models:,} models; one is shown at a time.")
    if renamed:
        notes.append(f"Atoms without a chain name are called chain {renamed} here.")
    if n_alternates:
        positions = say_count(n_alternates, "residue")
        notes.append(f"{positions} had alternate locations; the one with the highest occupancy is shown.")
    if n_hydrogens := int(is_hydrogen.sum()):
        notes.append(f"{say_count(n_hydrogens, 'hydrogen atom')} are not drawn.")
    if n_waters := len(np.unique(atoms.res_id[kinds == "water"])):
        notes.append(f"Water ({say_count(n_waters, 'molecule')}) is not drawn.")
    names = np.unique(atoms.res_name[kinds == "protein"])
    modified = [n for n in names if n not in STANDARD and n not in FORCE_FIELD]
    if modified:
        letters = ", ".join(f"{name} as {one_letter(name)}" for name in modified[:6])
        notes.append(f"Modified residues are read as their parents: {letters}.")
    return notes


def _tell_detail(detail: Detail, n_atoms: int) -> str:
    shown = "the backbone is" if detail == "backbone" else "one atom of each residue is"
    return (
        f"{n_atoms:,} atoms are more than a browser draws fluently ({MAX_DRAWN_ATOMS:,}), "
        f"so only {shown} drawn."
    )


def _no_chain(name: str, ligands: pd.DataFrame) -> str:
    if ligands.empty:
        return f"{name} holds only water. Open a file with a protein or nucleic acid chain."
    found = ", ".join(ligands["name"].unique()[:5])
    return f"{name} holds only small molecules ({found}). Open a file with a protein or nucleic acid chain."


def _what_to_draw(atoms, kinds, residue_index, n_residues: int) -> tuple["AtomArray", np.ndarray, Detail]:
    """As many atoms as a browser draws fluently, and how many of them belong to each residue."""
    polymer = kinds != "ligand"
    keep = np.ones(len(atoms), dtype=bool)
    detail: Detail = "all atoms"
    if len(atoms) > MAX_DRAWN_ATOMS:
        keep, detail = np.isin(atoms.atom_name, _BACKBONE) | ~polymer, "backbone"
    if keep.sum() > MAX_DRAWN_ATOMS:
        keep, detail = polymer & np.isin(atoms.atom_name, ("CA", "P")), "trace"
    counts = np.bincount(residue_index[keep[polymer]], minlength=n_residues)
    return atoms[keep], counts, detail


def _orientation(positions: np.ndarray) -> tuple[float, float, float, float]:
    """Quaternion (x, y, z, w) of the rotation from the principal axes of positions (n, 3) to x, y and z."""
    if len(positions) < 4:
        return 0.0, 0.0, 0.0, 1.0
    axes = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=False)[2]
    axes[2] *= np.sign(np.linalg.det(axes))  # a rotation, no mirror image
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(axes).as_quat()
    return float(x), float(y), float(z), float(w)


def _write(atoms: "AtomArray", n_chain_atoms: int) -> tuple[str, Literal["pdb", "cif"]]:
    """The atoms as PDB where it fits, else as mmCIF; all chains as ATOM, for a cartoon through MSE."""
    import biotite.structure.io.pdb as pdb
    import biotite.structure.io.pdbx as pdbx

    atoms = atoms.copy()
    atoms.box = None
    atoms.hetero[:n_chain_atoms] = False
    for category in ("altloc_id", "occupancy"):
        atoms.del_annotation(category)
    fits = (
        len(atoms) < 99_999
        and max(map(len, np.unique(atoms.chain_id))) == 1
        and max(map(len, np.unique(atoms.res_name))) <= 3
        and atoms.res_id.min() >= -999
        and atoms.res_id.max() <= 9999
        and np.abs(atoms.coord).max() < 9_999
        and atoms.b_factor.min() >= -99
        and atoms.b_factor.max() < 999
    )
    stream = io.StringIO()
    if fits:
        file = pdb.PDBFile()
        file.set_structure(atoms)
    else:
        file = pdbx.CIFFile()
        pdbx.set_structure(file, atoms, data_block="structure")
    file.write(stream)
    return stream.getvalue(), "pdb" if fits else "cif"


def text_with_values(structure: Structure, values: Mapping[int, float]) -> str:
    """A PDB text with values in the B column, to be coloured in any other viewer (`spectrum b` and the like).

    Args:
        structure: one whose text is PDB.
        values: a number for some rows of `residues`; 0 is written where there is none.

    Raises:
        UserError: the structure is too large for the PDB format, or a value does not fit its six columns.
    """
    if structure.format != "pdb":
        raise UserError(f"{structure.name} is too large for the PDB format. Download the mmCIF file instead.")
    numbers = np.array([values.get(row, np.nan) for row in structure.residues.index], dtype=float)
    if np.nanmax(np.abs(numbers), initial=0) >= MAX_B_VALUE:
        raise UserError("The B column of a PDB file holds numbers up to 999. Scale the values down first.")
    per_atom = np.repeat(np.nan_to_num(numbers), structure.atom_counts)
    lines, atom = [], 0
    for line in structure.text.splitlines():
        if line.startswith(("ATOM", "HETATM")):
            value = per_atom[atom] if atom < len(per_atom) else 0.0
            line, atom = f"{line[:60]}{value:6.2f}{line[66:]}", atom + 1
        lines.append(line)
    return "\n".join(lines) + "\n"
