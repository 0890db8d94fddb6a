"""Genome: contigs and the genes on them; what every step of a comparison works on."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

GeneSource = Literal["annotation", "called", "none"]
GENE_COLUMNS = (
    "gene", "contig", "start", "end", "strand", "kind", "symbol", "product", "exons", "protein",
)  # fmt: skip
"""Columns of a genome's table of genes, in this order."""
CODING = "CDS"
"""The kind of the genes that make a protein."""


class Exon(NamedTuple):
    """A stretch of a gene: 0-based start, end behind the last letter, on the contig's forward strand."""

    start: int
    end: int


@dataclass(frozen=True)
class Genome:
    """A genome as it was read; made by `reading.read_genomes`."""

    name: str
    contigs: dict[str, str]
    """DNA of each contig, upper case, in the order of the file."""
    genes: pd.DataFrame
    """One row a gene, sorted by contig and start, index 0..n-1.

    `gene` a name of its own in this genome; `contig`; `start, end` 0-based, end behind the last letter; `strand` +1 or
    -1; `kind` CDS, tRNA, rRNA ...; `symbol` such as thrA, or ""; `product` in words, or ""; `exons` such as
    "10-90,120-200" in the order of the contig; `protein` its amino acids, "" where the gene makes none.
    """
    gene_source: GeneSource = "annotation"
    genetic_code: int = 11
    """Number of NCBI's table."""
    notes: tuple[str, ...] = ()
    """What was found in the files and what was done about it, a sentence each."""

    @property
    def size(self) -> int:
        """Letters of all contigs."""
        return sum(map(len, self.contigs.values()))

    @cached_property
    def gc_share(self) -> float:
        """Share of G and C among the plain letters, 0..1; nan without any."""
        counts = {letter: sum(dna.count(letter) for dna in self.contigs.values()) for letter in "ACGT"}
        total = sum(counts.values())
        return (counts["G"] + counts["C"]) / total if total else float("nan")

    @cached_property
    def coding(self) -> pd.DataFrame:
        """The genes that make a protein, index 0..n-1; their row is the *rank* that gene order speaks of."""
        return self.genes[self.genes["protein"] != ""].reset_index(drop=True)

    @property
    def proteins(self) -> list[str]:
        """Amino acids of the coding genes, in their order."""
        return self.coding["protein"].tolist()

    @cached_property
    def content_hash(self) -> str:
        """A name for all that a comparison depends on: letters and genes, not the name of the genome."""
        digest = hashlib.sha256()
        for contig, dna in self.contigs.items():
            digest.update(f">{contig}\n{dna}\n".encode())
        coded = self.genes[["gene", "contig", "start", "end", "strand", "protein"]]
        digest.update(coded.to_csv(index=False).encode())
        return digest.hexdigest()[:24]

    def with_notes(self, *notes: str) -> "Genome":
        """The same genome with more to tell."""
        return replace(self, notes=(*self.notes, *notes))

    def save(self, folder: Path) -> None:
        """Write `genes.parquet`, `contigs.parquet` and `genome.json` into a folder."""
        import json

        folder.mkdir(parents=True, exist_ok=True)
        self.genes.to_parquet(folder / "genes.parquet", index=False)
        contigs = pd.DataFrame({"contig": list(self.contigs), "dna": list(self.contigs.values())})
        contigs.to_parquet(folder / "contigs.parquet", index=False, compression="zstd")
        about = {
            "name": self.name,
            "gene_source": self.gene_source,
            "genetic_code": self.genetic_code,
            "notes": list(self.notes),
        }
        (folder / "genome.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Genome":
        """A saved genome."""
        import json

        about = json.loads((folder / "genome.json").read_text(encoding="utf-8"))
        contigs = pd.read_parquet(folder / "contigs.parquet")
        return cls(
            about["name"],
            dict(zip(contigs["contig"], contigs["dna"], strict=True)),
            pd.read_parquet(folder / "genes.parquet"),
            about["gene_source"],
            about["genetic_code"],
            tuple(about["notes"]),
        )


def write_exons(exons: list[Exon]) -> str:
    """Exons as the text of the table.

    >>> write_exons([Exon(10, 90), Exon(120, 200)])
    '10-90,120-200'
    """
    return ",".join(f"{exon.start}-{exon.end}" for exon in exons)


def read_exons(text: str) -> list[Exon]:
    """Exons from the text of the table.

    >>> read_exons("10-90,120-200")
    [Exon(start=10, end=90), Exon(start=120, end=200)]
    """
    return [Exon(*map(int, part.split("-"))) for part in text.split(",") if part]


def gene_table(rows: list[dict]) -> pd.DataFrame:
    """Rows with the fields of `GENE_COLUMNS` as a table with its right types."""
    table = pd.DataFrame(rows, columns=list(GENE_COLUMNS))
    numbers = dict.fromkeys(("start", "end", "strand"), "int64")
    return table.astype(numbers | {name: "str" for name in GENE_COLUMNS if name not in numbers})
