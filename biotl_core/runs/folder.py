"""The run folder: everything about a run is a file in it, so it outlives the browser and the server.

Pages and shell start, stop, resume and read runs through these functions. As long as a run is open, only its
worker (`runs.worker`) writes into the folder, but for the file `stop`.
"""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name
from biotl_core.runs.json_files import read_json, to_plain, write_json_atomically
from biotl_core.runs.liveness import ALIVE_LOCK, is_held
from biotl_core.runs.queue import add_ticket
from biotl_core.runs.status import RunStatus, read_status, write_status

if TYPE_CHECKING:  # pandas costs half a second, which the start of a worker does not have to pay
    import pandas as pd

    from biotl_core.data.dataset import Dataset

RunKind = Literal[
    "train",
    "predict",
    "download",
    "probe",
    "scan",
    "plan",
    "assay",
    "screen",
    "genomes",
    "fold",
    "study",
    "pairs",
    "adapt",
    "distances",
    "homology",
]

KIND_FOLDERS: dict[RunKind, str] = {
    "train": "runs",
    "predict": "predictions",
    "download": "downloads",
    "probe": "probes",
    "scan": "scans",
    "plan": "plans",
    "assay": "assays",
    "pairs": "pairs",
    "screen": "screens",
    "genomes": "genomes",
    "fold": "structures",
    "study": "studies",
    "adapt": "adaptations",
    "distances": "distances",
    "homology": "homologies",
}
"""Where the runs of each kind lie below the home."""
QUEUED_KINDS = ("train", "fold", "study", "genomes", "adapt", "distances", "homology")
"""Kinds that have a device to themselves; the others are short and start at once."""
_PACKAGES = ("torch", "transformers", "peft", "accelerate", "numpy", "scikit-learn", "rdkit", "optuna")


@dataclass(frozen=True)
class RunSummary:
    """One line in the list of runs; texts are "" where the kind of run has no such thing."""

    folder: Path
    name: str
    kind: str
    status: RunStatus
    created: str = ""
    """ISO 8601, UTC."""
    modality: str = ""
    task: str = ""
    backbone: str = ""
    method: str = ""
    target_name: str = ""
    source: str = ""
    headline: str = ""
    """Name of the metric that is said first; "" until finished."""
    score: float | None = None
    """Its value on the test part."""


