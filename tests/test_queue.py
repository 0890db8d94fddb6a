"""First come, first served per device, with real workers."""

import os
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from filelock import FileLock
from test_worker import TOY_WORKER, kill, start, wait_for_end, wait_for_epoch, wait_until

from biotl_core.progress import Stopped
from biotl_core.runs import folder as runs
from biotl_core.runs.liveness import is_held
from biotl_core.runs.queue import _count_ahead, _read_tickets, add_ticket, turn_on
from biotl_core.runs.status import STOPPED_SENTENCE, RunStatus, read_status, write_status

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr(
        runs, "worker_command", lambda folder: [sys.executable, str(TOY_WORKER), str(folder.resolve())]
    )


def span(folder: Path) -> tuple[float, float]:
    began, ended = (folder / "spans.txt").read_text().split()
    return float(began), float(ended)


def test_five_started_at_once_run_one_by_one_in_order():
    folders = [start("count", epochs=2, seconds=0.05) for _ in range(5)]
    wait_until(lambda: "ahead" in read_status(folders[-1]).message)
    assert read_status(folders[-1]).message.startswith("Waits for its turn on cpu:")
    assert {wait_for_end(folder).state for folder in folders} == {"finished"}
    spans = [span(folder) for folder in folders]
    for (_, ended), (began, _) in pairwise(spans):
        assert ended <= began
    assert _read_tickets("cpu") == []


def test_other_devices_and_short_kinds_do_not_wait():
    long = start("count", epochs=200, seconds=0.1)
    wait_for_epoch(long, 1)
    config = {"toy": "count", "device": "cuda:1"}
    others = [
        runs.start_run(config, kind="train"),
        start("count", kind="predict"),
        start("count", kind="probe"),
    ]
    assert {wait_for_end(folder).state for folder in others} == {"finished"}
    assert read_status(long).state == "running"
    runs.stop_run(long)
    wait_for_end(long)


def test_cards_that_train_together_are_all_taken():
    together = {"device": "cuda", "settings": {"method": "full", "processes": 2}}
    assert runs.devices_of(together) == ["cuda:0", "cuda:1"]
    assert runs.devices_of(together | {"settings": {"method": "frozen", "processes": 2}}) == ["cuda"]
    assert runs.devices_of(together | {"device": "cpu"}) == ["cpu"]
    toy = {"toy": "count", "arguments": {"epochs": 3, "seconds": 0.1}}
    folders = [
        runs.start_run(toy | config, kind="train")
        for config in ({"device": "cuda:1"}, together, {"device": "cuda:1"}, {"device": "cuda:0"})
    ]
    assert {wait_for_end(folder).state for folder in folders} == {"finished"}
    first, both, *later = [span(folder) for folder in folders]
    assert first[1] <= both[0] and all(both[1] <= began for began, _ in later)


def test_waiting_runs_can_be_stopped_and_killed_and_are_passed_over():
    first = start("count", epochs=300, seconds=0.1)
    wait_for_epoch(first, 1)
    stopped, killed, last = (start("count", seconds=0.01) for _ in range(3))
    for folder in (stopped, killed, last):
        wait_until(lambda folder=folder: "ahead" in read_status(folder).message)
    runs.stop_run(stopped)
    kill(killed)
    began = time.monotonic()
    assert wait_for_end(stopped).message == STOPPED_SENTENCE
    assert wait_for_end(killed).state == "failed"
    assert time.monotonic() - began < 3.0
    assert read_status(last).state == "waiting"
    os.kill(read_status(first).pid, signal.SIGKILL)  # a device is freed by death, too
    assert wait_for_end(last).state == "finished"
    assert wait_for_end(first).state == "failed"
    runs.resume_run(stopped)
    assert wait_for_end(stopped).state == "finished"


def test_a_ticket_of_a_dead_run_does_not_count(tmp_path):
    own, dead = tmp_path / "own", tmp_path / "dead"
    own.mkdir(), dead.mkdir()
    write_status(dead, RunStatus("waiting", queued_at=time.time()))
    old = add_ticket(dead, "cpu", 1.0)
    ticket = add_ticket(own, "cpu", 2.0)
    assert _count_ahead(ticket, "cpu") == 1  # its worker may be starting
    write_status(dead, RunStatus("waiting", pid=1))
    with FileLock(dead / "alive.lock"):
        assert _count_ahead(ticket, "cpu") == 1
    assert _count_ahead(ticket, "cpu") == 0
    assert not old.path.exists()


def test_one_run_has_one_ticket_and_a_new_one_goes_to_the_end(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    add_ticket(first, "cuda", 1.0)
    add_ticket(second, "cuda:0", 2.0)  # the same card
    add_ticket(first, "cuda", time.time())
    assert [ticket.run_folder for ticket in _read_tickets("cuda:0")] == [second, first]


def test_leaving_the_queue_gives_the_ticket_back(tmp_path):
    ahead = []

    def tell(n_ahead: int) -> None:
        ahead.append(n_ahead)
        raise Stopped

    with (
        turn_on("cpu", tmp_path / "running", tell),
        pytest.raises(Stopped),
        turn_on("cpu", tmp_path / "mine", tell),
    ):
        pass
    assert ahead == [1] and _read_tickets("cpu") == []
    with turn_on("cpu", tmp_path / "mine", tell):
        pass


def test_many_readers_do_not_mistake_each_other_for_life(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    (tmp_path / "alive.lock").touch()
    with ThreadPoolExecutor(4) as readers:
        seen = list(readers.map(lambda _: is_held(tmp_path / "alive.lock"), range(400)))
    assert sum(seen) < 20  # four readers without a pause; a wrong look lasts until the next
