"""Plans of what to measure next: ask for one from a finished run's measurements, and read one back."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Dataset
from biotl_core.data.new_sequences import NewSequences
from biotl_core.errors import UserError
from biotl_core.planning.candidates import CandidateKind
from biotl_core.planning.selection import AIMS, Aim
from biotl_core.runs.folder import create_run, launch, read_config, read_result
from biotl_core.runs.scans import parent_of
from biotl_core.runs.status import read_status

MOST_CHOSEN = 1536
INTERVAL = 0.9
"""Share of measurements that the stated interval shall hold."""

TASKS = ("regression", "classification")
"""What a run must have learned for a plan."""


@dataclass(frozen=True)
class PlanRequest:
    """What is wanted of the next round."""

    kind: CandidateKind = "singles"
    """Where candidates come from: a list, or all single or double mutants of the parent."""
    n: int = 48
    """How many to choose."""
    aim: Aim = "upper_bound"
    maximise: bool = True
    boldness: float = 1.0
    """How many standard deviations count as possible, for the aim "upper_bound"."""
    diversity: float = 0.25
    outcome: str | None = None
    """The class that is wanted, for runs of classes."""
    parent: str | None = None
    """The sequence to mutate; the letters the run's data have in common where None."""


@dataclass(frozen=True)
class Plan:
    """A finished plan."""

    chosen: pd.DataFrame
    """`rank, name, mutations, sequence, expected, lower, upper, spread, score`, the first choice first."""
    ranked: pd.DataFrame
    """All candidates: `name, sequence, expected, spread, lower, upper`, the best expected first."""
    result: dict[str, Any]
    """How good the surrogate is on the measurements, and what it goes by."""
    config: dict[str, Any]


def start_plan(
    run_folder: Path, request: PlanRequest, new: NewSequences | None = None, source: str = ""
) -> Path:
    """Launch the choice of what to measure next; the folder.

    Args:
        run_folder: a finished training on one number or one class a sequence, whose measurements are learned from.
        request: what is wanted.
        new: the list of candidates, for the kind "list".
        source: where the list is from.

    Raises:
        UserError: the run has not finished or predicts something else; the request does not fit it.
    """
    config = read_config(run_folder)
    _check(run_folder, config, request, new)
    parent = request.parent or (None if request.kind == "list" else parent_of(run_folder))
    if request.kind != "list":
        _check_parent(parent, config["modality"])
    kept = {key: config[key] for key in ("modality", "task", "classes", "target_name", "backbone", "device")}
    outcome = request.outcome or (config["classes"][-1] if config["task"] == "classification" else None)
    asked = asdict(request) | {"parent": parent, "outcome": outcome}
    about = {"singles": "all single mutants", "doubles": "double mutants"}.get(request.kind, source)
    full = {**kept, "run": str(run_folder.resolve()), "request": asked, "source": about}
    folder = create_run(full, kind="plan", name=f"{run_folder.name}-next")
    if new is not None and request.kind == "list":
        new.table.to_parquet(folder / "input.parquet", index=False)
    launch(folder)
    return folder


def _check(run_folder: Path, config: dict[str, Any], request: PlanRequest, new: NewSequences | None) -> None:
    name = run_folder.name
    if read_status(run_folder).state != "finished":
        raise UserError(f"The run '{name}' has not finished; choose a finished run.")
    if config["task"] not in TASKS:
        raise UserError(
            f"The run '{name}' predicts several values a sequence; the next round needs a run of one number or class."
        )
    if request.aim not in AIMS:
        raise UserError(f"There is no aim '{request.aim}'; there are {', '.join(AIMS)}.")
    if not 1 <= request.n <= MOST_CHOSEN:
        raise UserError(f"{request.n} is not a number of candidates to choose; take 1 to {MOST_CHOSEN:,}.")
    if request.kind == "list" and new is None:
        raise UserError("Bring the list of candidates, or choose all mutants of the parent.")
    if request.kind != "list" and config["modality"] == "molecule":
        raise UserError("Molecules have no mutants; bring a list of candidates.")
    if request.outcome is not None and request.outcome not in (config.get("classes") or ()):
        raise UserError(
            f"The run knows the classes {', '.join(config.get('classes') or ())}; name one of them."
        )


def _check_parent(parent: str | None, modality: str) -> None:
    if parent is None:
        raise UserError(
            "The sequences of this run are no variants of one, so there is no parent to mutate. Give its sequence, or "
            "bring a list of candidates."
        )
    if bad := set(parent) - set(ALPHABETS[modality].valid):
        raise UserError(
            f"The parent holds {', '.join(sorted(bad))}, which is no letter of {ALPHABETS[modality].title}."
        )


def wanted_targets(dataset: Dataset, outcome: str | None) -> np.ndarray:
    """The targets as numbers to make high or low `(n,)`: classes as 1 for the wanted one and 0 for the others."""
    if dataset.task_name == "regression":
        return dataset.target_values()
    return (dataset.table["target"] == outcome).to_numpy(np.float64)


def read_plan(folder: Path) -> Plan:
    """A finished plan; UserError when its files are not there."""
    result = read_result(folder)
    if result is None or not (folder / "chosen.csv").is_file():
        raise UserError(f"The plan '{folder.name}' holds no result; start it again.")
    texts = {"name": str, "sequence": str, "mutations": str}
    chosen = pd.read_csv(folder / "chosen.csv", dtype=texts, keep_default_na=False)
    return Plan(chosen, pd.read_parquet(folder / "ranked.parquet"), result, read_config(folder))
