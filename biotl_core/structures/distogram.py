"""The distogram engine: distances learned from her structures, folded by gradient descent (torch)."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.home import home_subfolder
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.distance_head import (
    DistanceHead,
    Features,
    open_features,
    open_head,
    predict_bins,
    save_head,
    train_head,
)
from biotl_core.structures.engines import FoldSettings, Predict
from biotl_core.structures.folding import Restraints, fold
from biotl_core.structures.pair_measures import EDGES, LONG
from biotl_core.structures.rebuilding import rebuild_backbone
from biotl_core.structures.result_files import contact_probability
from biotl_core.structures.results import StructureResult, as_atoms, check_sequence

LONGEST = 600
FEWEST = 5
"""Structures below which nothing is learned."""
_SHORTEST_CHAIN = 30
_VERSION = 2
"""Counted up when heads that were kept before must not be used any more."""


def open_distogram(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """Learn the distance head on the chains, or take the one that was learned on the very same before.

    Raises:
        UserError: too few chains.
    """
    usable = [chain for chain in chains if int(chain.is_resolved.sum()) >= _SHORTEST_CHAIN]
    if len(usable) < FEWEST:
        raise UserError(
            f"{len(usable)} chains of at least {_SHORTEST_CHAIN} residues are too few to learn distances from; at "
            f"least {FEWEST} are needed. Add structures, or use the engine 'template'."
        )
    control.step("Loading the backbone", 0, 0)
    features = open_features(settings.backbone, resolve_device(settings.device).name)
    head = _learned(features, usable, settings, control)
    about = {"structures_learned_from": len(usable), **settings.of("distogram")}
    return lambda sequence, name, control: fold_with_head(features, head, sequence, name, about, control)


def open_learned(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """The head of a finished run that learned distances; UserError when none is named, or it is damaged."""
    del chains  # it has learned already
    if not settings.head:
        raise UserError(
            "Choose the run that has learned distances; there is one for each training on the page Runs."
        )
    control.step("Loading the backbone", 0, 0)
    features, head, known = open_head(Path(settings.head), resolve_device(settings.device).name)
    about = {
        **settings.of("learned"),
        **{name: known[name] for name in ("structures_learned_from", "run", "backbone")},
    }
    return lambda sequence, name, control: fold_with_head(
        features, head, sequence, name, about, control, "learned"
    )


def _learned(
    features: Features, chains: list[ProteinChain], settings: FoldSettings, control: Control
) -> DistanceHead:
    folder = home_subfolder("distance-heads") / _key(features, chains, settings)
    if (folder / "head.json").is_file():
        return open_head(folder, features.device)[1]
    head = train_head(features, chains, settings.passes, settings.seed, control)
    about = {"fingerprint": features.fingerprint, "chains": [chain.name for chain in chains]}
    save_head(head, folder, settings.of("distogram") | about)
    return head


def _key(features: Features, chains: Sequence[ProteinChain], settings: FoldSettings) -> str:
    digest = hashlib.sha256(f"{_VERSION} {features.fingerprint} {settings.passes} {settings.seed}".encode())
    for chain in chains:
        digest.update(chain.sequence.encode() + np.nan_to_num(chain.ca).astype(np.float32).tobytes())
    return digest.hexdigest()[:24]


def fold_with_head(
    features: Features,
    head: DistanceHead,
    sequence: str,
    name: str,
    about: dict,
    control: Control,
    engine: str = "distogram",
) -> StructureResult:
    """The structure of a chain from the distances that a head expects."""
    began = time.perf_counter()
    sequence = check_sequence(sequence, name, LONGEST)
    control.step("Expecting distances", 0, 0)
    bins = predict_bins(features, head, sequence)
    notes = (
        f"Distances were learned from {about['structures_learned_from']} structures; for a protein unlike them "
        "this is a sketch.",
        "Distances know no hand: of both mirror images the one with the commoner turns of the backbone is shown.",
    )
    return folded_from_bins(bins, sequence, name, engine, about, notes, began, control)


def folded_from_bins(
    bins: np.ndarray,
    sequence: str,
    name: str,
    engine: str,
    about: dict[str, Any],
    notes: tuple[str, ...],
    began: float,
    control: Control,
    restraints: Restraints | None = None,
) -> StructureResult:
    """The structure whose distances agree best with probabilities of bins (2, n, n, bins).

    Args:
        bins: between alpha and between beta carbons.
        sequence: as checked.
        name: of the sequence.
        engine: that expects these distances.
        about: its settings.
        notes: what is to know before trusting it.
        began: `time.perf_counter()` at its beginning.
        control: progress and stop.
        restraints: what is folded from instead of the bins, where not all of them are to be believed.
    """
    folded = fold(len(sequence), restraints or restraints_from_bins(bins[0]), control)
    confidence = expected_lddt(bins[0], folded.ca)
    contacts = contact_probability(bins[1], EDGES)
    return StructureResult(
        name=name,
        sequence=sequence,
        atoms=as_atoms(sequence, rebuild_backbone(folded.ca), confidence),
        confidence=confidence,
        confidence_kind="expected lDDT",
        engine=engine,
        settings=about,
        seconds=time.perf_counter() - began,
        distogram=bins[1],
        distance_edges=EDGES,
        scores={
            "mean_confidence": float(confidence.mean()),
            "hand_margin": folded.hand_margin,
            "expected_long_contacts": expected_long_contacts(contacts),
        },
        notes=notes,
    )


def restraints_from_bins(bins: np.ndarray) -> Restraints:
    """What probabilities of distance bins (n, n, bins) say about pairs: a mean with its spread, or a lower bound."""
    i, j = np.triu_indices(len(bins), 1)
    p = bins[i, j]
    centres = np.concatenate([[EDGES[0] - 0.3], (EDGES[:-1] + EDGES[1:]) / 2])
    near = p[:, :-1].sum(axis=1)
    share = p[:, :-1] / np.maximum(near, 1e-9)[:, None]
    mean = share @ centres
    spread = np.sqrt(np.maximum((share * (centres - mean[:, None]) ** 2).sum(axis=1), 0.25))
    is_far = near < 0.5
    return Restraints(
        i,
        j,
        np.where(is_far, EDGES[-1] - 3, mean),
        np.where(is_far, 2.0, spread),
        np.where(is_far, 0.3 * (1 - near), near / spread),
        is_far,
    )


def expected_lddt(bins: np.ndarray, ca: np.ndarray) -> np.ndarray:
    """The lDDT to expect of each residue, 0 to 100, if distances are as likely as the bins (n, n, bins) say.

    For each pair that lies within 15 Å in the model: the probability that the true distance is within 0.5, 1, 2 and
    4 Å of the model's, averaged; then the mean over the pairs of a residue.
    """
    distance = np.linalg.norm(ca[:, None] - ca[None], axis=2)
    lower = np.concatenate([[2.0], EDGES])
    upper = np.concatenate([EDGES, [40.0]])
    agreement = np.zeros_like(distance)
    for limit in (0.5, 1.0, 2.0, 4.0):
        overlap = np.minimum(upper, distance[..., None] + limit) - np.maximum(
            lower, distance[..., None] - limit
        )
        agreement += (bins * np.clip(overlap / (upper - lower), 0, 1)).sum(axis=2) / 4
    counts = (distance < 15) & ~np.eye(len(ca), dtype=bool)
    return 100 * (agreement * counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)


def expected_long_contacts(contacts: np.ndarray) -> float:
    """The mean probability of the L most probable contacts at least 24 residues apart: P@L as the head expects it."""
    i, j = np.triu_indices(len(contacts), LONG)
    if len(i) == 0:
        return 0.0
    return float(np.sort(contacts[i, j])[::-1][: len(contacts)].mean())
