"""How alike two structures are: RMSD, TM-score, lDDT, GDT-TS, and the deviation of each residue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.superposition import Movement, search, superpose

FEWEST = 3
"""Residues in common below which nothing is compared."""


class Likeness(NamedTuple):
    """Two structures compared over the residues they have in common."""

    scores: dict[str, float]
    """By the names in `MEASURES`."""
    deviation: np.ndarray
    """Distance of each pair of alpha carbons in Å after the superposition with the best TM-score, shape (n,)."""
    local: np.ndarray
    """lDDT of each pair over alpha carbons, 0 to 1, shape (n,); nan where nothing lies within 15 Å."""
    movement: Movement
    """How the second structure is laid on the first."""


@dataclass(frozen=True)
class Measure:
    """A number that says how alike two structures are."""

    title: str
    explanation: str
    """One sentence for the help, with its source."""
    measure: Callable[[np.ndarray, np.ndarray, int], float]
    """(reference (n, 3), model (n, 3), residues of the reference) to the number."""
    unit: str = ""
    higher_is_better: bool = True


def tm_d0(length: int) -> float:
    """The distance in Å at which a pair counts half in the TM-score of a reference of that length.

    Zhang and Skolnick, Proteins 57, 702 (2004).
    """
    return max(0.5, 1.24 * (max(length, 16) - 15) ** (1 / 3) - 1.8)


def rmsd(reference: np.ndarray, model: np.ndarray) -> float:
    """Root mean square deviation in Å of paired points (n, 3) after least-squares superposition."""
    from biotite.structure import rmsd as rmsd_as_it_lies

    return float(rmsd_as_it_lies(reference, superpose(reference, model).apply(model)))


def tm_superposition(reference: np.ndarray, model: np.ndarray, length: int) -> tuple[float, Movement]:
    """TM-score of paired alpha carbons (n, 3), 0 to 1, with its superposition.

    Args:
        reference: positions in Å.
        model: the same residues in the model.
        length: residues of the reference, those without a pair included.
    """
    d0 = tm_d0(length)
    # The search of Zhang and Skolnick begins with pairs within d0 + 1 Å, between 4.5 and 8 Å.
    cutoff = float(np.clip(d0 + 1, 4.5, 8.0))
    return search(reference, model, cutoff, lambda d: (1 / (1 + (d / d0) ** 2)).sum(axis=1) / length)


def tm_score(reference: np.ndarray, model: np.ndarray, length: int | None = None) -> float:
    """TM-score of paired alpha carbons, normalised by `length` (that of the reference by default)."""
    return tm_superposition(reference, model, length or len(reference))[0]


def gdt_ts(reference: np.ndarray, model: np.ndarray, length: int | None = None) -> float:
    """GDT-TS, 0 to 1: the mean share of residues within 1, 2, 4 and 8 Å, each in its best superposition.

    Zemla, Nucleic Acids Res 31, 3370 (2003).
    """
    length = length or len(reference)
    shares = [
        search(reference, model, limit, lambda d, limit=limit: (d <= limit).sum(axis=1) / length)[0]
        for limit in (1.0, 2.0, 4.0, 8.0)
    ]
    return float(np.mean(shares))


def local_lddt(reference: np.ndarray, model: np.ndarray) -> np.ndarray:
    """lDDT of each residue over alpha carbons, 0 to 1, shape (n,); nan without a neighbour within 15 Å.

    Mariani et al., Bioinformatics 29, 2722 (2013), as in biotite.
    """
    from biotite.structure import lddt as lddt_of_atoms

    return np.asarray(lddt_of_atoms(_as_atoms(reference), model, aggregation="residue"), dtype=float)


def lddt(reference: np.ndarray, model: np.ndarray, length: int | None = None) -> float:
    """lDDT over alpha carbons, 0 to 1; residues of the reference without a pair are left out."""
    from biotite.structure import lddt as lddt_of_atoms

    return float(lddt_of_atoms(_as_atoms(reference), model))


MEASURES: dict[str, Measure] = {
    "tm_score": Measure(
        "TM-score",
        "From 0 to 1; above 0.5 the folds are the same, whatever the length (Zhang and Skolnick 2004).",
        tm_score,
    ),
    "lddt": Measure(
        "lDDT",
        "From 0 to 1: the share of distances within 15 Å that are kept; needs no superposition (Mariani 2013).",
        lddt,
    ),
    "gdt_ts": Measure(
        "GDT-TS",
        "From 0 to 1: the mean share of residues within 1, 2, 4 and 8 Å (Zemla 2003).",
        gdt_ts,
    ),
    "rmsd": Measure(
        "RMSD",
        "Root mean square distance of the alpha carbons; one loose end can dominate it.",
        lambda reference, model, length: rmsd(reference, model),
        "Å",
        higher_is_better=False,
    ),
}
"""Every measure of two structures, in the order of display."""


def compare_points(reference: np.ndarray, model: np.ndarray, length: int) -> Likeness:
    """All measures of paired alpha carbons (n, 3) in Å.

    Args:
        reference: of the residues in common.
        model: the same residues.
        length: residues of the reference, those that the model lacks included.

    Raises:
        UserError: fewer than three pairs.
    """
    if len(reference) < FEWEST:
        raise UserError(
            f"The two structures have {len(reference)} residues in common; at least {FEWEST} are needed. Choose "
            "other chains."
        )
    movement = tm_superposition(reference, model, length)[1]
    deviation = np.linalg.norm(movement.apply(model) - reference, axis=1)
    scores = {name: entry.measure(reference, model, length) for name, entry in MEASURES.items()}
    return Likeness(scores, deviation, local_lddt(reference, model), movement)


def _as_atoms(positions: np.ndarray):
    from biotite.structure import AtomArray

    atoms = AtomArray(len(positions))
    atoms.coord = positions.astype(np.float32)
    atoms.res_id = np.arange(1, len(positions) + 1)
    atoms.chain_id[:], atoms.atom_name[:], atoms.element[:], atoms.res_name[:] = "A", "CA", "C", "ALA"
    return atoms
