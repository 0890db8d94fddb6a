"""Read genomes: FASTA, GenBank, EMBL, GFF3 or GTF with its FASTA, plain or gzipped, told by their content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from biotl_core.data.quoting import listed, shown
from biotl_core.data.unpacking import decode, refuse_foreign_bytes, unpack
from biotl_core.errors import UserError
from biotl_core.genomes.annotation import read_gff, read_records
from biotl_core.genomes.features import Feature, check_features, genes_from_features
from biotl_core.genomes.genome import Genome, gene_table
from biotl_core.wording import say_bytes, say_count

FORMATS = "FASTA, GenBank, EMBL, or GFF3 with its FASTA; plain or gzipped"
MAX_BYTES = 2 * 1024**3
"""Largest file that is read."""
MAX_GENOMES = 60
_ENDINGS = re.compile(
    r"\.(gz|fa|fna|fas|fasta|ffn|gb|gbk|gbff|gbf|genbank|embl|gff|gff3|gtf|txt|seq)$", re.IGNORECASE
)
_DNA_LETTERS = "ACGTNURYSWKMBDHV"
_LEAST_DNA = 0.95


@dataclass(frozen=True)
class _Part:
    """What one file holds."""

    stem: str
    source: str
    contigs: dict[str, str]
    features: list[Feature] | None = None
    """None where the file has no annotation at all."""
    code: int | None = None
    notes: tuple[str, ...] = ()


def read_genomes(
    files: Sequence[Path], *, each_sequence: bool = False, genetic_code: int | None = None
) -> list[Genome]:
    """Genomes from files: each file with DNA is one; a bare annotation goes to the DNA it names.

    Args:
        files: of any accepted format, in any order.
        each_sequence: take every sequence of a file as a genome of its own. A single file without annotation is taken
            so in any case, since one genome cannot be compared.
        genetic_code: NCBI's number for all of them; None for what the file says, or else a guess.

    Raises:
        UserError: a file cannot be read or does not match, or there are less than two genomes or too many.
    """
    parts = [_read_part(Path(file)) for file in files]
    parts = _join_annotations(parts)
    if each_sequence or (len(parts) == 1 and len(parts[0].contigs) > 1):
        parts = [piece for part in parts for piece in _split(part)]
    genomes = [_finish(part, genetic_code) for part in parts]
    if len(genomes) < 2:
        raise UserError(
            f"A comparison needs two or more genomes; {'one was' if genomes else 'none was'} given. Add another file "
            f"({FORMATS})."
        )
    if len(genomes) > MAX_GENOMES:
        raise UserError(
            f"{len(genomes):,} genomes were given; at most {MAX_GENOMES} are compared in one run. Choose some of them."
        )
    return _name_apart(genomes)


def read_genome(file: Path) -> Genome:
    """One genome from one file with its annotation; UserError when it cannot be read or is an annotation alone."""
    part = _read_part(file)
    if not part.contigs:
        raise UserError(
            f"{shown(file.name)} is an annotation without DNA. Give a file that holds both (GenBank, EMBL)."
        )
    return _finish(part, None)


def _read_part(file: Path) -> _Part:
    source, size = file.name, file.stat().st_size
    if size > MAX_BYTES:
        raise UserError(
            f"{shown(source)} holds {say_bytes(size)}; at most {say_bytes(MAX_BYTES)} a file are read. Gzip it, or "
            "give the chromosomes you need."
        )
    data = unpack(file.read_bytes(), source)
    refuse_foreign_bytes(data, source)
    text, notes = decode(data, source)
    stem = file.name
    while (shorter := _ENDINGS.sub("", stem)) not in ("", stem):
        stem = shorter
    start = text.lstrip()[:4000]
    if start.startswith(">"):
        return _Part(stem, source, _read_fasta(text, source), None, None, notes)
    if start.startswith("LOCUS") or start.startswith("ID   "):
        file_format = "genbank" if start.startswith("LOCUS") else "embl"
        contigs, features, _, code = read_records(text.lstrip(), file_format, source)
        return _Part(stem, source, _check_contigs(contigs, source), features, code, notes)
    if start.startswith("##gff") or _looks_like_gff(start):
        features, fasta = read_gff(text, source)
        return _Part(stem, source, _read_fasta(fasta, source) if fasta.strip() else {}, features, None, notes)
    if not start:
        raise UserError(f"{shown(source)} is empty. Choose a genome: {FORMATS}.")
    raise UserError(
        f"{shown(source)} is no genome that can be read ({FORMATS}). Export it in one of these formats."
    )


def _looks_like_gff(start: str) -> bool:
    rows = [line for line in start.split("\n") if line.strip() and not line.startswith("#")]
    return bool(rows) and rows[0].count("\t") == 8


def _read_fasta(text: str, source: str) -> dict[str, str]:
    contigs: dict[str, str] = {}
    for number, block in enumerate(re.split(r"(?m)^>", text.lstrip())[1:]):
        header, _, body = block.partition("\n")
        name = header.split()[0] if header.split() else f"contig_{number + 1}"
        if name in contigs:
            raise UserError(
                f"{shown(source)} has two sequences called {shown(name)}. Give each contig a name of its own."
            )
        contigs[name] = "".join(body.split()).upper().replace("U", "T")
    return _check_contigs(contigs, source)


def _check_contigs(contigs: dict[str, str], source: str) -> dict[str, str]:
    """UserError when they are not DNA or hold nothing."""
    if not any(contigs.values()):
        raise UserError(
            f"{shown(source)} holds no DNA: {say_count(len(contigs), 'sequence')} without a letter. Download it again "
            "with its sequence."
        )
    whole = "".join(dna[:20_000] for dna in contigs.values())
    n_dna = sum(whole.count(letter) for letter in _DNA_LETTERS)
    if n_dna < _LEAST_DNA * len(whole):
        others = sorted(set(whole) - set(_DNA_LETTERS))
        is_protein = sum(whole.count(letter) for letter in "EFILPQ") > 0.1 * len(whole)
        what = "proteins, not a genome" if is_protein else "letters that are not DNA"
        raise UserError(
            f"{shown(source)} holds {what} ({listed(others, 8)}). Give the DNA of the genome ({FORMATS}); the proteins "
            "follow from its genes."
        )
    return contigs


def _join_annotations(parts: list[_Part]) -> list[_Part]:
    """Give each bare annotation to the DNA with the same file name, or else with most of its contigs."""
    genomes = [part for part in parts if part.contigs]
    for bare in (part for part in parts if not part.contigs):
        target = _find_dna(bare, genomes)
        check_features(bare.features or [], target.contigs, bare.source, target.source)
        features = [*(target.features or []), *(bare.features or [])]
        joined = replace(target, features=features, notes=(*target.notes, *bare.notes))
        genomes[genomes.index(target)] = joined
    return genomes


def _find_dna(bare: _Part, genomes: list[_Part]) -> _Part:
    free = [part for part in genomes if part.features is None]
    same_name = [part for part in free if part.stem == bare.stem]
    if same_name:
        return same_name[0]
    names = {feature.contig for feature in bare.features or []}
    fitting = [part for part in free if names & set(part.contigs)]
    if not fitting:
        sequences = [part.source for part in free]
        raise UserError(
            f"The annotation {shown(bare.source)} has no DNA: it speaks of {listed(sorted(names), 3)}, which no "
            + (f"sequence in {listed(sequences, 4)} is called" if sequences else "given FASTA holds")
            + ". Add the FASTA of the same assembly."
        )
    return max(fitting, key=lambda part: len(names & set(part.contigs)))


def _split(part: _Part) -> list[_Part]:
    """Every contig as a genome of its own."""
    pieces = []
    for name, dna in part.contigs.items():
        features = None if part.features is None else [f for f in part.features if f.contig == name]
        pieces.append(replace(part, stem=name, contigs={name: dna}, features=features))
    return pieces


def _finish(part: _Part, genetic_code: int | None) -> Genome:
    notes = list(part.notes)
    empty = [name for name, dna in part.contigs.items() if not dna]
    contigs = {name: dna for name, dna in part.contigs.items() if dna}
    if empty:
        notes.append(
            f"{say_count(len(empty), 'contig')} of {shown(part.source)} without a letter ({listed(empty, 3)}) left out."
        )
    if not part.features:
        if part.features is not None:
            notes.append(f"{shown(part.source)} holds an annotation without genes.")
        return Genome(part.stem, contigs, gene_table([]), "none", genetic_code or 11, tuple(notes))
    check_features(part.features, contigs, part.source, part.source)
    genes, code, more = genes_from_features(part.features, contigs, part.source, genetic_code or part.code)
    return Genome(part.stem, contigs, genes, "annotation", code, (*notes, *more))


def _name_apart(genomes: list[Genome]) -> list[Genome]:
    """Genomes of one name get a number behind it."""
    taken: set[str] = set()
    named = []
    for genome in genomes:
        name, number = genome.name, 2
        while name in taken:
            name, number = f"{genome.name}-{number}", number + 1
        taken.add(name)
        named.append(replace(genome, name=name))
    return named
