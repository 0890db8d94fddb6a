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


def bench_pairs(data: Path, seeds: range, sets: tuple[str, ...], splits: tuple[str, ...], steps: int) -> None:
    """Two towers beside four simple methods, on the official test folds and on cold splits."""
    import torch

    from biotl_core.learning.two_towers import TowerSettings
    from biotl_core.runs.pair_learning import learn_pairs
    from biotl_core.screening.assays import PAIR_TITLES as TITLES
    from biotl_core.screening.pair_splits import split_pairs

    torch.set_num_threads(1)
    for name in sets:
        pairs = load_pairs(data / "interactions" / name)
        for split in splits:
            found: dict[str, list[dict[str, float]]] = {}
            chosen, began = [], time.process_time()
            for seed in seeds:
                parts = split_pairs(pairs, split, seed).parts
                learned = learn_pairs(pairs, parts, TowerSettings(steps=steps, seed=seed), Control())
                chosen.append(learned.result["chosen"])
                for method, one in learned.result["models"].items():
                    found.setdefault(method, []).append(one["test"])
                print(name, split, seed, {m: round(s[-1]["mse"], 4) for m, s in found.items()}, flush=True)
            seconds = (time.process_time() - began) / len(seeds)
            print(
                f"\n{name}, {split}, mean of {len(seeds)} seeds, {seconds:.0f} CPU-s each, chosen: {', '.join(chosen)}"
            )
            for method, scores in found.items():
                mean = {
                    key: np.mean([one[key] for one in scores])  # nan where a constant has no correlation
                    for key in ("mse", "ci", "r2m", "per_target")
                }
                print(f"  {TITLES[method]:<45} " + "  ".join(f"{k} {v:.3f}" for k, v in mean.items()))
            if split == "given":
                print(f"  published: {PUBLISHED[name]}\n", flush=True)


def bench_towers(data: Path, seeds: range, sets: tuple[str, ...], steps: int, own_vectors: bool) -> None:
    """The towers alone, learned once on the five training folds for a fixed number of steps, on the test fold."""
    import torch

    from biotl_core.learning.two_towers import TowerSettings, predict_pairs, seen_in
    from biotl_core.runs.pair_learning import learn_reader, measured_pairs, train_group
    from biotl_core.screening.pairs import PairInputs
    from biotl_core.screening.scores import SCORES, per_target

    torch.set_num_threads(1)
    for name in sets:
        pairs = load_pairs(data / "interactions" / name)
        is_test = (pairs.table["part"] == "test").to_numpy()
        known = measured_pairs(pairs.table, np.flatnonzero(~is_test))
        test = measured_pairs(pairs.table, np.flatnonzero(is_test))
        reader = learn_reader(pairs, known, PairInputs(), Control())
        sides = (
            reader.molecules(fingerprints(pairs.molecules), pairs.molecules),
            reader.proteins(pairs.proteins),
        )
        found = []
        for seed in seeds:
            began, settings = (
                time.process_time(),
                TowerSettings(steps=steps, seed=seed, own_vectors=own_vectors),
            )
            group = train_group(*sides, (reader.n_bits, 0), known, known, settings, Control(), steps)
            guess = predict_pairs(group, *sides, seen_in(known))[test.molecule, test.protein].astype(
                np.float64
            )
            found.append([SCORES[one].formula(test.value, guess) for one in ("mse", "ci", "r2m")])
            found[-1].append(per_target(test.protein, test.value, guess))
            said = "  ".join(
                f"{k} {v:.4f}" for k, v in zip(("mse", "ci", "r2m", "per_target"), found[-1], strict=True)
            )
            print(f"{name}, seed {seed}: {said}  {time.process_time() - began:.0f} CPU-s", flush=True)
        mean = "  ".join(f"{value:.4f}" for value in np.mean(found, axis=0))
        print(f"{name}, mean of {len(found)} seeds: {mean}  published: {PUBLISHED[name]}", flush=True)


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


def bench_screen(data: Path, n: int) -> None:
    """A library of n SMILES against one target: from raw strings, then once it is kept, beside a loop over
    single pairs.

    Ranked by the two towers (trained on Davis, briefly: speed does not depend on how well) and by the assay models.
    """
    import tempfile

    import pyarrow.parquet as pq
    import torch

    from biotl_core.hardware import resolve_device
    from biotl_core.learning.two_towers import TowerSettings
    from biotl_core.runs.pair_learning import learn_pairs
    from biotl_core.runs.screen_race import race_screen
    from biotl_core.runs.target_screen import TargetScreen
    from biotl_core.screening.pair_splits import split_pairs

    torch.set_num_threads(1)
    pairs = load_pairs(data / "interactions" / "davis")
    parts = split_pairs(pairs, "given").parts
    learned = learn_pairs(pairs, parts, TowerSettings(steps=50), Control(), own_vectors=False)
    torch.set_num_threads(resolve_device("cpu").n_cores)  # as the worker of a screen
    table = pq.read_table(data / "pretraining" / "dude_zinc_1184k.parquet", columns=["smiles"])
    proteins = pd.DataFrame({"sequence": pairs.proteins, "name": pairs.protein_names})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.smi"
        with path.open("w") as file:
            for i, smiles in enumerate(table["smiles"].to_pylist()[:n]):
                file.write(f"{smiles} molecule{i}\n")
        learned.group.save(Path(folder) / "model")
        target = TargetScreen(
            Path(folder), pairs.proteins[0], learned.result, pairs.table.assign(part=parts), list(pairs.molecules),
            proteins, learned.group, learned.reader,
        )  # fmt: skip
        print(f"\n{race_screen(target, path)}", flush=True)


