"""Make the embedded homology head: `python -m pretraining.homology --data DATA`.

It learns from labelled pairs which proteins are related (Pfam architectures, an openly licensed set), and is
calibrated and tested on folds of SCOPe, whose labels only count how often it is right. Writes all into
`biotl_core/genomes/weights`.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.families import connected, count_bins, split_folds
from biotl_core.genomes.homology_head import HeadSettings, HomologyHead, protein_features, train_head
from biotl_core.genomes.transfer import BACKBONE, WEIGHTS_FOLDER, Calibration, Searcher
from biotl_core.genomes.transfer_calibration import collect_candidates
from biotl_core.progress import Control, print_progress

SHARES = (0.6, 0.2, 0.2)
"""Folds to train on, to choose settings by, and to test on in `benchmarks.genomes --only remote`."""
TRAIN, TEST = 0, 2
N_GROUPS = 5
"""Of folds: those of each are judged by a calibration that was fitted on the others."""
N_TRIALS = 20
"""For each group of folds."""
CARD = """# The homology head of biotl-protein

A small layer on the frozen embedded protein backbone that draws related proteins together, for the Genomes page.

| | |
|---|---|
| Reads | mean and maximum of the backbone's vectors, amino-acid composition, length |
| Trained by | InfoNCE on pairs of one family against all others of a batch, {steps} steps |
| Data | {n_pfam:,} proteins with their Pfam architectures (DCTdomain's pfam_max50, Academic Free License 3.0) |
| Calibrated on | {n_calibration:,} candidate pairs of SCOPe 2.08 domains, {n_related:,} of them related: six numbers |
| Reliability | each fifth of the folds judged by a calibration of the others; training families may be among them |
| Licence of the weights | Apache-2.0 |

## Limits

The backbone is small and briefly trained. On relatives that alignment misses, its probabilities are mostly low,
and those called 90 % certain are too few to say that the calibration holds: see `reliability.csv`.

## Made by

`python -m pretraining.homology --data DATA`
"""


class Families(NamedTuple):
    """Labelled proteins."""

    scope: pd.DataFrame
    """`id, sequence, fold, superfamily, family, part`."""
    pfam: pd.DataFrame
    """`id, sequence, family`."""
    pairs: pd.DataFrame
    """`first, second` (rows of `pfam`), `label` (1 for related)."""


def read_families(data: Path) -> Families:
    """The labelled sets below a data folder."""
    folder = data / "sequences"
    scope = pd.read_csv(folder / "protein_homology" / "scope208_le35_dev_folds.csv.gz")
    scope = scope[scope["in_th30"] == 1].reset_index(drop=True)
    scope["sequence"] = scope["sequence"].str.upper()
    scope["part"] = split_folds(scope["fold"], SHARES)
    pfam = pd.read_csv(folder / "protein_pair" / "homology_pfam_max50_seqs.csv.gz")
    pfam["sequence"] = pfam["sequence"].str.upper()
    pairs = pd.read_csv(folder / "protein_pair" / "homology_pfam_max50_pairs.csv.gz")
    number = {name: i for i, name in enumerate(pfam["id"])}
    pairs["first"], pairs["second"] = pairs["id1"].map(number), pairs["id2"].map(number)
    pfam["family"] = connected(len(pfam), pairs[pairs["label"] == 1])
    return Families(scope, pfam, pairs)


def train_on(
    features: list[np.ndarray], labels: list[np.ndarray], settings: HeadSettings, control: Control
) -> HomologyHead:
    """A head on several labelled sets; a label means nothing outside its set."""
    offset, families = 0, []
    for some in labels:
        families.append(pd.factorize(some)[0] + offset)
        offset = families[-1].max() + 1
    return train_head(np.concatenate(features), np.concatenate(families), settings, control)


def cross_fitted(searcher: Searcher, scope: pd.DataFrame, n_trials: int, control: Control) -> pd.DataFrame:
    """Candidates with the `probability` that a calibration on other folds gives each."""
    group_of_row = split_folds(scope["fold"], (1 / N_GROUPS,) * N_GROUPS, seed=1)
    found = pd.concat(
        [
            collect_candidates(
                searcher, scope, np.flatnonzero(group_of_row == group), n_trials, control
            ).assign(group=group)
            for group in range(N_GROUPS)
        ],
        ignore_index=True,
    )
    found["probability"] = np.nan
    for group in range(N_GROUPS):
        is_own = (found["group"] == group).to_numpy()
        others = found[~is_own]
        calibration = Calibration.fit(others, others["is_related"].to_numpy())
        found.loc[is_own, "probability"] = calibration.probability(found[is_own])
    return found


def main() -> None:
    """Train, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    control, started = Control(print_progress), time.process_time()
    families = read_families(options.data)
    weights = locate_backbone(find_backbone(BACKBONE))
    encoder = load_encoder(weights, "protein")
    stores = open_store(weights, encoder, "sequence"), open_store(weights, encoder, "residue")
    pfam = protein_features(encoder, families.pfam["sequence"].tolist(), stores[0], control)
    settings = HeadSettings()
    head = train_on([pfam], [families.pfam["family"].to_numpy()], settings, control)
    searcher = Searcher(encoder, head, None, *stores)
    found = cross_fitted(searcher, families.scope, N_TRIALS, control)
    calibration = Calibration.fit(found, found["is_related"].to_numpy())
    head.save(WEIGHTS_FOLDER)
    calibration.save(WEIGHTS_FOLDER)
    reliability = count_bins(found["probability"].to_numpy(), found["is_related"].to_numpy())
    reliability.round(4).to_csv(WEIGHTS_FOLDER / "reliability.csv", index=False)
    card = CARD.format(
        steps=settings.steps, n_pfam=len(pfam), n_calibration=len(found), n_related=int(found["is_related"].sum()),
    )  # fmt: skip
    (WEIGHTS_FOLDER / "README.md").write_text(card, encoding="utf-8")
    print(
        f"{len(found):,} candidates, {found['is_related'].mean():.1%} related; {time.process_time() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
