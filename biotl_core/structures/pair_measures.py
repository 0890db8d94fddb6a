"""PAIR_METRICS: how right expected distances between residues are, one entry a metric, and their means over chains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from biotl_core.structures.alignment import filled_backbone
from biotl_core.structures.chains import CA, CB, ProteinChain
from biotl_core.structures.result_files import CONTACT, contact_probability

EDGES = np.arange(4.0, 21.0)
"""Upper edges of the distance bins in Å but the last, which holds all that is farther."""
N_BINS = len(EDGES) + 1
LONG, MEDIUM = 24, 12
"""Steps along the chain from which on a pair is long-range, and medium-range."""
_REACH = 15.0
"""Å up to which lDDT looks."""
_TOLERANCES = (0.5, 1.0, 2.0, 4.0)
_N_RESAMPLES = 1_000
_FEWEST = 5
"""Chains below which no interval is told: so few drawn with replacement look surer than they are."""


class Pairs(NamedTuple):
    """Expected distances of one chain beside its true ones."""

    bins: np.ndarray
    """Probabilities of the bins between alpha and between beta carbons, shape (2, n, n, bins)."""
    distances: np.ndarray
    """True ones in Å, shape (2, n, n); nan where not resolved."""


@dataclass(frozen=True)
class PairMetric:
    """One number that says how right the expected distances of a chain are; higher is better."""

    title: str
    explanation: str
    of: Callable[[Pairs], float] | None = None
    """nan where the chain has no such pairs; None for what is measured on the folded chain."""


class Mean(NamedTuple):
    """The mean over chains, with its interval."""

    value: float
    low: float
    high: float


def true_distances(chain: ProteinChain) -> np.ndarray:
    """Distances in Å between alpha and between beta carbons, shape (2, n, n); nan where not resolved."""
    backbone = filled_backbone(chain)
    return np.stack(
        [np.linalg.norm(backbone[:, None, atom] - backbone[None, :, atom], axis=2) for atom in (CA, CB)]
    )


def true_contacts(chain: ProteinChain) -> np.ndarray:
    """Whether beta carbons are within 8 Å, shape (n, n); nan where not resolved."""
    return as_contacts(true_distances(chain)[1])


def as_contacts(distances: np.ndarray) -> np.ndarray:
    """Whether distances in Å are contacts, 0 or 1; nan stays."""
    return np.where(np.isnan(distances), np.nan, distances < CONTACT)


def precision_at_l(
    scores: np.ndarray, contacts: np.ndarray, share: float = 1.0, nearest: int = LONG, farthest: int = 10**6
) -> float:
    """Share of true contacts among the L * share highest scores of pairs that far apart along the chain (P@L).

    Args:
        scores: shape (n, n), higher for likelier contacts.
        contacts: 1, 0 or nan, shape (n, n).
        share: of the length of the chain.
        nearest: fewest steps along the chain.
        farthest: most steps along the chain.
    """
    i, j = np.triu_indices(len(scores), nearest)
    known = ~np.isnan(contacts[i, j]) & (j - i <= farthest)
    i, j = i[known], j[known]
    if len(i) == 0:
        return float("nan")
    top = np.argsort(scores[i, j], kind="stable")[::-1][: max(1, round(len(scores) * share))]
    return float(contacts[i[top], j[top]].mean())


def expected_distances(bins: np.ndarray) -> np.ndarray:
    """The mean distance in Å that probabilities of bins (..., bins) tell; the open last bin counts as 22 Å."""
    centres = np.concatenate([[EDGES[0] - 0.3], (EDGES[:-1] + EDGES[1:]) / 2, [EDGES[-1] + 2.0]])
    return bins @ centres


def distance_lddt(expected: np.ndarray, true: np.ndarray) -> float:
    """lDDT of a map of distances, 0 to 1: no fold is needed, so it has no hand.

    Of the pairs that are truly within 15 Å, the share whose expected distance is right to 0.5, 1, 2 and 4 Å, averaged
    over the four (Mariani et al., Bioinformatics 29, 2722, 2013); neighbours along the chain, whose distance is fixed,
    are left out.

    Args:
        expected: distances in Å, shape (n, n).
        true: the same, nan where not resolved.
    """
    i, j = np.triu_indices(len(true), 3)
    i, j = (places[true[i, j] < _REACH] for places in (i, j))
    if len(i) == 0:
        return float("nan")
    off = np.abs(expected[i, j] - true[i, j])
    return float(np.mean([(off < limit).mean() for limit in _TOLERANCES]))


_FAR = 10**6
_RANGES = {
    "precision_long": (1.0, LONG, _FAR),
    "precision_long_half": (0.5, LONG, _FAR),
    "precision_long_fifth": (0.2, LONG, _FAR),
    "precision_medium": (0.5, MEDIUM, LONG - 1),
}
"""Share of the length that is looked at, fewest and most steps along the chain."""


def _precision(name: str) -> Callable[[Pairs], float]:
    def of(pairs: Pairs) -> float:
        scores = contact_probability(pairs.bins[1], EDGES)
        return precision_at_l(scores, as_contacts(pairs.distances[1]), *_RANGES[name])

    return of


PAIR_METRICS: dict[str, PairMetric] = {
    "precision_long": PairMetric(
        "P@L, long range",
        "Of the L most probable contacts between residues at least 24 steps apart, the share that is true; L is the "
        "length of the chain.",
        _precision("precision_long"),
    ),
    "precision_long_half": PairMetric(
        "P@L/2, long range", "The same for the L/2 most probable.", _precision("precision_long_half")
    ),
    "precision_long_fifth": PairMetric(
        "P@L/5, long range", "The same for the L/5 most probable.", _precision("precision_long_fifth")
    ),
    "precision_medium": PairMetric(
        "P@L/2, medium range",
        "The same for the L/2 most probable contacts between residues 12 to 23 steps apart.",
        _precision("precision_medium"),
    ),
    "distance_lddt": PairMetric(
        "lDDT of distances",
        "Of the pairs that are within 15 Å, the share whose expected distance is right to 0.5, 1, 2 and 4 Å, averaged; "
        "0 to 1.",
        lambda pairs: distance_lddt(expected_distances(pairs.bins[0]), pairs.distances[0]),
    ),
    "fold_lddt": PairMetric("lDDT of the fold", "lDDT over alpha carbons after folding, 0 to 1."),
    "fold_tm": PairMetric("TM-score of the fold", "Above 0.5 the fold is right (Zhang and Skolnick 2004)."),
}
"""Everything that is measured of expected distances."""


def judge_bins(bins: np.ndarray, chain: ProteinChain) -> dict[str, float]:
    """The metrics of one chain that need no fold, from probabilities of bins (2, n, n, bins)."""
    pairs = Pairs(bins, true_distances(chain))
    return {name: metric.of(pairs) for name, metric in PAIR_METRICS.items() if metric.of is not None}


def judge_scores(scores: np.ndarray, chain: ProteinChain) -> dict[str, float]:
    """The metrics that need only an order of pairs: scores (n, n), higher for likelier contacts."""
    contacts = true_contacts(chain)
    return {name: precision_at_l(scores, contacts, *limits) for name, limits in _RANGES.items()}


def averaged(chains: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over chains; those without a value are left out."""
    names = [name for name in PAIR_METRICS if any(name in chain for chain in chains)]
    columns = {name: np.array([chain.get(name, np.nan) for chain in chains], dtype=float) for name in names}
    return {name: _mean(values) for name, values in columns.items()}


