"""What RDKit computes of a molecule, for a backbone to learn to tell."""

import re
from typing import NamedTuple

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors, rdPartialCharges
from rdkit.Chem.EState import EStateIndices

N_SUBSTRUCTURES = 1024
_RADIUS = 2
_PROPERTIES = rdMolDescriptors.Properties()
"""Mass, polarity, lipophilicity, rings, bonds, connectivity and shape indices."""
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=N_SUBSTRUCTURES)

RDLogger.DisableLog("rdApp.*")


class Description(NamedTuple):
    """What is computed of a molecule."""

    descriptors: np.ndarray
    """`(N_DESCRIPTORS,)`: RDKit's properties; its surface by contributions to logP, refractivity and charge; MQN
    (Nguyen et al. 2009, ChemMedChem 4, 1803)."""
    substructures: np.ndarray
    """Whether there is a neighbourhood of two bonds with this number: `(N_SUBSTRUCTURES,)` of 0 and 1."""


def describe(smiles: str) -> Description | None:
    """Compute; None for what is no molecule, such as a SMILES cut short."""
    molecule = Chem.MolFromSmiles(smiles)
    return (
        None
        if molecule is None
        else Description(_descriptors(molecule), _MORGAN.GetFingerprintAsNumPy(molecule))
    )


def _descriptors(molecule: Chem.Mol) -> np.ndarray:
    found = np.array(
        [
            *_PROPERTIES.ComputeProperties(molecule),
            *rdMolDescriptors.SlogP_VSA_(molecule),
            *rdMolDescriptors.SMR_VSA_(molecule),
            *rdMolDescriptors.PEOE_VSA_(molecule),
            *rdMolDescriptors.MQNs_(molecule),
        ]
    )
    # Partial charges are not defined for every atom.
    return np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)


N_DESCRIPTORS = len(_descriptors(Chem.MolFromSmiles("C")))

_ATOM = re.compile(r"\[[^]]*]|Br|Cl|[BCNOPSFIbcnops]")
"""How a SMILES writes an atom."""
_GROUPS = tuple(
    Chem.MolFromSmarts(pattern)
    for pattern in (
        "[N;!H0,O;!H0,S;!H0]",  # gives a hydrogen bond
        "[O,N;!$(N-C=[O,S]);!$([nX3])]",  # takes one
        "[CX3](=O)[OX2H1,OX1-]",  # acid
        "[NX3][CX3]=O",  # amide
        "[NX3;H2,H1,H0;!$(NC=[O,S,N]);!$(N[a]);!$(NS)]",  # basic amine
        "[#16](=O)(=O)",  # sulfonyl
        "[C,c]#N",  # nitrile
        "[CX3]=O",  # carbonyl
        "[OX2]([#6])[#6]",  # ether or ester
        "[$([NX3](=O)=O),$([NX3+](=O)[O-])]",  # nitro
    )
)


class Atoms(NamedTuple):
    """What is computed of each atom of a molecule."""

    places: np.ndarray
    """The first letter of each atom in the SMILES: `(atoms,)`."""
    values: np.ndarray
    """`(atoms, N_ATOM_VALUES)`: what it adds to logP, refractivity, polar surface and surface; partial charge and
    electrotopological state; bonds, hydrogens, charge, rings, hybridisation; the groups it belongs to."""


def describe_atoms(smiles: str) -> Atoms | None:
    """Compute; None for what is no molecule or has hydrogens that are atoms of their own."""
    molecule = Chem.MolFromSmiles(smiles)
    places = np.array([found.start() for found in _ATOM.finditer(smiles)])
    if molecule is None or len(places) != molecule.GetNumAtoms():
        return None
    return Atoms(places, _atom_values(molecule))


def _atom_values(molecule: Chem.Mol) -> np.ndarray:
    rdPartialCharges.ComputeGasteigerCharges(molecule)
    rings = molecule.GetRingInfo()
    rows = [
        (
            atom.GetDoubleProp("_GasteigerCharge"),
            atom.GetDegree(),
            atom.GetTotalNumHs(),
            atom.GetFormalCharge(),
            atom.GetIsAromatic(),
            rings.NumAtomRings(i),
            rings.IsAtomInRingOfSize(i, 5),
            rings.IsAtomInRingOfSize(i, 6),
            atom.GetHybridization() == Chem.HybridizationType.SP2,
            atom.GetHybridization() == Chem.HybridizationType.SP3,
            sum(neighbour.GetAtomicNum() != 6 for neighbour in atom.GetNeighbors()),
        )
        for i, atom in enumerate(molecule.GetAtoms())
    ]
    in_group = np.zeros((len(rows), len(_GROUPS)))
    for j, group in enumerate(_GROUPS):
        in_group[[i for match in molecule.GetSubstructMatches(group) for i in match], j] = 1
    found = np.column_stack(
        [
            np.array(rdMolDescriptors._CalcCrippenContribs(molecule)),
            rdMolDescriptors._CalcTPSAContribs(molecule),
            rdMolDescriptors._CalcLabuteASAContribs(molecule)[0],
            EStateIndices(molecule),
            np.array(rows, float),
            in_group,
        ]
    )
    return np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)


N_ATOM_VALUES = _atom_values(Chem.MolFromSmiles("C")).shape[1]
