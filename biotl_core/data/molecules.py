"""What RDKit says of a SMILES: readable or not, its canonical form, the largest part of a salt, its scaffold."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.quoting import shown
from biotl_core.data.worktable import WorkTable
from biotl_core.progress import Control

FINGERPRINT_BITS = 2048
FINGERPRINT_RADIUS = 2


class MoleculeFacts(NamedTuple):
    """What cleaning needs to know of a SMILES."""

    canonical: str
    """The canonical SMILES, the same for every way of writing the molecule; "" where it cannot be read."""
    largest_part: str
    """The canonical SMILES of the part with most heavy atoms; the same as `canonical` for a single part."""


@lru_cache(maxsize=400_000)
def molecule_facts(smiles: str) -> MoleculeFacts:
    """Parse one SMILES; remembered, since check and clean both ask."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or molecule.GetNumAtoms() == 0:
            return MoleculeFacts("", "")
        canonical = Chem.MolToSmiles(molecule)
        if "." not in canonical:
            return MoleculeFacts(canonical, canonical)
        parts = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
        largest = max(parts, key=lambda part: (part.GetNumHeavyAtoms(), Chem.MolToSmiles(part)))
        return MoleculeFacts(canonical, Chem.MolToSmiles(largest))


def all_facts(smiles: Sequence[str], control: Control) -> list[MoleculeFacts]:
    """`molecule_facts` of many, with progress."""
    facts = []
    for i, text in enumerate(smiles):
        if i % 2_000 == 0:
            control.step("Reading molecules", i, len(smiles))
        facts.append(molecule_facts(text))
    return facts


def check_molecules(work: WorkTable, control: Control) -> None:
    """Set unreadable SMILES aside; keep the largest part of salts where wanted. Adds the column `key`."""
    work.repair_or_set_aside(
        work.rows["sequence"].str.contains(r"\s", regex=True),
        "blanks_inside",
        "sequence",
        "something stands behind the SMILES, after a blank. Keep the SMILES only.",
        lambda values: values.str.split().str[0],
        "Text behind the SMILES removed",
    )
    facts = all_facts(work.rows["sequence"].tolist(), control)
    canonical = pd.Series([fact.canonical for fact in facts], index=work.rows.index, dtype="str")
    largest = pd.Series([fact.largest_part for fact in facts], index=work.rows.index, dtype="str")
    unreadable = canonical == ""
    work.block(
        unreadable,
        "unreadable_smiles",
        "sequence",
        lambda rows: [
            f"{shown(s, 30)} is not a readable SMILES. Correct it or remove the row."
            for s in rows["sequence"]
        ],
    )
    canonical, largest = canonical[~unreadable], largest[~unreadable]
    work.rows = work.rows.assign(key=canonical)
    salts = canonical != largest
    work.find(
        salts,
        "salt",
        "sequence",
        lambda rows: [
            f"a salt or mixture of {n} parts; {shown(part, 30)} is the largest."
            for n, part in zip(canonical[rows.index].str.count(r"\.") + 1, largest[rows.index], strict=True)
        ],
    )
    if "salt" in work.repairs and salts.any():
        work.change("sequence", largest[salts], "Largest part of the salt or mixture kept")
        work.rows = work.rows.assign(key=largest)


@lru_cache(maxsize=400_000)
def scaffold(smiles: str) -> str:
    """The Bemis-Murcko scaffold (rings and what links them) as SMILES; "" for a molecule without rings.

    Bemis and Murcko, J. Med. Chem. 39, 2887 (1996).
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        return "" if molecule is None else MurckoScaffold.MurckoScaffoldSmiles(mol=molecule)


def fingerprints(smiles: Sequence[str], control: Control) -> list:
    """Morgan fingerprints (radius 2, 2,048 bits) as RDKit bit vectors; a blank one for an unreadable SMILES."""
    from rdkit import Chem, DataStructs, rdBase
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)
    vectors = []
    with rdBase.BlockLogs():
        for i, text in enumerate(smiles):
            if i % 2_000 == 0:
                control.step("Fingerprints of molecules", i, len(smiles))
            molecule = Chem.MolFromSmiles(text)
            blank = DataStructs.ExplicitBitVect(FINGERPRINT_BITS)
            vectors.append(blank if molecule is None else generator.GetFingerprint(molecule))
    return vectors


def bit_array(vectors: list) -> np.ndarray:
    """Bit vectors as an array of 0 and 1, uint8 `(n, 2048)`."""
    from rdkit import DataStructs

    array = np.zeros((len(vectors), FINGERPRINT_BITS), dtype=np.uint8)
    for row, vector in zip(array, vectors, strict=True):
        DataStructs.ConvertToNumpyArray(vector, row)
    return array


def tanimoto(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Shared bits / bits of either, for all pairs; float32 `(n, bits)` and `(m, bits)` to float32 `(n, m)`.

    0 where neither has a bit.
    """
    both = first @ second.T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1)[None, :] - both
    return both / np.maximum(either, 1.0)
