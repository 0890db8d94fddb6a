"""Simulated genomes that several test modules share, made once."""

from functools import cache
from pathlib import Path

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


def as_fasta(genome: Genome) -> str:
    """The DNA of a genome as FASTA."""
    return "".join(f">{name}\n{dna}\n" for name, dna in genome.contigs.items())


def as_gff(genome: Genome) -> str:
    """The genes of a genome as plain GFF3."""
    lines = ["##gff-version 3"]
    for row in genome.genes.itertuples():
        sign = "+" if row.strand > 0 else "-"
        place = f"{row.contig}\tsim\t{row.kind}\t{row.start + 1}\t{row.end}\t.\t{sign}\t0"
        lines.append(f"{place}\tID={row.gene};locus_tag={row.gene};gene={row.symbol};product={row.product}")
    return "\n".join(lines) + "\n"


def write_genomes(folder: Path, *genomes: Genome) -> list[Path]:
    """FASTA and GFF3 of genomes, as a user would bring them."""
    files = []
    for genome in genomes:
        for ending, text in (("fna", as_fasta(genome)), ("gff3", as_gff(genome))):
            files.append(folder / f"{genome.name}.{ending}")
            files[-1].write_text(text)
    return files
