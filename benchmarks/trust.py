"""Can the numbers be trusted? `python -m benchmarks.trust PART --data ../shared/data`.

coverage    how often 90 % ranges and sets hold the measured value, random splits, mean over the seeds
gap         the score on a random split against that on a split by similarity, and the coverage there
baselines   seconds for all simple methods of a 10,000-row set, and when asked for again
clusters    seconds and memory to cluster 100,000 proteins at 30 % identity

Models are frozen embedded backbones with a head. Features are kept in BIOTL_HOME, so only the first seed embeds.
Large sets are sampled down to `--rows`, evenly over the table.
"""

import argparse
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from biotl_core.data.cleaning import clean
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import SplitSettings, split
from biotl_core.progress import Control


class Set(NamedTuple):
    """A real set and the split that keeps relatives apart."""

    path: str
    apart: SplitSettings | None = None


_PROTEIN, _MOLECULE = SplitSettings("similarity", identity=0.3), SplitSettings("similarity", identity=0.6)
SETS: dict[str, Set] = {
    "esol": Set("molecule/esol.csv.gz", _MOLECULE),
    "lipophilicity": Set("molecule/lipophilicity.csv.gz", _MOLECULE),
    "esol_solubility": Set("sequences/protein_seq_regression/esol_solubility.csv.gz", _PROTEIN),
    "enzyme_topt": Set("sequences/protein_seq_regression/enzyme_topt.csv.gz", _PROTEIN),
    "meltome_human_flip2021": Set("sequences/protein_seq_regression/meltome_human_flip2021.csv.gz", _PROTEIN),
    "dms_blat_ecolx_stiffler": Set(
        "sequences/protein_seq_regression/dms_blat_ecolx_stiffler.csv.gz", SplitSettings("position")
    ),
    "dms_grb2_abundance": Set(
        "sequences/protein_seq_regression/dms_grb2_abundance.csv.gz", SplitSettings("position")
    ),
    "mpsa_5ss_brca2": Set("sequences/dna_seq_regression/mpsa_5ss_brca2.csv.gz"),
    "sortseq_lac_promoter": Set("sequences/dna_seq_regression/sortseq_lac_promoter.csv.gz"),
    "bace": Set("molecule/bace.csv.gz", _MOLECULE),
    "bbbp": Set("molecule/bbbp.csv.gz", _MOLECULE),
    "amp_amplify_balanced": Set("sequences/protein_seq_classification/amp_amplify_balanced.csv.gz", _PROTEIN),
    "promoter_ecoli_sigma70": Set("sequences/dna_seq_classification/promoter_ecoli_sigma70.csv.gz"),
    "deeploc_subcellular": Set("sequences/protein_seq_classification/deeploc_subcellular.csv.gz", _PROTEIN),
    "disorder_chezod": Set("sequences/protein_residue/disorder_chezod.csv.gz"),
    "secondary_structure_flip": Set("sequences/protein_residue/secondary_structure_flip.csv.gz"),
}


class Outcome(NamedTuple):
    """One model on the test part."""

    score: float
    covered: float
    width: float
    n_test: int
    highest_identity: float


