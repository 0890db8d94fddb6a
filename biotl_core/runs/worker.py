"""The process of one run: `python -m biotl_core.runs.worker RUN_FOLDER`.

It waits for its turn on the device, does the work that the run's kind names, and writes how it ended. What it
holds in memory dies with it, so a run that breaks takes nothing else along.
"""

import errno
import faulthandler
import importlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.runs.folder import QUEUED_KINDS, devices_of, read_config
from biotl_core.runs.liveness import ALIVE_LOCK
from biotl_core.runs.queue import turn_on
from biotl_core.runs.status import STOPPED_SENTENCE, RunState, read_saved_status, write_status
from biotl_core.runs.watching import ProgressWriter, StopFile, Watchdog

WORK = {
    "train": ("biotl_core.runs.training_run", "train_run"),
    "predict": ("biotl_core.runs.prediction_run", "predict_run"),
    "download": ("biotl_core.backbones.downloading", "download_run"),
    "probe": ("biotl_core.runs.probe_run", "probe_run"),
    "scan": ("biotl_core.runs.scan_run", "scan_run"),
    "plan": ("biotl_core.runs.plan_run", "plan_run"),
    "assay": ("biotl_core.runs.assay_run", "assay_run"),
    "pairs": ("biotl_core.runs.pair_run", "pair_run"),
    "screen": ("biotl_core.runs.screen_run", "screen_run"),
    "genomes": ("biotl_core.runs.genome_run", "genome_run"),
    "fold": ("biotl_core.runs.folding_run", "fold_run"),
    "study": ("biotl_core.runs.study_run", "study_run"),
    "adapt": ("biotl_core.runs.adapt_run", "adapt_run"),
    "distances": ("biotl_core.runs.distance_run", "distance_run"),
    "homology": ("biotl_core.runs.homology_run", "homology_run"),
}
"""What does the work of each kind of run: module and function `(folder, control) -> closing sentence`."""

_PREDECESSOR_SECONDS = 30.0
"""How long a stopped worker of the same run may take to leave before a new one gives up."""


class StatusWriter:
    """The one writer of the run's state while the worker lives; what is written as final stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._status = replace(read_saved_status(folder), pid=os.getpid())
        self._lock = threading.Lock()  # the watchdog may end the run while the work is ending by itself

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return not self._status.is_open

    def wait(self, message: str) -> None:
        """Write that the run waits."""
        self._write("waiting", message)

    def start(self) -> None:
        """Write that the work begins."""
        self._write("running", "Running.", started_at=time.time())

    def end(self, state: RunState, message: str) -> None:
        """Write how the run ended, unless it had ended before."""
        self._write(state, message, finished_at=time.time())

    def _write(self, state: RunState, message: str, **times: float) -> None:
        with self._lock:
            if self.is_final or (self._status.state, self._status.message) == (state, message):
                return
            self._status = replace(self._status, state=state, message=message, **times)
            try:
                write_status(self._folder, self._status)
            except (
                OSError
            ):  # the disk is full: a final state that cannot be saved reads as failed once we are gone
                traceback.print_exc()


def main(arguments: list[str]) -> None:
    """Work through one run folder, then leave; the exit status says nothing, `state.json` says all."""
    folder = Path(arguments[0]).resolve()
    faulthandler.enable()
    lock = FileLock(folder / ALIVE_LOCK)
    try:
        lock.acquire(timeout=_PREDECESSOR_SECONDS)
    except Timeout:
        sys.exit(f"Another worker lives in {folder}; this one leaves.")
    status = StatusWriter(folder)
    if status.is_final:
        sys.exit(f"The run in {folder} has ended; this worker leaves.")
    _give_way_to_pages()
    _limit_threads()
    progress = ProgressWriter(folder)
    Watchdog(folder, progress, force_stop=lambda: _leave_stopped(folder, status)).start()
    _work_through(folder, status, progress)
    _leave()


def describe_failure(error: BaseException) -> str:
    """Why the work failed, in one sentence for a biologist."""
    if isinstance(error, UserError):
        return str(error)
    name, text = type(error).__name__, str(error).strip()
    is_out_of_memory = "out of memory" in text.lower() or "can't allocate memory" in text.lower()
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or is_out_of_memory:
        return (
            "The memory was not enough for this run; start one with a smaller batch, a smaller backbone or "
            "shorter sequences."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free some space, then resume."
    first_line = text.splitlines()[0] if text else "no message"
    return f"The run stopped by an unexpected error: {name}: {first_line}. The log has the details."


def _work_through(folder: Path, status: StatusWriter, progress: ProgressWriter) -> None:
    stop = StopFile(folder)
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} worker {os.getpid()} in {folder}", flush=True)
    try:
        config = read_config(folder)
        status.wait("Starts in a moment.")
        with ExitStack() as devices:
            for device in devices_of(config) if config["kind"] in QUEUED_KINDS else []:
                devices.enter_context(turn_on(device, folder, partial(_wait, status, stop, device)))
            status.start()
            try:
                sentence = _find_work(config["kind"])(folder, Control(progress.report, stop.is_there))
            finally:
                progress.write()  # before the end is told: whoever sees the end finds all of it
            status.end("finished", sentence)
    except Stopped:
        status.end("stopped", STOPPED_SENTENCE)
    except Exception as error:  # noqa: BLE001 - the one place that turns every failure into a sentence
        if not isinstance(error, UserError):
            traceback.print_exc()
        status.end("failed", describe_failure(error))


def _wait(status: StatusWriter, stop: StopFile, device: str, n_ahead: int) -> None:
    """Tell the place in the queue, and leave it when the user asks to."""
    runs = "1 run is" if n_ahead == 1 else f"{n_ahead} runs are"
    status.wait(f"Waits for its turn on {device}: {runs} ahead.")
    if stop.is_there():
        raise Stopped


def _find_work(kind: str) -> Callable[[Path, Control], str]:
    module, function = WORK[kind]
    return getattr(importlib.import_module(module), function)


def _give_way_to_pages() -> None:
    """A click on a page must not wait for the training."""
    if hasattr(os, "nice"):
        os.nice(10)
    else:  # Windows
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)


def _limit_threads() -> None:
    """`BIOTL_THREADS` keeps a run from taking all cores; the libraries read it when first imported."""
    if threads := os.environ.get("BIOTL_THREADS"):
        os.environ |= {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


def _leave_stopped(folder: Path, status: StatusWriter) -> None:
    # The work is busy and holds Python's lock; without this each small step of leaving waits 5 ms for it.
    sys.setswitchinterval(1e-5)
    status.end("stopped", STOPPED_SENTENCE)
    _leave()


def _leave() -> None:
    """End this process and its children at once; all that counts is on disk, and tidying up may hang."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
