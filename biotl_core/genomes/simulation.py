"""Simulated genomes with known history: what every step of a comparison is tested on, and the built-in example.

An ancestor of random genes evolves along two or more lines by substitutions (BLOSUM62's own exchange rates), indels,
duplications, losses, gains, inversions and translocations; who descends from whom is written down. Positions evolve
independently, without the constraints of a real fold: that tests bookkeeping, not a protein model.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from biotl_core.data.alphabets import reverse_complement
from biotl_core.genomes.genome import CODING, GENE_COLUMNS, Exon, Genome, gene_table, write_exons

_AMINO_ACIDS = "ARNDCQEGHILKMFPSTWYV"
# Robinson and Robinson 1991, PNAS 88:8880: frequencies that BLAST's statistics rest on.
_FREQUENCIES = np.array(
    [.0780, .0512, .0448, .0536, .0192, .0426, .0629, .0738, .0219, .0514, .0901, .0574, .0224, .0385, .0520, .0711,
     .0584, .0132, .0321, .0644]
)  # fmt: skip
# A common codon of each amino acid.
_CODON_TEXT = (
    "A GCG R CGT N AAC D GAT C TGC Q CAG E GAA G GGC H CAT I ATT L CTG K AAA M ATG F TTT P CCG S AGC T ACC W TGG Y TAT "
    "V GTG"
)
_CODONS = dict(zip(_CODON_TEXT.split()[::2], _CODON_TEXT.split()[1::2], strict=True))
_PRODUCTS = (
    ("30S ribosomal protein", "rps"), ("50S ribosomal protein", "rpl"), ("ABC transporter permease", "abc"),
    ("DNA polymerase subunit", "dna"), ("two-component sensor histidine kinase", "tcs"),
    ("NADH dehydrogenase subunit", "nuo"), ("transcriptional regulator", "reg"), ("peptidoglycan synthase", "mur"),
    ("chaperone protein", "chp"), ("aminotransferase", "amt"), ("hypothetical protein", ""),
    ("hypothetical protein", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Evolution:
    """What happens on the way from the ancestor to one genome."""

    divergence: float = 0.2
    """Substitutions a site, on average over genes; rates differ between genes (gamma, shape 2)."""
    indel_rate: float = 0.005
    """Insertions and deletions a residue."""
    n_duplications: int = 0
    n_losses: int = 0
    n_gains: int = 0
    """New genes unlike any other, as from a phage."""
    n_inversions: int = 0
    n_translocations: int = 0
    segment_genes: int = 20
    """Genes that an inversion or translocation moves, on average."""


@dataclass
class SimulatedGene:
    """A gene of a simulated genome and where it comes from."""

    protein: str
    strand: int
    origin: int
    """Number of the ancestral gene; numbers below zero are gains."""
    is_copy: bool = False
    """A duplicate made on this line; the one it was copied from is not marked."""


@dataclass
class SimulatedGenome:
    """A genome with its history."""

    genome: Genome
    genes: list[SimulatedGene]
    inversions: list[frozenset[int]] = field(default_factory=list)
    """Origins of the genes that each inversion turned."""


def simulate_ancestor(n_genes: int, seed: int, mean_length: int = 250) -> list[SimulatedGene]:
    """Random genes on random strands; neighbours share a strand as in operons."""
    rng = np.random.default_rng(seed)
    strand, genes = 1, []
    for origin in range(n_genes):
        strand = -strand if rng.random() < 0.3 else strand
        genes.append(SimulatedGene(_random_protein(rng, mean_length), strand, origin))
    return genes


def _random_protein(rng: np.random.Generator, mean_length: int) -> str:
    length = max(60, int(rng.gamma(4.0, mean_length / 4.0)))
    letters = rng.choice(list(_AMINO_ACIDS), length, p=_FREQUENCIES / _FREQUENCIES.sum())
    return "M" + "".join(letters)


@cache
def _exchange() -> np.ndarray:
    """Chance of each new letter where a letter is replaced, rows sum to 1, `(20, 20)`, from BLOSUM62's scores.

    Scores are log odds in half bits, so 2^(S/2) times the frequency is the chance of the pair (Henikoff 1992).
    """
    from Bio.Align import substitution_matrices

    blosum = substitution_matrices.load("BLOSUM62")
    scores = np.array([[blosum[a, b] for b in _AMINO_ACIDS] for a in _AMINO_ACIDS])
    chances = np.exp2(scores / 2.0) * _FREQUENCIES
    np.fill_diagonal(chances, 0.0)
    return chances / chances.sum(axis=1, keepdims=True)


def evolve_protein(protein: str, divergence: float, indel_rate: float, rng: np.random.Generator) -> str:
    """A protein after `divergence` substitutions a site on average and some indels; the first M stays."""
    codes = np.array([_AMINO_ACIDS.index(letter) for letter in protein])
    cumulative = _exchange().cumsum(axis=1)
    n_events = rng.poisson(divergence, len(codes))
    n_events[0] = 0
    for round_number in range(int(n_events.max(initial=0))):
        hit = np.flatnonzero(n_events > round_number)
        codes[hit] = (rng.random(len(hit))[:, None] > cumulative[codes[hit]]).sum(axis=1).clip(max=19)
    letters = [_AMINO_ACIDS[code] for code in codes]
    for _ in range(rng.poisson(indel_rate * len(letters))):
        at, size = int(rng.integers(1, max(2, len(letters) - 1))), int(rng.geometric(0.4))
        if rng.random() < 0.5 and len(letters) - size > 40:
            del letters[at : at + size]
        else:
            letters[at:at] = list(rng.choice(list(_AMINO_ACIDS), size, p=_FREQUENCIES / _FREQUENCIES.sum()))
    return "".join(letters)


def evolve(ancestor: list[SimulatedGene], evolution: Evolution, name: str, seed: int) -> SimulatedGenome:
    """One line of descent from the ancestor to a genome, rearranged, its history written down."""
    rng = np.random.default_rng(seed)
    rates = np.random.default_rng(0).gamma(2.0, 0.5, max(gene.origin for gene in ancestor) + 1)
    genes = [SimulatedGene(gene.protein, gene.strand, gene.origin) for gene in ancestor]
    for _ in range(evolution.n_duplications):
        source = genes[rng.integers(len(genes))]
        copy = SimulatedGene(source.protein, source.strand, source.origin, is_copy=True)
        genes.insert(int(rng.integers(len(genes))), copy)
    for gene in genes:
        divergence = evolution.divergence * rates[gene.origin]
        gene.protein = evolve_protein(gene.protein, divergence, evolution.indel_rate, rng)
    for _ in range(evolution.n_losses):
        del genes[rng.integers(len(genes))]
    for number in range(evolution.n_gains):
        gained = SimulatedGene(
            _random_protein(rng, 200), int(rng.choice([-1, 1])), -1 - number - 1_000 * seed
        )
        genes.insert(int(rng.integers(len(genes))), gained)
    inversions = [_invert(genes, evolution.segment_genes, rng) for _ in range(evolution.n_inversions)]
    for _ in range(evolution.n_translocations):
        _translocate(genes, evolution.segment_genes, rng)
    return SimulatedGenome(_as_genome(genes, name, rng), genes, inversions)


def _segment(n: int, size: int, rng: np.random.Generator) -> tuple[int, int]:
    length = int(np.clip(rng.poisson(size), 5, max(5, n // 3)))
    start = int(rng.integers(0, max(1, n - length)))
    return start, min(n, start + length)


def _invert(genes: list[SimulatedGene], size: int, rng: np.random.Generator) -> frozenset[int]:
    start, end = _segment(len(genes), size, rng)
    turned = genes[start:end][::-1]
    for gene in turned:
        gene.strand = -gene.strand
    genes[start:end] = turned
    return frozenset(gene.origin for gene in turned)


def _translocate(genes: list[SimulatedGene], size: int, rng: np.random.Generator) -> None:
    start, end = _segment(len(genes), size, rng)
    moved = genes[start:end]
    del genes[start:end]
    at = int(rng.integers(0, len(genes)))
    genes[at:at] = moved


def _as_genome(genes: list[SimulatedGene], name: str, rng: np.random.Generator) -> Genome:
    """DNA with the genes on it, random letters between them."""
    pieces, rows, at = [], [], 0
    for number, gene in enumerate(genes):
        spacer = "".join(rng.choice(list("ACGT"), int(rng.integers(30, 120))))
        # One codon for each amino acid: silent sites do not hide the relationship.
        dna = "".join(_CODONS[letter] for letter in gene.protein) + "TAA"
        start = at + len(spacer)
        pieces += [spacer, dna if gene.strand > 0 else reverse_complement(dna)]
        at = start + len(dna)
        product, stem = (
            _PRODUCTS[max(gene.origin, 0) % len(_PRODUCTS)] if gene.origin >= 0 else ("phage protein", "")
        )
        symbol = f"{stem}{gene.origin}" if stem and not gene.is_copy else ""
        exons = write_exons([Exon(start, at)])
        fields = (f"{name}_{number + 1:04d}", f"{name}_chromosome", start, at, gene.strand, CODING)
        rows.append(dict(zip(GENE_COLUMNS, (*fields, symbol, product, exons, gene.protein), strict=True)))
    return Genome(name, {f"{name}_chromosome": "".join(pieces)}, gene_table(rows))


def true_pairs(first: SimulatedGenome, second: SimulatedGenome) -> set[tuple[int, int]]:
    """Ranks of genes that descend from one ancestral gene, each the original and no copy."""
    places = {gene.origin: rank for rank, gene in enumerate(second.genes) if not gene.is_copy}
    return {
        (rank, places[gene.origin])
        for rank, gene in enumerate(first.genes)
        if not gene.is_copy and gene.origin >= 0 and gene.origin in places
    }
