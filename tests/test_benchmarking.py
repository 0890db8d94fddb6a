"""`benchmark`: what is told follows from the seconds, all ways make the same numbers, rivals run as released."""

import json

import pytest
import torch
from transformers.models.esm import modeling_esm

from biotl_core.cli import main
from biotl_core.learning import rivals
from biotl_core.learning.rivals import Contestant, Race, as_released, forward_gflop, run_in_turn
from biotl_core.verbs.benchmarking import tell_race

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


@pytest.mark.parametrize(("work", "n_races", "n_ways"), [("embed", 1, 6), ("scan", 1, 4), ("train", 2, 2)])
def test_each_work_prints_its_races(work, n_races, n_ways, capsys):
    threads = torch.get_num_threads()
    try:
        assert main(["benchmark", work, "--quick", "--json"]) == 0
    finally:
        torch.set_num_threads(threads)
    told = json.loads(capsys.readouterr().out)
    assert told["random_weights"] and len(told["races"]) == n_races
    for race in told["races"]:
        assert len(race["ways"]) == n_ways and race["ways"][0]["times_as_long"] == 1.0
        assert race["relative_difference"] is None or race["relative_difference"] <= 1e-5
