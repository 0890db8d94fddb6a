"""Studies of a finished run, from their folder: what they train, what they leave, what they say."""

import json

import pandas as pd
import pytest
from scipy.stats import spearmanr
from test_training_run import make_run
from tiny_backbones import make_esm

from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.cli import main
from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.folder import create_run, read_result
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.runs.studies import LADDER, STUDIES, ZERO_SHOT, find_studies, start_study, study_sentence
from biotl_core.runs.study_run import inner_dataset, study_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of the tiny backbone; studies are made but no worker is started."""
    monkeypatch.setattr("biotl_core.runs.folder.launch", lambda folder: None)
    dataset, folder = make_run(str(make_esm(tmp_path / "esm")), n=80)
    write_status(folder, RunStatus("finished"))
    return dataset, folder


def made(run, name, n=None):
    folder = start_study(run[1], name, n)
    sentence = study_run(folder, Control())
    write_status(folder, RunStatus("finished", sentence))
    return folder, read_result(folder), sentence


def test_the_ladder_climbs_until_a_rung_does_not_pay(run):
    folder, result, sentence = made(run, "ladder")
    labels = [row["label"] for row in result["rows"]]
    assert labels == list(LADDER[: len(labels)]) and len(labels) >= 2
    assert result["best"] in labels
    assert "gain" in result["rows"][1] and "Use:" in sentence
    assert find_studies(run[1])["ladder"].folder == folder


def test_below_the_ladder_variants_are_ranked_without_training(tmp_path, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.folder.launch", lambda folder: None)
    backbone = make_esm(tmp_path / "esm")
    parent, letters = "MKTAYIAKQRQISFVKSHFSRQ", "ACDEFGHIKLMNPQRSTVWY"
    singles = [parent[:i] + letters[i % 20] + parent[i + 1 :] for i in range(22)]
    doubles = [s[:-1] + letters[i % 19] for i, s in enumerate(singles)]
    table = pd.DataFrame({"sequence": singles + doubles})
    table = table.assign(name=[f"v{i}" for i in range(44)], target=[float(i % 7) for i in range(44)])
    table["part"] = (["train"] * 24) + ["validation"] * 10 + ["test"] * 10
    dataset = Dataset(table[["name", "sequence", "target", "part"]], "protein", "regression", ())
    settings = TrainingSettings(epochs=2, head="mlp").to_dict()
    folder = create_run(
        {"backbone": str(backbone), "settings": settings, "device": "cpu"}, dataset, kind="train"
    )
    write_status(folder, RunStatus("finished"))
    _, result, sentence = made((dataset, folder), "ladder")
    first, second = result["rows"][:2]
    assert (first["label"], second["label"]) == (ZERO_SHOT, "frozen")
    assert "no training at all" in sentence and result["best"] in LADDER
    scores = zero_shot_scores(
        load_masked_model(backbone, "protein"), table["sequence"], method="masked"
    ).scores
    expected = spearmanr(scores[34:], table["target"][34:]).statistic
    assert first["score"] == pytest.approx(expected)


def test_the_curve_grows_to_the_whole_training_part(run):
    _, result, sentence = made(run, "curve", 4)
    sizes = [row["n_train"] for row in result["rows"]]
    assert sizes == sorted(sizes) and sizes[-1] == (run[0].table["part"] == "train").sum()
    assert "twice" in result and "training sequences" in sentence


def test_seeds_scatter_and_folds_test_every_row(run):
    _, result, sentence = made(run, "seeds", 3)
    assert [row["label"] for row in result["rows"]] == ["seed 0", "seed 1", "seed 2"]
    assert len({row["score"] for row in result["rows"]}) > 1
    assert "scatter" in sentence
    _, result, sentence = made(run, "folds", 4)
    assert len(result["rows"]) == 4
    assert "split: random" in sentence
    _, result, sentence = made(run, "repeats", 3)
    assert len({row["score"] for row in result["rows"]}) == 3
    assert "draws of the parts" in sentence


def test_the_search_stays_within_training(run):
    dataset, _ = run
    inner = inner_dataset(dataset, 0, Control())
    assert set(inner.table["sequence"]) == set(dataset.part("train")["sequence"])
    assert set(inner.table["part"]) == {"train", "validation"}
    _, result, sentence = made(run, "search", 4)
    assert result["n_trials"] == 4
    assert len(result["difference"]) == 3
    assert "within the training part" in sentence


def test_a_study_needs_a_finished_run_and_a_sensible_number(run):
    with pytest.raises(UserError, match="no study"):
        start_study(run[1], "magic")
    with pytest.raises(UserError, match="3 to 200"):
        start_study(run[1], "seeds", 1)
    write_status(run[1], RunStatus("failed"))
    with pytest.raises(UserError, match="has not finished"):
        start_study(run[1], "seeds")


def test_sentences_say_when_more_is_no_better():
    rows = [{"label": str(n), "n_train": n, "score": 0.5} for n in (50, 100)]
    flat = {"study": "curve", "headline": "spearman", "rows": rows, "twice": None}
    assert "promises little" in study_sentence(flat)
    assert "twice the data: about 0.72" in study_sentence(flat | {"twice": 0.7213})
    same = {
        "study": "search", "headline": "spearman", "rows": [{"score": 0.61}], "before": 0.6, "n_trials": 9,
        "difference": [0.01, -0.02, 0.04], "best": {"dropout": 0.2, "head": "mlp"},
    }  # fmt: skip
    assert "no more than chance" in study_sentence(same)
    assert set(STUDIES) == {"ladder", "curve", "seeds", "folds", "repeats", "search"}


def test_a_layer_that_is_solved_is_the_same_from_every_seed():
    rows = [{"label": f"seed {i}", "score": 0.5} for i in range(3)]
    result = {"study": "seeds", "headline": "spearman", "rows": rows}
    assert "solved at once" in study_sentence(result)
    assert "scatter" in study_sentence(result | {"rows": [*rows, {"label": "seed 3", "score": 0.6}]})


def test_the_shell_prints_the_answer(run, monkeypatch, capsys):
    def work(folder, options):
        write_status(folder, RunStatus("finished", study_run(folder, Control())))
        return 0

    monkeypatch.setattr("biotl_core.verbs.study.follow", work)
    assert main(["study", str(run[1]), "--of", "seeds", "--n", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["study"], len(answer["rows"])) == ("seeds", 3)
    assert main(["study", str(run[1]), "--of", "seeds", "--n", "3", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "scatter" in printed and "seed 2" in printed
    assert main(["study", str(run[1]), "--n", "1"]) == 2
