"""Simulated genomes with known truth: orthologs, blocks and inversions are found again."""

import numpy as np
import pytest

from biotl_core.data.alphabets import reverse_complement
from biotl_core.genomes.dna import find_segments
from biotl_core.genomes.gene_order import find_blocks, gene_places
from biotl_core.genomes.genome import Genome, gene_table
from biotl_core.genomes.pair import compare_pair
from biotl_core.genomes.simulation import Evolution, evolve, evolve_protein, simulate_ancestor, true_pairs
from biotl_core.genomes.translation import protein_of
from tests.simulated_genomes import simulated_pair


def found_pairs(pair) -> set[tuple[int, int]]:
    return set(zip(pair.orthologs["rank_a"], pair.orthologs["rank_b"], strict=True))


@pytest.mark.parametrize(
    "divergence, recall, precision", [(0.1, 0.99, 0.99), (0.6, 0.96, 0.98), (1.0, 0.9, 0.98)]
)
def test_orthologs_are_found_again_at_every_divergence(divergence, recall, precision):
    events = {"n_duplications": 8, "n_losses": 10, "n_gains": 8}
    first, second = simulated_pair(divergence, **events)
    truth, found = true_pairs(first, second), found_pairs(compare_pair(first.genome, second.genome))
    assert len(truth & found) / len(truth) >= recall
    assert len(truth & found) / len(found) >= precision


def test_genes_of_their_own_stay_unmatched():
    first, second = simulated_pair(0.2, n_duplications=0, n_losses=5, n_gains=10)
    gained = {rank for rank, gene in enumerate(second.genes) if gene.origin < 0}
    found = compare_pair(first.genome, second.genome).orthologs
    assert len(gained) == 10
    assert not gained & set(found["rank_b"])


def test_without_rearrangement_there_is_one_block():
    pair = compare_pair(*(one.genome for one in simulated_pair(0.1)))
    assert pair.rearrangements == (1, 0, 0, 0)
    assert (pair.orthologs["block"] == 0).all()


def test_inversions_are_found_with_their_genes():
    first, second = simulated_pair(0.1, n_inversions=1, segment_genes=20)
    pair = compare_pair(first.genome, second.genome)
    turned = {
        int(rank)
        for rank, block in pair.orthologs[["rank_a", "block"]].to_numpy()
        if _is_inverted(pair, block)
    }
    truth = {rank for rank, gene in enumerate(first.genes) if gene.origin in second.inversions[0]}
    assert pair.rearrangements.n_inverted == 1
    assert pair.rearrangements.n_breakpoints == 2
    assert len(turned & truth) / len(turned | truth) > 0.9


def _is_inverted(pair, block: int) -> bool:
    return block >= 0 and pair.blocks["direction"].iloc[block] < 0


def test_translocations_break_the_order_at_three_places():
    pair = compare_pair(*(one.genome for one in simulated_pair(0.1, n_translocations=1, segment_genes=15)))
    # Cutting a piece out and pasting it elsewhere makes three breakpoints (two where it lands beside its old place).
    assert pair.rearrangements.n_blocks in (3, 4)
    assert pair.rearrangements.n_breakpoints in (2, 3)
    assert pair.rearrangements.n_inverted == 0


def test_the_dna_says_what_the_genes_say():
    for gene, row in zip(*_genes_and_rows(), strict=True):
        assert row.protein == gene.protein


def _genes_and_rows():
    second = simulated_pair(0.6, n_duplications=8, n_losses=10, n_gains=8)[1]
    dna = next(iter(second.genome.contigs.values()))
    for row in second.genome.genes.itertuples():
        letters = dna[row.start : row.end]
        assert protein_of(letters if row.strand > 0 else reverse_complement(letters)) == row.protein
    return second.genes, second.genome.genes.itertuples()


def test_the_same_seed_makes_the_same_genome():
    ancestor = simulate_ancestor(20, seed=5)
    first, second = (evolve(ancestor, Evolution(0.3, n_inversions=1), "x", seed=7) for _ in range(2))
    assert first.genome.content_hash == second.genome.content_hash


def test_substitutions_follow_their_number():
    rng = np.random.default_rng(0)
    protein = "M" + "ACDEFGHIKLMNPQRSTVWY" * 100
    changed = evolve_protein(protein, 0.5, 0.0, rng)
    # Of sites with a mean of 0.5 events, exp(-0.5) have none; a few come back to their letter.
    share = np.mean([a == b for a, b in zip(protein, changed, strict=True)])
    assert 0.60 < share < 0.66


def test_chaining_reads_both_directions_by_hand():
    places = np.array([[0, 1]] * 10)
    pairs = np.array([[0, 0], [1, 1], [2, 2], [3, 7], [4, 6], [5, 5], [8, 9]])
    turned = places.copy()
    turned[5:8, 1] = -1
    # The last pair continues the first chain, but behind the turned block it is too short for a block of its own.
    assert find_blocks(pairs, places, turned).tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert find_blocks(pairs, places, turned, min_pairs=1).tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_places_follow_the_order_of_genes():
    genome = simulated_pair(0.1)[0].genome
    assert gene_places(genome)[:, 1].tolist() == genome.coding["strand"].tolist()


def test_aligned_dna_is_cut_where_only_one_genome_has_letters():
    pytest.importorskip("mappy", reason="minimap2 was not compiled here")
    rng = np.random.default_rng(3)
    left, gained, right = ("".join(rng.choice(list("ACGT"), n)) for n in (3000, 700, 2000))
    first = Genome("a", {"c": left + right}, gene_table([]))
    for dna, direction in ((left + gained + right, 1), (reverse_complement(left + gained + right), -1)):
        segments = find_segments(first, Genome("b", {"d": dna}, gene_table([])))
        places = segments[["start_a", "end_a", "start_b", "end_b"]].to_numpy()
        there = [[0, 3000, 0, 3000], [3000, 5000, 3700, 5700]]
        turned = [[0, 3000, 2700, 5700], [3000, 5000, 0, 2000]]
        # The border may lie a few letters off, where the two sides begin alike.
        assert np.abs(places - np.array(there if direction > 0 else turned)).max() <= 5
        assert (segments["direction"] == direction).all()
        assert segments["identity"].min() == 1.0
