"""One way to write each molecule: the largest part, uncharged, as canonical isomeric SMILES; what was written
is kept.
"""

import re
from functools import lru_cache
from typing import NamedTuple

MOST_HEAVY_ATOMS = 250
"""Larger ones are peptides, polymers or proteins, which fingerprints of drug-like molecules say little about."""
LONGEST_SMILES = 2_000
_PROTEIN = re.compile(r"(?=.*[ADEGHKLMQRTVWY])[ACDEFGHIKLMNPQRSTVWY]{15,}")
"""Amino acids only, one of them a letter that no SMILES may hold outside of brackets."""
_COMPARABLE = 0.5
"""A second part with at least this share of the heavy atoms of the largest makes a mixture, not a salt."""


class Standardised(NamedTuple):
    """A molecule as it is worked with, or why it cannot be."""

    smiles: str
    """Canonical; "" where there is a reason."""
    change: str = ""
    """What was changed but for the notation: salt or mixture, charges; "" for nothing."""
    reason: str = ""
    """One sentence why it cannot be used; "" where it can."""


@lru_cache(maxsize=200_000)
def standardise(written: str) -> Standardised:
    """A SMILES in standard form; never raises.

    The part with most heavy atoms is kept, charges that can be taken away by moving protons are (RDKit's Uncharger).

    >>> standardise("C(C)N.Cl").smiles, standardise("[O-]C(=O)C.[Na+]").smiles
    ('CCN', 'CC(=O)O')
    """
    from rdkit import Chem, rdBase

    text = written.strip()
    if not text:
        return Standardised("", reason="There is no molecule in this row.")
    if _PROTEIN.fullmatch(text):
        return Standardised(
            "", reason="This is a protein sequence, not a SMILES. Put it where the target belongs."
        )
    if len(text) > LONGEST_SMILES:
        return Standardised(
            "",
            reason=f"The SMILES has {len(text):,} characters; at most {LONGEST_SMILES:,} are read. Remove it.",
        )
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text.split()[0])
        if molecule is None or molecule.GetNumAtoms() == 0:
            return Standardised("", reason="This is not a SMILES that can be read as a molecule. Correct it.")
        return _standard_form(molecule)


def standard_molecule(molecule: object) -> object:
    """The largest part, uncharged; takes and gives RDKit molecules. Simple molecules are handed through."""
    from rdkit import Chem

    if len(Chem.GetMolFrags(molecule)) > 1:
        molecule = _largest_part(molecule)[0]
    if any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        molecule = _uncharger().uncharge(molecule)
    return molecule


def _standard_form(molecule: object) -> Standardised:
    from rdkit import Chem

    changes = []
    if len(Chem.GetMolFrags(molecule)) > 1:
        molecule, second = _largest_part(molecule)
        is_mixture = second >= _COMPARABLE * molecule.GetNumHeavyAtoms()
        changes.append("largest part of a mixture kept" if is_mixture else "salt removed")
    if not any(atom.GetSymbol() == "C" for atom in molecule.GetAtoms()):
        return Standardised("", reason="There is no carbon atom in it, so it is no organic molecule.")
    if (n := molecule.GetNumHeavyAtoms()) > MOST_HEAVY_ATOMS:
        return Standardised(
            "", reason=f"It has {n:,} heavy atoms; at most {MOST_HEAVY_ATOMS:,} make a drug-like molecule."
        )
    if any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        before = Chem.MolToSmiles(molecule)
        molecule = _uncharger().uncharge(molecule)
        if Chem.MolToSmiles(molecule) != before:
            changes.append("charges removed")
    return Standardised(Chem.MolToSmiles(molecule), ", ".join(changes))


def _largest_part(molecule: object) -> tuple[object, int]:
    """The part with most heavy atoms (the first by SMILES among equals), and the size of the largest other one."""
    from rdkit import Chem

    parts = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=True)
    parts = sorted(parts, key=lambda part: (-part.GetNumHeavyAtoms(), Chem.MolToSmiles(part)))
    different = [p for p in parts[1:] if Chem.MolToSmiles(p) != Chem.MolToSmiles(parts[0])]
    return parts[0], max((part.GetNumHeavyAtoms() for part in different), default=0)


@lru_cache(maxsize=1)
def _uncharger() -> object:
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return rdMolStandardize.Uncharger()
