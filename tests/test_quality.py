"""The quality table: what it keeps, takes up again and concludes; not its figures, which are measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import TWIN, Bench, Estimate, Ledger, Result, _names, table, verdict
from benchmarks.sets import SETS, Cap, RealSet, load_set
from biotl_core.learning import training

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def make_result(rung="frozen", seed=0, score=0.8, validation=0.8, simple=0.1, twin=0.1, half=0.05) -> Result:
    differences = {"simple": [simple, simple - half, simple + half], "twin": [twin, twin - half, twin + half]}
    counts = {"train": 10, "validation": 5, "test": 5}
    return Result(
        "esol", "b", "w", "d", rung, seed, counts, True, "spearman", validation, {"spearman": score}, score - half,
        score + half, "kmer_ridge", score - simple, differences, 1.0,
    )  # fmt: skip


def test_over_seeds_by_hand():
    one = Estimate.over_seeds([(0.5, 0.4, 0.6)])
    assert one == pytest.approx((0.5, 0.4, 0.6))
    # Scatter of two values 0.1 apart: standard deviation 0.0707, of their mean 0.05.
    two = Estimate.over_seeds([(0.5, 0.4, 0.6), (0.6, 0.5, 0.7)])
    half = np.hypot(0.1, 1.96 * 0.05)
    assert two == pytest.approx((0.55, 0.55 - half, 0.55 + half))


@pytest.mark.parametrize(
    ("simple", "twin", "words"),
    [
        (0.1, 0.1, "better than both, beyond the interval"),
        (0.01, 0.1, "better than both, beyond the interval than twin"),
        (0.01, 0.01, "better than both, beyond the interval than neither"),
        (0.1, -0.1, "better than simple methods, not than the twin"),
        (-0.1, 0.1, "better than the twin (beyond the interval), not than simple methods"),
        (-0.1, -0.1, "no better than either"),
    ],
)
def test_verdict_says_what_the_intervals_say(simple, twin, words):
    assert verdict({"frozen": [make_result(simple=simple, twin=twin)]}) == f"Frozen: {words}"


def test_the_verdict_is_on_the_rung_that_validation_chose():
    rungs = {"frozen": [make_result(score=0.9)], "lora": [make_result("lora", validation=0.9, simple=-0.1)]}
    assert verdict(rungs).startswith("LoRA: ")
    assert verdict({TWIN: [make_result(TWIN)]}) == ""
    alone = replace(make_result(), differences={"simple": [0.1, 0.0, 0.2]})
    assert "not measured" in verdict({"frozen": [alone]})


def test_the_table_counts_its_verdicts_and_keeps_published_figures_for_whole_sets():
    whole = replace(make_result(), task="gb1_flip")
    said = table([whole, make_result(), make_result(seed=1)])
    assert "| gb1_flip | b | spearman | 10, 5 |" in said and "ESM-2 8M spearman 0.818 -> 0.883" in said
    assert "2 of 2: Frozen: better than both, beyond the interval" in said
    drawn = table([replace(whole, is_whole=False)])
    assert "10, 5 (drawn)" in drawn and "ESM-2" not in drawn


def test_a_torn_last_line_is_dropped(tmp_path):
    ledger = Ledger(tmp_path / "r.jsonl")
    ledger.add(make_result())
    ledger.add(make_result(seed=1))
    with (tmp_path / "r.jsonl").open("a") as file:
        file.write('{"task": "es')
    again = Ledger(tmp_path / "r.jsonl")
    assert [one.seed for one in again.results] == [0, 1]
    again.add(make_result(seed=2))
    assert [one.seed for one in Ledger(tmp_path / "r.jsonl").results] == [0, 1, 2]


def write_set(folder, n=60):
    random = np.random.default_rng(0)
    sequences = ["".join(random.choice(list(LETTERS), 20)) for _ in range(n)]
    table = pd.DataFrame(
        {"sequence": sequences, "target": [float(s.count("A") + s.count("C")) for s in sequences]}
    )
    table["split"] = ["train", "train", "valid", "test"] * (n // 4)
    table.to_csv(folder / "some.csv", index=False)
    return RealSet("some.csv")


def test_a_cap_takes_of_each_part_its_share(tmp_path):
    one = write_set(tmp_path)
    whole, drawn = load_set(tmp_path, one), load_set(tmp_path, one, Cap(rows=16))
    assert whole.is_whole and not drawn.is_whole
    assert drawn.dataset.table["part"].value_counts().to_dict() == {"train": 16, "test": 15, "validation": 4}
    by_letters = load_set(tmp_path, one, Cap(letters=400)).dataset.table["part"].value_counts()
    assert by_letters["train"] == 20 and by_letters["test"] == 15


def test_what_is_kept_is_not_trained_again(tmp_path, monkeypatch):
    dataset = load_set(tmp_path, write_set(tmp_path)).dataset
    bench = Bench("esol", dataset, True, None, Ledger(tmp_path / "r.jsonl"))
    first = [bench.run(TWIN, 0), bench.run("frozen", 0)]
    assert set(first[0].differences) == {"simple"} and set(first[1].differences) == {"simple", "twin"}
    monkeypatch.setattr(training.Training, "epochs", None)  # to train now would raise
    again = Bench("esol", dataset, True, None, Ledger(tmp_path / "r.jsonl"))
    assert [again.run(TWIN, 0), again.run("frozen", 0)] == first


def test_every_set_is_named_once():
    assert len({one.path for one in SETS.values()}) == len(SETS)


def test_a_whole_name_means_one_set_and_a_word_all_that_have_it():
    assert _names(["esol"]) == ["esol"]
    assert _names(["esol_"]) == ["esol_solubility"]
    assert _names(["gue_mouse", "bbbp"]) == ["gue_mouse_0", "gue_mouse_2", "bbbp"]
    assert _names([""]) == list(SETS)
