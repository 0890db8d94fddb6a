"""The shell twin: options, exit statuses, what stands on standard output and what on standard error."""

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from malformed_inputs import malformed_inputs
from test_worker import TOY_WORKER, wait_until

from biotl_core.cli import main, make_parser
from biotl_core.learning.settings import TrainingSettings
from biotl_core.runs import folder as runs
from biotl_core.runs.following import describe_epoch, describe_progress
from biotl_core.runs.status import RunStatus, read_status, write_status
from biotl_core.shell import POSITIONAL, shell_command

ROOT = TOY_WORKER.parents[1]


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setattr(
        runs, "worker_command", lambda folder: [sys.executable, str(TOY_WORKER), str(folder.resolve())]
    )
    monkeypatch.setenv("BIOTL_TOY", "count")
    return monkeypatch


@pytest.fixture
def table(tmp_path) -> Path:
    """60 random proteins with a number each, one of them in lower case."""
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 30)) for _ in range(60)]
    sequences[4] = sequences[4].lower()
    path = tmp_path / "my table.csv"
    pd.DataFrame({"sequence": sequences, "Tm": rng.normal(size=60).round(3)}).to_csv(path, index=False)
    return path


@pytest.fixture
def backbone(tmp_path, monkeypatch) -> Path:
    """A folder that looks complete to the catalogue; toys never load it."""
    from biotl_core.backbones import catalogue
    from biotl_core.backbones.entries import Backbone

    folder = tmp_path / "tiny"
    folder.mkdir()
    tiny = Backbone("tiny", "Tiny", "protein", folder=folder)
    monkeypatch.setattr("biotl_core.runs.request.find_backbone", lambda name, modality=None: tiny)
    monkeypatch.setattr("biotl_core.runs.request.locate_backbone", lambda backbone: folder)
    assert catalogue.find_backbone
    return folder


def fails(capsys, *arguments: str) -> str:
    """The one line of standard error of a command that exits with 2."""
    assert main(list(map(str, arguments))) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and printed.err.endswith("\n")
    return printed.err.strip()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "dance",
        "train",
        "check",
        "check nowhere.csv",
        "check . ",
        "backbones --modality plant",
        "train x.csv --epochs many",
        "train x.csv --epochs 0",
        "train x.csv --method magic",
        "train x.csv --fractions 1,2",
        "train x.csv --ep 3",
        "train --resume",
        "train x.csv --resume --run y",
        "train --resume --run nowhere",
        "predict nowhere x.csv -o out.csv",
        "predict nowhere x.csv",
        "embed x.csv --backbone nowhere -o out.parquet",
        "embed x.csv --backbone nowhere -o out.parquet --shard 3/2",
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(capsys, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sentence = fails(capsys, *shlex.split(line))
    assert "Traceback" not in sentence and sentence[0].isupper()


def test_wrong_settings_are_told_before_the_table_is_read(capsys, table):
    assert "allowed are frozen, lora, full, scratch" in fails(capsys, "train", table, "--method", "magic")
    assert "1e-07 to 10" in fails(capsys, "train", table, "--learning-rate", "100")


def test_a_sentence_with_odd_letters_stays_one_line(capsys, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text('"se\x1b[31mq\nuence",other\nx,1\n')
    sentence = fails(capsys, "check", path)
    assert "\x1b" not in sentence


def test_every_setting_is_an_option_with_its_type():
    words = []
    wanted = {}
    for field in fields(TrainingSettings):
        other = field.metadata["choices"][-1] if field.metadata["choices"] else None
        value = (
            other if other else True if field.type is bool else "cuda:1" if field.name == "device" else 0.25
        )
        if "int" in str(field.type):
            value = 17
        wanted[field.name] = value
        option = "--" + field.name.replace("_", "-")
        words += [option] if value is True else [option, str(value)]
    options = vars(make_parser().parse_args(["train", "x.csv", *words]))
    assert {name: options[name] for name in wanted} == wanted
    assert "epochs" not in vars(make_parser().parse_args(["train", "x.csv"]))


@pytest.mark.parametrize("verb", POSITIONAL)
def test_help_names_every_option(capsys, verb):
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("backbones", {"modality": "dna"}),
        ("check", {"data": "a b.csv", "target": ["Tm, in C"], "repair": "out.csv"}),
        (
            "train",
            {"data": "it's.csv", "target": ["a", "b"], "part": "split", "random_twin": True, "epochs": 7},
        ),
        ("train", {"data": "x", "class_weights": True, "learning_rate": 1e-05, "fractions": "0.7,0.1,0.2"}),
        ("train", {"data": "x", "repair": False, "seed": 3, "method": "lora", "run": "$HOME/r"}),
        ("predict", {"run": "my run", "data": "new.csv", "output": "out.csv"}),
        ("embed", {"data": "x.fasta", "backbone": "esm2-8m", "output": "o.parquet", "level": "residue"}),
    ],
)
def test_the_command_that_a_page_shows_says_what_the_page_does(verb, options):
    command = shlex.split(shell_command(verb, options))
    assert command[:3] == ["python", "-m", "biotl_core"]
    parsed = vars(make_parser().parse_args(command[3:]))
    for name, value in options.items():
        given = parsed[name]
        if name == "target":
            given = given if len(given) == len(value) else given[0].split(",")
        assert given == value


