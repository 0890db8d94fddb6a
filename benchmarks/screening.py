"""Figures of drug screening: `python -m benchmarks.screening --data ../shared/data [--only NAME ...] [--seeds N]`.

Each figure stands beside its rivals on the same parts in the same run; timings beside a loop over single pairs.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.reading import read_file
from biotl_core.progress import Control
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.intake import AssayReading, guess_assay_reading, read_assay
from biotl_core.screening.models import MODELS, Features
from biotl_core.screening.pairs import PairReading, Pairs

PUBLISHED = {"davis": "MSE 0.195, CI 0.906 (MSGNN-DTA)", "kiba": "MSE 0.117, CI 0.908 (MSGNN-DTA)"}


def load_pairs(folder: Path) -> Pairs:
    """Davis or KIBA with their official folds: the five training folds, the last of them as validation, and the
    test fold.
    """
    drugs, targets, pairs = (pd.read_csv(folder / f"{name}.csv.gz") for name in ("drugs", "targets", "pairs"))
    smiles = drugs["smiles_iso"] if "smiles_iso" in drugs else drugs["smiles"]
    value = "pKd" if "pKd" in pairs else "kiba"
    names = targets["name"] if "name" in targets else targets["target"]
    table = pd.DataFrame(
        {
            "molecule": pairs["drug"], "protein": pairs["target"], "value": pairs[value], "side": 0, "n_rows": 1,
            "part": pairs["fold"].astype(str).map({"test": "test", "4": "validation"}).fillna("train"),
        }
    )  # fmt: skip
    reading = PairReading(AssayReading("smiles", value, None, None, "pX"), "sequence", "name", "part")
    columns = tuple(smiles), tuple(targets["sequence"]), tuple(map(str, names))
    return Pairs(*columns, table, pd.DataFrame(columns=["row", "reason"]), reading, folder.name)


def bench_pairs(data: Path, seeds: int, sets: tuple[str, ...], splits: tuple[str, ...], steps: int) -> None:
    """Two towers beside four simple methods, on the official test folds and on cold splits."""
    import torch

    from biotl_core.learning.two_towers import TowerSettings
    from biotl_core.runs.pair_run import TITLES, learn_pairs
    from biotl_core.screening.pair_splits import split_pairs

    torch.set_num_threads(1)
    for name in sets:
        pairs = load_pairs(data / "interactions" / name)
        for split in splits:
            found: dict[str, list[dict[str, float]]] = {}
            chosen, began = [], time.process_time()
            for seed in range(seeds):
                parts = split_pairs(pairs, split, seed).parts
                learned = learn_pairs(pairs, parts, TowerSettings(steps=steps, seed=seed), Control())
                chosen.append(learned.result["chosen"])
                for method, one in learned.result["models"].items():
                    found.setdefault(method, []).append(one["test"])
                print(name, split, seed, {m: round(s[-1]["mse"], 4) for m, s in found.items()}, flush=True)
            seconds = (time.process_time() - began) / seeds
            print(
                f"\n{name}, {split}, mean of {seeds} seeds, {seconds:.0f} CPU-s each, chosen: {', '.join(chosen)}"
            )
            for method, scores in found.items():
                mean = {
                    key: np.nanmean([one[key] for one in scores])
                    for key in ("mse", "ci", "r2m", "per_target")
                }
                print(f"  {TITLES[method]:<45} " + "  ".join(f"{k} {v:.3f}" for k, v in mean.items()))
            if split == "given":
                print(f"  published: {PUBLISHED[name]}\n", flush=True)


def bench_learning(data: Path, seeds: int) -> None:
    """USP7 with few labels, the rest as test: mean correlation over seeds."""
    raw = read_file(data / "interactions" / "single_target" / "usp7.csv.gz")
    assay = read_assay(raw, guess_assay_reading(raw))
    features = Features(fingerprints(assay.molecules["smiles"].tolist()).matrix())
    values = assay.molecules["value"].to_numpy()
    names = [name for name, recipe in MODELS.items() if name != "mean" and not recipe.needs_vectors]
    print("USP7, Pearson r on all other molecules, mean of", seeds, "random draws")
    print(f"  {'labels':<8}" + "".join(f"{name:>12}" for name in names))
    for n in (35, 89, 179, 539):
        found = {name: [] for name in names}
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(values))
            train, test = features.take(order[:n]), features.take(order[n:])
            for name in names:
                model = MODELS[name].make(seed)
                model.fit(train, values[order[:n]])
                found[name].append(np.corrcoef(model.mean(test), values[order[n:]])[0, 1])
        print(f"  {n:<8}" + "".join(f"{np.mean(found[name]):12.3f}" for name in names), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", nargs="*", default=["learning", "pairs", "cold"])
    parser.add_argument("--sets", nargs="*", default=["davis", "kiba"])
    parser.add_argument("--splits", nargs="*", default=["cold_molecule", "cold_target"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    options = parser.parse_args()
    if "learning" in options.only:
        bench_learning(options.data, options.seeds)
    if "pairs" in options.only:
        bench_pairs(options.data, options.seeds, tuple(options.sets), ("given",), options.steps)
    if "cold" in options.only:
        bench_pairs(options.data, options.seeds, tuple(options.sets), tuple(options.splits), options.steps)


if __name__ == "__main__":
    main()
