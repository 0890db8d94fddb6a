"""Atoms become a table of residues: names, numbers, values, secondary structure."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biotl_core.structures.letters import FORCE_FIELD, NUCLEOTIDES, one_letter
from biotl_core.structures.secondary_structure import assign_secondary_structure

if TYPE_CHECKING:
    from biotite.structure import AtomArray

RESIDUE_COLUMNS = (
    "chain",
    "number",
    "insertion",
    "name",
    "letter",
    "kind",
    "b_factor",
    "secondary_structure",
    "has_ca",
    "has_backbone",
    "n_atoms",
)

_WATER = ("HOH", "WAT", "DOD", "H2O", "TIP3", "TIP", "SOL")


def is_water(names: np.ndarray) -> np.ndarray:
    """Which residue names are water."""
    return np.isin(names, _WATER)


def classify(atoms: "AtomArray") -> np.ndarray:
    """What each atom belongs to: `protein`, `nucleic`, `water` or `ligand`, shape (n_atoms,).

    A residue of unknown name counts as protein when it has an alpha carbon and stands in ATOM lines; an ion
    called CA (calcium) never does.
    """
    from biotite.structure import filter_amino_acids, filter_nucleotides, get_residue_starts

    starts = get_residue_starts(atoms, add_exclusive_stop=True)
    lengths = np.diff(starts)
    alpha = (atoms.atom_name == "CA") & (atoms.element != "CA")
    has_alpha = np.repeat(np.add.reduceat(alpha, starts[:-1]) > 0, lengths)
    known = filter_amino_acids(atoms) | np.isin(atoms.res_name, list(FORCE_FIELD))
    protein = (known & (has_alpha | ~atoms.hetero)) | (has_alpha & ~atoms.hetero)
    kinds = np.full(len(atoms), "ligand", dtype="U8")
    kinds[filter_nucleotides(atoms) | np.isin(atoms.res_name, list(NUCLEOTIDES))] = "nucleic"
    kinds[protein] = "protein"
    kinds[is_water(atoms.res_name)] = "water"
    return kinds


def order_atoms(atoms: "AtomArray", kinds: np.ndarray) -> tuple["AtomArray", np.ndarray]:
    """Residues of chains first, chain by chain in the order of the file, then ligands; water left out."""
    chains, first = np.unique(atoms.chain_id, return_index=True)
    rank = dict(zip(chains, np.argsort(np.argsort(first)), strict=True))
    chain_rank = np.array([rank[chain] for chain in atoms.chain_id])
    order = np.lexsort((chain_rank, kinds == "ligand"))
    order = order[kinds[order] != "water"]
    return atoms[order], kinds[order]


def residue_table(atoms: "AtomArray", kinds: np.ndarray) -> pd.DataFrame:
    """One row a residue of a protein or nucleic acid chain, columns `RESIDUE_COLUMNS`, in atom order.

    `b_factor` is the mean over the residue's atoms (Å²).
    """
    from biotite.structure import get_residue_starts

    polymer = atoms[kinds != "ligand"]
    if len(polymer) == 0:
        return pd.DataFrame({column: [] for column in RESIDUE_COLUMNS})
    edges = get_residue_starts(polymer, add_exclusive_stop=True)
    starts, n_atoms = edges[:-1], np.diff(edges)

    def count(names: tuple[str, ...]) -> np.ndarray:
        return np.add.reduceat(np.isin(polymer.atom_name, names), starts)

    kind = kinds[kinds != "ligand"][starts]
    backbone = np.where(kind == "protein", count(("N", "CA", "C", "O")) >= 4, count(("P", "C4'", "C4*")) >= 1)
    names = polymer.res_name[starts]
    letters = {name: one_letter(name) for name in np.unique(names)}
    return pd.DataFrame(
        {
            "chain": polymer.chain_id[starts],
            "number": polymer.res_id[starts].astype(int),
            "insertion": polymer.ins_code[starts],
            "name": names,
            "letter": [letters[name] for name in names],
            "kind": kind,
            "b_factor": np.add.reduceat(polymer.b_factor, starts) / n_atoms,
            "secondary_structure": assign_secondary_structure(polymer, starts, kind == "protein"),
            "has_ca": count(("CA",)) > 0,
            "has_backbone": backbone,
            "n_atoms": n_atoms,
        },
        columns=list(RESIDUE_COLUMNS),
    )


def alpha_values(atoms: "AtomArray", kinds: np.ndarray) -> np.ndarray:
    """The B column of the alpha carbon of each residue (of the first atom without one), shape (n,)."""
    from biotite.structure import get_residue_starts

    polymer = atoms[kinds != "ligand"]
    edges = get_residue_starts(polymer, add_exclusive_stop=True)
    picked = edges[:-1].copy()
    alpha = np.flatnonzero(polymer.atom_name == "CA")
    picked[np.searchsorted(edges, alpha, side="right") - 1] = alpha
    return polymer.b_factor[picked]


def ligand_table(atoms: "AtomArray", kinds: np.ndarray) -> pd.DataFrame:
    """One row a ligand, ion or cofactor: chain, number, name, n_atoms."""
    from biotite.structure import get_residue_starts

    ligands = atoms[kinds == "ligand"]
    if len(ligands) == 0:
        return pd.DataFrame({"chain": [], "number": [], "name": [], "n_atoms": []})
    edges = get_residue_starts(ligands, add_exclusive_stop=True)
    starts = edges[:-1]
    return pd.DataFrame(
        {
            "chain": ligands.chain_id[starts],
            "number": ligands.res_id[starts].astype(int),
            "name": ligands.res_name[starts],
            "n_atoms": np.diff(edges),
        }
    )
