"""One pair of genomes compared: identity, DNA segments, orthologs by tier, and gene-order blocks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd

from biotl_core.genomes.dna import Ani, find_segments, measure_ani
from biotl_core.genomes.gene_order import (
    MAX_GAP,
    MIN_PAIRS,
    Arrangement,
    Block,
    Rearrangements,
    arrange_contigs,
    count_rearrangements,
    describe_blocks,
    find_blocks,
    gene_places,
)
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.orthologs import (
    MAX_EVALUE,
    MIN_COVERAGE,
    SURE_EVALUE,
    Hits,
    Search,
    best_both_ways,
    describe_hits,
    find_hits,
    is_ortholog,
)
from biotl_core.genomes.unique import NEAREST_COLUMNS
from biotl_core.progress import Control

Tier = Literal[
    "best both ways", "same place", "weak, best both ways", "embedding, confirmed", "embedding only"
]
TIERS: dict[Tier, str] = {
    "best both ways": "Each is the other's best alignment among all proteins (reciprocal best hit).",
    "same place": "Both lie between the same two neighbours, and their alignment is the best there or nearly the best.",
    "weak, best both ways": "Best both ways, but so weak (E-value above 0.001) that it may be chance.",
    "embedding, confirmed": "Found by the protein model where alignment found nothing, and confirmed a second way.",
    "embedding only": "Found by the protein model alone: a hypothesis.",
}
"""What each tier of evidence means, the strongest first. An embedding never replaces an alignment."""
_AAI_COVERAGE, _AAI_IDENTITY = 0.7, 0.3
"""Pairs that count for amino-acid identity, as is usual (Rodriguez-R and Konstantinidis 2014, Microbe 9:111)."""
_NEIGHBOURS, _NEAR = 5, 6
_PLACE_BONUS = 0.025
"""Share of its score that a hit gains by each pair around it: of nearly equal copies, the one in place wins."""
_EVALUE_AT_PLACE = 1.0
_WORTH_A_LOOK = 75
"""Raw score (34 bits) below which the best alignment of a gene without a partner says nothing."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class PairSettings:
    """What counts, for one pair."""

    search: Search = "auto"
    max_evalue: float = MAX_EVALUE
    min_coverage: float = MIN_COVERAGE
    max_gap: int = MAX_GAP
    min_pairs: int = MIN_PAIRS


@dataclass(frozen=True)
class Pair:
    """What two genomes share."""

    ani: Ani
    aai: float | None
    """Average amino-acid identity of the best matches both ways, 0..1; None without any."""
    orthologs: pd.DataFrame
    """One row a pair of genes: `rank_a, rank_b, bits, evalue, identity, coverage_a, coverage_b, tier, probability,
    block` (-1 outside any); of one tier each gene stands in one pair at most. `probability` is nan for alignments."""
    blocks: pd.DataFrame
    """One row a block, with the fields of `gene_order.Block`."""
    segments: pd.DataFrame
    """Aligned DNA, see `dna.find_segments`."""
    nearest: pd.DataFrame
    """The best alignment of each gene without a partner, `unique.NEAREST_COLUMNS`; `side` 0 or 1 says whose gene."""
    arrangement: Arrangement
    """How the contigs of the second genome lie beside the first."""
    rearrangements: Rearrangements
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds by stage."""

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers of it, as plain values."""
        inside = int((self.orthologs["block"] >= 0).sum())
        return {
            "ani": self.ani.identity,
            "fraction_a": self.ani.fraction_a,
            "fraction_b": self.ani.fraction_b,
            "aai": self.aai,
            "n_orthologs": len(self.orthologs),
            "n_by_tier": {tier: int((self.orthologs["tier"] == tier).sum()) for tier in TIERS},
            "n_in_blocks": inside,
            "rearrangements": self.rearrangements._asdict(),
            "arrangement": {
                "order": list(self.arrangement.order),
                "flipped": list(self.arrangement.flipped),
            },
            "n_segments": len(self.segments),
            "inverted_letters": int(self.segments.loc[self.segments["direction"] < 0, "length"].sum()),
            "seconds": self.seconds,
        }