def bench_decoys(data: Path, n_targets: int, n_known: int = 30) -> None:
    """DUD-E: actives among decoys, with 30 actives known: similarity, the assay models' best, and a ligand-only
    control.

    Decoys were chosen to be unlike actives in their atoms and alike in their properties, so whoever learns what
    decoys look like does well without knowing a target (Chen et al., PLoS ONE 14, e0220113, 2019): the control
    learns from
    OTHER targets' actives and decoys, and any score it reaches says nothing about the target.
    """
    import pyarrow.parquet as pq
    from sklearn.linear_model import Ridge

    from biotl_core.screening.fingerprints import tanimoto
    from biotl_core.screening.scores import SCORES

    entries = pd.read_parquet(data / "interactions" / "dude" / "entries.parquet")
    smiles = pq.read_table(data / "pretraining" / "dude_zinc_1184k.parquet", columns=["smiles"])["smiles"]
    names = list(entries["target"].astype(str).unique())
    rng = np.random.default_rng(0)
    chosen = names if n_targets >= len(names) else sorted(rng.choice(names, n_targets, replace=False))
    kept = {}
    for name in chosen:
        own = entries[entries["target"] == name]
        actives, decoys = own[own["active"] == 1], own[own["active"] == 0]
        own = pd.concat([actives, decoys.sample(min(len(decoys), 3000), random_state=0)])
        bits = fingerprints([smiles[int(i)].as_py() for i in own["mol"]]).matrix()
        kept[name] = bits, own["active"].to_numpy(np.float64)
    found = {name: [] for name in ("similarity", "ridge", "other targets only")}
    for name in chosen:
        bits, labels = kept[name]
        actives = rng.permutation(np.flatnonzero(labels == 1))
        n_own = min(n_known, len(actives) // 2)
        known, decoys = actives[:n_own], rng.permutation(np.flatnonzero(labels == 0))
        known_decoys = decoys[: 10 * n_own]
        test = np.setdiff1d(np.arange(len(labels)), np.r_[known, known_decoys])
        near = tanimoto(bits[test], bits[known]).max(axis=1)
        rows = np.r_[known, known_decoys]
        model = MODELS["ridge"].make(0)
        model.fit(Features(bits[rows]), labels[rows])
        others = [n for n in rng.permutation(chosen) if n != name][:8]
        foreign = Ridge(alpha=30.0).fit(
            _stacked([kept[n][0] for n in others]), np.concatenate([kept[n][1] for n in others])
        )
        guesses = {
            "similarity": near,
            "ridge": model.mean(Features(bits[test])),
            "other targets only": foreign.predict(bits[test]),
        }
        for method, guess in guesses.items():
            found[method].append([SCORES[s].formula(labels[test], guess) for s in ("ef1", "bedroc", "auroc")])
    print(f"\nDUD-E, {len(chosen)} targets, {n_known} actives known, at most 3,000 decoys each; means")
    for method, values in found.items():
        ef, early, area = np.nanmean(values, axis=0)
        print(f"  {method:<20} EF 1 % {ef:5.1f}   BEDROC {early:.3f}   AUROC {area:.3f}", flush=True)
    print("  The last line has never seen the target: what it reaches is the bias of the decoys.")


def _stacked(parts: list) -> object:
    from scipy import sparse

    return sparse.csr_matrix(sparse.vstack(parts))


def bench_properties(data: Path) -> None:
    """MoleculeNet tables with scaffold splits: every model on the same test part."""
    from biotl_core.screening.choosing import choose_model, deal_parts

    published = {
        "bbbp": "MoLFormer 0.904",
        "bace": "MoLFormer 0.828",
        "clintox": "MoLFormer 0.945 (on its own split)",
    }
    for name, value in (
        ("esol", None),
        ("lipophilicity", None),
        ("bbbp", None),
        ("bace", None),
        ("clintox", "CT_TOX"),
    ):
        raw = read_file(data / "molecule" / f"{name}.csv.gz")
        assay = read_assay(raw, guess_assay_reading(raw, value=value))
        table = assay.molecules
        features = Features(fingerprints(table["smiles"].tolist()).matrix())
        values, sides = table["value"].to_numpy(), table["side"].to_numpy()
        choice = choose_model(
            features, values, sides, deal_parts(table["smiles"], values, "scaffold"), assay.kind
        )
        score = "auroc" if assay.kind == "active" else "rmse"
        said = "  ".join(f"{n} {one.test[score]:.3f}" for n, one in choice.judged.items())
        print(f"{name:<14} {score}: {said}  chosen: {choice.chosen}  {published.get(name, '')}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--only", nargs="*", default=["learning", "pairs", "cold", "screen", "decoys", "properties"]
    )
    parser.add_argument("--sets", nargs="*", default=["davis", "kiba"])
    parser.add_argument("--splits", nargs="*", default=["cold_molecule", "cold_target"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument(
        "--own-vectors", action="store_true", help="of `towers`: as the validation fold of Davis likes"
    )
    parser.add_argument("--molecules", type=int, default=1_000_000)
    parser.add_argument("--targets", type=int, default=102, help="of DUD-E")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if "learning" in options.only:
        bench_learning(options.data, options.seeds)
    if "towers" in options.only:
        bench_towers(options.data, seeds, tuple(options.sets), options.steps, options.own_vectors)
    if "pairs" in options.only:
        bench_pairs(options.data, seeds, tuple(options.sets), ("given",), options.steps)
    if "cold" in options.only:
        bench_pairs(options.data, seeds, tuple(options.sets), tuple(options.splits), options.steps)
    if "screen" in options.only:
        bench_screen(options.data, options.molecules)
    if "decoys" in options.only:
        bench_decoys(options.data, options.targets)
    if "properties" in options.only:
        bench_properties(options.data)


if __name__ == "__main__":
    main()