def main() -> None:
    """Print one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--only", default="", help="sets whose name holds one of these words, separated by commas"
    )
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    PARTS[options.part](options)


def chosen_sets(options: argparse.Namespace) -> Iterator[tuple[str, Set]]:
    words = options.only.split(",")
    yield from ((name, one) for name, one in SETS.items() if any(word in name for word in words))


def load(one: Set, data: Path, rows: int | None) -> Dataset:
    raw = read_file(data / one.path)
    dataset = clean(raw, guess_reading(raw), None).dataset
    if rows and len(dataset.table) > rows:
        # Every k-th row: published files are often sorted, and their first rows are no sample.
        kept = np.unique(np.linspace(0, len(dataset.table) - 1, rows).astype(int))
        table = dataset.table.iloc[kept].reset_index(drop=True)
        dataset = Dataset(
            table, dataset.modality, dataset.task_name, dataset.classes, dataset.source, dataset.target_name
        )
    return dataset


def outcome(dataset: Dataset, settings: SplitSettings, seed: int, *, leak: bool = False) -> Outcome:
    """Split, train a head on frozen features, calibrate on validation, judge on test."""
    from biotl_core.backbones.catalogue import locate_backbone
    from biotl_core.evaluation.metrics import evaluate
    from biotl_core.learning.settings import TrainingSettings
    from biotl_core.learning.training import make_accelerator
    from biotl_core.runs.judging import nearest_in_training
    from biotl_core.runs.request import default_backbone
    from biotl_core.runs.tuning import Tuned

    parted = split(dataset, settings).dataset
    chosen = TrainingSettings(seed=seed).resolved(dataset.task)
    weights = locate_backbone(default_backbone(dataset.modality))
    with TemporaryDirectory() as folder:
        accelerator = make_accelerator("cpu", "auto")
        tuned = Tuned.train(parted, weights, chosen, Path(folder), accelerator, Control())
        trial, _ = tuned.try_out(Control())
    headline = dataset.task.headline_metric(len(dataset.classes))
    score = evaluate(dataset.task_name, dataset.classes, *trial.of_part("test"))[headline]
    rows = parted.part("test").index
    covered = trial.covered(rows.to_numpy())
    highest = nearest_in_training(parted, Control())["identity"].loc[rows].max() if leak else np.nan
    return Outcome(score, covered.share, covered.width, len(rows), highest)


def print_coverage(options: argparse.Namespace) -> None:
    """Random splits: ranges and sets are asked to hold 90 %."""
    print(
        f"{'set':<26}{'task':<24}{'rows':>7}{'seeds':>7}{'covered':>9}{'lowest':>8}{'highest':>9}{'width':>8}{'score':>8}"
    )
    for name, one in chosen_sets(options):
        dataset = load(one, options.data, options.rows)
        found = [outcome(dataset, SplitSettings("random", seed=seed), seed) for seed in range(options.seeds)]
        covered = np.array([each.covered for each in found])
        width, score = np.mean([each.width for each in found]), np.mean([each.score for each in found])
        print(
            f"{name:<26}{dataset.task_name:<24}{len(dataset.table):>7,}{len(found):>7}{covered.mean():>9.3f}"
            f"{covered.min():>8.3f}{covered.max():>9.3f}{width:>8.3g}{score:>8.3f}",
            flush=True,
        )


def print_gap(options: argparse.Namespace) -> None:
    """Random against apart: the score, the coverage, and the highest identity of a test item to training."""
    print(
        f"{'set':<26}{'metric':<10}{'random':>8}{'apart':>8}{'gap':>8}{'covered':>9}{'apart':>8}  how, nearest"
    )
    for name, one in chosen_sets(options):
        if one.apart is None:
            continue
        dataset = load(one, options.data, options.rows)
        metric = dataset.task.headline_metric(len(dataset.classes))
        means = []
        for settings in (SplitSettings("random"), one.apart):
            seeded = [
                SplitSettings(settings.kind, seed=s, identity=settings.identity) for s in range(options.seeds)
            ]
            found = [outcome(dataset, each, s, leak=s == 0) for s, each in enumerate(seeded)]
            means.append([np.mean([each.score for each in found]), np.mean([each.covered for each in found]),
                          found[0].highest_identity])  # fmt: skip
        (random, random_covered, _), (apart, apart_covered, highest) = means
        how = f"{one.apart.kind}" + (f" {one.apart.identity:.0%}" if one.apart.kind == "similarity" else "")
        print(
            f"{name:<26}{metric:<10}{random:>8.3f}{apart:>8.3f}{random - apart:>8.3f}{random_covered:>9.3f}"
            f"{apart_covered:>8.3f}  {how}, {highest:.1%}",
            flush=True,
        )


def print_baselines(options: argparse.Namespace) -> None:
    """All simple methods on 10,000 rows, asked for twice."""
    from biotl_core.evaluation.kept_baselines import find_baselines

    print(f"{'set':<26}{'rows':>7}{'methods':>9}{'first s':>9}{'(CPU s)':>9}{'again s':>9}")
    for name, one in chosen_sets(options):
        dataset = load(one, options.data, 10_000)
        dataset = split(dataset, SplitSettings("random")).dataset
        with TemporaryDirectory() as home:
            os.environ["BIOTL_HOME"] = home
            seconds, busy = [], []
            for _ in range(2):
                began, began_busy = time.monotonic(), time.process_time()
                found = find_baselines(dataset)
                seconds.append(time.monotonic() - began)
                busy.append(time.process_time() - began_busy)
        print(
            f"{name:<26}{len(dataset.table):>7,}{len(found):>9}{seconds[0]:>9.1f}{busy[0]:>9.1f}{seconds[1]:>9.2f}",
            flush=True,
        )


def print_clusters(options: argparse.Namespace) -> None:
    """100,000 proteins at 30 % identity."""
    import pandas as pd

    from biotl_core.data.clusters import find_clusters
    from biotl_core.data.mmseqs import find_mmseqs

    table = pd.read_parquet(options.data / "pretraining/proteins.parquet", columns=["sequence"])
    sequences = table["sequence"].sample(100_000, random_state=0).tolist()
    began = time.monotonic()
    groups, method = find_clusters(sequences, "protein", 0.3, program=find_mmseqs())
    seconds = time.monotonic() - began
    here, program = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    busy = sum(used.ru_utime + used.ru_stime for used in (here, program))
    print(
        f"{len(sequences):,} proteins, {sum(map(len, sequences)) / 1e6:.0f} M letters: {groups.max() + 1:,} groups"
        f" at 30 % in {seconds:.0f} s ({busy:.0f} CPU s); memory at most {here.ru_maxrss / 1e6:.1f} GB here and"
        f" {program.ru_maxrss / 1e6:.1f} GB in {method}"
    )


PARTS = {
    "coverage": print_coverage,
    "gap": print_gap,
    "baselines": print_baselines,
    "clusters": print_clusters,
}

if __name__ == "__main__":
    main()
