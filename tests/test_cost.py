"""What a run costs: counted by hand where that can be done, and by laws where it cannot."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from biotl_core.backbones.catalogue import BACKBONES, find_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import Dataset
from biotl_core.hardware import Device
from biotl_core.learning.cost import (
    _START_SECONDS,
    PACK_TOKENS,
    Workload,
    count_memory_gb,
    count_seconds,
    estimate_cost,
)
from biotl_core.learning.settings import METHODS, TrainingSettings
from biotl_core.learning.speed import (
    GUESSED_GFLOPS,
    Speed,
    count_tokens,
    forward_flops,
    probe_path,
    read_speed,
    say_speed,
)

LAPTOP = Device("cpu", "processor, 4 cores", 16.0, 8.0, 4)
CARD = Device("cuda", "a card", 24.0, 23.0, 8)
SMALL = find_backbone("esm2-8m")
LARGE = find_backbone("esm2-650m")
SPEED = Speed(100.0, 100.0, True)


def workload(n: int = 800, length: int = 300, task: str = "regression") -> Workload:
    return Workload(
        {"train": np.full(n, length), "validation": np.full(n // 8, length), "test": np.full(n // 8, length)},
        task,
    )


def settings(method: str = "frozen", **changes) -> TrainingSettings:
    return TrainingSettings(method=method, **changes)


def resolved(method: str, **changes) -> TrainingSettings:
    from biotl_core.data.tasks import TASKS

    return settings(method, **changes).resolved(TASKS["regression"])


def test_tokens_are_letters_and_two_more_up_to_the_limit():
    assert count_tokens(SMALL, np.array([0, 1, 300, 5000])).tolist() == [2, 3, 302, 1024]
    assert count_tokens(SMALL, np.array([300]), max_length=100).tolist() == [102]
    assert count_tokens(find_backbone("nt-500m-human"), np.array([6, 7, 600])).tolist() == [3, 4, 102]


def test_flops_of_a_pass_agree_with_the_count_by_hand():
    # layers * (24 d^2 n + 4 n^2 d) for a plain transformer of inner width 4 d.
    d, layers, n = 320, 6, 302
    by_hand = layers * (24 * d**2 * n + 4 * n**2 * d)
    assert forward_flops(SMALL, np.array([300])) == pytest.approx(by_hand, rel=0.03)
    unknown_size = replace(SMALL, parameters_millions=0.0)
    assert forward_flops(unknown_size, np.array([300])) == pytest.approx(by_hand)
    # 1.36 GFLOP for each residue of a usual mix, as measured for the 650M.
    assert forward_flops(LARGE, np.full(10, 300)) / 3000 == pytest.approx(1.36e9, rel=0.05)


def test_flops_add_up_over_sequences_and_grow_faster_than_length():
    one, two = forward_flops(SMALL, np.array([200])), forward_flops(SMALL, np.array([200, 200]))
    assert two == pytest.approx(2 * one)
    assert forward_flops(SMALL, np.array([400])) > two
    assert forward_flops(SMALL, np.array([], dtype=int)) == 0


def test_seconds_follow_the_methods():
    load = workload()
    by_method = {method: count_seconds(SMALL, load, resolved(method, epochs=10), SPEED) for method in METHODS}
    assert by_method["frozen"] < by_method["lora"] < by_method["scratch"] < by_method["full"]
    # Ten passes of 3 forward units each, the frozen one reads everything once.
    train = forward_flops(SMALL, load.lengths["train"]) / 100e9
    assert by_method["full"] - by_method["lora"] == pytest.approx(10 * train)
    # Beside a tuned model the last layer alone is trained as well, also where several cards learn together.
    alone = count_seconds(SMALL, load, resolved("frozen"), SPEED) - _START_SECONDS
    assert by_method["full"] - by_method["scratch"] == pytest.approx(alone)
    together = count_seconds(SMALL, load, resolved("full", epochs=10, processes=2), SPEED)
    assert together == pytest.approx(by_method["full"])


@pytest.mark.parametrize("method", ["lora", "full"])
def test_fewer_layers_that_learn_cost_less_by_their_share(method):
    every, upper = (resolved(method, epochs=100, tuned_layers=n) for n in (None, SMALL.layers // 2))
    assert resolved(method, tuned_layers=99).fixed_layers(SMALL.layers) == 0
    assert count_seconds(SMALL, workload(), upper, SPEED) == pytest.approx(
        count_seconds(SMALL, workload(), every, SPEED) / 2, rel=0.1
    )
    assert count_memory_gb(SMALL, workload(), upper, LAPTOP) < count_memory_gb(
        SMALL, workload(), every, LAPTOP
    )


@pytest.mark.parametrize("method", ["lora", "full"])
def test_layers_computed_again_take_less_memory_and_more_time(method):
    stored, again = (resolved(method, gradient_checkpointing=wanted) for wanted in (False, True))
    long = workload(length=1000)
    assert count_memory_gb(LARGE, long, again, CARD) < count_memory_gb(LARGE, long, stored, CARD)
    assert count_seconds(LARGE, workload(), again, SPEED) > 1.2 * count_seconds(
        LARGE, workload(), stored, SPEED
    )


def test_seconds_grow_with_passes_and_fall_with_speed():
    load = workload()
    ten, twenty = (count_seconds(SMALL, load, resolved("full", epochs=e), SPEED) for e in (10, 20))
    fast = count_seconds(SMALL, load, resolved("full", epochs=10), Speed(1000.0, 1000.0, True))
    assert fast < ten < twenty < 2 * ten


def test_memory_of_full_tuning_is_sixteen_bytes_a_parameter_and_what_backward_needs():
    short = workload(8, 8)
    gigabytes = count_memory_gb(LARGE, short, resolved("full"), CARD)
    weights = 16 * 651e6 / 2**30
    assert weights + 1 < gigabytes < weights + 2
    lora = count_memory_gb(LARGE, short, resolved("lora"), CARD)
    assert gigabytes - lora == pytest.approx(12 * 651e6 / 2**30, abs=0.1)


def test_memory_is_near_the_published_figure_of_a_large_card():
    # ESM-2 650M, 8 sequences of 1,024 tokens, AdamW, half-precision activations, nothing recomputed: 25.3 GiB in
    # full, 15.6 with LoRA, both without the context on the card; the latter with weights of two bytes, ours have four.
    load, context, two_bytes = workload(80, 1022), 1.2, 2 * 651e6 / 2**30
    assert count_memory_gb(LARGE, load, resolved("full"), CARD) == pytest.approx(25.3 + context, rel=0.05)
    assert count_memory_gb(LARGE, load, resolved("lora"), CARD) == pytest.approx(
        15.6 + context + two_bytes, rel=0.05
    )


def test_memory_shrinks_with_every_step_of_the_nearest_choices():
    load = workload(80, 1000)
    sizes = [
        count_memory_gb(LARGE, load, resolved("full"), CARD),
        count_memory_gb(LARGE, load, resolved("full", batch_size=1), CARD),
        count_memory_gb(LARGE, load, resolved("full", batch_size=1, max_length=256), CARD),
        count_memory_gb(LARGE, load, resolved("frozen"), replace(CARD, name="cuda")),
        count_memory_gb(SMALL, load, resolved("frozen"), CARD),
    ]
    assert sizes == sorted(sizes, reverse=True)
    sgd = count_memory_gb(LARGE, load, resolved("full", optimizer="sgd"), CARD)
    assert sizes[0] - sgd == pytest.approx(8 * 651e6 / 2**30)


def test_what_fits_says_so_in_one_sentence():
    cost = estimate_cost(SMALL, workload(), settings(), LAPTOP, SPEED)
    assert cost.fits
    assert cost.is_measured
    assert cost.nearest is cost.nearest_settings is None
    assert cost.sentence.startswith("About ")
    assert cost.sentence.endswith(" GB of memory; fits on this processor.")
    guessed = estimate_cost(SMALL, workload(), settings(), LAPTOP)
    assert guessed.sentence.startswith("Roughly ")
    assert not guessed.is_measured


@pytest.mark.parametrize(
    ("backbone", "method", "length", "free_gb", "said"),
    [
        ("esm2-650m", "full", 1000, 20, "sequences a step it fits"),
        ("esm2-650m", "full", 1000, 15, "sequence a step it fits"),
        ("esm2-650m", "full", 1000, 9, "'Adjust a small part of the model' with one sequence a step fits"),
        ("esm2-650m", "scratch", 1000, 9, "'Learn only the last layer' with this backbone fits"),
        ("esm2-3b", "frozen", 300, 8, "The same with "),
        ("esm2-15b", "full", 300, 4, "fits"),
    ],
)
def test_what_does_not_fit_names_the_nearest_choice_that_does(backbone, method, length, free_gb, said):
    device = replace(CARD, free_memory_gb=free_gb)
    load = workload(80, length)
    cost = estimate_cost(find_backbone(backbone), load, settings(method), device, SPEED)
    assert not cost.fits
    assert "it does not fit" in cost.sentence
    assert said in cost.nearest
    assert estimate_cost(cost.nearest_backbone, load, cost.nearest_settings, device).fits


def test_where_nothing_fits_nothing_is_promised():
    cost = estimate_cost(LARGE, workload(), settings("full"), replace(LAPTOP, free_memory_gb=0.2))
    assert (cost.fits, cost.nearest, cost.nearest_settings, cost.nearest_backbone) == (
        False,
        None,
        None,
        None,
    )


def test_targets_per_residue_are_not_sent_to_a_backbone_that_joins_letters():
    device = replace(CARD, free_memory_gb=1.8)
    load = replace(workload(80, 300, "residue_regression"))
    cost = estimate_cost(find_backbone("nt-2.5b-multi"), load, settings("frozen"), device)
    assert cost.nearest_backbone is None or cost.nearest_backbone.letters_per_token == 1


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda backbone: backbone.name)
@pytest.mark.parametrize("method", METHODS)
def test_every_backbone_and_method_has_a_cost(backbone, method):
    for device in (LAPTOP, CARD, replace(LAPTOP, name="mps")):
        cost = estimate_cost(backbone, workload(), settings(method), device)
        assert 0 < cost.seconds < 1e9
        assert 0 < cost.memory_gb < 1e4
        assert cost.sentence


def test_an_empty_part_and_plain_descent_are_no_trouble():
    load = Workload(
        {"train": np.array([50]), "validation": np.array([], int), "test": np.array([], int)}, "regression"
    )
    for optimizer in ("adamw", "gradient_descent"):
        assert estimate_cost(SMALL, load, settings("full", optimizer=optimizer), LAPTOP).fits


def test_the_workload_of_a_dataset_is_its_lengths_by_part():
    table = pd.DataFrame(
        {
            "name": list("abc"),
            "sequence": ["MKT", "MKTA", "M"],
            "target": [1.0, 2.0, 3.0],
            "part": ["train", "test", ""],
        }
    )
    load = Workload.of(Dataset(table, "protein", "regression"))
    assert {part: n.tolist() for part, n in load.lengths.items()} == {
        "train": [3, 1],
        "validation": [],
        "test": [4],
    }
    assert (load.longest, load.n_outputs) == (4, 1)


def write_probe(backbone: Backbone, device: Device, gflops: float) -> None:
    path = probe_path(backbone, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    probe = {"forward_gflops": gflops, "training_gflops": gflops / 2}
    path.write_text(json.dumps(probe | {"parameters_millions": backbone.parameters_millions}))


def test_a_probe_of_the_backbone_counts_before_its_neighbours_and_those_before_a_guess():
    assert read_speed(SMALL, LAPTOP) == Speed(4 * GUESSED_GFLOPS["cpu"], 4 * GUESSED_GFLOPS["cpu"], False)
    write_probe(LARGE, LAPTOP, 40.0)
    write_probe(find_backbone("esm2-35m"), LAPTOP, 20.0)
    assert read_speed(SMALL, LAPTOP) == Speed(20.0, 10.0, False)
    assert read_speed(find_backbone("esm2-3b"), LAPTOP) == Speed(40.0, 20.0, False)
    write_probe(SMALL, LAPTOP, 10.0)
    assert read_speed(SMALL, LAPTOP) == Speed(10.0, 5.0, True)
    assert read_speed(SMALL, CARD).forward_gflops == GUESSED_GFLOPS["cuda"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"forward_gflops": 0, "training_gflops": 1}', '{"forward_gflops": "x"}']
)
def test_a_broken_probe_is_none(content):
    path = probe_path(SMALL, LAPTOP)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert not read_speed(SMALL, LAPTOP).is_measured


def test_speed_is_said_in_sequences():
    assert say_speed(SMALL, LAPTOP) == "roughly 9 a second"
    write_probe(SMALL, LAPTOP, 24.0)
    assert say_speed(SMALL, LAPTOP) == "4.6 a second"
    write_probe(LARGE, LAPTOP, 50.0)
    assert say_speed(LARGE, LAPTOP) == "7.3 a minute"


def test_the_size_of_a_pack_is_that_of_the_encoder():
    from biotl_core.backbones import encoder

    assert PACK_TOKENS == encoder.PACK_TOKENS


def test_counting_imports_no_torch():
    code = "import sys, biotl_core.learning.cost; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
