"""What runs beside the work: saving progress, and making Stop take effect within three seconds."""

import math
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.liveness import ALIVE_LOCK, is_held

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOOK_SECONDS = 0.2
_WRITE_SECONDS = 0.5
_STOP_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 1.5
"""How long the work may take to end by itself once Stop was asked for."""
_MEMORY_SECONDS = 10.0
"""The speed shown is that of about the last ten seconds."""


class StopFile:
    """The file `stop` in the run folder, looked for at most every tenth of a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stop"
        self._looked = -math.inf
        self._seen = False

    def is_there(self) -> bool:
        """Whether the user asked to stop; once seen, it stays."""
        now = time.monotonic()
        if not self._seen and now - self._looked >= _STOP_LOOK_SECONDS:
            self._looked, self._seen = now, self._path.exists()
        return self._seen


class ProgressWriter:
    """Takes reports as often as they come; the watchdog saves the last one at most twice a second."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / "progress.json"
        self._clock = clock
        self._stage = ""
        self._done = self._total = 0
        self._rate: float | None = None  # pieces a second
        self._measured_at, self._measured_done = clock(), 0
        self._is_saved = True

    def report(self, stage: str, done: int, total: int) -> None:
        """Note how far the work is; the `report` of a `Control`."""
        now = self._clock()
        if stage != self._stage or done < self._done:
            self._rate, self._measured_at, self._measured_done = None, now, done
        elif now - self._measured_at >= _WRITE_SECONDS:
            self._measure(done, now)
        self._stage, self._done, self._total, self._is_saved = stage, done, total, False

    def write(self) -> None:
        """Save `progress.json` if there is news."""
        if not self._is_saved:
            self._is_saved = True
            with suppress(OSError):  # a full disk must fail the work, which matters, and not this
                write_json_atomically(self._path, self.current())

    def current(self) -> dict[str, object]:
        """The content of `progress.json`; `seconds_left` is None while the speed is not known."""
        is_known = self._rate and self._total
        seconds_left = max(0, self._total - self._done) / self._rate if is_known else None
        return {"stage": self._stage, "done": self._done, "total": self._total, "seconds_left": seconds_left}

    def _measure(self, done: int, now: float) -> None:
        """Exponential moving average of the speed; old values fade with age, not with their number."""
        elapsed = now - self._measured_at
        rate = (done - self._measured_done) / elapsed
        weight = 1.0 if self._rate is None else 1 - math.exp(-elapsed / _MEMORY_SECONDS)
        self._rate = rate * weight + (self._rate or 0.0) * (1 - weight)
        self._measured_at, self._measured_done = now, done


class Watchdog(threading.Thread):
    """Saves progress, turns SIGTERM into Stop, and ends the process when the work does not hear Stop."""

    def __init__(self, folder: Path, progress: ProgressWriter, force_stop: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._stop_path = folder / "stop"
        self._progress = progress
        self._force_stop = force_stop
        self._signals = _receive_signals()

    def run(self) -> None:
        """Look at everything five times a second until the process ends."""
        stop_seen, written = math.inf, -math.inf
        while True:
            is_signalled = select.select([self._signals], [], [], _LOOK_SECONDS)[0]
            if is_signalled and set(self._signals.recv(64)) & set(_STOP_SIGNALS):
                self._stop_path.touch()
            now = time.monotonic()
            if self._stop_path.exists():
                stop_seen = min(stop_seen, now)
            is_deleted = not self._stop_path.parent.exists()  # then nobody wants the result
            if now - stop_seen > _PATIENCE_SECONDS or is_deleted:
                self._force_stop()
            if now - written >= _WRITE_SECONDS:
                self._progress.write()
                written = now


def end_with_worker(folder: Path) -> None:
    """For a process that a worker has started: end at once when the worker has died, however it died.

    Nothing happens where no worker holds the folder, as when the work is called directly.
    """

    def watch() -> None:
        while is_held(folder / ALIVE_LOCK):
            time.sleep(_WRITE_SECONDS)
        os._exit(1)

    if is_held(folder / ALIVE_LOCK):
        threading.Thread(target=watch, daemon=True).start()


def _receive_signals() -> socket.socket:
    """A socket that becomes readable at SIGTERM or Ctrl-C.

    A Python signal handler runs only between two steps of the main thread, too late when that is inside a
    long kernel; the byte on the socket arrives at once.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach())
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    return receiver
