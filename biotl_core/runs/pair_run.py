"""The work of a pair run: a table of molecules and target proteins, learned, judged, saved and loaded anew."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.learning.two_towers import (
    TowerGroup,
    TowerSettings,
    predict_pairs,
)
from biotl_core.progress import Control
from biotl_core.runs.folder import append_history, read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.pair_features import PairReader
from biotl_core.runs.pair_learning import LearnedPairs, learn_pairs
from biotl_core.runs.screening_requests import TABLE
from biotl_core.screening.assays import PAIR_TITLES, say_pair_answer
from biotl_core.screening.audit import audit_pairs
from biotl_core.screening.fingerprints import fingerprints, nearest
from biotl_core.screening.intake import AssayReading
from biotl_core.screening.pair_splits import split_pairs
from biotl_core.screening.pairs import PairInputs, PairReading, Pairs, read_pairs
from biotl_core.screening.proteins import similarity
from biotl_core.screening.repeats import control_of_seed, join_repeats


def pair_run(folder: Path, control: Control) -> str:
    """Do a run of kind "pairs" from its folder; the closing sentence."""
    config, began = read_config(folder), time.monotonic()
    torch.set_num_threads(1)  # the products are small: threads would spend their time waiting for each other
    reading = PairReading(AssayReading(**config["reading"]), *config["columns"])
    control.step("Reading the table", 0, 0)
    pairs = read_pairs(read_file(folder / TABLE, config["source"]), reading, control)
    pairs.refused.to_csv(folder / "refused.csv", index=False)
    table = pairs.table
    smiles = [pairs.molecules[i] for i in table["molecule"]]
    proteins, names = ([one[i] for i in table["protein"]] for one in (pairs.proteins, pairs.protein_names))
    audited = audit_pairs(smiles, proteins, names, table["value"].to_numpy(), pairs.kind)
    write_json_atomically(folder / "audit.json", [_as_json(one) for one in audited])
    parts = split_pairs(pairs, config["split"], int(config["seed"]), control=control)
    learned, repeats = _learn_seeds(pairs, parts.parts, config, folder, control)
    learned.group.save(folder / "model")
    learned.reader.save(folder / "model")
    _save_pairs(pairs, parts.parts, folder)
    result = learned.result | {
        "kind": pairs.kind,
        "value_name": reading.assay.value_name,
        "split": config["split"],
        "split_sentence": parts.sentence,
        "sentence": pairs.sentence,
        "titles": PAIR_TITLES,
        "seed": int(config["seed"]),
        "settings": asdict(learned.group.settings),
        "inputs": config.get("inputs") or {},
        "repeats": repeats,
        "seconds": round(time.monotonic() - began, 2),
    }
    _write_predictions(pairs, parts.parts, learned, folder)
    result["reload_difference"] = _check_reload(pairs, learned, folder)
    write_json_atomically(folder / "result.json", result)
    return say_pair_answer(result)


def _learn_seeds(
    pairs: Pairs, parts: np.ndarray, config: dict[str, Any], folder: Path, control: Control
) -> tuple[LearnedPairs, dict[str, Any] | None]:
    """What the first seed has learned, which is kept, and how all seeds did; None where there is one alone."""
    first, n_seeds = int(config["seed"]), int(config.get("n_seeds", 1))
    inputs, kept, judged, chosen = PairInputs(**(config.get("inputs") or {})), None, [], []
    for number in range(n_seeds):
        told = control_of_seed(control, number + 1, n_seeds)
        settings = TowerSettings(**{**(config.get("towers") or {}), "seed": first + number})
        own = parts if not number else split_pairs(pairs, config["split"], first + number, control=told).parts
        tell = None if number else lambda **epoch: append_history(folder, epoch)
        learned = learn_pairs(pairs, own, settings, told, tell, config.get("own_vectors"), inputs)
        judged.append({name: one["test"] for name, one in learned.result["models"].items()})
        chosen.append(learned.result["chosen"])
        kept = kept or learned
    return kept, join_repeats(judged, chosen) if n_seeds > 1 else None


def _save_pairs(pairs: Pairs, parts: np.ndarray, folder: Path) -> None:
    pairs.table.assign(part=parts).to_parquet(folder / "pairs.parquet", index=False)
    pd.DataFrame({"smiles": pairs.molecules}).to_parquet(folder / "molecules.parquet", index=False)
    proteins = pd.DataFrame({"sequence": pairs.proteins, "name": pairs.protein_names})
    proteins.to_parquet(folder / "proteins.parquet", index=False)


def _write_predictions(pairs: Pairs, parts: np.ndarray, learned: LearnedPairs, folder: Path) -> None:
    """The test part: truth, every method, and how like training each side is."""
    rows, train = pairs.table.iloc[learned.test], pairs.table[parts == "train"]
    likeness = _likeness_to_training(pairs, rows, train)
    table = pd.DataFrame(
        {
            "smiles": [pairs.molecules[i] for i in rows["molecule"]],
            "target": [pairs.protein_names[i] or f"target {i + 1}" for i in rows["protein"]],
            "value": rows["value"].to_numpy(),
            **likeness,
        }
    )
    table.join(pd.DataFrame(learned.predicted)).to_csv(folder / "predictions.csv", index=False)


def _likeness_to_training(pairs: Pairs, rows: pd.DataFrame, train: pd.DataFrame) -> dict[str, np.ndarray]:
    """Of each test pair, how like its molecule and its target protein are to the nearest of the training part."""
    first, own = np.unique(train["molecule"]), np.unique(rows["molecule"])
    bits = fingerprints(pairs.molecules).matrix()
    of_molecule = dict(zip(own, nearest(bits[own], bits[first]).similarity, strict=True))
    second, own = np.unique(train["protein"]), np.unique(rows["protein"])
    table = similarity([pairs.proteins[i] for i in own], [pairs.proteins[i] for i in second])
    of_protein = dict(zip(own, table.max(axis=1), strict=True))
    return {
        "molecule_similarity": rows["molecule"].map(of_molecule).to_numpy(np.float32),
        "target_similarity": rows["protein"].map(of_protein).to_numpy(np.float32),
    }


def _check_reload(pairs: Pairs, learned: LearnedPairs, folder: Path) -> float:
    """A run is finished only when what it saved predicts as what it learned."""
    group, reader = TowerGroup.load(folder / "model"), PairReader.load(folder / "model")
    proteins = reader.proteins(pairs.proteins)
    before = learned.predicted["towers"]
    rows = pairs.table.iloc[learned.test]
    after = predict_pairs(group, learned.molecules, proteins, learned.seen)[rows["molecule"], rows["protein"]]
    difference = float(np.abs(after - before).max() / max(before.std(), 1e-9))
    if difference > 1e-3:
        raise UserError(
            f"The saved model predicts differently from the learned one (by {difference:.2g} of the "
            "predictions' spread), so "
            "this run is not called finished. Start it again."
        )
    return difference


def _as_json(one: Any) -> dict[str, Any]:
    rows = None if one.table is None else one.table.head(200).to_dict("records")
    return {
        **{k: getattr(one, k) for k in ("name", "title", "severity", "sentence", "numbers")},
        "table": rows,
    }
