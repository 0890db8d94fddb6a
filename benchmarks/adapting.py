"""Does reading on help? `python -m benchmarks.adapting --data ../shared/data [--backbone NAME] [--letters 1e6]`.

For each set of proteins one line: perplexity on whole groups held out (50 % identity) before and after the backbone has
read the others, with the interval of the gain. Where the set has a measurement, also the Spearman correlation on its
test part of the same frozen head (ridge on mean and maximum, its strength chosen by leaving one out) on the
backbone as it was and as adapted, and the interval of their difference. No sequence of a test part is read.
"""

import argparse
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, embed
from biotl_core.backbones.encoder import load_encoder
from biotl_core.data.unlabelled import Unlabelled, hold_out
from biotl_core.evaluation.intervals import paired_difference
from biotl_core.genomes.reading import read_genomes
from biotl_core.learning.adaptation import adapt
from biotl_core.learning.adaptation_settings import AdaptationSettings, usual_learning_rate
from biotl_core.learning.speed import size_millions

PHAGES = ("phages_acinetobacter_4", "phages_enterobacteria_6")
_STRENGTHS = 10.0 ** np.arange(0, 8)


class Case(NamedTuple):
    """Sequences to read, and what is measured of some proteins."""

    sequences: list[str]
    measured: pd.DataFrame | None
    """Columns sequence, target, split; None where nothing is measured."""


def main() -> None:
    """Print one line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", default="biotl-protein")
    parser.add_argument("--letters", type=float, default=1e6)
    parser.add_argument("--learning-rate", type=float, default=None)
    parser.add_argument("--only", default="", help="sets whose name holds this word")
    choice = parser.parse_args()
    backbone = find_backbone(choice.backbone, "protein")
    rate = choice.learning_rate or usual_learning_rate(size_millions(backbone))
    settings = AdaptationSettings(tokens=int(choice.letters), learning_rate=rate)
    print(f"{backbone.name}, {settings.tokens:,} letters read, step size {rate:g}")
    heads = ("read", "held out", "before", "after", "after/before", "head before", "head after", "difference")
    print(f"{'set':<10}" + "".join(f"{head:>18}" for head in heads) + f"{'s':>8}")
    for name, make in CASES.items():
        if choice.only in name:
            print(line(name, make(choice.data), locate_backbone(backbone), settings), flush=True)


def line(name: str, case: Case, start: Path, settings: AdaptationSettings) -> str:
    """One row of the table."""
    table = pd.DataFrame({"name": "", "sequence": list(dict.fromkeys(case.sequences))})
    held = hold_out(Unlabelled(table, "protein", name, table.head(0))).is_held_out
    learned, judged = (table.loc[held == side, "sequence"].tolist() for side in (False, True))
    with tempfile.TemporaryDirectory() as folder:
        with redirect_stdout(sys.stderr):  # which tells how far it is
            result = adapt(start, learned, judged, "protein", Path(folder), settings)
        cells = [
            f"{len(learned):,}", f"{len(judged):,}",
            f"{result.perplexity_before:.2f}", f"{result.perplexity_after:.2f}",
            f"{result.change_low:.3f} to {result.change_high:.3f}",
            *(("-",) * 3 if case.measured is None else heads(case.measured, start, Path(folder))),
        ]  # fmt: skip
    return f"{name:<10}" + "".join(f"{cell:>18}" for cell in cells) + f"{result.seconds:>8.0f}"


def heads(measured: pd.DataFrame, before: Path, after: Path) -> list[str]:
    """Test Spearman of the frozen head on both backbones, and the interval of the difference."""
    true = measured.loc[measured["split"] == "test", "target"].to_numpy()
    first, second = (frozen_head(measured, folder) for folder in (before, after))
    change = paired_difference("regression", (), true, second, first, "spearman")
    scores = [float(pd.Series(one).corr(pd.Series(true), method="spearman")) for one in (first, second)]
    return [*(f"{score:.3f}" for score in scores), f"{change.low:+.3f} to {change.high:+.3f}"]


def frozen_head(measured: pd.DataFrame, folder: Path) -> np.ndarray:
    """Predictions for the test part, `(n_test,)`."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    encoder = load_encoder(folder, "protein")
    pooled = embed(encoder, measured["sequence"].tolist(), "sequence", MemoryStore())
    features = np.concatenate(pooled).astype(np.float64)
    features = features[:, : 2 * encoder.width]  # mean and maximum
    train, test = (measured["split"].to_numpy() == part for part in ("train", "test"))
    head = make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))
    return head.fit(features[train], measured["target"].to_numpy()[train]).predict(features[test])


def phages(data: Path) -> Case:
    """All proteins of ten phages."""
    found: list[str] = []
    for name in PHAGES:
        files = [data / "genomes" / f"{name}{ending}" for ending in (".fasta.gz", ".gff3.gz")]
        for genome in read_genomes(files, each_sequence=True):
            found += [
                protein for protein in genome.proteins if not set(protein) - set("ACDEFGHIKLMNPQRSTVWYX")
            ]
    return Case(found, None)


def solubility(data: Path) -> Case:
    """Proteins of E. coli with their solubility; read are those of the training part."""
    table = pd.read_csv(data / "sequences" / "protein_seq_regression" / "esol_solubility.csv.gz")
    return Case(table.loc[table["split"] == "train", "sequence"].tolist(), table)


CASES = {"phages": phages, "esol": solubility}


if __name__ == "__main__":
    main()
