"""First come, first served per device: tickets in order of arrival, and one lock that the running one holds.

No service keeps the queue: it is a folder of tickets that every waiting worker looks at. A ticket counts
while its run reads as waiting, so that one that died in the queue holds up nobody.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from biotl_core.home import home_subfolder, safe_name
from biotl_core.runs.status import read_status

_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Ticket:
    """A place in the queue of one device."""

    path: Path
    run_folder: Path


def add_ticket(run_folder: Path, device: str, queued_at: float) -> Ticket:
    """Join the queue of a device at a time (seconds since 1970); its earlier ticket is given up."""
    remove_ticket(run_folder, device)
    path = _tickets_folder(device) / f"{queued_at:018.6f}-{uuid.uuid4().hex[:8]}"
    unfinished = path.with_name("." + path.name)
    unfinished.write_text(str(run_folder.resolve()), encoding="utf-8")
    unfinished.replace(path)
    return Ticket(path, run_folder.resolve())


def remove_ticket(run_folder: Path, device: str) -> None:
    """Leave the queue of a device."""
    for ticket in _read_tickets(device):
        if ticket.run_folder == run_folder.resolve():
            ticket.path.unlink(missing_ok=True)


@contextmanager
def turn_on(device: str, run_folder: Path, tell: Callable[[int], None]) -> Iterator[None]:
    """Have the device to oneself, after every run that came earlier.

    Args:
        device: such as `cpu` or `cuda:1`.
        run_folder: the run that waits.
        tell: called at each look with the number of runs ahead, the running one included; may raise to leave.
    """
    ticket = _own_ticket(run_folder, device)
    lock = FileLock(home_subfolder("locks") / f"{_device_name(device)}.lock")
    try:
        while (n_ahead := _count_ahead(ticket, device)) or not _try_to_hold(lock):
            tell(n_ahead + 1)
            time.sleep(_POLL_SECONDS)
    finally:
        ticket.path.unlink(missing_ok=True)
    try:
        yield
    finally:
        lock.release()


def _own_ticket(run_folder: Path, device: str) -> Ticket:
    own = [ticket for ticket in _read_tickets(device) if ticket.run_folder == run_folder.resolve()]
    return own[0] if own else add_ticket(run_folder, device, time.time())


def _count_ahead(own: Ticket, device: str) -> int:
    """Earlier tickets whose runs still wait; those of the dead are cleared away."""
    n_ahead = 0
    for ticket in _read_tickets(device):
        if ticket.path.name >= own.path.name:
            continue
        if read_status(ticket.run_folder).state == "waiting":
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
        tickets.append(Ticket(path, run_folder))
    return tickets


def _tickets_folder(device: str) -> Path:
    return home_subfolder(f"locks/{_device_name(device)}-queue")


def _device_name(device: str) -> str:
    """`cuda` and `cuda:0` are the same card."""
    return safe_name("cuda:0" if device == "cuda" else device)
