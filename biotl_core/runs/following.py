"""Watch a run from the shell until it ends; Ctrl-C asks it to stop."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from biotl_core.runs.folder import read_history, read_progress, stop_run
from biotl_core.runs.status import RunStatus, read_status
from biotl_core.wording import say_number, say_seconds

_LOOK_SECONDS = 0.1
_TELL_SECONDS = 10.0
"""How often progress is told where each line stays (a log file)."""


def follow_run(folder: Path, tell: Callable[[str], None], is_terminal: bool) -> RunStatus:
    """Tell what happens until the run ends, and how it ended; the closing sentence is not told.

    Args:
        folder: a run that was launched.
        tell: takes a line; one that ends with a carriage return is overwritten by the next.
        is_terminal: whether lines can be overwritten; else progress is told less often.
    """
    narrator = _Narrator(folder, tell, is_terminal)
    with _kill_is_interrupt():
        while True:
            try:
                status = read_status(folder)
                narrator.look(status)
                if not status.is_open:
                    return status
                time.sleep(_LOOK_SECONDS)
            except KeyboardInterrupt:
                if (folder / "stop").exists():  # the second time she leaves at once
                    raise
                stop_run(folder)
                tell("Stopping; what is finished is kept.")


class _Narrator:
    """Tells each piece of news once."""

    def __init__(self, folder: Path, tell: Callable[[str], None], is_terminal: bool) -> None:
        self._folder, self._tell, self._is_terminal = folder, tell, is_terminal
        self._n_epochs = len(read_history(folder))  # of an earlier start, when resumed
        self._waiting_message = ""
        self._progress: dict[str, Any] | None = read_progress(folder)
        self._told_at = 0.0

    def look(self, status: RunStatus) -> None:
        """Tell what is new in the folder."""
        if (
            status.state == "waiting"
            and "ahead" in status.message
            and status.message != self._waiting_message
        ):
            self._waiting_message = status.message
            self._tell(status.message)
        history = read_history(self._folder)
        for epoch in history[self._n_epochs :]:
            self._tell(describe_epoch(epoch))
        self._n_epochs = max(self._n_epochs, len(history))
        progress = read_progress(self._folder)
        if progress and progress != self._progress and status.is_open:
            self._tell_progress(progress)

    def _tell_progress(self, progress: dict[str, Any]) -> None:
        is_new_stage = self._progress is None or progress["stage"] != self._progress["stage"]
        is_due = self._is_terminal or is_new_stage or time.monotonic() - self._told_at >= _TELL_SECONDS
        if is_due:
            self._progress, self._told_at = progress, time.monotonic()
            self._tell(describe_progress(progress) + ("\r" if self._is_terminal else ""))


def describe_progress(progress: dict[str, Any]) -> str:
    """Such as `Training: 30 of 100, 12 s left`."""

    share = f"{progress['done']:,}" + (f" of {progress['total']:,}" if progress["total"] else "")
    left = progress.get("seconds_left")
    return f"{progress['stage']}: {share}" + (f", {say_seconds(left)} left" if left is not None else "")


def describe_epoch(epoch: dict[str, Any]) -> str:
    """Such as `Epoch 3 of 10: loss 0.52, validation 0.61, spearman 0.44`."""
    if "perplexity" in epoch:  # a look at the held-out sequences of an adaptation
        return f"After {epoch['tokens']:,} letters: held-out perplexity {say_number(epoch['perplexity'])}"
    of = f" of {epoch['epochs']}" if epoch.get("epochs") else ""
    numbers = {"loss": epoch.get("train_loss"), "validation": epoch.get("validation_loss")}
    numbers |= dict(list((epoch.get("metrics") or {}).items())[:2])
    told = ", ".join(f"{name} {say_number(value)}" for name, value in numbers.items() if value is not None)
    return f"Epoch {epoch.get('epoch')}{of}: {told}"


@contextmanager
def _kill_is_interrupt() -> Iterator[None]:
    """A foreground command that is ended (`timeout`, a scheduler, a closed terminal) takes its run along."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [
        number for number in numbers if signal.getsignal(number) == signal.SIG_DFL
    ]  # `nohup` is respected
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
