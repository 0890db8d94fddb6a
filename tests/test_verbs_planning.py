"""The verbs scan, next, add-round and report, through real workers."""

import json

import pandas as pd
import pytest

from biotl_core.cli import main
from biotl_core.learning.settings import TrainingSettings
from tests.test_rounds import make_variants


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run on variants whose value is known, trained by its own worker."""
    folder = tmp_path_factory.mktemp("verbs")
    table = folder / "variants.csv"
    make_variants(90).table[["name", "sequence", "target"]].rename(columns={"target": "fitness"}).to_csv(
        table, index=False
    )
    epochs = str(min(3, TrainingSettings().epochs or 3))
    assert (
        main(
            [
                "train",
                str(table),
                "--run",
                str(folder / "run"),
                "--epochs",
                epochs,
                "--quiet",
                "--split",
                "random",
            ]
        )
        == 0
    )
    return folder


def test_scan_next_add_round_and_report(trained, tmp_path, capsys):
    run = str(trained / "run")
    assert (
        main(["scan", "MKTAYIAKQR", "--run", run, "-o", str(tmp_path / "scan.csv"), "--json", "--quiet"]) == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert answer["n_substitutions"] == 190 == len(pd.read_csv(tmp_path / "scan.csv"))

    chosen, plates = tmp_path / "next.csv", tmp_path / "plates.csv"
    options = ["--number", "10", "--plates", str(plates), "--replicates", "2", "--json", "--quiet"]
    assert main(["next", run, "-o", str(chosen), *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    table = pd.read_csv(chosen)
    assert len(table) == 10 == len(answer["chosen"])
    assert (pd.read_csv(plates)["content"] == "candidate").sum() == 20

    measured = tmp_path / "measured.csv"
    table.assign(fitness=table["expected"])[["name", "sequence", "fitness"]].to_csv(measured, index=False)
    assert (
        main(["add-round", run, str(measured), "--folder", str(tmp_path / "two"), "--json", "--quiet"]) == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert answer["review"]["n"] == 10 and answer["review"]["spearman"] == pytest.approx(1.0)
    assert sum(answer["result"]["counts"].values()) == 100

    assert main(["report", str(tmp_path / "two"), "-o", str(tmp_path / "two.html"), "--json"]) == 0
    page = (tmp_path / "two.html").read_text()
    assert "The round before" in page and "Added in this round" in page


def test_mistakes_are_one_sentence(trained, tmp_path, capsys):
    run, out = str(trained / "run"), str(tmp_path / "out.csv")
    for words, part in (
        (["scan", "no-such-file.fasta", "--backbone", "biotl-protein", "-o", out], "There is no file"),
        (["scan", "MKT", "-o", out], "ne of the arguments --backbone --run is required"),
        (["next", run, "-o", out, "--number", "0"], "take 1 to"),
        (["next", run, "-o", out, "--plates", out, "--parent-wells", "96"], "leave none of 96 wells"),
        (["report", "no-such-run", "-o", out], "There is no run called"),
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert part in said and said.count("\n") == 1
