"""Simulated genomes that several test modules share, made once."""

from functools import cache
from pathlib import Path

from biotl_core.genomes.examples import as_fasta, as_gff
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.simulation import Evolution, SimulatedGenome, evolve, simulate_ancestor


@cache
def simulated_pair(
    divergence: float, n_genes: int = 120, **events: int
) -> tuple[SimulatedGenome, SimulatedGenome]:
    """Two genomes of one ancestor; the events happen on the way to the second."""
    ancestor = simulate_ancestor(n_genes, seed=1, mean_length=150)
    first = evolve(ancestor, Evolution(divergence / 2), "first", seed=2)
    return first, evolve(ancestor, Evolution(divergence / 2, **events), "second", seed=3)


def write_genomes(folder: Path, *genomes: Genome) -> list[Path]:
    """FASTA and GFF3 of genomes, as a user would bring them."""
    files = []
    for genome in genomes:
        for ending, text in (("fna", as_fasta(genome)), ("gff3", as_gff(genome))):
            files.append(folder / f"{genome.name}.{ending}")
            files[-1].write_text(text)
    return files
