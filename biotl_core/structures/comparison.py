"""Lay chains on a reference: every measure, the deviation of each residue, and the moved coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.errors import UserError
from biotl_core.structures.alignment import Alignment, align_sequences, align_structures
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.measures import Likeness, compare_points
from biotl_core.structures.results import CHAIN_LETTERS

Matching = Literal["auto", "sequence", "structure"]
MATCHINGS: dict[Matching, tuple[str, str]] = {
    "auto": (
        "By itself",
        "By sequence where at least 40 % of the aligned letters are the same, else by shape.",
    ),
    "sequence": (
        "By sequence",
        "Residues that the sequence alignment puts together; for models of one protein.",
    ),
    "structure": (
        "By shape",
        "Residues that lie together when the shapes are laid on one another; for relatives.",
    ),
}
"""How residues of two chains are matched: title and explanation."""
ENOUGH_IDENTITY = 0.4
"""Share of identical letters above which residues are matched by sequence."""
MOST_MODELS = 8


@dataclass(frozen=True)
class Comparison:
    """A chain laid on the reference."""

    name: str
    matched_by: Matching
    pairs: Alignment
    """Places in the reference and in the model; both resolved."""
    identity: float
    """Share of identical letters among the pairs."""
    likeness: Likeness
    atoms: object
    """The model's atoms moved onto the reference."""


def compare_chains(reference: ProteinChain, model: ProteinChain, matching: Matching = "auto") -> Comparison:
    """Match, superpose and measure two chains.

    Args:
        reference: what the model is laid on; the TM-score is normalised by its resolved residues.
        model: another chain, or a model of the same.
        matching: how residues are matched.

    Raises:
        UserError: too few residues in common.
    """
    by_sequence = _resolved(align_sequences(reference.sequence, model.sequence), reference, model)
    identity = _identity(by_sequence, reference, model)
    use_sequence = matching == "sequence" or (matching == "auto" and identity >= ENOUGH_IDENTITY)
    pairs = by_sequence
    if not use_sequence:
        pairs = _resolved(align_structures(reference, model)[1], reference, model)
    likeness = compare_points(
        reference.ca[pairs.first], model.ca[pairs.second], int(reference.is_resolved.sum())
    )
    moved = model.atoms.copy()
    moved.coord = likeness.movement.apply(moved.coord).astype(np.float32)
    return Comparison(
        model.name,
        "sequence" if use_sequence else "structure",
        pairs,
        _identity(pairs, reference, model),
        likeness,
        moved,
    )


def compare_all(
    reference: ProteinChain, models: Sequence[ProteinChain], matching: Matching = "auto"
) -> list[Comparison]:
    """Each model against the reference; errors as in `compare_chains`, and UserError for too many models."""
    if len(models) > MOST_MODELS:
        raise UserError(f"{len(models)} models are too many to look at; choose up to {MOST_MODELS}.")
    return [compare_chains(reference, model, matching) for model in models]


def score_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One row a model: name, scores by the names in `MEASURES`, pairs, identity, how they were matched."""
    return pd.DataFrame(
        [
            {
                "model": one.name,
                **one.likeness.scores,
                "residues_in_common": len(one.pairs.first),
                "identity": one.identity,
                "matched_by": one.matched_by,
            }
            for one in comparisons
        ]
    )


def deviation_table(reference: ProteinChain, comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One row a residue of the reference: position, letter, and for each model deviation in Å and local lDDT."""
    table = pd.DataFrame({"position": np.arange(1, len(reference) + 1), "letter": list(reference.sequence)})
    for one in comparisons:
        for title, values in (("deviation", one.likeness.deviation), ("lddt", one.likeness.local)):
            column = np.full(len(reference), np.nan)
            column[one.pairs.first] = values
            table[f"{one.name} {title}"] = column
    return table


def superposed_file(reference: ProteinChain, comparisons: Sequence[Comparison]) -> bytes:
    """A PDB file with the reference as chain A and the moved models as B, C, ...; residues numbered from 1.

    The B column holds the deviation from the reference in Å, 0 for the reference and where nothing is matched.
    """
    import io

    import biotite.structure.io.pdb as pdb
    from biotite.structure import concatenate

    parts = []
    for letter, (atoms, deviation) in zip(
        CHAIN_LETTERS,
        [(reference.atoms, {})]
        + [
            (one.atoms, dict(zip(one.pairs.second.tolist(), one.likeness.deviation.tolist(), strict=True)))
            for one in comparisons
        ],
        strict=False,
    ):
        part = atoms.copy()
        part.chain_id[:] = letter
        part.b_factor[:] = [min(deviation.get(int(place) - 1, 0.0), 999.0) for place in part.res_id]
        parts.append(part)
    together = concatenate(parts)
    if len(together) > 99_999:
        raise UserError(
            "Together the chains have too many atoms for one PDB file. Compare fewer or shorter chains."
        )
    together.box = None
    file = pdb.PDBFile()
    file.set_structure(together)
    stream = io.StringIO()
    file.write(stream)
    return stream.getvalue().encode()


def _resolved(pairs: Alignment, reference: ProteinChain, model: ProteinChain) -> Alignment:
    keep = reference.is_resolved[pairs.first] & model.is_resolved[pairs.second]
    return Alignment(pairs.score, pairs.first[keep], pairs.second[keep])


def _identity(pairs: Alignment, reference: ProteinChain, model: ProteinChain) -> float:
    if not len(pairs.first):
        return 0.0
    letters = np.array(list(reference.sequence))[pairs.first] == np.array(list(model.sequence))[pairs.second]
    return float(letters.mean())
