"""What RDKit computes of a molecule, for a backbone to learn to tell."""

from typing import NamedTuple

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

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
