"""Runs that fold: what they write, what they refuse, how they stop and go on; and the verb `fold`."""

import json
import time
import zipfile
from io import BytesIO

import pandas as pd
import pytest
from structure_texts import HELIX_TEXT

from biotl_core import cli
from biotl_core.data.new_sequences import read_pasted_sequences
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.runs.folder import create_run, devices_of, read_config
from biotl_core.runs.folding_run import fold_run
from biotl_core.runs.foldings import MODELS, read_foldings, read_model, sequences_of, start_folding
from biotl_core.runs.status import read_status
from biotl_core.structures.bundles import make_bundle
from biotl_core.structures.chains import read_chains
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.result_files import read_saved
from biotl_core.structures.structure import read_structure

BUNDLE = EXAMPLE_STRUCTURES["bundle"].file
SECONDS = 120


@pytest.fixture
def sequence() -> str:
    return read_chains(BUNDLE)[0].sequence


@pytest.fixture
def run(sequence):
    """A run of two sequences, one of which has no relative, not started."""
    request = {"engine": "template", "structures": [str(BUNDLE)], "settings": {}}
    folder = create_run(request, kind="fold", name="two")
    stranger = "MWPGHYNCWPFTHMQYWNCHPWGYTFPMHWCNQYPGWHFTMCYPN"
    pd.DataFrame({"name": ["mine", "stranger"], "sequence": [sequence, stranger]}).to_parquet(
        folder / "input.parquet"
    )
    return folder


def test_what_folds_is_saved_and_what_does_not_says_why(run, sequence):
    told = fold_run(run, Control())
    assert told.startswith("Folded 1 sequence") and "1 sequence could not" in told
    table = read_foldings(run)
    assert table["name"].tolist() == ["mine", "stranger"]
    assert table["problem"].iloc[0] == "" and "no near enough relative" in table["problem"].iloc[1]
    saved = read_model(run, table["folder"].iloc[0])
    structure = read_structure(saved.structure_file)
    assert structure.sequence("A") == sequence
    assert structure.confidence_kind == "expected lDDT"
    assert structure.residues["b_factor"].to_numpy() == pytest.approx(saved.confidence, abs=0.01)
    assert read_structure(saved.folder / "model.cif").confidence_kind == "expected lDDT"
    with pytest.raises(UserError, match="has no model"):
        read_model(run, "../../secret")


def test_a_stopped_run_goes_on_from_what_it_has(run):
    asked = iter([False] * 3 + [True] * 1000)
    with pytest.raises(Stopped):
        fold_run(run, Control(should_stop=lambda: next(asked)))
    fold_run(run, Control())
    model = run / MODELS / "0001-mine" / "about.json"
    made_at = model.stat().st_mtime_ns
    fold_run(run, Control())
    assert model.stat().st_mtime_ns == made_at


def test_the_bundle_holds_every_format(run):
    fold_run(run, Control())
    saved = read_saved(run / MODELS / "0001-mine")
    with zipfile.ZipFile(BytesIO(make_bundle(saved))) as archive:
        names = {name.split("/")[1] for name in archive.namelist()}
        page = archive.read("mine/mine.html").decode()
        scores = json.loads(archive.read("mine/mine_scores.json"))
        script = archive.read("mine/mine.pml").decode()
    assert {"mine.pdb", "mine.cif", "mine.pml", "mine.cxc", "CITATIONS.txt", "mine_settings.json"} <= names
    assert "https://cdn" not in page.split("</script>")[-2]  # py3Dmol asks nobody: the script is inside
    assert "$3Dmolpromise = Promise.resolve()" in page
    assert scores["confidence_kind"] == "expected lDDT" and len(scores["confidence"]) == 69
    assert script.startswith("load mine.cif") and "b > 90" in script


def test_only_heavy_engines_wait_for_the_device(sequence, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.foldings.launch", lambda folder: None)
    table = pd.DataFrame({"name": ["a"], "sequence": [sequence]})
    light = start_folding(table, "template", [BUNDLE])
    assert devices_of(read_config(light)) == []
    heavy = start_folding(table, "distogram", [BUNDLE])
    assert devices_of(read_config(heavy)) == [read_config(heavy)["device"]]
    assert read_config(heavy)["settings"]["backbone"] == "biotl-protein"


@pytest.mark.parametrize(
    ("sequences", "engine", "structures", "says"),
    [
        ([], "template", [BUNDLE], "no sequence"),
        (["MKTAYIAKQR1"], "template", [BUNDLE], "position 11"),
        (["MKTAYIAKQRQI"], "template", [], "needs structures"),
        (["MKTAYIAKQRQI"], "esmfold", [], "not on this computer"),
    ],
)
def test_what_cannot_start_is_said_before(sequences, engine, structures, says):
    table = pd.DataFrame({"name": [f"s{k}" for k in range(len(sequences))], "sequence": sequences})
    with pytest.raises(UserError, match=says):
        start_folding(table, engine, structures)


def test_sequences_come_from_fasta_tables_and_pasted_lines():
    pasted = sequences_of(read_pasted_sequences(">a\nMKTAYIAKQR\n>b\nMKTAY\n"))
    assert pasted.to_dict("list") == {"name": ["a", "b"], "sequence": ["MKTAYIAKQR", "MKTAY"]}
    assert sequences_of(read_pasted_sequences("MKTAYIAKQR\nMKTAYIAKQQ"))["name"].tolist() == [
        "sequence 1",
        "sequence 2",
    ]


def test_the_verb_folds_in_a_worker(tmp_path, sequence, capsys):
    (tmp_path / "in.fasta").write_text(f">mine\n{sequence}\n")
    (tmp_path / "relatives").mkdir()
    (tmp_path / "relatives" / "bundle.pdb").write_bytes(BUNDLE.read_bytes())
    (tmp_path / "relatives" / "helix.pdb").write_text(HELIX_TEXT)
    out = tmp_path / "out"
    began = time.monotonic()
    status = cli.main(
        [
            "fold",
            str(tmp_path / "in.fasta"),
            "-o",
            str(out),
            "--structures",
            str(tmp_path / "relatives"),
            "--json",
        ]
    )
    assert status == 0 and time.monotonic() - began < SECONDS
    answer = json.loads(capsys.readouterr().out)
    assert answer["engine"] == "template" and answer["models"][0]["mean_confidence"] > 80
    assert read_status(out).state == "finished"
    assert (out / MODELS / "0001-mine" / "model.pdb").is_file()


def test_the_verb_says_what_is_missing(tmp_path, capsys):
    (tmp_path / "in.fasta").write_text(">mine\nMKTAYIAKQRQI\n")
    assert cli.main(["fold", str(tmp_path / "in.fasta"), "-o", str(tmp_path / "out")]) == 2
    assert "No engine is ready" in capsys.readouterr().err
