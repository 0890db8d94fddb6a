"""Computations that may take longer than a click: they run beside the page, which shows how far they are.

Changing another choice meanwhile starts nothing anew, and what nobody waits for any more stops by itself.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import streamlit as st

from biotl_core.progress import Control, Stopped
from biotl_core.wording import plain, say_seconds

PATIENCE_SECONDS = 2.0
"""So long the page simply waits: most computations are done by then."""
_FORGOTTEN_SECONDS = 10.0
"""After so long without anyone asking, a computation stops."""
_POOL = ThreadPoolExecutor(4, thread_name_prefix="beside-the-page")

Result = TypeVar("Result")


class Work:
    """One computation beside the page, which starts at once."""

    def __init__(self, function: Callable[[Control], Any]) -> None:
        self._asked_at = self._stage_began = time.monotonic()
        self.stage, self._done, self._total = "", 0, 0
        self._future = _POOL.submit(function, Control(self._report, self._is_forgotten))

    def _report(self, stage: str, done: int, total: int) -> None:
        if stage != self.stage:
            self._stage_began = time.monotonic()
        self.stage, self._done, self._total = stage, done, total

    def _is_forgotten(self) -> bool:
        return time.monotonic() - self._asked_at > _FORGOTTEN_SECONDS

    @property
    def share(self) -> float:
        """How far the present stage is, 0..1."""
        return min(self._done / self._total, 1.0) if self._total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Of the present stage, from its pace so far; None where that says nothing yet."""
        elapsed = time.monotonic() - self._stage_began
        return elapsed * (1 / self.share - 1) if self.share > 0.02 and elapsed > 1 else None

    @property
    def was_stopped(self) -> bool:
        """It gave up, since nobody waited for it."""
        return self._future.done() and isinstance(self._future.exception(), Stopped)

    def has_ended(self, patience_seconds: float = 0.0) -> bool:
        """Whether it has ended, waiting at most so long for it."""
        self._asked_at = time.monotonic()
        return bool(wait([self._future], patience_seconds).done)

    def result(self) -> Any:
        """What came out, or the error that came up, raised."""
        return self._future.result()


def wait_for(what: str, key: tuple[Any, ...], function: Callable[[Control], Result]) -> Result:
    """The result of a computation, made once for its key; until it is there, the page ends with a progress bar.

    Args:
        what: what is being done, as on a label.
        key: all that the result depends on.
        function: computes it; reports and stops through its Control. Must not draw.

    Raises:
        UserError: whatever the function raised.
    """
    work = _begin(what, key, function)
    has_ended = work.has_ended(PATIENCE_SECONDS)
    if work.was_stopped:  # asked for last: it may have given up at the very moment this page came for it
        _begin.clear(what, key, function)
        work = _begin(what, key, function)
        has_ended = work.has_ended(PATIENCE_SECONDS)
    if not has_ended:
        st.fragment(_draw_progress, run_every=1)(work, what)
        st.stop()
    return work.result()


@st.cache_resource(max_entries=8, show_spinner=False)
def _begin(what: str, key: tuple[Any, ...], _function: Callable[[Control], Any]) -> Work:
    return Work(_function)


def _draw_progress(work: Work, what: str) -> None:
    if work.has_ended():
        st.rerun()
    left = work.seconds_left
    words = [what, plain(work.stage), f"{say_seconds(left)} left" if left is not None else ""]
    st.progress(work.share, " · ".join(word for word in words if word))
