"""RunStatus: where a run stands. A saved open state counts only while the run's worker lives."""

import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

from biotl_core.runs.json_files import read_json, write_json_atomically
from biotl_core.runs.liveness import ALIVE_LOCK, START_GRACE_SECONDS, is_held

RunState = Literal["waiting", "running", "finished", "failed", "stopped"]
FINAL_STATES: tuple[RunState, ...] = ("finished", "failed", "stopped")

RESUMABLE_KINDS = ("train", "screen", "fold", "adapt", "distances")
"""Kinds of run that go on from what they have saved."""
STOPPED_SENTENCE = "Stopped before the end. Resume goes on from what was saved."
DIED_SENTENCE = (
    "The training process ended without a result (killed, or out of memory?). "
    "Resume continues from the last finished epoch."
)
_DIED_RESUMABLE_SENTENCE = (
    "The process ended without a result (killed, or out of memory?). Resume goes on from what was saved."
)
_DIED_OTHER_SENTENCE = "The process ended without a result (killed, or out of memory?). Start it again."
_DAMAGED_SENTENCE = "The folder of this run is damaged: state.json cannot be read. Delete the run."


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands; times are seconds since 1970, None where it has not come to that."""

    state: RunState = "waiting"
    message: str = ""
    """The sentence to show."""
    pid: int | None = None
    """Process id of the worker, for information only: the sign of life is the lock."""
    queued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Still waiting or running."""
        return self.state not in FINAL_STATES


def read_status(folder: Path) -> RunStatus:
    """Where a run stands now. An open state whose worker is gone reads as failed; never raises."""
    status = read_saved_status(folder)
    if not status.is_open or is_held(folder / ALIVE_LOCK):
        return status
    status = read_saved_status(folder)  # again: the worker may have ended between the two looks
    if not status.is_open or _is_starting(status):
        return status
    kind = (read_json(folder / "config.json") or {}).get("kind", "train")
    by_kind = {**dict.fromkeys(RESUMABLE_KINDS, _DIED_RESUMABLE_SENTENCE), "train": DIED_SENTENCE}
    sentence = by_kind.get(kind, _DIED_OTHER_SENTENCE)
    return replace(status, state="failed", message=sentence)


def read_saved_status(folder: Path) -> RunStatus:
    """The content of `state.json`, whether the worker lives or not."""
    saved = read_json(folder / "state.json")
    if not isinstance(saved, dict) or saved.get("state") not in get_args(RunState):
        return RunStatus("failed", _DAMAGED_SENTENCE)
    return RunStatus(**{field.name: saved[field.name] for field in fields(RunStatus) if field.name in saved})


def write_status(folder: Path, status: RunStatus) -> None:
    """Replace `state.json`; for the worker, and for `folder.launch` before there is one."""
    write_json_atomically(folder / "state.json", asdict(status))


def _is_starting(status: RunStatus) -> bool:
    """Launched a moment ago; a worker that has come to life has written its process id."""
    is_launched = status.state == "waiting" and status.pid is None
    return is_launched and 0 <= time.time() - (status.queued_at or 0) < START_GRACE_SECONDS
