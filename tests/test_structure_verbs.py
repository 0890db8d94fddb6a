"""The verbs `compare-structures` and `label`."""

import json

import numpy as np
import pandas as pd
from structure_texts import HELIX_TEXT
from test_structure_labels import SOLVED, chain_lines, pdb_text

from biotl_core import cli
from biotl_core.structures.examples import EXAMPLE_STRUCTURES

BUNDLE, DIMER = (str(EXAMPLE_STRUCTURES[name].file) for name in ("bundle", "dimer"))


def test_models_are_measured_against_a_reference(tmp_path, capsys):
    out = tmp_path / "scores.csv"
    assert cli.main(["compare-structures", BUNDLE, f"{DIMER}:B", BUNDLE, "-o", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [round(row["tm_score"], 2) for row in answer["models"]] == [1, 1]
    assert pd.read_csv(out)["residues_in_common"].tolist() == [69, 69]


def test_a_chain_that_is_not_there_is_said(capsys):
    assert cli.main(["compare-structures", BUNDLE, f"{DIMER}:X"]) == 2
    assert "no protein chain 'X'" in capsys.readouterr().err
    assert cli.main(["compare-structures", BUNDLE, "nowhere.pdb"]) == 2
    assert "not there" in capsys.readouterr().err


def test_labels_become_a_table_that_check_understands(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for k in range(12):
        sequence = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40))
        (tmp_path / f"chain{k}.pdb").write_text(SOLVED + pdb_text(*chain_lines(sequence)))
    for what, task in (("ss3", "residue_classification"), ("flexibility", "residue_regression")):
        out = tmp_path / f"{what}.csv"
        assert cli.main(["label", str(tmp_path), "--what", what, "-o", str(out), "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["task"] == task
        assert cli.main(["check", str(out), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["task"] == task


def test_too_few_structures_are_said(tmp_path, capsys):
    (tmp_path / "one.pdb").write_text(HELIX_TEXT)
    assert cli.main(["label", str(tmp_path), "-o", str(tmp_path / "out.csv")]) == 2
    assert "at least 10" in capsys.readouterr().err