class _Clock:
    """CPU seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, stage: str, function: Callable[..., Result], *arguments: Any) -> Result:
        started = time.process_time()
        result = function(*arguments)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - started
        return result


def compare_pair(
    first: Genome, second: Genome, settings: PairSettings | None = None, control: Control | None = None
) -> Pair:
    """Compare two genomes by alignment; the embedding's tiers are added by `transfer`.

    Args:
        first: the reference, whose order and directions stay.
        second: the other; its contigs are ordered and turned to fit.
        settings: thresholds.
        control: progress and stop.
    """
    settings, control, clock = settings or PairSettings(), control or Control(), _Clock()
    control.step("Measuring nucleotide identity", 0, 0)
    ani = clock.timed("nucleotide identity", measure_ani, first, second)
    control.step("Aligning DNA", 0, 0)
    segments = clock.timed("DNA segments", find_segments, first, second)
    hits = clock.timed(
        "protein alignment", find_hits, first.proteins, second.proteins, settings.search, control
    )
    control.step("Ordering genes", 0, 0)
    orthologs = clock.timed("orthologs", _find_orthologs, first, second, hits, settings)
    pair = _arranged(first, second, orthologs, settings)
    nearest = clock.timed("orthologs", _find_nearest, first, second, hits, orthologs)
    return replace(pair, ani=ani, segments=segments, nearest=nearest, seconds=clock.seconds)


def _find_orthologs(first: Genome, second: Genome, hits: Hits, settings: PairSettings) -> pd.DataFrame:
    """Best matches both ways, where copies of a gene are told apart by their neighbours; then weaker ones in place."""
    a, b = first.proteins, second.proteins
    by_score = best_both_ways(hits, len(a), len(b))
    support = neighbour_support(hits, by_score, len(a), len(b))
    raised = Hits(hits.rows, hits.columns, hits.scores * (1.0 + _PLACE_BONUS * support))
    chosen = best_both_ways(raised, len(a), len(b))
    found = describe_hits(hits, chosen, a, b)
    is_weak = found["evalue"] > SURE_EVALUE
    found["tier"] = np.where(np.isin(chosen, by_score), "best both ways", "same place")
    found.loc[is_weak, "tier"] = "weak, best both ways"
    found = found[is_ortholog(found, settings.max_evalue, settings.min_coverage)]
    at_place = _same_place(first, second, hits, found, settings)
    parts = [found] if at_place.empty else [found, at_place]
    return pd.concat(parts, ignore_index=True).assign(probability=np.nan)


def _find_nearest(first: Genome, second: Genome, hits: Hits, orthologs: pd.DataFrame) -> pd.DataFrame:
    """The best alignment of every gene without a partner."""
    tables = []
    for side, ranks, paired in ((0, hits.rows, orthologs["rank_a"]), (1, hits.columns, orthologs["rank_b"])):
        worth = np.flatnonzero(~np.isin(ranks, paired) & (hits.scores >= _WORTH_A_LOOK))
        order = worth[np.lexsort((-hits.scores[worth].astype(np.float64), ranks[worth]))]
        best = order[np.concatenate([[True], np.diff(ranks[order]) != 0])] if len(order) else order
        found = describe_hits(hits, best, first.proteins, second.proteins)
        own, other = ("a", "b") if side == 0 else ("b", "a")
        names = {f"rank_{own}": "rank", f"rank_{other}": "partner"}
        names |= {f"coverage_{own}": "coverage_own", f"coverage_{other}": "coverage_partner"}
        tables.append(found.rename(columns=names).assign(side=side)[list(NEAREST_COLUMNS)])
    return pd.concat(tables, ignore_index=True)


def neighbour_support(hits: Hits, pairs: np.ndarray, n_a: int, n_b: int) -> np.ndarray:
    """How many of the five genes on either side of a hit's first gene have a partner near its second gene.

    Args:
        hits: `n` hits.
        pairs: indices of the hits that are pairs, each gene once.
        n_a: coding genes of the first genome.
        n_b: of the second; a partner is near within six genes.
    """
    partner = np.full(n_a, -10 * (n_b + _NEAR), dtype=np.int64)
    partner[hits.rows[pairs]] = hits.columns[pairs]
    support = np.zeros(len(hits.rows), dtype=np.int64)
    for step in (*range(-_NEIGHBOURS, 0), *range(1, _NEIGHBOURS + 1)):
        neighbour = hits.rows + step
        is_there = (neighbour >= 0) & (neighbour < n_a)
        away = np.abs(partner[neighbour.clip(0, n_a - 1)] - hits.columns)
        support += is_there & (away <= _NEAR) & (away > 0)
    return support


def _same_place(
    first: Genome, second: Genome, hits: Hits, found: pd.DataFrame, settings: PairSettings
) -> pd.DataFrame:
    """Hits of genes without a partner that lie between the same two neighbours of a block in both genomes."""
    pairs = found[["rank_a", "rank_b"]].to_numpy(np.int64)
    blocks = find_blocks(pairs, gene_places(first), gene_places(second), settings.max_gap, settings.min_pairs)
    free = np.flatnonzero(~np.isin(hits.rows, pairs[:, 0]) & ~np.isin(hits.columns, pairs[:, 1]))
    gaps_a = gaps_of(hits.rows[free], pairs, blocks, 0, len(first.coding))
    gaps_b = gaps_of(hits.columns[free], pairs, blocks, 1, len(second.coding))
    together = free[(gaps_a >= 0) & (gaps_a == gaps_b)]
    chosen, taken_a, taken_b = [], set(), set()
    for i in together[np.argsort(-hits.scores[together], kind="stable")]:
        a, b = int(hits.rows[i]), int(hits.columns[i])
        if a not in taken_a and b not in taken_b:
            chosen.append(int(i))
            taken_a.add(a)
            taken_b.add(b)
    described = describe_hits(hits, np.array(chosen, dtype=np.int64), first.proteins, second.proteins)
    # At one place of thousands chance has few candidates, so a weaker alignment is enough.
    return described[is_ortholog(described, _EVALUE_AT_PLACE, settings.min_coverage)].assign(
        tier="same place"
    )


def gaps_of(ranks: np.ndarray, pairs: np.ndarray, blocks: np.ndarray, side: int, n_genes: int) -> np.ndarray:
    """A number for the gap between two neighbours of one block that each gene lies in, -1 for none, int64 `(n,)`.

    The same two neighbours have the same number on both sides, whichever way the block goes.

    Args:
        ranks: of the genes, on one side.
        pairs: ranks of all pairs, int64 `(n, 2)`.
        blocks: of each pair.
        side: 0 for the first genome, 1 for the second.
        n_genes: coding genes of that genome.
    """
    numbers = np.full(n_genes, -1, dtype=np.int64)
    inside = np.flatnonzero(blocks >= 0)
    order = inside[np.argsort(pairs[inside, side], kind="stable")]
    for before, behind in pairwise(order):
        if blocks[before] == blocks[behind]:
            low, high = sorted((int(before), int(behind)))
            numbers[pairs[before, side] + 1 : pairs[behind, side]] = low * len(pairs) + high
    return numbers[ranks]


def with_orthologs(pair: Pair, more: pd.DataFrame) -> Pair:
    """The pair with further orthologs, of the embedding's tiers; blocks and counts stay those of the alignments.

    Args:
        pair: from `compare_pair`.
        more: columns as `Pair.orthologs`, with the block of those that lie within one.
    """
    return replace(pair, orthologs=pd.concat([pair.orthologs, more], ignore_index=True))


def _arranged(first: Genome, second: Genome, orthologs: pd.DataFrame, settings: PairSettings) -> Pair:
    """The pair with blocks, the arrangement of contigs and the count of rearrangements."""
    places_a, places_b = gene_places(first), gene_places(second)
    ranks = orthologs[["rank_a", "rank_b"]].to_numpy(np.int64)
    numbers = find_blocks(ranks, places_a, places_b, settings.max_gap, settings.min_pairs)
    blocks = describe_blocks(ranks, numbers, places_a, places_b)
    arrangement = arrange_contigs(ranks, places_a, places_b, len(second.contigs))
    counts = count_rearrangements(blocks, arrangement.flipped)
    table = pd.DataFrame(blocks, columns=list(Block._fields))
    aligned = orthologs[orthologs["tier"] == "best both ways"]
    counted = aligned[
        (aligned[["coverage_a", "coverage_b"]].min(axis=1) >= _AAI_COVERAGE)
        & (aligned["identity"] >= _AAI_IDENTITY)
    ]
    aai = float(counted["identity"].mean()) if len(counted) else None
    return Pair(
        Ani(None, 0.0, 0.0),
        aai,
        orthologs.assign(block=numbers),
        table,
        pd.DataFrame(),
        pd.DataFrame(),
        arrangement,
        counts,
    )
