"""The sign of life of a run: a lock that its worker holds, and that the kernel frees at its death.

A process id is none: it stays valid for a dead child that nobody has collected, and is given again to others.
"""

import time
from pathlib import Path

from filelock import FileLock, Timeout

ALIVE_LOCK = "alive.lock"
"""The lock's name in every run folder."""
START_GRACE_SECONDS = 10.0
"""How long a worker may take from its launch until it holds its lock."""


def is_held(lock_path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not lock_path.exists():
        return False
    # Another reader may hold it for the instant of its own look, so only a lock held four times counts.
    for _ in range(4):
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            time.sleep(0.0005)
        else:
            lock.release()
            return False
    return True
