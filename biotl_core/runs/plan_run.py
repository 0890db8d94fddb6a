"""The work of a plan: learn from all measurements of a run, guess the candidates, choose a batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, embed, open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Dataset
from biotl_core.data.mutations import mutated, say_mutations
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.evaluation.metrics import evaluate
from biotl_core.learning.training import make_accelerator
from biotl_core.planning.candidates import changes, double_mutants, listed, single_mutants
from biotl_core.planning.selection import choose_batch
from biotl_core.planning.surrogate import Guess, Surrogate
from biotl_core.planning.views import make_views
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.plans import INTERVAL, wanted_targets
from biotl_core.wording import say_count

_MOST_KEPT = 50_000
"""More embeddings than this are not worth keeping on disk."""


def plan_run(folder: Path, control: Control) -> str:
    """Do a run of kind "plan": `chosen.csv`, `ranked.parquet` and `result.json`; the closing sentence."""
    config = read_config(folder)
    request = config["request"]
    dataset = Dataset.load(Path(config["run"]))
    targets = wanted_targets(dataset, request["outcome"])
    candidates = _candidates(folder, config, dataset, targets, control)
    surrogate, rows = _learn(config, dataset, targets, candidates["sequence"].tolist(), control)
    control.step("Choosing what to measure", 0, 0)
    guess = surrogate.guess(rows)
    batch = choose_batch(
        surrogate, rows, request["n"], request["aim"], maximise=request["maximise"], boldness=request["boldness"],
        diversity=request["diversity"],
    )  # fmt: skip
    ranked = candidates.assign(**_columns(surrogate, guess))
    parent = request["parent"] or _parent(dataset)
    chosen = ranked.iloc[batch.rows - len(dataset.table)].reset_index(drop=True)
    chosen.insert(0, "rank", np.arange(1, len(chosen) + 1))
    chosen.insert(2, "mutations", [say_mutations(parent, sequence) for sequence in chosen["sequence"]])
    chosen["score"] = batch.score
    order = np.argsort(-guess.mean if request["maximise"] else guess.mean, kind="stable")
    ranked.iloc[order].reset_index(drop=True).to_parquet(folder / "ranked.parquet", index=False)
    chosen.round(6).to_csv(folder / "chosen.csv", index=False)
    result = _result(surrogate, targets, request) | {"n_candidates": len(candidates), "parent": parent}
    write_json_atomically(folder / "result.json", result)
    return f"Chose {len(chosen):,} of {say_count(len(candidates), 'candidate')}."


def _candidates(
    folder: Path, config: dict[str, Any], dataset: Dataset, targets: np.ndarray, control: Control
) -> pd.DataFrame:
    request, measured = config["request"], dataset.table["sequence"].tolist()
    if request["kind"] == "list":
        return listed(pd.read_parquet(folder / "input.parquet"), measured)
    letters, parent = ALPHABETS[config["modality"]].letters, request["parent"]
    if request["kind"] == "singles":
        return single_mutants(parent, letters, measured)
    singles = [mutated(parent, [one]) for one in changes(parent, letters)]
    surrogate, rows = _learn(config, dataset, targets, singles, control)
    guess = surrogate.guess(rows)
    promise = guess.mean if request["maximise"] else -guess.mean
    return double_mutants(parent, letters, measured, promise + request["boldness"] * guess.spread)


def _learn(
    config: dict[str, Any], dataset: Dataset, targets: np.ndarray, others: list[str], control: Control
) -> tuple[Surrogate, np.ndarray]:
    """A surrogate over the measured rows followed by other sequences, and the row numbers of these."""
    n = len(dataset.table)
    sequences = dataset.table["sequence"].tolist() + others
    backbone = find_backbone(config["backbone"], config["modality"])
    weights_folder = locate_backbone(backbone)
    device = make_accelerator(config.get("device", "cpu"), "auto").device
    encoder = load_encoder(weights_folder, config["modality"]).to(device)
    is_many = len(sequences) > _MOST_KEPT or config["request"]["kind"] == "doubles"
    store = MemoryStore() if is_many else open_store(weights_folder, encoder, "sequence")
    arrays = embed(encoder, sequences, "sequence", store, control)
    features = np.concatenate(arrays)[:, : encoder.width]
    likelihood = _likelihood(config, weights_folder, sequences, device.type, control)
    control.step("Learning from the measurements", 0, 0)
    views = make_views(sequences, config["modality"], features, likelihood)
    return Surrogate(views, np.arange(n), targets), np.arange(n, len(sequences))


def _likelihood(
    config: dict[str, Any], weights_folder: Path, sequences: list[str], device: str, control: Control
) -> np.ndarray | None:
    """Zero-shot scores of variants of one sequence; None where the backbone or the data do not allow them."""
    if config["modality"] == "molecule" or find_variants(sequences) is None:
        return None
    try:
        model = load_masked_model(weights_folder, config["modality"])
    except UserError:
        return None  # not every backbone can say how likely a letter is, and this is one view of several
    model.encoder.to(device)
    model.head.to(device)
    return zero_shot_scores(model, sequences, method=model.marginals, control=control).scores


def _columns(surrogate: Surrogate, guess: Guess) -> dict[str, np.ndarray]:
    """Expected value and the interval of what a measurement would give."""
    from scipy.stats import norm

    spread = np.sqrt(guess.spread**2 + surrogate.noise * surrogate.scale**2)
    reach = norm.ppf(0.5 + INTERVAL / 2) * spread
    return {
        "expected": guess.mean, "lower": guess.mean - reach, "upper": guess.mean + reach, "spread": guess.spread
    }  # fmt: skip


def _parent(dataset: Dataset) -> str | None:
    if dataset.modality == "molecule":
        return None
    variants = find_variants(dataset.table["sequence"].tolist())
    return None if variants is None else variants.parent


def _result(surrogate: Surrogate, targets: np.ndarray, request: dict[str, Any]) -> dict[str, Any]:
    """How good the surrogate is on the measurements, each guessed from all the others, and what it goes by."""
    from scipy.stats import norm

    left_out = surrogate.leave_one_out()
    reach = norm.ppf(0.5 + INTERVAL / 2) * left_out.spread
    scores = evaluate("regression", (), surrogate.targets, left_out.mean)
    return {
        "spearman": scores["spearman"],
        "rmse": scores["rmse"],
        "coverage": float((np.abs(left_out.mean - surrogate.targets) <= reach).mean()),
        "interval": INTERVAL,
        "shares": surrogate.shares(),
        "n_measured": len(targets),
        "n_used": len(surrogate.measured),
        "best_measured": float(targets.max() if request["maximise"] else targets.min()),
    }
