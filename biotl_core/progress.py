"""Control: how long work tells how far it is and hears that it should stop."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class Stopped(Exception):
    """The user asked the work to stop; what is finished is saved, the rest is left."""


def _never() -> bool:
    return False


def _silent(stage: str, done: int, total: int) -> None:
    return None


@dataclass
class Control:
    """Passed down into everything that takes more than two seconds."""

    report: Callable[[str, int, int], None] = _silent
    """Called with what is being done, how much is done, and of how much (0 where not known)."""
    should_stop: Callable[[], bool] = _never
    """Looked at before every piece of work."""
    started: float = field(default_factory=time.monotonic)

    def step(self, stage: str, done: int, total: int) -> None:
        """Report progress, and raise Stopped when the user asked to stop."""
        self.report(stage, done, total)
        if self.should_stop():
            raise Stopped(stage)


def print_progress(stage: str, done: int, total: int) -> None:
    """A `report` for the shell: one line on standard error, rewritten in place on a terminal."""
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    if sys.stderr.isatty() or done >= total:
        share = f"{done:,} of {total:,}" if total else f"{done:,}"
        print(f"{stage}: {share}    ", end=end, file=sys.stderr, flush=True)
