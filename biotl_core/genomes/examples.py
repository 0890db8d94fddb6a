"""The built-in example: three simulated genomes, so that the page has something to show from the first minute."""

from pathlib import Path

from biotl_core.genomes.genome import Genome
from biotl_core.genomes.simulation import Evolution, evolve, simulate_ancestor

EXAMPLE_TITLE = "Three small genomes of one ancestor (simulated)"
HOW_MADE = (
    "Simulated, not real: an ancestor of 260 genes evolves along three lines by substitutions, indels, losses, new "
    "genes, inversions and a translocation; the third line is the most distant."
)
_LINES = {
    "strain-1": Evolution(0.05, n_losses=6, n_gains=8, n_duplications=4),
    "strain-2": Evolution(0.1, n_losses=8, n_gains=14, n_duplications=5, n_inversions=2, segment_genes=24),
    "relative": Evolution(0.7, n_losses=25, n_gains=20, n_duplications=8, n_inversions=3, n_translocations=1),
}


def write_example(folder: Path) -> list[Path]:
    """Write the example's FASTA and GFF3 files into a folder; the same every time."""
    folder.mkdir(parents=True, exist_ok=True)
    ancestor = simulate_ancestor(260, seed=20, mean_length=190)
    files = []
    for number, (name, evolution) in enumerate(_LINES.items()):
        genome = evolve(ancestor, evolution, name, seed=21 + number).genome
        for ending, text in (("fna", as_fasta(genome)), ("gff3", as_gff(genome))):
            files.append(folder / f"{name}.{ending}")
            files[-1].write_text(text, encoding="utf-8")
    return files


def as_fasta(genome: Genome) -> str:
    """The DNA of a genome as FASTA."""
    return "".join(f">{name}\n{dna}\n" for name, dna in genome.contigs.items())


def as_gff(genome: Genome) -> str:
    """The genes of a genome as plain GFF3, a row each."""
    lines = ["##gff-version 3"]
    for row in genome.genes.itertuples():
        sign = "+" if row.strand > 0 else "-"
        place = f"{row.contig}\tBioTL\t{row.kind}\t{row.start + 1}\t{row.end}\t.\t{sign}\t0"
        lines.append(f"{place}\tID={row.gene};locus_tag={row.gene};gene={row.symbol};product={row.product}")
    return "\n".join(lines) + "\n"