def mean_with_interval(values: Sequence[float], seed: int = 0) -> Mean:
    """The mean over chains and its 95 % interval, the chains drawn with replacement; no interval (nan) below 5."""
    known = np.array([value for value in values if not np.isnan(value)], dtype=float)
    nothing = float("nan")
    if len(known) < _FEWEST:
        return Mean(float(known.mean()) if len(known) else nothing, nothing, nothing)
    rng = np.random.default_rng(seed)
    means = known[rng.integers(0, len(known), (_N_RESAMPLES, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Mean(float(known.mean()), float(low), float(high))


def separation_bins(chains: Sequence[ProteinChain]) -> np.ndarray:
    """Shares of the distance bins by steps along the chain, shape (2, steps, bins): what no sequence is needed for.

    The last row stands for all pairs at least that far apart.
    """
    farthest = 2 * LONG
    counts = np.ones((2, farthest + 1, N_BINS))  # one seen of each, so that nothing is impossible
    for chain in chains:
        distances = true_distances(chain)
        i, j = np.triu_indices(len(chain), 1)
        steps = np.minimum(j - i, farthest)
        for kind in range(2):
            d = distances[kind, i, j]
            known = ~np.isnan(d)
            np.add.at(counts[kind], (steps[known], np.searchsorted(EDGES, d[known], side="right")), 1)
    counts[:, 0] = np.eye(N_BINS)[0]
    return counts / counts.sum(axis=2, keepdims=True)


def bins_by_separation(shares: np.ndarray, length: int) -> np.ndarray:
    """`separation_bins` as a map of a chain of that length, shape (2, length, length, bins)."""
    places = np.arange(length)
    steps = np.minimum(np.abs(places[:, None] - places[None]), shares.shape[1] - 1)
    return shares[:, steps]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
