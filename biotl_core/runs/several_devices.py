"""One run on several devices: torch starts a process for each, accelerate joins them, and the worker waits.

Each process learns the same weights and takes its share of every batch; the first one writes the checkpoint, from which
the worker goes on alone. They look for the `stop` file themselves, and end with the worker, which kills its children
when Stop is not heard.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control, Stopped
from biotl_core.runs.json_files import read_json, write_json_atomically
from biotl_core.runs.watching import ProgressWriter, StopFile, end_with_worker

_WORK = ("biotl_core.runs.training_run", "learn_together")
_OUTCOME = "together.json"
_LOOK_SECONDS = 0.2


def run_on_several(folder: Path, settings: TrainingSettings, control: Control) -> None:
    """Learn with `settings.processes` processes, which leave a finished checkpoint in the folder of the run.

    Args:
        folder: of the run.
        settings: resolved and closed.
        control: progress and stop.

    Raises:
        Stopped: the user asked to.
        UserError: a mistake that the processes found, or one of them died.
    """
    outcome = folder / _OUTCOME
    outcome.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(settings.processes)),
        *(
            "--master_addr",
            "127.0.0.1",
            "--master_port",
            str(_free_port()),
            "--module",
            __name__,
            str(folder),
            json.dumps({"simple_features": settings.simple_features, "pooling": settings.pooling}),
        ),
    ]
    control.step("Starting one process for each device", 0, 0)
    launcher = subprocess.Popen(command)
    while launcher.poll() is None:
        time.sleep(_LOOK_SECONDS)
    found = read_json(outcome) if outcome.exists() else {}
    if found.get("stopped"):
        raise Stopped
    if not found.get("is_done"):
        raise UserError(
            found.get("error")
            or "One of the processes that trained together ended early. The log has the details."
        )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def main(folder: Path, chosen: dict[str, str]) -> None:
    """One of the processes; the first one tells progress and how it ended."""
    is_first = os.environ.get("RANK", "0") == "0"
    progress = ProgressWriter(folder)
    end_with_worker(folder)

    def report(stage: str, done: int, total: int) -> None:
        if is_first:
            progress.report(stage, done, total)
            progress.write()

    module, function = _WORK
    found: dict[str, object]
    try:
        learn = getattr(importlib.import_module(module), function)
        learn(folder, chosen, Control(report, StopFile(folder).is_there))
        found = {"is_done": True}
    except Stopped:
        found = {"stopped": True}
    except UserError as error:
        found = {"error": str(error)}
    if is_first:
        write_json_atomically(folder / _OUTCOME, found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
