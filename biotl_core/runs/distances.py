"""Contacts and distances learned from structures: ask for it, what it takes, and what came out."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.home import safe_name
from biotl_core.runs.folder import create_run, find_run, launch, list_runs, read_config, read_result
from biotl_core.runs.status import read_status
from biotl_core.runs.verdict import Rival, lower_first
from biotl_core.structures.distance_settings import ESMFOLD, DistanceSettings
from biotl_core.structures.engines import ENGINES, weights_folder, why_out_of_reach
from biotl_core.structures.esmfold_memory import say_adaptation_memory
from biotl_core.structures.pair_measures import PAIR_METRICS
from biotl_core.structures.pair_sets import PAIR_TARGETS, PairSet
from biotl_core.structures.result_files import read_saved
from biotl_core.wording import say_count, say_number, say_seconds

MODEL = "model"
"""Folder of the head inside the run folder; what the engine 'learned' reads."""
MAPS, FOLDS, CHAINS, TRUTH = "maps", "models", "test_chains.csv", "true.pdb"
TWIN_HISTORY = "history-letters.jsonl"
OWN = "head"
"""The folder of the model's own folds, beside those of its rivals."""
LETTERS, ATTENTION, SEPARATION, RELATIVE = "letters", "attention", "separation", "relative"
RIVAL_TITLES = {
    LETTERS: "The same network on letters alone",
    ATTENTION: "A line through the backbone's attention",
    SEPARATION: "Steps along the chain alone",
    RELATIVE: "The nearest training structure, copied",
}
"""What stands beside the head, on the same test chains; the first is its twin without the backbone."""
UNADAPTED, UNADAPTED_TITLE = "unadapted", "ESMFold as it was"
HEAD_FILE, ADAPTER_FILE = "head.safetensors", "adapter.safetensors"
_SECONDS_A_STEP = 0.05
"""Of one chain in one pass, on a processor core, with what judging takes."""


def create_distances(
    pair_set: PairSet, settings: DistanceSettings, name: str = "", folder: Path | None = None
) -> Path:
    """Make the folder of a run that has not started yet.

    Args:
        pair_set: with its parts.
        settings: see `DistanceSettings`.
        name: how to call it; by default from source, target and backbone.
        folder: an empty or new folder instead of one below the home.

    Raises:
        UserError: a part is empty, or the backbone is not on this computer or reads no proteins.
    """
    for part, count in pair_set.counts.items():
        if not count:
            raise UserError(f"The {part} part of {pair_set.source} is empty. Add structures.")
    backbone = _check_esmfold(pair_set) if settings.method == ESMFOLD else _check_backbone(settings.backbone)
    config = {
        "backbone": backbone,
        "settings": asdict(settings),
        "device": resolve_device(settings.device).name,
        "source": pair_set.source,
        "modality": "protein",
        "target": pair_set.target,
        "target_name": PAIR_TARGETS[pair_set.target].title.lower(),
        "dataset_hash": pair_set.content_hash,
        "counts": pair_set.counts,
        "split": pair_set.sentence,
    }
    words = (Path(pair_set.source).name.split(".")[0], pair_set.target, Path(backbone).name)
    made = create_run(config, kind="distances", name=name or "-".join(words), folder=folder)
    pair_set.save(made)
    return made


def _check_backbone(name: str) -> str:
    """How the worker finds the backbone: by its name, or by its full path."""
    backbone = find_backbone(name, "protein")
    if backbone.modality != "protein" or backbone.letters_per_token != 1:
        raise UserError(
            f"The backbone '{backbone.title}' does not read proteins letter by letter. Choose another one."
        )
    place = locate_backbone(backbone)
    return str(place) if place == Path(name).expanduser().resolve() else backbone.name


def _check_esmfold(pair_set: PairSet) -> str:
    engine = ENGINES["esmfold"]
    if missing := why_out_of_reach(engine):
        raise UserError(missing)
    if not PAIR_TARGETS[pair_set.target].folds:
        raise UserError("ESMFold is adapted to distances, not to contacts. Choose distances under Learn.")
    return engine.hub_id


def start_distances(
    pair_set: PairSet, settings: DistanceSettings, name: str = "", folder: Path | None = None
) -> Path:
    """Make the run folder and launch its worker; arguments and errors as in `create_distances`."""
    made = create_distances(pair_set, settings, name, folder)
    launch(made)
    return made


