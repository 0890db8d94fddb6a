"""Rounds of measuring, retold: `python -m benchmarks.rounds --data ../shared/data [--seeds 10] [--plot FILE.html]`.

From 48 random measurements of a set that was measured completely, 4 rounds of 48 more, chosen by BioTL (its default
settings, the embedded backbone), at random, and by the highest predictions of a ridge on letters or fingerprints
(greedy). Printed for each: the best value found, as its place among all, and the share of the best 1 % of the set that
was found, mean and standard error over the seeds. All methods begin with the same 48.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import embed, open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.variants import find_variants
from biotl_core.evaluation.features import fingerprints, one_hot
from biotl_core.planning.selection import choose_batch
from biotl_core.planning.surrogate import Surrogate, View
from biotl_core.planning.views import make_views
from biotl_core.runs.plans import PlanRequest

SETS = {
    "GB1, 4 sites": ("sequences/protein_seq_regression/gb1_flip.csv.gz", "sequence", "target", "biotl-protein"),
    "TEM-1, singles": (
        "sequences/protein_seq_regression/dms_blat_ecolx_stiffler.csv.gz", "sequence", "target", "biotl-protein",
    ),
    "GRB2, binding": (
        "sequences/protein_seq_regression/dms_grb2_binding.csv.gz", "sequence", "target", "biotl-protein",
    ),
    "lipophilicity": ("molecule/lipophilicity.csv.gz", "smiles", "lipo", "biotl-molecule"),
}  # fmt: skip
N, ROUNDS, TOP = 48, 4, 0.01
MOST_ROWS = 10_000
"""Of a larger set so many are taken, the same each time."""


class Pool(NamedTuple):
    """A set that was measured completely, as the methods see it."""

    targets: np.ndarray
    views: list[View]
    simple: sparse.csr_array
    """Letters or fingerprints `(n, d)`."""


Choose = Callable[[Pool, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def choose_random(pool: Pool, have: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Any of those that are left."""
    return rng.choice(free, N, replace=False)


def choose_ridge(pool: Pool, have: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The highest predictions of a ridge whose strength is chosen by leave-one-out; equal ones in random order."""
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=10.0 ** np.arange(-2, 5)).fit(pool.simple[have].toarray(), pool.targets[have])
    mixed = rng.permutation(free)
    return mixed[np.argsort(-(pool.simple[mixed] @ model.coef_), kind="stable")[:N]]


def choose_biotl(pool: Pool, have: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As the page Next round does by default."""
    asked = PlanRequest()
    surrogate = Surrogate(pool.views, have, pool.targets[have])
    return choose_batch(
        surrogate, free, N, asked.aim, boldness=asked.boldness, diversity=asked.diversity
    ).rows  # fmt: skip


METHODS: dict[str, Choose] = {"random": choose_random, "ridge, greedy": choose_ridge, "BioTL": choose_biotl}


def main() -> None:
    """Print a block a set, and draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="sets whose name holds this word")
    parser.add_argument("--plot", type=Path, help="write the curves as a page")
    choice = parser.parse_args()
    curves = {}
    for name, about in SETS.items():
        if choice.only in name:
            began = time.monotonic()
            pool = read_pool(choice.data, *about)
            curves[name] = tell(name, pool, choice.seeds)
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    if choice.plot and curves:
        from biotl_core.plots.planning import plot_rounds

        choice.plot.write_text(plot_rounds(curves, N).to_html(include_plotlyjs=True))


def read_pool(data: Path, file: str, sequence: str, target: str, backbone_name: str) -> Pool:
    """The set with everything that is computed once."""
    table = pd.read_csv(data / file).dropna(subset=[sequence, target]).drop_duplicates(sequence)
    if len(table) > MOST_ROWS:
        table = table.sample(MOST_ROWS, random_state=0)
    sequences, backbone = table[sequence].tolist(), find_backbone(backbone_name)
    encoder = load_encoder(locate_backbone(backbone), backbone.modality)
    arrays = embed(encoder, sequences, "sequence", open_store(locate_backbone(backbone), encoder, "sequence"))
    features = np.concatenate(arrays)[:, : encoder.width]
    is_molecule = backbone.modality == "molecule"
    likelihood = None
    if not is_molecule and find_variants(sequences) is not None:
        model = load_masked_model(locate_backbone(backbone), backbone.modality)
        likelihood = zero_shot_scores(model, sequences, method="masked").scores
    views = [view.scaled() for view in make_views(sequences, backbone.modality, features, likelihood)]
    simple = (fingerprints if is_molecule else one_hot)(sequences).tocsr()
    return Pool(table[target].to_numpy(np.float64), views, simple)


def tell(name: str, pool: Pool, n_seeds: int) -> dict[str, np.ndarray]:
    """Run all methods and print what they found; the recall of each `(seeds, rounds + 1)`."""
    top = best_rows(pool.targets)
    print(f"{name}: {len(pool.targets):,} measured, the best 1 % are {len(top)}", flush=True)
    print(f"  {'':<16}{'best is number':>16}{'recall of the best 1 %':>28}   by round")
    recalls = {}
    for method, choose in METHODS.items():
        found = [retell(pool, choose, seed) for seed in range(n_seeds)]
        places, recall = np.array([one[0] for one in found]), np.array([one[1] for one in found])
        recalls[method] = recall
        last = recall[:, -1]
        error = last.std(ddof=1) / np.sqrt(n_seeds) if n_seeds > 1 else 0.0
        course = " ".join(f"{value:.2f}" for value in recall.mean(axis=0))
        said = f"{last.mean():.3f} +- {error:.3f}"
        print(f"  {method:<16}{places.mean():>16.1f}{said:>28}   {course}", flush=True)
    return recalls


def retell(pool: Pool, choose: Choose, seed: int) -> tuple[int, list[float]]:
    """The place of the best that was found (1 is the best of all), and the recall after each round."""
    rng = np.random.default_rng(seed)
    n, top = len(pool.targets), best_rows(pool.targets)
    have = rng.permutation(n)[:N]
    recall = [np.isin(top, have).mean()]
    for _ in range(ROUNDS):
        have = np.concatenate([have, choose(pool, have, np.setdiff1d(np.arange(n), have), rng)])
        recall.append(np.isin(top, have).mean())
    return int((pool.targets > pool.targets[have].max()).sum()) + 1, recall


def best_rows(targets: np.ndarray) -> np.ndarray:
    """The best 1 %."""
    return np.argsort(-targets, kind="stable")[: max(1, round(TOP * len(targets)))]


if __name__ == "__main__":
    main()
