"""The work of a screen run: a library through a finished assay, pair or training run, to a ranked table."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.frozen_vectors import open_backbone
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.target_screen import TargetScreen, load_pairs
from biotl_core.runs.tuned_screen import TunedScreen, load_training
from biotl_core.screening.assays import LearnedAssay, load_assay
from biotl_core.screening.drawing import atom_weights
from biotl_core.screening.library import open_library
from biotl_core.screening.library_store import LibraryStore
from biotl_core.screening.ranking import (
    Scorer,
    Training,
    early_recognition,
    rank_library,
    rank_without_model,
    score_library,
)
from biotl_core.wording import say_count, say_number

MOST_EXPLAINED = 100
"""Hits whose atoms are asked."""


def screen_run(folder: Path, control: Control) -> str:
    """Do a run of kind "screen": the library and the assay run of `config.json` to `hits.parquet`; the closing
    sentence.

    Fingerprints and scores are kept by content below BioTL's home, so a run that was killed goes on where it was, and a
    second model over the same library only scores.
    """
    config, began = read_config(folder), time.monotonic()
    if config.get("molecule"):
        return _rank_targets(folder, Path(config["run"]), config["molecule"], control)
    control.step("Opening the library", 0, 0)
    library = open_library(
        Path(config["library"]),
        smiles=config.get("smiles"),
        name=config.get("name_column"),
        source=config["source"],
    )
    control.step("Learning from the assay", 0, 0)
    learned = _load(Path(config["run"]), config.get("target") or "")
    store = LibraryStore(library)
    store.fill(control, int(config.get("n_expected") or 0))
    described = time.monotonic()
    if store.n_molecules == 0:
        raise UserError(f"'{library.source}' holds no molecules. Choose another file.")
    scorer = learned.scorer()
    scores = score_library(store, scorer, control)
    scored = time.monotonic()
    hits = rank_library(
        store, scorer, learned.training(), top=int(config["top"]), aim=config["aim"], control=control
    )
    if hits.empty:
        raise UserError(
            f"'{library.source}': none of its {say_count(store.n_molecules, 'row')} is a molecule that can be read. "
            "Check which column holds the SMILES."
        )
    _write_atom_weights(hits.head(MOST_EXPLAINED), scorer, folder, control)
    hits.to_parquet(folder / "hits.parquet", index=False)
    labels = store.labels()
    has_labels = labels is not None and np.isfinite(labels).any()
    without = _without_model(store, learned.training(), scores, labels, control) if has_labels else None
    result = {
        "n": store.n_molecules,
        "n_unreadable": int(np.isnan(scores).sum()),
        "n_hits": len(hits),
        "kind": learned.result["kind"],
        "value_name": learned.result["value_name"],
        "model": learned.result["chosen"],
        "caution": learned.caution if isinstance(learned, TargetScreen) else "",
        "histogram": _histogram(scores),
        "early": early_recognition(scores, labels) if has_labels else None,
        "early_without_model": without,
        "n_actives": int(np.nansum(labels)) if has_labels else None,
        "library_hash": library.content_hash,
        "seconds": round(time.monotonic() - began, 2),
        "seconds_describing": round(described - began, 2),
        "seconds_scoring": round(scored - described, 2),
    }
    write_json_atomically(folder / "result.json", result)
    best = hits.iloc[0]
    return (
        f"{say_count(store.n_molecules, 'molecule')} ranked; the best is {best['name']} with "
        f"{learned.result['value_name']} {say_number(float(best['prediction']))}."
    )


def _rank_targets(folder: Path, run: Path, molecule: str, control: Control) -> str:
    """The other direction: one molecule against every target protein of a run of pairs."""
    control.step("Ranking target proteins", 0, 0)
    learned = load_pairs(run, "")
    table = learned.against_targets(molecule)
    table.to_parquet(folder / "targets.parquet", index=False)
    result = {"n": len(table), "molecule": molecule, "value_name": learned.result["value_name"]}
    write_json_atomically(folder / "result.json", result)
    return f"{say_count(len(table), 'target protein')} ranked; the first is {table['target'].iloc[0]}."


def _load(run: Path, target: str) -> LearnedAssay | TargetScreen | TunedScreen:
    """What ranks: an assay of one target, pairs with the sequence of the target protein, or a training on molecules."""
    match read_config(run)["kind"]:
        case "assay":
            return load_assay(run, open_backbone)
        case "pairs":
            return load_pairs(run, target)
        case _:
            return load_training(run)


def _without_model(
    store: LibraryStore, training: Training, scores: np.ndarray, labels: np.ndarray, control: Control
) -> dict[str, dict[str, float]]:
    """How far the same labels are found without the model, on the molecules that have a score."""
    found = rank_without_model(store, training, control)
    known = np.isfinite(scores)
    return {
        name: early_recognition(np.where(known, values, np.nan), labels) for name, values in found.items()
    }


def _write_atom_weights(hits: pd.DataFrame, scorer: Scorer, folder: Path, control: Control) -> None:
    """What each atom adds, for the hits that are looked at first: asked here, since a page must not wait for a
    model.
    """
    found = []
    for i, smiles in enumerate(hits["smiles"]):
        control.step("Asking each atom", i, len(hits))
        found.append(atom_weights(smiles, lambda many: scorer.predict(list(many)).mean))
    pd.DataFrame({"rank": hits["rank"], "weights": found}).to_parquet(folder / "atoms.parquet", index=False)


def _histogram(scores: np.ndarray, n_bins: int = 60) -> dict[str, list[float]]:
    """How the scores of the whole library are spread, for a figure."""
    counts, edges = np.histogram(scores[np.isfinite(scores)], n_bins)
    return {"counts": counts.tolist(), "edges": edges.tolist()}
