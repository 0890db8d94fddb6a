"""StructureResult: what every engine returns, whatever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.chains import BACKBONE
from biotl_core.structures.letters import STANDARD

if TYPE_CHECKING:
    from biotite.structure import AtomArray

CHAIN_SEPARATOR = ":"
"""Between the chains of a sequence that is a complex."""
CHAIN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_THREE_LETTERS = {letter: name for name, letter in STANDARD.items()}


@dataclass(frozen=True)
class StructureResult:
    """A predicted structure."""

    name: str
    sequence: str
    """One letter a residue, chains one after the other without a separator."""
    atoms: "AtomArray"
    """Heavy atoms in Å, residues in the order of `sequence`; `b_factor` holds the confidence of the residue."""
    confidence: np.ndarray
    """How much to trust each residue, 0 to 100, shape (length,)."""
    confidence_kind: str
    """What that number is: `pLDDT` only where the engine was trained to predict it."""
    engine: str
    """Name of the engine in `ENGINES`, or what an imported file says."""
    settings: Mapping[str, Any]
    """What the engine was asked, and which weights or templates it used."""
    seconds: float
    """Wall time of the prediction."""
    pae: np.ndarray | None = None
    """Expected error in Å of each residue (column) when the row's residue is aligned, shape (length, length)."""
    distogram: np.ndarray | None = None
    """Probability of each distance bin for each pair, shape (length, length, n_bins)."""
    distance_edges: np.ndarray | None = None
    """Upper edges of the bins in Å, shape (n_bins - 1,)."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Single numbers: mean confidence, pTM, identity of the template and the like."""
    notes: tuple[str, ...] = ()
    """What is to know before trusting it, a sentence each."""

    @property
    def chains(self) -> tuple[str, ...]:
        """Chain names in order."""
        return tuple(dict.fromkeys(self.atoms.chain_id))

    @property
    def ca(self) -> np.ndarray:
        """Positions of the alpha carbons in Å, shape (length, 3)."""
        return self.atoms.coord[self.atoms.atom_name == "CA"]


def check_sequence(sequence: str, name: str, longest: int, allows_chains: bool = False) -> str:
    """The sequence in upper case, without blanks and a stop at the end.

    Raises:
        UserError: letters that are no amino acids, too short, too long, or several chains where one is allowed.
    """
    cleaned = "".join(sequence.split()).upper().rstrip("*")
    if CHAIN_SEPARATOR in cleaned and not allows_chains:
        raise UserError(
            f"{name}: this engine folds one chain at a time; ':' separates chains. Give each chain a line of its own."
        )
    cleaned = cleaned.strip(CHAIN_SEPARATOR)
    for place, letter in enumerate(cleaned, start=1):
        if letter not in _THREE_LETTERS and letter not in ("X", CHAIN_SEPARATOR):
            raise UserError(
                f"{name}, position {place:,}: '{letter}' is not one of the 20 amino acids, nor X for an unknown one. "
                "Replace it."
            )
    n = len(cleaned.replace(CHAIN_SEPARATOR, ""))
    if n < 10:
        raise UserError(f"{name} has {n} residues; at least 10 are needed. Choose a longer sequence.")
    if n > longest:
        raise UserError(
            f"{name} has {n:,} residues; this engine takes up to {longest:,}. Cut it into its domains."
        )
    return cleaned


def as_atoms(
    sequence: str, backbone: np.ndarray, confidence: np.ndarray | None = None, chain: str = "A"
) -> "AtomArray":
    """Backbone positions (length, 5, 3) as biotite's atoms; nan is left out, glycine has no beta carbon."""
    from biotite.structure import AtomArray

    letters = np.array(list(sequence))
    keep = ~np.isnan(backbone).any(axis=2)
    keep[letters == "G", 4] = False
    residue, atom = np.nonzero(keep)
    atoms = AtomArray(len(residue))
    atoms.coord = backbone[residue, atom].astype(np.float32)
    atoms.res_id = residue + 1
    atoms.res_name = np.array([_THREE_LETTERS.get(letter, "UNK") for letter in sequence])[residue]
    atoms.atom_name = np.array(BACKBONE)[atom]
    atoms.element = np.array([name[0] for name in BACKBONE])[atom]
    atoms.chain_id[:] = chain
    atoms.set_annotation("b_factor", np.zeros(len(residue)) if confidence is None else confidence[residue])
    atoms.set_annotation("occupancy", np.ones(len(residue)))
    return atoms
