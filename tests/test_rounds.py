"""Rounds: candidates, a plan from start to reading, the review of guesses, and the dataset with what came back."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.data.reading import read_pasted
from biotl_core.data.saved_datasets import read_changes
from biotl_core.errors import UserError
from biotl_core.planning.candidates import double_mutants, listed, single_mutants
from biotl_core.planning.rounds import append_measurements, review_round
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import read_json
from biotl_core.runs.plan_run import plan_run
from biotl_core.runs.plans import PlanRequest, read_plan, start_plan
from biotl_core.runs.rounds import create_next_round, forecasts_of, read_measurements, review_of
from biotl_core.runs.status import RunStatus, write_status
from tests.run_folders import make_run

PARENT = "MKTAYIAKQRQISFVKSHFS"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def make_variants(n: int = 60, seed: int = 0) -> Dataset:
    """Single and double mutants whose value is a sum over letters, with noise."""
    rng = np.random.default_rng(seed)
    worth = dict(zip(LETTERS, rng.normal(size=20), strict=True))
    sequences: dict[str, float] = {}
    while len(sequences) < n:
        letters = list(PARENT)
        for place in rng.choice(len(PARENT), rng.integers(1, 3), replace=False):
            letters[place] = rng.choice(list(LETTERS))
        sequences["".join(letters)] = sum(worth[x] for x in letters) + rng.normal(0, 0.1)
    table = pd.DataFrame({"name": [f"v{i}" for i in range(n)], "sequence": list(sequences)})
    table["target"] = list(sequences.values())
    table["part"] = ["train"] * (n - 20) + ["validation"] * 10 + ["test"] * 10
    return Dataset(table, "protein", "regression", (), "variants.csv", "fitness")


@pytest.fixture
def run(biotl_home, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.plans.launch", lambda folder: None)
    monkeypatch.setattr("biotl_core.runs.rounds.launch", lambda folder: None)
    folder = make_run(biotl_home, "one")
    make_variants().save(folder)
    config = (folder / "config.json").read_text().replace("tiny-protein", "biotl-protein")
    (folder / "config.json").write_text(config.replace("log fitness", "fitness"))
    return folder


def done(folder):
    sentence = plan_run(folder, Control())
    write_status(folder, RunStatus("finished", sentence, queued_at=1.0, started_at=1.0, finished_at=2.0))
    return read_plan(folder)


def test_candidates_leave_out_what_is_measured():
    singles = single_mutants("MK", "MKR", ["RK"])
    assert dict(zip(singles["name"], singles["sequence"], strict=True)) == {
        "M1K": "KK",
        "K2M": "MM",
        "K2R": "MR",
    }
    promise = np.arange(4.0)  # M1K, M1R, K2M, K2R
    assert double_mutants("MK", "MKR", [], promise, most=3)["sequence"].tolist() == ["RR", "RM"]
    both = double_mutants("MK", "MKR", ["KM"], promise)
    assert sorted(both["sequence"]) == ["KR", "RM", "RR"]
    table = pd.DataFrame({"name": ["a", "b", "c"], "sequence": ["MK", "MK", "MR"]})
    assert listed(table, ["MR"])["name"].tolist() == ["a"]
    with pytest.raises(UserError, match="have been measured already"):
        listed(table, ["MK", "MR"])


@pytest.mark.parametrize("kind", ["singles", "doubles", "list"])
def test_a_plan_from_start_to_reading(kind, run, monkeypatch):
    new = None
    monkeypatch.setattr("biotl_core.runs.plan_run.double_mutants", partial(double_mutants, most=300))
    if kind == "list":
        new = check_new_sequences(
            read_pasted_sequences("\n".join(make_variants(30, seed=5).table["sequence"])), "protein"
        )
    plan = done(start_plan(run, PlanRequest(kind, n=12), new, "list.csv"))
    measured = set(Dataset.load(run).table["sequence"])
    assert len(plan.chosen) == 12 and plan.chosen["sequence"].is_unique
    assert not set(plan.ranked["sequence"]) & measured
    assert (plan.chosen["lower"] < plan.chosen["expected"]).all()
    assert plan.ranked["expected"].is_monotonic_decreasing
    if kind == "singles":
        n_all = 19 * (len(PARENT) - 1)  # the first methionine stays
        assert not plan.ranked["name"].str.startswith("M1").any()
        parent = plan.result["parent"]
        singles = {
            s for s in measured if s[0] == "M" and sum(a != b for a, b in zip(s, parent, strict=True)) == 1
        }
        assert len(plan.ranked) == n_all - len(singles)
        assert plan.result["spearman"] > 0.2
    if kind == "doubles":
        assert plan.chosen["mutations"].str.count(",").eq(1).all()
        assert 100 < len(plan.ranked) <= 300


def test_requests_that_do_not_fit_are_told(run, biotl_home):
    with pytest.raises(UserError, match="Bring the list"):
        start_plan(run, PlanRequest("list"))
    with pytest.raises(UserError, match="take 1 to"):
        start_plan(run, PlanRequest(n=0))
    with pytest.raises(UserError, match="several values"):
        start_plan(make_run(biotl_home, "residues", "residue_regression"), PlanRequest())
    with pytest.raises(UserError, match="no parent to mutate"):
        start_plan(make_run(biotl_home, "unrelated"), PlanRequest())
    with pytest.raises(UserError, match="name one of them"):
        start_plan(
            make_run(biotl_home, "classes", "classification"), PlanRequest(outcome="gold", parent="MK")
        )


def test_a_review_worked_by_hand():
    table = pd.DataFrame({"name": list("abcd"), "sequence": list("abcd")})
    table["measured"], table["predicted"] = [1.0, 2.0, 3.0, 9.5], [1.0, 2.5, 2.0, 8.0]
    table["lower"], table["upper"] = table["predicted"] - 1, table["predicted"] + 1
    review = review_round(table, np.arange(11.0))  # its best tenth begins at 9
    assert (review.n_hits, review.threshold, review.hit_rate) == (1, 9.0, 0.25)
    assert review.coverage == 0.75
    assert review.mean_error == pytest.approx((0 + 0.5 + 1 + 1.5) / 4)
    assert review.spearman == pytest.approx(0.8)
    low = review_round(table, np.arange(11.0), maximise=False)
    assert (low.n_hits, low.best_before, low.best_now) == (1, 0.0, 1.0)
    with pytest.raises(UserError, match="at least 3"):
        review_round(table.head(2), np.arange(11.0))


def test_new_measurements_go_to_the_training_part_and_touch_no_other():
    dataset = make_variants()
    rows = dataset.table
    new = pd.DataFrame(
        [
            ("fresh", PARENT[::-1], 1.5),
            ("fresh again", PARENT[::-1], 2.5),
            ("train", rows["sequence"][0], rows["target"][0] + 2),
            ("test", rows["sequence"][59], 99.0),
        ],
        columns=["name", "sequence", "target"],
    )
    appended = append_measurements(dataset, new)
    table = appended.dataset.table
    assert (appended.n_added, appended.n_averaged, appended.n_left_out) == (1, 1, 1)
    assert table.iloc[-1].to_dict() == {
        "name": "fresh",
        "sequence": PARENT[::-1],
        "target": 2.0,
        "part": "train",
    }
    assert table["target"][0] == pytest.approx(rows["target"][0] + 1)
    for part in ("validation", "test"):
        pd.testing.assert_frame_equal(appended.dataset.part(part), dataset.part(part))
    assert len(appended.changes) == 3 and "stays the same" in appended.sentence
    with pytest.raises(UserError, match="None of these measurements is new"):
        append_measurements(dataset, new.iloc[[3]])
    with pytest.raises(UserError, match="one number or one class"):
        append_measurements(replace(dataset, task_name="multilabel"), new)


def test_a_round_is_reviewed_and_trained_again(run):
    plan = done(start_plan(run, PlanRequest(n=10)))
    rows = plan.chosen.assign(fitness=plan.chosen["expected"] + 0.1)
    raw = read_pasted(rows[["name", "sequence", "fitness"]].to_csv(index=False))
    new = read_measurements(raw, run)
    assert forecasts_of(run)["sequence"].is_unique
    review = review_of(run, new)
    assert len(review.table) == 10 and review.spearman == pytest.approx(1.0)
    assert review.mean_error == pytest.approx(0.1, abs=1e-5) and review.coverage == 1.0
    folder, sentence = create_next_round(run, new, raw.source)
    config = read_config(folder)
    assert folder.name == "one-round-2" and config["round"] == 2 and config["previous_run"] == "one"
    assert len(Dataset.load(folder).table) == 70 and sentence.startswith("10 new measurements")
    assert read_json(folder / "review.json")["n"] == 10
    assert (read_changes(folder)["why"] == "Added in this round").sum() == 10


def test_what_was_never_predicted_is_told_but_can_be_added(run):
    raw = read_pasted(
        "id,sequence,fitness\na,MKWWWIAKQRQISFVKSHFS,1.0\nb,MKWWYIAKQRQISFVKSHFS,2.0\nc,MKWWYIAKQRQISFVKSHWW,3\n"
    )
    new = read_measurements(raw, run)
    with pytest.raises(UserError, match="Only 0 of the new measurements"):
        review_of(run, new)
    folder, _ = create_next_round(run, new, "x.csv")
    assert not (folder / "review.json").exists() and len(Dataset.load(folder).table) == 63


def test_molecules_are_chosen_from_a_list(run):
    smiles = [f"{'C' * i}{group}" for i in range(1, 9) for group in ("O", "N", "Cl", "C(=O)O", "c1ccccc1")]
    table = pd.DataFrame(
        {"name": smiles, "sequence": smiles, "target": [float(len(s)) for s in smiles], "part": "train"}
    )
    Dataset(table.head(30), "molecule", "regression", (), "m.csv", "size").save(run)
    config = (run / "config.json").read_text().replace("biotl-protein", "biotl-molecule")
    (run / "config.json").write_text(config.replace('"protein"', '"molecule"'))
    new = check_new_sequences(read_pasted_sequences("\n".join(["smiles", *smiles])), "molecule")
    plan = done(start_plan(run, PlanRequest("list", n=4, aim="expected_value", diversity=0.0), new, "list"))
    assert len(plan.ranked) == 10 and plan.result["parent"] is None
    assert plan.chosen["expected"].is_monotonic_decreasing
    assert plan.chosen["sequence"].str.len().mean() > plan.ranked["sequence"].str.len().mean()
    with pytest.raises(UserError, match="Molecules have no mutants"):
        start_plan(run, PlanRequest("singles"))


def test_a_wanted_class_is_looked_for(run):
    dataset = make_variants()
    classes = np.where(dataset.table["target"] > dataset.table["target"].median(), "works", "fails")
    kept = replace(
        dataset,
        table=dataset.table.assign(target=classes),
        task_name="classification",
        classes=("fails", "works"),
    )
    kept.save(run)
    config = (run / "config.json").read_text().replace('"task": "regression"', '"task": "classification"')
    (run / "config.json").write_text(config.replace('"classes": []', '"classes": ["fails", "works"]'))
    plan = done(start_plan(run, PlanRequest(n=5)))
    assert plan.config["request"]["outcome"] == "works"
    assert plan.chosen["expected"].mean() > classes.tolist().count("works") / len(classes)