def test_the_command_leaves_defaults_out():
    options = {
        "data": "x.csv",
        "method": "frozen",
        "epochs": None,
        "random_twin": False,
        "seed": 0,
        "target": [],
    }
    assert shell_command("train", options) == "python -m biotl_core train x.csv"
    assert shell_command("train", {"data": "x", "fractions": (0.8, 0.1, 0.1)}).endswith(
        "--fractions 0.8,0.1,0.1"
    )


def test_backbones_are_listed_by_modality(capsys):
    assert main(["backbones"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("biotl-protein") < shown.index("esm2-8m") < shown.index("biotl-dna")
    assert main(["backbones", "--json", "--modality", "molecule"]) == 0
    listed = json.loads(capsys.readouterr().out)["backbones"]
    assert {one["modality"] for one in listed} == {"molecule"}
    assert {one["state"] for one in listed} <= {"embedded", "here", "download"}


def test_check_tells_rows_and_writes_the_mended_table(capsys, table, tmp_path):
    assert main(["check", str(table)]) == 0
    shown = capsys.readouterr().out
    assert "60 rows" in shown and "Row 5, column *sequence*" in shown and "Lower case letters: 1." in shown
    mended = tmp_path / "mended.csv"
    assert main(["check", str(table), "--json", "--repair", str(mended)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["counts"] == {"lower_case": 1} and answer["findings"][0]["row"] == 5
    assert (answer["usable"], answer["changes"], answer["target_columns"]) == (60, 1, ["Tm"])
    before, after = pd.read_csv(table), pd.read_csv(mended)
    assert list(after["sequence"]) == list(before["sequence"].str.upper())
    assert list(after["Tm"]) == list(before["Tm"])
    assert main(["check", str(mended), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {}


def test_check_cannot_write_into_nowhere(capsys, table, tmp_path):
    assert "Cannot write" in fails(capsys, "check", table, "--repair", tmp_path / "no" / "out.csv")


def test_train_prints_result_json_and_nothing_else(capsys, table, toys, backbone, tmp_path):
    run = tmp_path / "run"
    assert (
        main(["train", str(table), "--run", str(run), "--backbone", "tiny", "--epochs", "5", "--json"]) == 0
    )
    printed = capsys.readouterr()
    assert json.loads(printed.out) == runs.read_result(run)
    assert "Epoch 3" in printed.err and "target *Tm*" in printed.err
    config = runs.read_config(run)
    assert config["settings"]["epochs"] == 5 and config["device"] in ("cpu", "cuda", "mps")
    assert config["split"]["sentence"] and config["split"]["kind"] and config["target_name"] == "Tm"
    assert len(pd.read_csv(run / "changes.csv")) == 1


def test_train_tells_its_answer_quietly(capsys, table, toys, backbone):
    assert main(["train", str(table), "--backbone", "tiny", "--quiet", "--random-twin"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("Counted to 3.\n") and "0.500" in printed.out
    (run,) = runs.list_runs()
    assert run.name == "my-table-tiny-frozen" and str(run.folder) in printed.out
    assert runs.read_config(run.folder)["random_twin"] is True


def test_train_without_repairs_sets_rows_aside(table, toys, backbone, capsys):
    assert main(["train", str(table), "--backbone", "tiny", "--no-repair", "--quiet"]) == 0
    changes = pd.read_csv(runs.list_runs()[0].folder / "changes.csv")
    assert list(changes["after"]) == ["(row set aside)"]


def test_train_refuses_a_folder_with_files(capsys, table, toys, backbone, tmp_path):
    assert "already holds files" in fails(capsys, "train", table, "--backbone", "tiny", "--run", tmp_path)


@pytest.mark.parametrize(("toy", "status"), [("bug", 1), ("user_error", 1)])
def test_a_failed_run_gives_1_and_its_sentence(capsys, table, toys, backbone, tmp_path, toy, status):
    toys.setenv("BIOTL_TOY", toy)
    run = tmp_path / "run"
    assert main(["train", str(table), "--backbone", "tiny", "--run", str(run), "--quiet", "--json"]) == status
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.strip() == read_status(run).message
    toys.setenv("BIOTL_TOY", "count")
    assert main(["train", "--resume", "--run", str(run), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"] == "spearman"
    assert "has finished" in fails(capsys, "train", "--resume", "--run", run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_run(number, tmp_path):
    """The command in its own process, since the signal goes to the process."""
    script = (
        "import sys; from biotl_core.runs import folder as runs; from biotl_core import verbs\n"
        f"runs.worker_command = lambda folder: [sys.executable, {str(TOY_WORKER)!r}, str(folder)]\n"
        f"folder = runs.create_run({{'toy': 'deaf'}}, kind='train', folder=runs.Path({str(tmp_path / 'run')!r}))\n"
        "runs.write_status(folder, runs.RunStatus('stopped'))\n"
        "from biotl_core.cli import main; sys.exit(main(['train', '--resume', '--run', str(folder)]))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", script],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        # Tests that run in the background of a shell were told to ignore Ctrl-C, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until((tmp_path / "run" / "began").exists, 60)
    command.send_signal(number)
    try:
        _, told = command.communicate(timeout=60)
    finally:
        command.kill()
        runs.stop_run(tmp_path / "run")
    assert command.returncode == 3 and "Stopped before the end" in told
    assert read_status(tmp_path / "run").state == "stopped"


def test_predict_needs_only_sequences(capsys, toys, tmp_path):
    run = runs.create_run({"modality": "protein"}, kind="train", name="mine")
    write_status(run, RunStatus("finished"))
    new, output = tmp_path / "new.fasta", tmp_path / "out.csv"
    new.write_text(">a\nMKVLAA\n>b\nMKV1LAA\n>c\nmkvl\n")
    toys.setenv("BIOTL_TOY", "predict")
    assert main(["predict", "mine", str(new), "-o", str(output), "--quiet", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    table = pd.read_csv(output)
    assert list(table["prediction"]) == list(table["sequence"].str.len())
    assert answer["predicted"] == len(table) >= 2 and str(output) == answer["output"]
    (prediction,) = runs.list_runs("predict")
    assert prediction.name == "mine-new" and runs.read_config(prediction.folder)["run"] == str(run)


def test_predict_refuses_an_unfinished_run(capsys, tmp_path):
    run = runs.create_run({"modality": "protein"}, kind="train", name="mine")
    assert "not a finished training" in fails(capsys, "predict", run, "x.csv", "-o", tmp_path / "out.csv")


def test_progress_in_words():
    progress = {"stage": "Training", "done": 30, "total": 100, "seconds_left": 12.2}
    assert describe_progress(progress) == "Training: 30 of 100, 12 s left"
    assert (
        describe_progress({"stage": "Reading", "done": 3, "total": 0, "seconds_left": None}) == "Reading: 3"
    )
    epoch = {
        "epoch": 3,
        "epochs": 10,
        "train_loss": 0.5,
        "validation_loss": None,
        "metrics": {"spearman": 0.4444},
    }
    assert describe_epoch(epoch) == "Epoch 3 of 10: loss 0.500, spearman 0.444"


def test_table_to_model_to_predictions_to_embeddings(capsys, table, tmp_path):
    """The whole chain with the real worker, on a backbone with random weights."""
    from tiny_backbones import make_esm

    make_esm(tmp_path / "tiny")
    run, output, vectors = tmp_path / "run", tmp_path / "out.csv", tmp_path / "out.parquet"
    chosen = ["--backbone", str(tmp_path / "tiny"), "--epochs", "2", "--split", "random", "--seed", "3"]
    assert main(["train", str(table), "--run", str(run), *chosen, "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    wanted = {
        "task",
        "backbone",
        "method",
        "split",
        "test",
        "test_interval",
        "baselines",
        "seconds",
        "device",
    }
    assert wanted <= set(result) and result["split"] == "random" and result["settings"]["seed"] == 3
    assert set(result["test"]) >= {"spearman", "pearson", "rmse", "r2", "mae"}
    assert sum(result["counts"].values()) == 60
    assert main(["predict", str(run), str(table), "-o", str(output), "--quiet"]) == 0
    again = pd.read_csv(output)
    first = pd.read_csv(run / "predictions.csv")
    assert {"name", "part", "target", "prediction"} <= set(first.columns)
    np.testing.assert_allclose(again["prediction"], first["prediction"], rtol=1e-4, atol=1e-5)
    assert (
        main(
            ["embed", str(table), "--backbone", str(tmp_path / "tiny"), "-o", str(vectors), "--shard", "2/3"]
        )
        == 0
    )
    embedded = pd.read_parquet(vectors)
    assert list(embedded["sequence"]) == list(again["sequence"][1::3])
    assert {len(one) for one in embedded["embedding"]} == {32}


def test_malformed_inputs_are_one_sentence_and_exit_2(capfd, tmp_path, backbone):
    """Each through `check` and `train`; what the libraries print below Python counts as well."""
    wrong = []
    inputs = malformed_inputs(tmp_path)
    assert len(inputs) >= 50
    for one in inputs:
        options = [str(one.path), *(["--part", one.part] if one.part else [])]
        for command in (["check", *options], ["train", *options, "--backbone", "tiny"]):
            if one.expect == "ok" and command[0] == "train":
                continue  # would train
            status = main(command)
            out, told = capfd.readouterr()
            is_sentence = status == 2 and out == "" and told.count("\n") == 1 and len(told) > 20
            is_fine = status == 0 and told == ""
            if not (is_sentence if one.expect == "error" else is_fine) or "Traceback" in told + out:
                wrong.append((one.name, command[0], status, told[:300]))
    assert wrong == []
    assert runs.list_runs() == []
