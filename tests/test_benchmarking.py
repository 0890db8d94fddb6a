"""`benchmark`: what is told follows from the seconds, all ways make the same numbers, rivals run as released."""

import json

import pandas as pd
import pytest
import torch
from test_training import make_dataset
from tiny_backbones import make_esm
from transformers.models.esm import modeling_esm

from biotl_core.cli import main
from biotl_core.learning import rivals, training_races
from biotl_core.learning.rivals import Contestant, Race, as_released, forward_gflop, run_in_turn
from biotl_core.learning.training_races import Reached, ScoreRace, race_to_score
from biotl_core.verbs.benchmarking import tell_race, tell_score_race

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def tiny_shape(monkeypatch):
    monkeypatch.setitem(rivals.SHAPES, "8m", (2, 32, 4))


def test_ratios_follow_from_the_medians():
    race = Race(
        "embed tiny", (Contestant("BioTL", (2.0, 1.0, 9.0)), Contestant("other", (8.0, 6.0, 5.0))),
        n_tokens=1000, useful_gflop=40.0, peak_gflops=100.0, parity=1e-7, peak_memory_gb=0.5,
    )  # fmt: skip
    own, other = race.rows()
    assert own == {
        "way": "BioTL", "seconds": 2.0, "tokens_per_second": 500.0, "times_as_long": 1.0, "share_of_peak": 0.2,
    }  # fmt: skip
    assert other["times_as_long"] == 3.0
    assert "3.00" in tell_race(race) and "1.0e-07" in tell_race(race)


def test_flops_by_hand():
    # 2 layers, width 10, 100 tokens: 24 * 100 * 100 = 240,000 and 4 * 10 * 10,000 = 400,000 a layer.
    assert forward_gflop([100], 2, 10) == pytest.approx(1.28e-3)


def test_lengths_are_log_normal_within_their_limits():
    lengths = rivals.draw_lengths(2000)
    assert min(lengths) == 50 and max(lengths) == 1000
    assert 280 < sorted(lengths)[1000] < 320


def test_batches_keep_the_budget_and_lose_nothing():
    lengths = [50, 900, 300, 310, 1000]
    batches = rivals._budgeted(lengths, 1300)
    assert sorted(i for batch in batches for i in batch) == [0, 1, 2, 3, 4]
    assert all(len(b) == 1 or max(lengths[i] + 2 for i in b) * len(b) <= 1300 for b in batches)


def test_only_rivals_run_as_released():
    own_gelu, switch = modeling_esm.gelu, torch.backends.mkldnn.matmul.fp32_precision
    seen = {}

    def look(name):
        return lambda: seen.update(
            {name: (modeling_esm.gelu is own_gelu, torch.backends.mkldnn.matmul.fp32_precision)}
        )

    contestants = run_in_turn({"BioTL": look("BioTL"), "other": look("other")}, 2, CPU)
    assert seen == {"BioTL": (True, switch), "other": (False, "none")}
    assert [len(c.seconds) for c in contestants] == [2, 2]
    with pytest.raises(ValueError, match="x"), as_released():
        raise ValueError("x")
    assert modeling_esm.gelu is own_gelu


@pytest.mark.parametrize(("work", "n_races", "n_ways"), [("embed", 1, 6), ("scan", 1, 4), ("train", 2, 4)])
def test_each_work_prints_its_races(work, n_races, n_ways, capsys):
    threads = torch.get_num_threads()
    try:
        assert main(["benchmark", work, "--quick", "--json"]) == 0
    finally:
        torch.set_num_threads(threads)
    told = json.loads(capsys.readouterr().out)
    assert told["random_weights"] and len(told["races"]) == n_races
    for race in told["races"]:
        has_half = race["smallest_cosine"] is not None  # then the engine runs in float32 too
        assert len(race["ways"]) == n_ways + has_half and race["ways"][0]["times_as_long"] == 1.0
        assert race["relative_difference"] is None or race["relative_difference"] <= 1e-5
        assert not has_half or race["smallest_cosine"] >= 0.9999


def test_the_race_to_a_score_ends_where_the_rival_is_met():
    naive = (Reached("full", 10.0, 0.2), Reached("full", 40.0, 0.5), Reached("full", 90.0, 0.5))
    own = (Reached("BioTL, a", 1.0, 0.4), Reached("BioTL, b", 3.0, 0.6))
    race = ScoreRace("spearman", naive, own)
    assert (race.target, race.reached, race.times_as_long) == (0.5, own[1], 30.0)
    assert "30.0 times sooner" in tell_score_race(race, "the processor")
    lost = ScoreRace("spearman", naive, own[:1])
    assert lost.reached is None and lost.times_as_long is None
    assert "No rung was as good" in tell_score_race(lost, "the processor")


@pytest.mark.parametrize("task", ["regression", "classification", "multilabel"])
def test_both_sides_of_the_race_to_a_score_learn_on_the_same_parts(tmp_path, task, monkeypatch):
    monkeypatch.setattr(training_races, "_NAIVE_PASSES", 2)
    parts = pd.Series(["train"] * 14 + ["validation"] * 8 + ["test"] * 2)
    dataset = make_dataset(task).with_parts(parts)
    race = race_to_score(dataset, make_esm(tmp_path), "cpu")
    assert len(race.naive) == 2 and race.metric == dataset.task.headline_metric(len(dataset.classes))
    for way in (race.naive, race.own):
        assert [one.seconds for one in way] == sorted(one.seconds for one in way)
        assert [one.score for one in way] == sorted(one.score for one in way)
    assert all(one.score < race.target for one in race.own[:-1])


def test_a_table_to_race_on_goes_with_training_alone(tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("sequence,value\n" + "".join(f"{'ACDEFGHIKL' * 3}{'AC' * i},{i}\n" for i in range(40)))
    assert main(["benchmark", "embed", "--data", str(table)]) == 2
    assert "goes with the work train" in capsys.readouterr().err
