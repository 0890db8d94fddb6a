"""Assay and screen runs through their worker, and their verbs: what a finished run holds, and what survives a kill."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biotl_core.cli import main
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.assay_run import assay_run
from biotl_core.runs.folder import create_run, read_config, read_result, resume_run
from biotl_core.runs.frozen_vectors import open_backbone
from biotl_core.runs.screen_run import screen_run
from biotl_core.runs.screening_requests import TABLE, read_atom_weights, read_hits, start_assay, start_screen
from biotl_core.runs.status import RunStatus, read_status, write_status
from biotl_core.runs.training_run import train_run
from biotl_core.runs.tuned_screen import load_training
from biotl_core.screening.assays import load_assay
from biotl_core.screening.examples import EXAMPLE_ASSAY, EXAMPLE_LIBRARY
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.intake import guess_assay_reading
from biotl_core.screening.models import MODELS
from biotl_core.screening.scores import auroc


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setenv("BIOTL_THREADS", "1")


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A finished assay run over the example, made once."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIOTL_HOME", str(home))
        for name in ("forest", "boosting", "together"):  # the quick ones are enough here
            patch.delitem(MODELS, name)
        reading = guess_assay_reading(read_file(EXAMPLE_ASSAY))
        request = {
            "source": "assay.csv", "reading": reading._asdict(), "split": "scaffold", "backbone": None,
            "threshold": 7.0, "target": "", "seed": 0, "target_name": "pIC50",
        }  # fmt: skip
        folder = create_run(request, kind="assay")
        (folder / TABLE).write_bytes(EXAMPLE_ASSAY.read_bytes())
        sentence = assay_run(folder, Control())
        write_status(folder, RunStatus("finished", sentence))
    return folder


def test_a_finished_assay_holds_everything(learned):
    result = read_result(learned)
    assert result["chosen"] in result["models"] and result["models"]["mean"]["test"]["pearson"] is None
    assert result["test"]["pearson"] > 0.6 and 0.6 < result["covered"] <= 1
    assert {"ef1", "bedroc", "ci"} <= set(result["test"])
    rows = pd.read_csv(learned / "rows.csv")
    assert len(rows) == 318 and rows["reason"].notna().sum() == 6
    assert len(pd.read_csv(learned / "predictions.csv")) == result["counts"]["test"]
    assert {one["name"] for one in json.loads((learned / "audit.json").read_text())} >= {
        "notation",
        "duplicates",
    }
    assert result["reload_difference"] < 1e-6


def test_the_model_comes_back_from_its_folder(learned):
    again = [load_assay(learned, open_backbone) for _ in range(2)]
    smiles = ["CCO", "c1ccccc1"]
    assert (again[0].predict(smiles).mean == again[1].predict(smiles).mean).all()
    assert again[0].key == again[1].key
    with pytest.raises(UserError, match="no learned assay"):
        load_assay(learned.parent, open_backbone)


def screen_request(run: Path, library: Path) -> dict:
    return {
        "run": str(run), "library": str(library), "source": library.name, "top": 30, "aim": "best", "smiles": None,
        "name_column": None, "n_expected": 0,
    }  # fmt: skip


def test_a_screen_finds_what_the_example_was_made_with(learned, biotl_home):
    folder = create_run(screen_request(learned, EXAMPLE_LIBRARY), kind="screen")
    sentence = screen_run(folder, Control())
    assert "1,500 molecules ranked" in sentence
    hits, result = read_hits(folder), read_result(folder)
    assert len(hits) == 30 and result["n"] == 1500 and result["n_unreadable"] == 0
    # The aminopyrimidine core was given the most potency.
    assert hits["smiles"].head(10).str.contains(r"Nc1ncc|c1cnc\(N\)nc1", regex=True).mean() >= 0.5
    weights = read_atom_weights(folder)
    from rdkit import Chem

    assert len(weights[1]) == Chem.MolFromSmiles(hits["smiles"].iloc[0]).GetNumAtoms()
    again = create_run(screen_request(learned, EXAMPLE_LIBRARY), kind="screen")
    screen_run(again, Control())
    pd.testing.assert_frame_equal(read_hits(again), hits)


def test_known_actives_in_the_library_are_judged(learned, biotl_home, tmp_path):
    lines = [line.split() for line in EXAMPLE_LIBRARY.read_text().splitlines()[:200]]
    is_active = ["1" if smiles.startswith("Nc1ncc") else "0" for smiles, _ in lines]
    path = tmp_path / "labelled.csv"
    rows = [f"{s},{n},{a}" for (s, n), a in zip(lines, is_active, strict=True)]
    path.write_text("\n".join(["smiles,name,active", *rows]))
    folder = create_run(screen_request(learned, path), kind="screen")
    screen_run(folder, Control())
    early = read_result(folder)["early"]
    assert early["auroc"] > 0.7 and read_result(folder)["n_actives"] == is_active.count("1")
    without = read_result(folder)["early_without_model"]
    assert without["likeness"]["auroc"] > 0.5 and set(without) == {"likeness", "size"}
    sizes = fingerprints([smiles for smiles, _ in lines]).counts.astype(float)
    assert without["size"]["auroc"] == pytest.approx(auroc(np.array(list(map(float, is_active))), sizes))


@pytest.mark.parametrize("content", ["x,y\n1,2\n", "smiles\nnot one\nneither\n", "\n\n"])
def test_a_library_without_molecules_is_one_sentence(learned, biotl_home, tmp_path, content):
    path = tmp_path / "library.csv"
    path.write_text(content)
    with pytest.raises(UserError):
        screen_run(create_run(screen_request(learned, path), kind="screen"), Control())


def test_requests_are_checked_before_anything_starts(learned, biotl_home, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.screening_requests.launch", lambda folder: None)
    reading = guess_assay_reading(read_file(EXAMPLE_ASSAY))
    folder = start_assay(EXAMPLE_ASSAY, "my assay.csv", reading)
    assert (folder / TABLE).read_bytes() == EXAMPLE_ASSAY.read_bytes() and folder.name == "my-assay"
    for wrong in ({"split": "nope"}, {"backbone": "nope"}):
        with pytest.raises(UserError):
            start_assay(EXAMPLE_ASSAY, "x.csv", reading, **wrong)
    assert start_screen(learned, EXAMPLE_LIBRARY, "library.smi").parent == biotl_home / "screens"
    for wrong in ({"top": 0}, {"aim": "nope"}):
        with pytest.raises(UserError):
            start_screen(learned, EXAMPLE_LIBRARY, "library.smi", **wrong)
    with pytest.raises(UserError, match="is not a finished assay, pair or training"):
        start_screen(folder, EXAMPLE_LIBRARY, "library.smi")


def test_a_killed_screen_goes_on_where_it_was(learned, biotl_home, tmp_path, monkeypatch):
    path = tmp_path / "library.smi"
    lines = EXAMPLE_LIBRARY.read_text().splitlines()
    path.write_text("\n".join(f"{line.split()[0]} m{i}" for i in range(9) for line in lines) + "\n")
    folder = start_screen(learned, path, path.name, top=20)
    store = biotl_home / "libraries"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        records = [p for p in store.glob("*/pieces.bin") if p.stat().st_size > 0] if store.exists() else []
        if records and (pid := read_status(folder).pid):
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    while read_status(folder).is_open and time.monotonic() < deadline:
        time.sleep(0.1)
    assert read_status(folder).state == "failed" and "Resume" in read_status(folder).message
    n_before = records[0].stat().st_size
    resume_run(folder)
    deadline = time.monotonic() + 180
    while read_status(folder).is_open and time.monotonic() < deadline:
        time.sleep(0.2)
    assert read_status(folder).state == "finished", read_status(folder).message
    assert read_result(folder)["n"] == 13_500 and records[0].stat().st_size > n_before


def test_the_verbs_answer(learned, biotl_home, tmp_path, capsys, monkeypatch):
    def here(folder):
        kind = read_config(folder)["kind"]
        work = {"assay": assay_run, "screen": screen_run}[kind]
        write_status(folder, RunStatus("finished", work(folder, Control())))

    monkeypatch.setattr("biotl_core.runs.screening_requests.launch", here)
    for name in ("forest", "boosting", "together", "ridge"):
        monkeypatch.delitem(MODELS, name)
    assert main(["assay", str(EXAMPLE_ASSAY), "--split", "random", "--json", "--quiet"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["chosen"] == "gaussian" and len(answer["audit"]) == 7
    for suffix in ("csv", "sdf"):
        out = tmp_path / f"hits.{suffix}"
        assert (
            main(["screen", answer["run"], str(EXAMPLE_LIBRARY), "-o", str(out), "--top", "12", "--quiet"])
            == 0
        )
        assert "rank" in capsys.readouterr().out
        table = read_file(out).table
        assert len(table) == 12 and float(table["prediction"].iloc[0]) >= float(table["prediction"].iloc[-1])
    assert main(["screen", "nope", str(EXAMPLE_LIBRARY), "-o", str(tmp_path / "x.csv")]) == 2
    assert main(["assay", str(EXAMPLE_ASSAY), "--value", "nope"]) == 2
    assert np.isfinite(answer["half_width"])


@pytest.mark.parametrize("is_class", [False, True])
def test_a_training_on_molecules_ranks_as_well(biotl_home, is_class):
    smiles = [line.split()[0] for line in EXAMPLE_LIBRARY.read_text().splitlines()[:60]]
    targets = [str(len(s) > 25) for s in smiles] if is_class else [float(len(s)) for s in smiles]
    parts = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    table = pd.DataFrame(
        {"name": [f"m{i}" for i in range(60)], "sequence": smiles, "target": targets, "part": parts}
    )
    task, classes = ("classification", ("False", "True")) if is_class else ("regression", ())
    dataset = Dataset(table, "molecule", task, classes, "lengths.csv", "length")
    settings = TrainingSettings(epochs=5).to_dict()
    run = create_run(
        {"backbone": "biotl-molecule", "settings": settings, "device": "cpu"}, dataset, kind="train"
    )
    write_status(run, RunStatus("finished", train_run(run, Control())))
    path = biotl_home / "library.smi"
    path.write_text("\n".join([*EXAMPLE_LIBRARY.read_text().splitlines()[:80], "broken( x"]))
    folder = create_run(screen_request(run, path), kind="screen")
    screen_run(folder, Control())
    hits, result = read_hits(folder), read_result(folder)
    assert len(hits) == 30 and result["n_unreadable"] == 1
    assert hits["prediction"].is_monotonic_decreasing and hits["is_measured"].any()
    predicted = load_training(run).scorer().predict(hits["smiles"].tolist()).mean
    np.testing.assert_allclose(predicted, hits["prediction"], rtol=1e-4)
    assert hits["low"].isna().all() == is_class