def say_cost(pair_set: PairSet, settings: DistanceSettings) -> str:
    """Roughly how long it takes, in a sentence.

    The network and its twin see each chain once a pass; the backbone itself is read once.

    Raises:
        UserError: ESMFold shall be adapted, and is not here or the memory is not enough.
    """
    device = resolve_device(settings.device)
    if settings.method == ESMFOLD:
        weights = weights_folder(ENGINES["esmfold"])
        return (
            f"{say_adaptation_memory(weights, settings.crop, device)} How long it takes was never measured."
        )
    steps = 2 * settings.passes * (pair_set.counts["train"] + pair_set.counts["validation"])
    seconds = 20 + steps * _SECONDS_A_STEP / (1 if device.kind == "cpu" else 5)
    place = "this processor" if device.kind == "cpu" else "this graphics card"
    return f"Roughly {say_seconds(float(f'{seconds:.1g}') if seconds > 60 else seconds)} on {place}."


def finished_runs(file: str = HEAD_FILE) -> dict[str, Path]:
    """What finished runs have learned, newest first: the folder with that file by the name of the run."""
    runs = [run for run in list_runs("distances") if run.status.state == "finished"]
    return {run.name: run.folder / MODEL for run in runs if (run.folder / MODEL / file).is_file()}


def learned_folder(text: str, file: str = HEAD_FILE) -> Path:
    """The folder with that file of a finished run, by the run's name or folder or by its own.

    Raises:
        UserError: no such run, it has not finished, or it has learned something else.
    """
    place = Path(text).expanduser()
    if (place / file).is_file():
        return place.resolve()
    run = place.resolve() if (place / "config.json").is_file() else find_run(text, "distances")
    is_finished = read_config(run)["kind"] == "distances" and read_status(run).state == "finished"
    if not is_finished or not (run / MODEL / file).is_file():
        raise UserError(
            f"The run '{run.name}' has not learned that to its end. Choose a finished one from the page Runs."
        )
    return run / MODEL


def rivals(result: dict[str, Any], metric: str) -> list[Rival]:
    """What stands beside the head in a metric, in the order of `RIVAL_TITLES`; higher is better for all metrics."""
    own, found = result["test"].get(metric), []
    for name, scores in result["baselines"].items():
        value = scores.get(metric)
        if own is None or value is None:
            continue
        ends = (result["differences"].get(name) or {}).get(metric) or (None, None)
        low, high = (float("nan") if end is None else end for end in ends)
        title = result.get("titles", RIVAL_TITLES).get(name, name)
        found.append(Rival(name, title, value, own - value, low, high))
    return found


def say_answer(result: dict[str, Any]) -> str:
    """How right, against what, and whether the backbone helped, in one sentence."""
    metric = result["headline"]
    title, own = PAIR_METRICS[metric].title, result["test"][metric]
    if own is None:
        return f"The test chains have no pairs to judge {title} by."
    low, high = result["test_interval"][metric]
    interval = "" if low is None or low != low else f" ({say_number(low)} to {say_number(high)})"
    start = f"{title} {say_number(own)}{interval} on {say_count(result['counts']['test'], 'test chain')}"
    others = rivals(result, metric)
    if not others:
        return f"{start}."
    best = max(others, key=lambda one: one.value)
    told = f"{lower_first(best.title)}, reaches {say_number(best.value)}"
    if best.low != best.low:
        return f"{start}, too few for an interval; the best besides, {told}."
    if best.gain > 0 and best.is_clear:
        return f"{start}; the best besides, {told}: the head gained {best.said_gain}."
    if best.is_clear:
        return f"{start}; the best besides, {told}: prefer it, for the difference is {best.said_gain}."
    return f"{start}; the best besides, {told}: no difference beyond chance, {best.said_gain}."


def read_chains_table(folder: Path) -> pd.DataFrame:
    """One row a test chain: name, length, the metrics of the head, and those of its rivals as `rival metric`."""
    return pd.read_csv(folder / CHAINS)


def read_map(folder: Path, number: int) -> np.ndarray:
    """Expected contact probabilities of a test chain by its number from 0, shape (n, n)."""
    with np.load(folder / MAPS / f"{number:04d}.npz") as arrays:
        return arrays["contacts"].astype(float)


def read_twin_history(folder: Path) -> list[dict[str, Any]]:
    """One dict a pass of the twin on letters; empty before it begins."""
    file = folder / TWIN_HISTORY
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def fold_folder(folder: Path, number: int, name: str) -> Path:
    """Where the models of a test chain lie, one folder for each method, and the truth."""
    return folder / FOLDS / f"{number:04d}-{safe_name(name, 'chain', 40)}"


def read_folds(folder: Path, number: int, name: str) -> dict[str, Path]:
    """Structure files of a test chain by what they are: `TRUTH`, `OWN` and rivals; empty where nothing was folded."""
    place = fold_folder(folder, number, name)
    models = {model.name: read_saved(model).structure_file for model in sorted(place.glob("*/"))}
    return {TRUTH: place / TRUTH, **models} if models else {}


def read_distances(folder: Path) -> dict[str, Any]:
    """The result of a finished run; UserError when it holds none."""
    result = read_result(folder)
    if not result or "headline" not in result:
        raise UserError(f"The run '{folder.name}' holds no result; start it again.")
    return result
