"""Scans of all substitutions: ask for one, by a backbone as it is or through a finished run, and read one back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from biotl_core.backbones.catalogue import locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.folders import usual_marginals
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.new_sequences import NewSequences
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.planning.scan import Scan, read_scans
from biotl_core.runs.folder import create_run, launch, read_config, read_result
from biotl_core.runs.status import read_status

MOST_SUBSTITUTIONS = 200_000
"""More is no question about a protein any more, but a genome in the wrong place."""
BackboneMethod = Literal["auto", "masked", "wild_type"]
TASKS = ("regression", "classification", "multilabel")
"""What a run must have learned to judge substitutions."""


@dataclass(frozen=True)
class FinishedScan:
    """A scan as it was asked for, with what came out."""

    scans: list[Scan]
    modality: Modality
    effect_title: str
    """What an effect is: "predicted log fitness minus that of the wild type"."""
    wild_types: dict[str, float]
    """The run's prediction for each sequence as it is; empty for a backbone."""
    config: dict[str, Any]


def start_backbone_scan(
    backbone: Backbone, new: NewSequences, source: str, method: BackboneMethod = "auto", device: str = "cpu"
) -> Path:
    """Launch the scan of sequences by a backbone without any training, asked in the way it is best at where the method
    is "auto"; the folder.

    Raises:
        UserError: molecules; the backbone is not on this computer; too many substitutions.
    """
    weights_folder = locate_backbone(backbone)
    method = usual_marginals(weights_folder) if method == "auto" else method
    request = {"backbone": backbone.name if backbone.folder is None else _address(backbone), "method": method}
    return _start(request | {"device": device, "modality": backbone.modality}, new, source, backbone.name)


def start_run_scan(run_folder: Path, new: NewSequences, source: str, outcome: str | None = None) -> Path:
    """Launch the scan of sequences through a finished run; the folder.

    Args:
        run_folder: a finished training of numbers, classes or labels for whole sequences.
        new: the sequences.
        source: where they are from.
        outcome: the class or label whose probability is followed; None takes the last of two classes, else asks.

    Raises:
        UserError: the run has not finished, predicts for each residue, reads molecules, or the outcome is none of its.
    """
    config = read_config(run_folder)
    if read_status(run_folder).state != "finished":
        raise UserError(f"The run '{run_folder.name}' has not finished; choose a finished run.")
    if config["task"] not in TASKS:
        raise UserError(
            f"The run '{run_folder.name}' predicts a value for each residue; a scan needs one for the whole sequence."
        )
    kept = {key: config[key] for key in ("modality", "task", "classes", "target_name", "backbone", "device")}
    request = kept | {"run": str(run_folder.resolve()), "outcome": _outcome(config, outcome)}
    return _start(request, new, source, run_folder.name)


def _outcome(config: dict[str, Any], outcome: str | None) -> str | None:
    classes = list(config.get("classes") or ())
    if config["task"] == "regression":
        return None
    if outcome is None and len(classes) == 2:
        return classes[1]
    if outcome not in classes:
        raise UserError(
            f"The run knows {', '.join(classes)}. Name the one whose probability the scan shall follow "
            "(in the shell: --outcome)."
        )
    return outcome


def _address(backbone: Backbone) -> str:
    """By its name where the catalogue has it, by its full path where it was named by a folder."""
    is_path = backbone.folder is not None and str(backbone.folder) == backbone.name
    return str(backbone.folder.resolve()) if is_path else backbone.name


def _start(request: dict[str, Any], new: NewSequences, source: str, judge: str) -> Path:
    modality = request["modality"]
    if modality == "molecule":
        raise UserError("A molecule has no letters to exchange; scans are for proteins and DNA.")
    letters = ALPHABETS[modality].letters
    n = int(new.table["sequence"].str.len().sum()) * (len(letters) - 1)
    if n > MOST_SUBSTITUTIONS:
        raise UserError(
            f"{source}: these are {n:,} substitutions, and a scan takes at most {MOST_SUBSTITUTIONS:,}. Bring fewer or "
            "shorter sequences, such as one protein."
        )
    table = new.table.assign(name=_told_apart(new.table["name"]))
    request |= {"source": source, "n_sequences": len(table), "n_substitutions": n, "input": "input.parquet"}
    folder = create_run(request, kind="scan", name=f"{Path(judge).name}-{Path(source).stem}")
    table.to_parquet(folder / "input.parquet", index=False)
    if len(new.refused):
        new.refused.to_csv(folder / "refused.csv", index=False)
    launch(folder)
    return folder


def _told_apart(names: pd.Series) -> pd.Series:
    """Names that are there several times get a number."""
    seen = names.groupby(names).cumcount()
    return names.where(seen == 0, names + " (" + (seen + 1).astype(str) + ")")


def read_scan(folder: Path) -> FinishedScan:
    """A finished scan; UserError when its files are not there."""
    config, result = read_config(folder), read_result(folder)
    if result is None or not (folder / "scan.csv").is_file():
        raise UserError(f"The scan '{folder.name}' holds no result; start it again.")
    table = pd.read_csv(folder / "scan.csv", dtype={"name": str}, keep_default_na=False, na_values=[""])
    sequences = pd.read_parquet(folder / "input.parquet")
    pairs = list(sequences[["name", "sequence"]].itertuples(index=False, name=None))
    scans = read_scans(table, pairs, result["letters"])
    return FinishedScan(scans, config["modality"], result["effect_title"], result["wild_types"], config)


def parent_of(run_folder: Path) -> str | None:
    """The sequence that a run's data are variants of (their commonest letters); None where they are none."""
    variants = find_variants(Dataset.load(run_folder).table["sequence"].tolist())
    return None if variants is None else variants.parent
