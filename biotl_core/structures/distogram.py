"""The distogram engine: distances learned from her structures, folded by gradient descent (torch)."""

import hashlib
import json
import time
from collections.abc import Sequence

import numpy as np
from safetensors.torch import load_file, save_file

from biotl_core.errors import UserError
from biotl_core.home import home_subfolder
from biotl_core.progress import Control
from biotl_core.structures.chains import CB, ProteinChain
from biotl_core.structures.distance_head import (
    EDGES,
    DistanceHead,
    Features,
    open_features,
    predict_bins,
    train_head,
)
from biotl_core.structures.engines import FoldSettings, Predict
from biotl_core.structures.folding import Restraints, fold
from biotl_core.structures.rebuilding import rebuild_backbone
from biotl_core.structures.result_files import contact_probability
from biotl_core.structures.results import StructureResult, as_atoms, check_sequence

LONGEST = 600
FEWEST = 5
"""Structures below which nothing is learned."""
_SHORTEST_CHAIN = 30
_VERSION = 1
"""Counted up when heads that were kept before must not be used any more."""
_LONG_RANGE = 24


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
    features = open_features(settings.backbone)
    head = _learned(features, usable, settings, control)
    about = {"structures_learned_from": len(usable), **settings.of("distogram")}
    return lambda sequence, name, control: fold_with_head(features, head, sequence, name, about, control)


def _learned(
    features: Features, chains: list[ProteinChain], settings: FoldSettings, control: Control
) -> DistanceHead:
    folder = home_subfolder("distance-heads") / _key(chains, settings)
    file = folder / "head.safetensors"
    if file.is_file():
        head = DistanceHead(features.width)
        head.load_state_dict(load_file(file))
        return head.eval()
    head = train_head(features, chains, settings.passes, settings.seed, control)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "head.writing"
    save_file(head.state_dict(), fresh)
    fresh.rename(file)
    (folder / "about.json").write_text(
        json.dumps(settings.of("distogram") | {"chains": [c.name for c in chains]})
    )
    return head


def _key(chains: Sequence[ProteinChain], settings: FoldSettings) -> str:
    digest = hashlib.sha256(f"{_VERSION} {settings.backbone} {settings.passes} {settings.seed}".encode())
    for chain in chains:
        digest.update(chain.sequence.encode() + np.nan_to_num(chain.ca).astype(np.float32).tobytes())
    return digest.hexdigest()[:24]


def fold_with_head(
    features: Features, head: DistanceHead, sequence: str, name: str, about: dict, control: Control
) -> StructureResult:
    """The structure of a chain from the distances that a head expects."""
    began = time.perf_counter()
    sequence = check_sequence(sequence, name, LONGEST)
    control.step("Expecting distances", 0, 0)
    bins = predict_bins(features, head, sequence)
    folded = fold(len(sequence), restraints_from_bins(bins[0]), control)
    backbone = rebuild_backbone(folded.ca)
    confidence = expected_lddt(bins[0], folded.ca)
    contacts = contact_probability(bins[1], EDGES)
    return StructureResult(
        name=name,
        sequence=sequence,
        atoms=as_atoms(sequence, backbone, confidence),
        confidence=confidence,
        confidence_kind="expected lDDT",
        engine="distogram",
        settings=about,
        seconds=time.perf_counter() - began,
        distogram=bins[1],
        distance_edges=EDGES,
        scores={
            "mean_confidence": float(confidence.mean()),
            "hand_margin": folded.hand_margin,
            "expected_long_contacts": expected_long_contacts(contacts),
        },
        notes=(
            f"Distances were learned from {about['structures_learned_from']} structures; for a protein unlike them "
            "this is a sketch.",
            "Distances know no hand: of both mirror images the one with the commoner turns of the backbone is shown.",
        ),
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
    i, j = np.triu_indices(len(contacts), _LONG_RANGE)
    if len(i) == 0:
        return 0.0
    return float(np.sort(contacts[i, j])[::-1][: len(contacts)].mean())


def true_contacts(chain: ProteinChain) -> np.ndarray:
    """Whether beta carbons are within 8 Å, shape (n, n); nan where not resolved."""
    from biotl_core.structures.alignment import filled_backbone

    points = filled_backbone(chain)[:, CB]
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.where(np.isnan(distance), np.nan, distance < 8.0)


def precision_at_l(scores: np.ndarray, contacts: np.ndarray, share: float = 1.0) -> float:
    """Share of true contacts among the L * share highest scores of pairs at least 24 residues apart (P@L)."""
    i, j = np.triu_indices(len(scores), _LONG_RANGE)
    known = ~np.isnan(contacts[i, j])
    i, j = i[known], j[known]
    if len(i) == 0:
        return float("nan")
    top = np.argsort(scores[i, j])[::-1][: max(1, round(len(scores) * share))]
    return float(contacts[i[top], j[top]].mean())
