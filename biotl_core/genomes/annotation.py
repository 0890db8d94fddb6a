"""Annotations: GFF3 or GTF text, and GenBank or EMBL records, as features."""

import io
import warnings
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import unquote

from biotl_core.data.quoting import shown
from biotl_core.errors import UserError
from biotl_core.genomes.features import KINDS, Feature
from biotl_core.genomes.genome import CODING, Exon

_STRANDS = {"+": 1, "-": -1}
_NAME_KEYS = ("locus_tag", "gene_id", "protein_id", "ID", "Name", "transcript_id")
"""Attributes of a GFF row that may name the gene, the best first."""


def read_gff(text: str, source: str) -> tuple[list[Feature], str]:
    """Features of a GFF3 or GTF text, and the FASTA that may follow `##FASTA` ("" without).

    Rows of one CDS (one ID, or one transcript) are its exons; of several transcripts of a gene the longest is kept.

    Raises:
        UserError: a row has not its nine columns, or no number where a place belongs.
    """
    body, _, fasta = text.partition("\n##FASTA")
    fasta = fasta.partition("\n")[2]
    rows = [_parse_row(line, i + 1, source) for i, line in enumerate(body.split("\n")) if _is_row(line)]
    parents = {row["ID"]: row for row in rows if row.get("ID")}
    grouped: dict[tuple[str, str, str], list[dict]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row["kind"] in KINDS:
            key = row.get("ID") or row.get("Parent") or row.get("transcript_id") or f"row {number}"
            grouped[(row["contig"], row["kind"], key)].append(row)
    features = [_join(parts, parents) for parts in grouped.values()]
    return _longest_transcripts(features), fasta


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _parse_row(line: str, number: int, source: str) -> dict:
    columns = line.split("\t")
    if len(columns) < 9:
        raise UserError(
            f"Line {number:,} of {shown(source)} has {len(columns)} columns; a GFF row has nine, with tabs between. "
            "Export the annotation again."
        )
    try:
        start, end = int(columns[3]) - 1, int(columns[4])
    except ValueError as error:
        raise UserError(
            f"Line {number:,} of {shown(source)} says {shown(columns[3])} to {shown(columns[4])} where a gene's start "
            "and end belong. Export the annotation again."
        ) from error
    kind = {"transcript": "mRNA", "pseudogenic_CDS": CODING}.get(columns[2], columns[2])
    phase = int(columns[7]) if columns[7] in ("0", "1", "2") else 0
    return {
        **_attributes(columns[8]),
        "contig": unquote(columns[0]),
        "kind": kind,
        "exon": Exon(max(start, 0), max(end, start + 1)),
        "strand": _STRANDS.get(columns[6], 0),
        "phase": phase,
    }


def _attributes(text: str) -> dict[str, str]:
    """`key=value;key=value` of GFF3, or `key "value"; key "value"` of GTF."""
    found: dict[str, str] = {}
    for item in text.strip().split(";"):
        key, is_gff, value = item.strip().partition("=")
        if not is_gff:
            key, _, value = item.strip().partition(" ")
        if key and key not in ("contig", "kind", "exon", "strand", "phase"):
            found.setdefault(key, unquote(value.strip().strip('"')))
    return found


def _join(parts: list[dict], parents: dict[str, dict]) -> Feature:
    """The rows of one gene as a feature, with what its parents (transcript, gene) know."""
    lineage = [parts[0], *_ancestors(parts[0], parents)]
    gene = lineage[-1]
    strand = parts[0]["strand"]
    ordered = sorted(parts, key=lambda part: part["exon"])
    first = ordered[-1] if strand < 0 else ordered[0]

    def look_up(*keys: str) -> str:
        return next((row[key] for key in keys for row in lineage if row.get(key)), "")

    return Feature(
        contig=parts[0]["contig"],
        kind=parts[0]["kind"],
        exons=tuple(part["exon"] for part in ordered),
        strand=strand,
        name=look_up(*_NAME_KEYS),
        symbol=look_up("gene", "gene_name", "gene_symbol")
        or (gene.get("Name", "") if gene is not parts[0] else ""),
        product=look_up("product", "description", "Note", "note"),
        phase=first["phase"],
        is_pseudo=any(row.get("pseudo") == "true" or "pseudogene" in row for row in lineage),
        extras={"gene": gene.get("ID") or look_up("gene_id")},
    )


def _ancestors(row: dict, parents: dict[str, dict]) -> Iterator[dict]:
    seen: set[str] = set()
    while (name := row.get("Parent", "").split(",")[0]) in parents and name not in seen:
        seen.add(name)
        row = parents[name]
        yield row


def _longest_transcripts(features: list[Feature]) -> list[Feature]:
    """Of the coding transcripts of one gene only the longest."""
    best: dict[object, Feature] = {}
    for number, feature in enumerate(features):
        gene = feature.extras.get("gene", "")
        key = (feature.contig, gene) if gene and feature.kind == CODING else number
        if key not in best or feature.length > best[key].length:
            best[key] = feature
    return list(best.values())


def read_records(
    text: str, file_format: str, source: str
) -> tuple[dict[str, str], list[Feature], str, int | None]:
    """Contigs, features, name of the organism and genetic code of a GenBank or EMBL text.

    Raises:
        UserError: the file is damaged, or holds no sequence.
    """
    from Bio import SeqIO
    from Bio.Seq import UndefinedSequenceError

    contigs: dict[str, str] = {}
    features: list[Feature] = []
    organism, code = "", None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for record in SeqIO.parse(io.StringIO(text), file_format):
                name = record.id if record.id not in ("", "<unknown id>") else record.name
                contigs[name] = str(record.seq).upper()
                organism = organism or str(record.annotations.get("organism", ""))
                for feature in record.features:
                    if feature.type in KINDS and feature.location is not None:
                        features.append(_from_record(feature, name))
                        code = code or int(feature.qualifiers.get("transl_table", [0])[0]) or None
    except UndefinedSequenceError as error:
        raise UserError(
            f"{shown(source)} holds an annotation without its DNA. Download it again with its sequence (full record)."
        ) from error
    except (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError) as error:
        kind = {"genbank": "GenBank", "embl": "EMBL"}[file_format]
        raise UserError(
            f"{shown(source)} is a damaged or incomplete {kind} file. Download it again."
        ) from error
    return contigs, features, organism, code


def _from_record(feature, contig: str) -> Feature:
    def first(*keys: str) -> str:
        return next((str(feature.qualifiers[key][0]) for key in keys if feature.qualifiers.get(key)), "")

    exons = tuple(Exon(int(part.start), int(part.end)) for part in feature.location.parts)
    strand = feature.location.strand or 1
    if strand < 0:  # Biopython gives the parts in the order of reading
        exons = exons[::-1]
    codon_start = first("codon_start")
    return Feature(
        contig=contig,
        kind=feature.type,
        exons=exons,
        strand=strand,
        name=first("locus_tag", "protein_id", "gene"),
        symbol=first("gene"),
        product=first("product", "note"),
        protein="".join(first("translation").split()).rstrip("*"),
        phase=int(codon_start) - 1 if codon_start in ("1", "2", "3") else 0,
        is_pseudo="pseudo" in feature.qualifiers or "pseudogene" in feature.qualifiers,
    )
