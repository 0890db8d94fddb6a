"""The work of an assay run: audit, learn every model, choose by nested validation, judge, and keep what was learned."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.frozen_vectors import open_backbone
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.screening_requests import TABLE
from biotl_core.screening.assays import load_assay, say_assay_answer
from biotl_core.screening.audit import audit_assay
from biotl_core.screening.choosing import Choice, choose_model, deal_parts, final_model
from biotl_core.screening.fingerprints import fingerprints, nearest
from biotl_core.screening.intake import Assay, AssayReading, read_assay
from biotl_core.screening.models import MODELS, Features
from biotl_core.screening.repeats import control_of_seed, join_repeats

_TOLERANCE = 1e-5
"""The reloaded model may differ by this share of the predictions' spread: it learned the same anew."""


def assay_run(folder: Path, control: Control) -> str:
    """Do a run of kind "assay": her table, read as `config.json` says, to `result.json`; the closing sentence.

    Writes `molecules.parquet` (what is learned from, with its part), `rows.csv` (the fate of every row), `audit.json`,
    `predictions.csv` (every model on the test part) and `result.json`.
    """
    config, began = read_config(folder), time.monotonic()
    control.step("Reading the table", 0, 0)
    assay = read_assay(
        read_file(folder / TABLE, config["source"]), AssayReading(**config["reading"]), control
    )
    assay.rows.to_csv(folder / "rows.csv", index=False)
    audited = audit_assay(assay, control)
    write_json_atomically(folder / "audit.json", [_as_json(one) for one in audited])
    molecules = assay.molecules
    smiles, values = molecules["smiles"].tolist(), molecules["value"].to_numpy(np.float64)
    sides, seed = molecules["side"].to_numpy(), int(config.get("seed", 0))
    times, n_seeds = molecules["time"].to_numpy(np.float64), int(config.get("n_seeds", 1))
    parts, notes = _deal(smiles, values, config["split"], seed, times)
    embed = open_backbone(config["backbone"]) if config.get("backbone") else None
    control.step("Describing molecules", 0, 0)
    features = Features(fingerprints(smiles).matrix(), None if embed is None else embed(smiles, control))
    choices = []
    for number in range(n_seeds):
        own = parts if not number else _deal(smiles, values, config["split"], seed + number, times)[0]
        told = control_of_seed(control, number + 1, n_seeds)
        threshold = config.get("threshold")
        choices.append(choose_model(features, values, sides, own, assay.kind, threshold, told, seed + number))
    choice = choices[0]  # the others only say how far its numbers are luck
    molecules.assign(part=np.where(parts < 0, "test", "train"), fold=parts).to_parquet(
        folder / "molecules.parquet", index=False
    )
    _write_predictions(assay, features, choice, folder)
    result = _result(config, assay, choice, seed)
    result |= {"notes": notes, "split": "random" if notes else config["split"]}
    if n_seeds > 1:
        judged = [{name: found.test for name, found in one.judged.items()} for one in choices]
        result["repeats"] = join_repeats(judged, [one.chosen for one in choices])
    result["seconds"] = round(time.monotonic() - began, 2)
    _check_reload(folder, result, features, values, sides, control)
    write_json_atomically(folder / "result.json", result)
    return say_assay_answer(result)


def _deal(
    smiles: list[str], values: np.ndarray, split: str, seed: int, times: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Parts as asked; at random where the molecules are too alike for it, with the reason as a note."""
    try:
        return deal_parts(smiles, values, split, seed, times), []
    except UserError as error:
        if split == "random":
            raise
        return deal_parts(smiles, values, "random", seed), [f"Split at random: {error}"]


def _result(config: dict[str, Any], assay: Assay, choice: Choice, seed: int) -> dict[str, Any]:
    return {
        "kind": assay.kind,
        "value_name": assay.reading.value_name,
        "target": config.get("target", ""),
        "chosen": choice.chosen,
        "headline": choice.headline,
        "models": {
            name: {"inner": one.inner, "test": one.test, "test_interval": one.test_interval}
            for name, one in choice.judged.items()
        },
        "titles": {name: recipe.title for name, recipe in MODELS.items()},
        "test": choice.judged[choice.chosen].test,
        "half_width": choice.half_width,
        "covered": choice.covered,
        "counts": {
            "train": int((choice.parts >= 0).sum()),
            "test": int((choice.parts < 0).sum()),
            "limits": int((assay.molecules["side"] != 0).sum()),
            "rows": len(assay.rows),
            "left_out": assay.n_left_out,
        },
        "sentence": assay.sentence,
        "backbone": config.get("backbone"),
        "threshold": config.get("threshold"),
        "seed": seed,
    }


def _write_predictions(assay: Assay, features: Features, choice: Choice, folder: Path) -> None:
    """The test part: truth, every model, and the similarity to the nearest molecule of the training part."""
    test, train = np.flatnonzero(choice.parts < 0), np.flatnonzero(choice.parts >= 0)
    table = assay.molecules.iloc[test][["name", "smiles", "value", "side"]].reset_index(drop=True)
    table["similarity"] = nearest(features.bits[test], features.bits[train]).similarity
    table = table.join(pd.DataFrame(choice.test_predicted))
    table.to_csv(folder / "predictions.csv", index=False)


def _check_reload(
    folder: Path,
    result: dict[str, Any],
    features: Features,
    values: np.ndarray,
    sides: np.ndarray,
    control: Control,
) -> None:
    """A run is finished only when what it kept predicts as what it learned."""
    control.step("Checking what was saved", 0, 0)
    before = final_model(result["chosen"], features, values, sides, result["seed"]).mean(features)
    write_json_atomically(folder / "result.json", result)
    again = load_assay(folder, open_backbone)
    after = again.model.mean(again.features(again.molecules["smiles"].tolist()))
    difference = float(np.abs(after - before).max() / max(before.std(), 1e-9))
    if difference > _TOLERANCE:
        (folder / "result.json").unlink()
        raise UserError(
            f"The saved model predicts differently from the learned one (by {difference:.2g} of the "
            "predictions' spread), "
            "so this run is not called finished. Start it again."
        )
    result["reload_difference"] = difference


def _as_json(one: Any) -> dict[str, Any]:
    table = None if one.table is None else one.table.head(200).to_dict("records")
    return {
        **{k: getattr(one, k) for k in ("name", "title", "severity", "sentence", "numbers")},
        "table": table,
    }
