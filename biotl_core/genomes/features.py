"""Features of an annotation, of any format, on the way to a table of genes."""

from collections import Counter
from dataclasses import dataclass, field, replace

from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.quoting import listed, shown
from biotl_core.errors import UserError
from biotl_core.genomes.genome import CODING, Exon, gene_table, write_exons
from biotl_core.genomes.translation import STOP, guess_genetic_code, protein_of
from biotl_core.wording import say_count

KINDS = (CODING, "tRNA", "rRNA", "ncRNA", "tmRNA")
"""Features that become rows of the table of genes."""
_MOST_BROKEN = 0.3
"""Where more of the genes than this have a stop inside, the annotation is of another sequence."""


@dataclass(frozen=True)
class Feature:
    """A gene as annotated, on one contig."""

    contig: str
    kind: str
    exons: tuple[Exon, ...]
    """In the order of the contig, but for genes across the origin, whose first exon is the one before it."""
    strand: int
    """+1, -1, or 0 where the file does not say."""
    name: str = ""
    """Locus tag, or else the identifier in the file."""
    symbol: str = ""
    product: str = ""
    protein: str = ""
    """As given in the file; "" to translate it."""
    phase: int = 0
    """Letters before the first whole codon."""
    is_pseudo: bool = False
    extras: dict[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Letters of all exons."""
        return sum(exon.end - exon.start for exon in self.exons)


def spliced(dna: str, exons: tuple[Exon, ...], strand: int) -> str:
    """The letters of a gene in the direction it is read."""
    letters = "".join(dna[exon.start : exon.end] for exon in exons)
    return reverse_complement(letters) if strand < 0 else letters


def wrap_around_origin(exons: tuple[Exon, ...], length: int) -> tuple[Exon, ...]:
    """Exons that run over the end of a circular contig, cut in two at it."""
    pieces: list[Exon] = []
    for exon in exons:
        if exon.end > length and exon.start < length:
            pieces += [Exon(exon.start, length), Exon(0, exon.end - length)]
        else:
            pieces.append(exon)
    return tuple(pieces)


def check_features(features: list[Feature], contigs: dict[str, str], source: str, fasta: str) -> None:
    """UserError when an annotation is not one of these contigs: unknown names, or places behind their end."""
    unknown = sorted({feature.contig for feature in features} - set(contigs))
    if features and len(unknown) == len({feature.contig for feature in features}):
        raise UserError(
            f"The annotation {shown(source)} does not match {shown(fasta)}: it speaks of {listed(unknown, 3)}, the "
            f"sequences are called {listed(contigs, 3)}. Give the annotation of the same assembly."
        )
    for feature in features:
        length = len(contigs.get(feature.contig, ""))
        end = max(exon.end for exon in feature.exons)
        # A gene across the origin of a circular contig may run over its end, but begins before it.
        if (length and min(exon.start for exon in feature.exons) >= length) or end > 2 * length > 0:
            raise UserError(
                f"The annotation {shown(source)} does not match {shown(fasta)}: gene {shown(feature.name)} lies at "
                f"{end:,}, but contig {shown(feature.contig)} has {length:,} letters. Give the annotation of the same "
                "assembly."
            )


def genes_from_features(
    features: list[Feature], contigs: dict[str, str], source: str, genetic_code: int | None = None
) -> tuple[object, int, tuple[str, ...]]:
    """The table of genes of a genome (see `Genome.genes`), its genetic code, and notes.

    Args:
        features: of any contig and kind.
        contigs: DNA by name.
        source: the file, for the sentences.
        genetic_code: NCBI's number; None to guess it.

    Raises:
        UserError: most genes do not read as proteins.
    """
    notes: list[str] = []
    known = [feature for feature in features if feature.contig in contigs]
    if n_lost := len(features) - len(known):
        notes.append(
            f"{say_count(n_lost, 'gene')} of {shown(source)} lie on contigs without a sequence; left out."
        )
    known = [replace(f, exons=wrap_around_origin(f.exons, len(contigs[f.contig]))) for f in known]
    known, stranded = _with_strands(known, contigs)
    if stranded:
        notes.append(
            f"{say_count(stranded, 'gene')} without a strand: the one that reads as a protein was taken."
        )
    coding = [spliced(contigs[f.contig], f.exons, f.strand)[f.phase :] for f in known if f.kind == CODING]
    code = genetic_code or guess_genetic_code(coding)
    if genetic_code is None and code != 11:
        notes.append(f"The genes read as proteins with genetic code {code}, which was used.")
    rows, n_pseudo = _rows(known, contigs, code)
    n_coding = sum(f.kind == CODING and not f.is_pseudo for f in known)
    if n_coding >= 10 and n_pseudo > _MOST_BROKEN * n_coding:
        raise UserError(
            f"The annotation {shown(source)} does not fit its sequence: {n_pseudo:,} of {n_coding:,} genes have a stop "
            "inside. Give the annotation of the same assembly, or set the genetic code."
        )
    if n_pseudo:
        notes.append(f"{say_count(n_pseudo, 'gene')} with a stop inside (broken genes) make no protein here.")
    notes += _number_duplicates(rows, source)
    order = {name: i for i, name in enumerate(contigs)}
    rows.sort(key=lambda row: (order[row["contig"]], row["start"]))
    return gene_table(rows), code, tuple(notes)


def _with_strands(features: list[Feature], contigs: dict[str, str]) -> tuple[list[Feature], int]:
    """Features without a strand get the one whose reading has no stop inside; other kinds the forward one."""
    done, n = [], 0
    for feature in features:
        if feature.strand == 0 and feature.kind == CODING:
            dna, n = contigs[feature.contig], n + 1
            forward = protein_of(spliced(dna, feature.exons, 1)[feature.phase :])
            backward = protein_of(spliced(dna, feature.exons, -1)[feature.phase :])
            feature = replace(feature, strand=1 if _quality(forward) >= _quality(backward) else -1)
        done.append(replace(feature, strand=feature.strand or 1))
    return done, n


def _quality(protein: str) -> tuple[int, bool]:
    return -protein.count(STOP), protein.startswith("M")


def _rows(features: list[Feature], contigs: dict[str, str], code: int) -> tuple[list[dict], int]:
    rows, n_broken_genes = [], 0
    for number, feature in enumerate(features):
        dna = contigs[feature.contig]
        protein = ""
        if feature.kind == CODING and not feature.is_pseudo:
            protein = feature.protein or protein_of(
                spliced(dna, feature.exons, feature.strand)[feature.phase :], code
            )
            # One stop in a long gene is a selenocysteine as often as a break; more are a break.
            if protein.count(STOP) > 1:
                n_broken_genes, protein = n_broken_genes + 1, ""
            protein = protein.replace(STOP, "X")
        start, end = _span(feature.exons, len(dna))
        rows.append(
            {
                "gene": feature.name or f"{feature.kind}_{number + 1}",
                "contig": feature.contig,
                "start": start,
                "end": end,
                "strand": feature.strand,
                "kind": feature.kind,
                "symbol": feature.symbol,
                "product": feature.product,
                "exons": write_exons(sorted(feature.exons)),
                "protein": protein,
            }
        )
    return rows, n_broken_genes


def _span(exons: tuple[Exon, ...], length: int) -> tuple[int, int]:
    """Where a gene is drawn: first to last letter; of one across the origin, the part before it."""
    start, end = min(exon.start for exon in exons), max(exon.end for exon in exons)
    if (
        len(exons) > 1
        and start == 0
        and end == length
        and end - start > 2 * sum(e.end - e.start for e in exons)
    ):
        return max(exon.start for exon in exons), length
    return start, end


def _number_duplicates(rows: list[dict], source: str) -> list[str]:
    """Give genes of one name a number behind it; a note when there are any."""
    counts = Counter(row["gene"] for row in rows)
    doubled = [name for name, count in counts.items() if count > 1]
    if not doubled:
        return []
    taken, seen = set(counts), Counter()
    for row in rows:
        name = row["gene"]
        if counts[name] == 1:
            continue
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name}_{number}" in taken:
                number += 1
            row["gene"] = f"{name}_{number}"
            taken.add(row["gene"])
    return [
        f"{say_count(len(doubled), 'locus tag')} of {shown(source)} name several genes ({listed(doubled, 3)}); the "
        "later ones got a number behind the name."
    ]