def create_run(
    config: Mapping[str, Any],
    dataset: "Dataset | None" = None,
    changes: "pd.DataFrame | None" = None,
    *,
    kind: RunKind,
    name: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Make the folder of a run that has not started yet.

    Args:
        config: what is asked; kind, name, created, versions and what the dataset knows are filled in.
        dataset: the very table to use, with its parts.
        changes: the log of the repairs that made it.
        kind: what the worker shall do.
        name: how to call it; a number is added when the name is taken.
        folder: an empty or new folder to use instead of one below the home.

    Raises:
        UserError: the given folder holds files, or cannot be made.
    """
    full = {**(_describe_dataset(dataset) if dataset is not None else {}), **config}
    wanted = safe_name(name or full.get("name") or _default_name(kind, full))
    made = _claim_folder(folder) if folder is not None else _make_unique_folder(KIND_FOLDERS[kind], wanted)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    full |= {"kind": kind, "name": made.name, "created": created, "versions": _read_versions()}
    full.setdefault("device", "cpu")
    write_json_atomically(made / "config.json", full)
    write_status(made, RunStatus(message="Not started yet.", queued_at=time.time()))
    if dataset is not None:
        dataset.save(made)
    if changes is not None:
        changes.to_csv(made / "changes.csv", index=False)
    return made


def start_run(
    config: Mapping[str, Any],
    dataset: "Dataset | None" = None,
    changes: "pd.DataFrame | None" = None,
    *,
    kind: RunKind,
    name: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Make the folder of a run and launch its worker; arguments and errors as in `create_run`."""
    made = create_run(config, dataset, changes, kind=kind, name=name, folder=folder)
    launch(made)
    return made


def launch(folder: Path) -> None:
    """Start the worker of a run as a process of its own, which outlives this one.

    Its output goes to a file, since a pipe that nobody reads would block it after 64 KB.
    """
    config = read_config(folder)
    now = time.time()
    write_status(folder, RunStatus(message="Starts in a moment.", queued_at=now))
    if config["kind"] in QUEUED_KINDS:
        # Tickets are drawn here and not by the worker: workers do not start in the order of their launch.
        for device in devices_of(config):
            add_ticket(folder, device, now)
    with (folder / "log.txt").open("ab") as log:
        worker = subprocess.Popen(
            worker_command(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=worker_environment(config["kind"]),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    # Collects the child when it ends, so that no zombie stays behind while the server lives.
    threading.Thread(target=worker.wait, daemon=True).start()


def devices_of(config: Mapping[str, Any]) -> list[str]:
    """The devices that a run has to itself: one, the first cards of those that train together, or none."""
    if not config.get("waits_for_device", True):  # seconds of work need not wait for hours of training
        return []
    settings = config.get("settings") or {}
    n_cards = settings.get("processes") or 1
    if n_cards == 1 or settings.get("method") == "frozen" or not str(config["device"]).startswith("cuda"):
        return [str(config["device"])]
    return [f"cuda:{i}" for i in range(n_cards)]


def worker_command(folder: Path) -> list[str]:
    """The command line of a run's worker."""
    # -P: what lies in the current folder must not shadow a package.
    return [sys.executable, "-P", "-m", "biotl_core.runs.worker", str(folder.resolve())]


def stop_run(folder: Path) -> None:
    """Ask a run to stop; it does so within three seconds. Nothing happens to one that has ended."""
    if read_status(folder).is_open:
        (folder / "stop").touch()


def resume_run(folder: Path) -> None:
    """Let a stopped or failed run go on from its last checkpoint; UserError for open and finished ones."""
    read_config(folder)
    status = read_status(folder)
    if status.is_open:
        raise UserError(
            f"The run '{folder.name}' is {status.state}; only a stopped or failed run can be resumed."
        )
    if status.state == "finished":
        raise UserError(f"The run '{folder.name}' has finished; start a new one to train again.")
    (folder / "stop").unlink(missing_ok=True)
    launch(folder)


def delete_run(folder: Path) -> None:
    """Remove a run with all its files; UserError while it is open, or when the folder is none of a run."""
    has_config = (folder / "config.json").exists()
    if is_held(folder / ALIVE_LOCK) or (has_config and read_status(folder).is_open):
        raise UserError(f"The run '{folder.name}' is still open; stop it before deleting it.")
    places = [home_folder().resolve() / name for name in KIND_FOLDERS.values()]
    if not has_config and folder.resolve().parent not in places:
        raise UserError(f"Folder '{folder}' does not hold a run; nothing was deleted.")
    # Renamed first, so that no list shows it half deleted.
    doomed = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    folder.rename(doomed)
    shutil.rmtree(doomed)


def read_config(folder: Path) -> dict[str, Any]:
    """What was asked; UserError when the folder holds no readable run."""
    config = read_json(folder / "config.json")
    if isinstance(config, dict) and config.get("kind") in KIND_FOLDERS:
        return {"device": "cpu", **config}
    if (folder / "config.json").exists():
        raise UserError("The folder of this run is damaged: config.json cannot be read. Delete the run.")
    raise UserError(f"There is no run in '{folder}'. Choose the folder of a run.")


def read_progress(folder: Path) -> dict[str, Any] | None:
    """`stage, done, total, seconds_left` (None while unknown), or None before the first report."""
    return read_json(folder / "progress.json")


def read_result(folder: Path) -> dict[str, Any] | None:
    """The content of `result.json`, or None as long as there is none."""
    return read_json(folder / "result.json")


def read_history(folder: Path) -> list[dict[str, Any]]:
    """One dict an epoch, in the order of training; a last line still being written is left out."""
    try:
        text = (folder / "history.jsonl").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return []
    lines = text.split("\n")[:-1]  # what follows the last newline is not finished
    return [epoch for epoch in map(_parse_line, lines) if epoch is not None]


def append_history(folder: Path, epoch: Mapping[str, Any]) -> None:
    """Add one line to `history.jsonl`."""
    with (folder / "history.jsonl").open("a+b") as file:
        # A worker killed in the middle of a line leaves a torn one; ours must not be glued to it.
        is_torn = file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
        line = json.dumps(to_plain(epoch), allow_nan=False) + "\n"
        file.write(("\n" * is_torn + line).encode())


def find_run(name: str, kind: RunKind = "train") -> Path:
    """The folder of a run below the home by its name; UserError when there is none."""
    folder = home_folder() / KIND_FOLDERS[kind] / safe_name(name)
    if safe_name(name) != name or not folder.is_dir():
        raise UserError(f"There is no run called '{name}'. Choose one from the list of runs.")
    return folder


def list_runs(kind: RunKind = "train") -> list[RunSummary]:
    """All runs of a kind below the home, newest first; a damaged one is listed as failed with a sentence."""
    parent = home_folder() / KIND_FOLDERS[kind]
    if not parent.is_dir():
        return []
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    summaries = [read_summary(folder, kind) for folder in folders]
    return sorted(
        summaries, key=lambda run: (run.created, run.status.queued_at or 0.0, run.name), reverse=True
    )


def read_summary(folder: Path, kind: RunKind = "train") -> RunSummary:
    """What the list of runs shows of one run; never raises."""
    status = read_status(folder)
    try:
        config = read_config(folder)
    except UserError as error:
        return RunSummary(folder, folder.name, kind, replace(status, state="failed", message=str(error)))
    result = (read_result(folder) if status.state == "finished" else None) or {}
    settings = config.get("settings") or {}
    words = ("created", "modality", "task", "backbone", "target_name", "source")
    return RunSummary(
        folder,
        folder.name,
        config["kind"],
        status,
        **{word: str(config.get(word) or "") for word in words},
        method=str(settings.get("method") or ""),
        headline=str(result.get("headline") or ""),
        score=(result.get("test") or {}).get(result.get("headline")),
    )


def _describe_dataset(dataset: "Dataset") -> dict[str, Any]:
    return {
        "dataset_hash": dataset.content_hash,
        "source": dataset.source,
        "modality": dataset.modality,
        "task": dataset.task_name,
        "classes": list(dataset.classes),
        "target_name": dataset.target_name,
    }


def _default_name(kind: str, config: Mapping[str, Any]) -> str:
    """Such as `gb1-esm2_8m-frozen`."""
    source = Path(str(config.get("source") or "")).name.split(".")[0]
    backbone = Path(str(config.get("backbone") or "")).name
    method = (config.get("settings") or {}).get("method", "")
    return "-".join(part for part in (source, backbone, method) if part) or kind


def _make_unique_folder(parent: str, name: str) -> Path:
    for number in count(1):
        folder = home_subfolder(parent) / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("the numbers do not end")


def _claim_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise UserError(f"Folder '{folder}' cannot be used: {error.strerror}. Choose another one.") from error
    if not is_empty:
        raise UserError(
            f"Folder '{folder}' already holds files; a run needs a new or empty folder. Choose another one, "
            "or add --resume if it holds a run that was stopped."
        )
    return folder.resolve()


def _read_versions() -> dict[str, str]:
    """Versions of what the result depends on, without importing it."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def worker_environment(kind: str) -> dict[str, str]:
    """The environment of a process that works for a run of this kind."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        # Cores that wait for each other sleep: spinning would take them from the pages and from other runs.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "BIOTL_HOME": str(home_folder().resolve()),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    # A hub out of reach costs minutes a call, so only downloading may ask it.
    return environment if kind == "download" else environment | {"HF_HUB_OFFLINE": "1"}


def _parse_line(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
