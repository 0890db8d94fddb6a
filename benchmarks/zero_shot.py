"""Rank mutants without training: `python -m benchmarks.zero_shot --data ../shared/data [--backbone NAME]`.

For each `dms_` set the Spearman correlation of measured fitness with the backbone's masked and wild-type marginals,
with the same architecture from random weights, and with two rivals: BLOSUM62 and the number of mutations. Nothing is
trained on the measurements.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.mutations import sum_of_effects


def main() -> None:
    """Print one line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", default="biotl-protein")
    choice = parser.parse_args()
    backbone = find_backbone(choice.backbone, "protein")
    model = load_masked_model(locate_backbone(backbone), "protein")
    blank = load_masked_model(locate_backbone(backbone), "protein", random_weights=True)
    print(f"Spearman with measured fitness, backbone {backbone.name}, no training")
    heads = ("masked", "wild type", "random", "BLOSUM62", "-mutations", "s")
    print(f"{'set':<26}{'variants':>9}" + "".join(f"{head:>11}" for head in heads))
    for path in sorted((choice.data / "sequences" / "protein_seq_regression").glob("dms_*.csv.gz")):
        table = pd.read_csv(path)
        sequences, target = table["sequence"].tolist(), table["target"].to_numpy()
        began = time.monotonic()
        masked = zero_shot_scores(model, sequences, method="masked")
        seconds = time.monotonic() - began
        scores = [
            masked.scores,
            zero_shot_scores(model, sequences, method="wild_type").scores,
            zero_shot_scores(blank, sequences, method="masked").scores,
            sum_of_effects(blosum_effects(masked.parent, model.letters), sequences, model.letters),
            -np.array([sum(a != b for a, b in zip(masked.parent, one, strict=True)) for one in sequences]),
        ]
        numbers = [f"{spearman(one, target):>11.3f}" for one in scores]
        name = path.name.removesuffix(".csv.gz")
        print(f"{name:<26}{len(table):>9,}{''.join(numbers)}{seconds:>11.1f}", flush=True)


def spearman(scores: np.ndarray, target: np.ndarray) -> float:
    """nan where all scores are equal."""
    return float(spearmanr(scores, target).statistic) if np.ptp(scores) else float("nan")


def blosum_effects(parent: str, letters: str) -> np.ndarray:
    """BLOSUM62 of each exchange minus that of keeping the letter, `(length, n_letters)`."""
    from biotite.sequence.align import SubstitutionMatrix

    matrix = SubstitutionMatrix.std_protein_matrix()
    return np.array(
        [[matrix.get_score(old, new) - matrix.get_score(old, old) for new in letters] for old in parent]
    )


if __name__ == "__main__":
    main()
