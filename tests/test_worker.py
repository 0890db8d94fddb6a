"""The worker as a real process: how runs end, whatever ends them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import psutil
import pytest
from filelock import FileLock

from biotl_core.errors import UserError
from biotl_core.runs import folder as runs
from biotl_core.runs.status import (
    DIED_SENTENCE,
    RESUMABLE_KINDS,
    STOPPED_SENTENCE,
    RunStatus,
    read_status,
    write_status,
)
from biotl_core.runs.watching import ProgressWriter
from biotl_core.runs.worker import WORK, describe_failure

TOY_WORKER = Path(__file__).with_name("toy_worker.py")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr(
        runs, "worker_command", lambda folder: [sys.executable, str(TOY_WORKER), str(folder.resolve())]
    )


def start(toy: str, *, kind: str = "train", **arguments) -> Path:
    return runs.start_run({"toy": toy, "arguments": arguments}, kind=kind, name=toy)


def wait_until(is_true, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


def wait_for_end(folder: Path) -> RunStatus:
    wait_until(lambda: not read_status(folder).is_open)
    return read_status(folder)


def wait_for_epoch(folder: Path, epoch: int) -> None:
    wait_until(lambda: len(runs.read_history(folder)) >= epoch)


def kill(folder: Path) -> None:
    os.kill(read_status(folder).pid, signal.SIGKILL)


def test_finished_run_says_so_and_keeps_its_times():
    folder = start("count")
    status = wait_for_end(folder)
    assert (status.state, status.message) == ("finished", "Counted to 3.")
    assert status.queued_at <= status.started_at <= status.finished_at <= time.time()
    assert [epoch["epoch"] for epoch in runs.read_history(folder)] == [1, 2, 3]
    assert runs.read_summary(folder).score == 0.5
    assert runs.read_progress(folder) == {"stage": "Training", "done": 3, "total": 3, "seconds_left": None}


@pytest.mark.parametrize(
    ("toy", "sentence", "is_logged"),
    [
        ("user_error", "Row 7: 'B' is no DNA letter. Remove the row.", False),
        (
            "bug",
            "The run stopped by an unexpected error: ZeroDivisionError: first line. The log has the details.",
            True,
        ),
        ("no_memory", "The memory was not enough", True),
        ("no_disk", "The disk is full", True),
    ],
)
def test_failed_run_says_why_and_keeps_the_details_in_its_log(toy, sentence, is_logged):
    folder = start(toy)
    status = wait_for_end(folder)
    assert status.state == "failed" and status.message.startswith(sentence)
    assert ("Traceback" in (folder / "log.txt").read_text()) == is_logged


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_every_kind_of_missing_memory_is_recognised(error):
    assert describe_failure(error).startswith("The memory was not enough")


def test_killed_worker_reads_as_failed_and_resume_finishes():
    folder = start("count", epochs=20, seconds=0.1)
    wait_for_epoch(folder, 3)
    kill(folder)
    wait_until(lambda: read_status(folder).state == "failed")
    assert read_status(folder).message == DIED_SENTENCE
    n_epochs = len(runs.read_history(folder))
    runs.resume_run(folder)
    assert read_status(folder).is_open
    with pytest.raises(UserError):
        runs.resume_run(folder)
    assert wait_for_end(folder).state == "finished"
    history = runs.read_history(folder)
    assert [epoch["epoch"] for epoch in history] == list(range(1, 21))
    assert len({epoch["pid"] for epoch in history[:n_epochs]}) == 1  # what the first one computed was kept


def test_stop_then_resume():
    folder = start("count", epochs=30, seconds=0.1)
    wait_for_epoch(folder, 2)
    began = time.monotonic()
    runs.stop_run(folder)
    status = wait_for_end(folder)
    assert time.monotonic() - began < 3.0
    assert (status.state, status.message) == ("stopped", STOPPED_SENTENCE)
    runs.resume_run(folder)
    assert wait_for_end(folder).state == "finished"
    assert len(runs.read_history(folder)) == 30


@pytest.mark.parametrize("how", ["file", "SIGTERM"])
def test_stop_within_three_seconds_even_inside_a_long_kernel(how):
    folder = start("deaf")
    wait_until((folder / "began").exists)
    pid = read_status(folder).pid
    began = time.monotonic()
    if how == "file":
        runs.stop_run(folder)
    else:
        os.kill(pid, signal.SIGTERM)
    status = wait_for_end(folder)
    assert status.state == "stopped"
    assert time.monotonic() - began < 3.0
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_deleted_run_does_not_train_on():
    folder = start("deaf")
    wait_until((folder / "began").exists)
    pid = read_status(folder).pid
    folder.rename(folder.with_name("elsewhere"))
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_final_state_stays():
    folder = runs.create_run({"toy": "bug"}, kind="train")
    write_status(folder, RunStatus("finished", "Well done."))
    assert subprocess.run(runs.worker_command(folder), capture_output=True, check=False).returncode == 1
    assert read_status(folder) == RunStatus("finished", "Well done.")


def test_two_workers_never_share_a_folder():
    folder = start("count", epochs=8, seconds=0.1)
    wait_for_epoch(folder, 1)
    second = subprocess.run(runs.worker_command(folder), capture_output=True, check=False)
    assert second.returncode == 1
    assert len({epoch["pid"] for epoch in runs.read_history(folder)}) == 1


def test_log_never_blocks():
    folder = start("chatty")
    assert wait_for_end(folder).message == "Said it all."
    assert (folder / "log.txt").stat().st_size > 800_000


def test_progress_may_be_reported_in_a_tight_loop():
    folder = start("reporting")
    assert wait_for_end(folder).state == "finished"
    assert runs.read_progress(folder)["done"] == 1999


def test_the_worker_outlives_who_started_it(biotl_home):
    """Killing the web server with its whole process group leaves the run alone."""
    script = (
        "import sys, time; from pathlib import Path; from biotl_core.runs import folder as runs\n"
        f"runs.worker_command = lambda folder: [sys.executable, {str(TOY_WORKER)!r}, str(folder)]\n"
        "config = {'toy': 'count', 'arguments': {'epochs': 10, 'seconds': 0.1}}\n"
        "print(runs.start_run(config, kind='train'), flush=True); time.sleep(60)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(TOY_WORKER.parents[1])},
    )
    folder = Path(server.stdout.readline().strip())
    wait_for_epoch(folder, 1)
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()
    assert read_status(folder).state == "running"
    assert wait_for_end(folder).state == "finished"
    assert len(runs.read_history(folder)) == 10


def test_processes_of_a_worker_end_with_it(tmp_path):
    """A killed worker must not leave processes behind that go on writing into its folder."""
    script = "import sys, time, pathlib; from biotl_core.runs.watching import end_with_worker\n"
    script += "end_with_worker(pathlib.Path(sys.argv[1])); print('on', flush=True); time.sleep(60)"
    with FileLock(tmp_path / "alive.lock"):
        command = [sys.executable, "-c", script, str(tmp_path)]
        environment = os.environ | {"PYTHONPATH": str(TOY_WORKER.parents[1])}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        child.stdout.readline()
        time.sleep(0.6)
        assert child.poll() is None
    assert child.wait(3) == 1
    child.stdout.close()


def test_environment_of_the_work(monkeypatch, biotl_home):
    monkeypatch.setenv("BIOTL_THREADS", "3")
    message = wait_for_end(start("environment")).message
    assert message == f"HF_HUB_OFFLINE=1 OMP_NUM_THREADS=3 BIOTL_HOME={biotl_home}"


def test_every_kind_of_run_has_its_folder_and_its_work():
    assert set(WORK) == set(runs.KIND_FOLDERS) == set(get_args(runs.RunKind))
    assert {*runs.QUEUED_KINDS, *RESUMABLE_KINDS} <= set(WORK)
    for module, function in WORK.values():
        source = (TOY_WORKER.parents[1] / Path(*module.split("."))).with_suffix(".py").read_text()
        assert f"\ndef {function}(folder: Path, control: Control) -> str:" in source


def test_seconds_left_follow_the_speed(tmp_path):
    now = 0.0
    progress = ProgressWriter(tmp_path, clock=lambda: now)
    progress.report("Reading", 0, 100)
    assert progress.current()["seconds_left"] is None
    for done in range(10, 60, 10):  # ten a second
        now += 1.0
        progress.report("Reading", done, 100)
    assert progress.current()["seconds_left"] == pytest.approx(5.0)
    for done in range(51, 91):  # ten times slower: the estimate follows
        now += 1.0
        progress.report("Reading", done, 100)
    assert progress.current()["seconds_left"] == pytest.approx(10 / 1.0, rel=0.2)
    progress.report("Training", 1, 3)
    assert progress.current() == {"stage": "Training", "done": 1, "total": 3, "seconds_left": None}
    progress.report("Counting", 5, 0)
    assert progress.current()["seconds_left"] is None


def test_progress_is_saved_only_when_there_is_news(tmp_path):
    progress = ProgressWriter(tmp_path)
    progress.write()
    assert runs.read_progress(tmp_path) is None
    progress.report("Reading", 1, 2)
    progress.write()
    assert runs.read_progress(tmp_path)["done"] == 1
