"""First come, first served per device: tickets in order of arrival, and one lock that the running one holds.

No service keeps the queue: it is a folder of tickets that every waiting worker looks at. A ticket counts
while its run's worker lives, and for a few seconds after it was made, while the worker is starting.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from biotl_core.home import home_subfolder, safe_name

ALIVE_LOCK = "alive.lock"
"""In every run folder; held by its worker as long as the worker lives."""
START_GRACE_SECONDS = 10.0
"""How long a worker may take from its launch until it holds its lock."""
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Ticket:
    """A place in the queue of one device."""

    path: Path
    run_folder: Path
    queued_at: float
    """Seconds since 1970."""

    @property
    def counts(self) -> bool:
        """Whether the run behind it still waits, rather than died in the queue."""
        return 0 <= time.time() - self.queued_at < START_GRACE_SECONDS or is_held(
            self.run_folder / ALIVE_LOCK
        )


def is_held(lock_path: Path) -> bool:
    """Whether a living process holds the lock; the kernel frees it at death, whatever the cause."""
    if not lock_path.exists():
        return False
    # Another reader may hold it for the instant of its own look, so only a lock held three times counts.
    for attempt in range(3):
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            time.sleep(0.001 * (attempt + 1))
        else:
            lock.release()
            return False
    return True


def add_ticket(run_folder: Path, device: str) -> Ticket:
    """Join the queue of a device; an earlier ticket of the same run is given up."""
    remove_ticket(run_folder, device)
    now_ns = time.time_ns()
    path = _tickets_folder(device) / f"{now_ns:020d}-{uuid.uuid4().hex[:8]}"
    unfinished = path.with_name("." + path.name)
    unfinished.write_text(str(run_folder.resolve()), encoding="utf-8")
    unfinished.replace(path)
    return Ticket(path, run_folder.resolve(), now_ns / 1e9)


def remove_ticket(run_folder: Path, device: str) -> None:
    """Leave the queue of a device."""
    for ticket in _read_tickets(device):
        if ticket.run_folder == run_folder.resolve():
            ticket.path.unlink(missing_ok=True)


def wait_for_turn(run_folder: Path, device: str, tell: Callable[[int], None]) -> FileLock:
    """Wait until every run that came earlier is done with the device.

    Args:
        run_folder: the run that waits.
        device: such as `cpu` or `cuda:1`.
        tell: called at each look with the number of runs ahead, the running one included; may raise to leave.

    Returns:
        The held lock of the device; released when it is collected or the process ends.
    """
    ticket = _own_ticket(run_folder, device)
    lock = FileLock(home_subfolder("locks") / f"{_device_name(device)}.lock")
    try:
        while True:
            n_ahead = _count_ahead(ticket, device)
            if n_ahead == 0 and _try_to_hold(lock):
                return lock
            tell(n_ahead + 1)
            time.sleep(_POLL_SECONDS)
    finally:
        ticket.path.unlink(missing_ok=True)


def _own_ticket(run_folder: Path, device: str) -> Ticket:
    own = [ticket for ticket in _read_tickets(device) if ticket.run_folder == run_folder.resolve()]
    return own[0] if own else add_ticket(run_folder, device)


def _count_ahead(own: Ticket, device: str) -> int:
    """Earlier tickets whose runs still wait; those of the dead are cleared away."""
    n_ahead = 0
    for ticket in _read_tickets(device):
        if ticket.path.name >= own.path.name:
            continue
        if ticket.counts:
            n_ahead += 1
        else:
            ticket.path.unlink(missing_ok=True)
    return n_ahead


def _try_to_hold(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _read_tickets(device: str) -> list[Ticket]:
    tickets = []
    for path in sorted(_tickets_folder(device).glob("[0-9]*-*")):
        try:
            run_folder = Path(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # its owner has just got its turn
            continue
        tickets.append(Ticket(path, run_folder, int(path.name.split("-")[0]) / 1e9))
    return tickets


def _tickets_folder(device: str) -> Path:
    return home_subfolder(f"locks/{_device_name(device)}-queue")


def _device_name(device: str) -> str:
    """`cuda` and `cuda:0` are the same card."""
    return safe_name("cuda:0" if device == "cuda" else device)
