"""Gene order: blocks of genes that lie in one order in two genomes, and what was rearranged between them."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from biotl_core.genomes.genome import Genome

MAX_GAP = 25
"""Genes that may lie between two pairs of one block, in either genome."""
MIN_PAIRS = 3
"""Pairs that a block has at least; fewer are a gene that moved, or chance."""


@dataclass
class _Chain:
    """Pairs of one block, as they are found along the first genome."""

    contigs: tuple[int, int]
    direction: int
    """+1 where both genomes go the same way, -1 where the second goes the other way."""
    last: tuple[int, int]
    """Ranks of the last pair."""
    pairs: list[int] = field(default_factory=list)

    def distance(self, a: int, b: int) -> int:
        """Genes that a next pair would skip in the genome where it skips more; 0 for direct neighbours."""
        step = (b - self.last[1]) * self.direction
        return max(a - self.last[0], step) - 1 if step > 0 else MAX_GAP * 1_000


def gene_places(genome: Genome) -> np.ndarray:
    """Number of the contig and strand of each coding gene, int64 `(n, 2)`."""
    order = {name: i for i, name in enumerate(genome.contigs)}
    coding = genome.coding
    contigs = coding["contig"].map(order).to_numpy(np.int64)
    return np.stack([contigs, coding["strand"].to_numpy(np.int64)], axis=1)


def find_blocks(
    pairs: np.ndarray,
    places_a: np.ndarray,
    places_b: np.ndarray,
    max_gap: int = MAX_GAP,
    min_pairs: int = MIN_PAIRS,
) -> np.ndarray:
    """The block of each pair, int64 `(n,)`: 0, 1, ... in the order of the first genome, -1 outside any.

    The strands of a pair's genes say which way its block goes. Along the first genome, a pair continues the open chain
    of its contigs and direction whose last pair is nearest, if no more than `max_gap` genes are skipped in either.

    Args:
        pairs: ranks in the first and the second genome, int64 `(n, 2)`.
        places_a: of the coding genes of the first genome (`gene_places`).
        places_b: of those of the second.
        max_gap: genes skipped at most.
        min_pairs: of a block at least.
    """
    open_chains: list[_Chain] = []
    all_chains: list[_Chain] = []
    for i in np.lexsort((pairs[:, 1], pairs[:, 0])):
        a, b = int(pairs[i, 0]), int(pairs[i, 1])
        contigs = (int(places_a[a, 0]), int(places_b[b, 0]))
        direction = int(places_a[a, 1] * places_b[b, 1])
        open_chains = [chain for chain in open_chains if a - chain.last[0] <= max_gap + 1]
        fitting = [c for c in open_chains if (c.contigs, c.direction) == (contigs, direction)]
        chain = min(fitting, key=lambda c: c.distance(a, b), default=None)
        if chain is None or chain.distance(a, b) > max_gap:
            chain = _Chain(contigs, direction, (a, b))
            open_chains.append(chain)
            all_chains.append(chain)
        chain.pairs.append(int(i))
        chain.last = (a, b)
    chains = np.full(len(pairs), -1, dtype=np.int64)
    for number, chain in enumerate(all_chains):
        if len(chain.pairs) >= min_pairs:
            chains[chain.pairs] = number
    return _cut_where_others_lie(chains, pairs, min_pairs)


def _cut_where_others_lie(chains: np.ndarray, pairs: np.ndarray, min_pairs: int) -> np.ndarray:
    """Chains cut where another lies within them, in either genome, and numbered along the first genome.

    A chain runs over a piece that was turned in its middle; it is two blocks then, with the turned one between.
    """
    inside = np.flatnonzero(chains >= 0)
    runs = []
    for side in (0, 1):
        order = inside[np.argsort(pairs[inside, side], kind="stable")]
        run = np.full(len(pairs), -1, dtype=np.int64)
        run[order] = np.cumsum(np.diff(chains[order], prepend=-1) != 0)
        runs.append(run)
    blocks = np.full(len(pairs), -1, dtype=np.int64)
    members: dict[tuple[int, int, int], list[int]] = {}
    for i in inside[np.argsort(pairs[inside, 0], kind="stable")]:
        members.setdefault((int(chains[i]), int(runs[0][i]), int(runs[1][i])), []).append(int(i))
    long_enough = [part for part in members.values() if len(part) >= min_pairs]
    for number, part in enumerate(long_enough):
        blocks[part] = number
    return blocks


class Block(NamedTuple):
    """One block of gene order."""

    block: int
    contig_a: int
    contig_b: int
    direction: int
    """+1 the same way, -1 the other way."""
    n_pairs: int
    first_a: int
    """Rank of its first gene in the first genome."""
    last_a: int
    first_b: int
    """Lowest rank in the second genome."""
    last_b: int


def describe_blocks(
    pairs: np.ndarray, blocks: np.ndarray, places_a: np.ndarray, places_b: np.ndarray
) -> list[Block]:
    """The extent of each block, in the order of the first genome; arguments as in `find_blocks`."""
    described = []
    for number in range(int(blocks.max(initial=-1)) + 1):
        ranks = pairs[blocks == number]
        (a, b), (first_a, first_b), (last_a, last_b) = ranks[0], ranks.min(axis=0), ranks.max(axis=0)
        direction = int(places_a[a, 1] * places_b[b, 1])
        extent = (int(first_a), int(last_a), int(first_b), int(last_b))
        described.append(
            Block(number, int(places_a[a, 0]), int(places_b[b, 0]), direction, len(ranks), *extent)
        )
    return described


class Arrangement(NamedTuple):
    """In which order and direction the contigs of a genome are shown beside a reference."""

    order: tuple[int, ...]
    """Numbers of the contigs, first shown first."""
    flipped: tuple[bool, ...]
    """Whether each contig, by its own number, is shown from its end to its start."""


def arrange_contigs(
    pairs: np.ndarray, places_a: np.ndarray, places_b: np.ndarray, n_contigs_b: int
) -> Arrangement:
    """Order and turn the contigs of the second genome as most of their genes lie on the first.

    A contig goes where the median of its partners lies, and is turned when most pairs go the other way; contigs without
    partners come last, in the order of the file.
    """
    medians, flipped = np.full(n_contigs_b, np.inf), np.zeros(n_contigs_b, dtype=bool)
    contig_of = places_b[pairs[:, 1], 0] if len(pairs) else np.zeros(0, dtype=np.int64)
    turns = places_a[pairs[:, 0], 1] * places_b[pairs[:, 1], 1] if len(pairs) else contig_of
    for contig in range(n_contigs_b):
        is_here = contig_of == contig
        if is_here.any():
            medians[contig] = np.median(pairs[is_here, 0])
            flipped[contig] = turns[is_here].sum() < 0
    return Arrangement(
        tuple(int(i) for i in np.argsort(medians, kind="stable")), tuple(bool(f) for f in flipped)
    )


class Rearrangements(NamedTuple):
    """How the order of blocks differs between two genomes."""

    n_blocks: int
    n_inverted: int
    """Blocks that go against the direction of most genes on their contigs."""
    n_breakpoints: int
    """Neighbouring blocks of the first genome that are not neighbours, in the same way, in the second."""
    n_between_contigs: int
    """Neighbouring blocks on one contig of the first genome that lie on different contigs of the second."""


def count_rearrangements(blocks: list[Block], flipped: tuple[bool, ...]) -> Rearrangements:
    """Count inversions and breakpoints between two genomes.

    A breakpoint is a pair of blocks next to each other in one genome that are not so, in the same relative direction,
    in the other (signed permutations: Hannenhalli and Pevzner 1999, J. ACM 46:1). Circles are not closed.
    """
    places = sorted(range(len(blocks)), key=lambda i: (blocks[i].contig_b, blocks[i].first_b))
    position = {number: place for place, number in enumerate(places)}
    n_breakpoints = n_between = 0
    for (i, left), (j, right) in pairwise(enumerate(blocks)):
        if left.contig_a != right.contig_a:
            continue
        is_same_contig = left.contig_b == right.contig_b
        n_between += not is_same_contig
        step = position[j] - position[i]
        is_adjacent = is_same_contig and left.direction == right.direction == step
        n_breakpoints += not is_adjacent
    n_inverted = sum((block.direction < 0) != flipped[block.contig_b] for block in blocks)
    return Rearrangements(len(blocks), n_inverted, n_breakpoints, n_between)
