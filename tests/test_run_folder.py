"""The run folder without a worker: what is made, what is read, and what a damaged folder says."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.runs import folder as runs
from biotl_core.runs.json_files import to_plain
from biotl_core.runs.status import DIED_SENTENCE, RunStatus, read_status, write_status


@pytest.fixture
def dataset() -> Dataset:
    table = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "sequence": ["MKV", "MKL", "MKI"],
            "target": [1.0, 2.0, 3.0],
            "part": ["train", "validation", "test"],
        }
    )
    return Dataset(table, "protein", "regression", source="my table.csv", target_name="Tm")


def make(state: str = "finished", **changes) -> Path:
    folder = runs.create_run({"backbone": "tiny", "settings": {"method": "frozen"}, **changes}, kind="train")
    write_status(folder, RunStatus(state, f"It is {state}.", queued_at=time.time()))
    return folder


def test_create_run_keeps_what_was_asked_and_the_very_table(dataset):
    changes = pd.DataFrame(
        {"row": [2], "column": ["sequence"], "before": ["mkl"], "after": ["MKL"], "why": ["case"]}
    )
    folder = runs.create_run(
        {"backbone": "tiny", "device": "cpu"}, dataset, changes, kind="train", name="My run"
    )
    config = runs.read_config(folder)
    assert folder.name == config["name"] == "My-run"
    assert config["dataset_hash"] == Dataset.load(folder).content_hash == dataset.content_hash
    assert (config["task"], config["target_name"], config["source"]) == ("regression", "Tm", "my table.csv")
    assert "torch" in config["versions"] and config["created"].endswith("+00:00")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "changes.csv"), changes)


def test_names_are_safe_and_never_shared():
    folders = [runs.create_run({}, kind="train", name="../../etc/pass wd") for _ in range(3)]
    assert [folder.name for folder in folders] == ["etc-pass-wd", "etc-pass-wd-2", "etc-pass-wd-3"]
    assert {folder.parent for folder in folders} == {runs.home_folder() / "runs"}


def test_default_name_tells_data_backbone_and_method(dataset):
    config = {"backbone": "/models/esm2_8m", "settings": {"method": "lora"}}
    assert runs.create_run(config, dataset, kind="train").name == "my-table-esm2_8m-lora"


def test_a_given_folder_is_used_as_it_is(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert runs.create_run({}, kind="train", folder=empty) == empty
    assert runs.create_run({}, kind="train", folder=tmp_path / "new" / "deep").is_dir()


def test_a_given_folder_with_files_or_none_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="already holds files"):
        runs.create_run({}, kind="train", folder=tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]
    with pytest.raises(UserError, match="cannot be used"):
        runs.create_run({}, kind="train", folder=tmp_path / "mine.txt")


def test_open_state_without_a_worker_reads_as_failed():
    folder = make("running")
    assert read_status(folder).state == "failed"
    assert read_status(folder).message == DIED_SENTENCE
    with FileLock(folder / "alive.lock"):
        assert read_status(folder).state == "running"
    assert read_status(folder).state == "failed"


def test_a_worker_gets_time_to_start():
    folder = make("waiting")
    assert read_status(folder).state == "waiting"
    write_status(folder, replace(read_status(folder), queued_at=time.time() - 11))
    assert read_status(folder).state == "failed"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"state": "dancing"}', b"\x00\xff", b"null"])
def test_a_damaged_state_reads_as_failed(content):
    folder = make()
    if content is None:
        (folder / "state.json").unlink()
    else:
        (folder / "state.json").write_bytes(content)
    status = read_status(folder)
    assert status.state == "failed" and "damaged" in status.message


def test_state_is_never_half_written():
    folder = make("finished")
    message = "long " * 2000
    is_over = threading.Event()

    def hammer():
        while not is_over.is_set():
            write_status(folder, RunStatus("finished", message))
            write_status(folder, RunStatus("finished", ""))

    writer = threading.Thread(target=hammer)
    writer.start()
    seen = {read_status(folder).message for _ in range(3000)}
    is_over.set()
    writer.join()
    assert seen <= {"It is finished.", message, ""}
    assert not list(folder.glob(".state*"))


def test_what_is_written_is_json_for_every_reader(tmp_path):
    value = {
        "x": np.float32("nan"),
        "y": (np.inf, np.int64(3)),
        "z": np.array([1.5, np.nan]),
        "p": tmp_path,
        1: True,
    }
    runs.write_json_atomically(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"x": None, "y": [None, 3], "z": [1.5, None], "p": str(tmp_path), "1": True}
    assert "NaN" not in text and to_plain({1.0}) == [1.0]


def test_history_leaves_out_a_torn_line_and_survives_it():
    folder = make("running")
    assert runs.read_history(folder) == []
    runs.append_history(folder, {"epoch": 1, "train_loss": float("nan")})
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"epoch": 2, "tra')
    assert runs.read_history(folder) == [{"epoch": 1, "train_loss": None}]
    runs.append_history(folder, {"epoch": 2, "train_loss": 0.5})
    assert [epoch["epoch"] for epoch in runs.read_history(folder)] == [1, 2]


def test_stop_is_noted_only_for_an_open_run():
    finished, waiting = make("finished"), make("waiting")
    runs.stop_run(finished)
    runs.stop_run(waiting)
    assert not (finished / "stop").exists() and (waiting / "stop").exists()


def test_resume_refuses_open_finished_and_missing_runs(tmp_path):
    with pytest.raises(UserError, match="has finished"):
        runs.resume_run(make("finished"))
    with pytest.raises(UserError, match="is waiting"):
        runs.resume_run(make("waiting"))
    with pytest.raises(UserError, match="no run in"):
        runs.resume_run(tmp_path / "nowhere")


def test_delete_removes_a_run_and_nothing_else(tmp_path):
    folder, open_folder = make("stopped"), make("waiting")
    runs.delete_run(folder)
    assert not folder.exists() and [run.folder for run in runs.list_runs()] == [open_folder]
    with pytest.raises(UserError, match="still open"):
        runs.delete_run(open_folder)
    (tmp_path / "precious").mkdir()
    with pytest.raises(UserError, match="does not hold a run"):
        runs.delete_run(tmp_path / "precious")
    assert (tmp_path / "precious").is_dir()


def test_delete_removes_a_damaged_run():
    folder = make("finished")
    (folder / "config.json").unlink()
    (folder / "state.json").unlink()
    runs.delete_run(folder)
    assert runs.list_runs() == []


def test_list_is_newest_first_with_scores(dataset):
    assert runs.list_runs() == []
    old, new = (
        runs.create_run({"backbone": "tiny"}, dataset, kind="train", name=name) for name in ("old", "new")
    )
    config = json.loads((old / "config.json").read_text()) | {"created": "2020-01-01T00:00:00+00:00"}
    runs.write_json_atomically(old / "config.json", config)
    write_status(old, RunStatus("finished"))
    runs.write_json_atomically(old / "result.json", {"headline": "spearman", "test": {"spearman": 0.7}})
    first, second = runs.list_runs()
    assert (first.folder, first.status.state, first.score) == (new, "waiting", None)
    assert (second.folder, second.headline, second.score) == (old, "spearman", 0.7)
    assert (second.modality, second.target_name, second.backbone) == ("protein", "Tm", "tiny")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"kind": "dance"}', b"\xff\xfe"])
def test_a_damaged_run_is_listed_with_a_sentence(content):
    folder = make("finished")
    if content is None:
        (folder / "config.json").unlink()
    else:
        (folder / "config.json").write_bytes(content)
    (run,) = runs.list_runs()
    assert run.status.state == "failed" and run.status.message.endswith(".")
    with pytest.raises(UserError):
        runs.read_config(folder)


def test_list_of_many_runs_is_quick():
    for number in range(200):
        folder = runs.home_subfolder("runs") / f"run-{number}"
        folder.mkdir()
        (folder / "config.json").write_text('{"kind": "train"}')
        (folder / "state.json").write_text('{"state": "finished"}')
    began = time.perf_counter()
    assert len(runs.list_runs()) == 200
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("name", ["", "..", "../runs", "a/b", "nothing"])
def test_find_run_knows_only_runs_below_the_home(name):
    make()
    with pytest.raises(UserError, match="no run called"):
        runs.find_run(name)
    folder = make()
    assert runs.find_run(folder.name) == folder


def test_worker_is_offline_and_at_home_wherever_it_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOTL_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    environment = runs.worker_environment("train")
    assert environment["BIOTL_HOME"] == str(tmp_path / "relative")
    assert environment["HF_HUB_OFFLINE"] == "1" and "HF_HUB_OFFLINE" not in runs.worker_environment(
        "download"
    )
    assert (Path(environment["PYTHONPATH"].split(os.pathsep)[0]) / "biotl_core" / "errors.py").is_file()
