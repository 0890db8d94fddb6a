"""The probe measures a real backbone, and its result is found by who asks for the speed."""

import json

import pytest
from tiny_models import write_loadable_esm

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.hardware import resolve_device
from biotl_core.learning.speed import forward_flops, probe_path, read_speed
from biotl_core.progress import Control, Stopped
from biotl_core.runs import probe_run as module
from biotl_core.runs.folder import create_run


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MEASURE_SECONDS", 0.05)
    return find_backbone(str(write_loadable_esm(tmp_path / "tiny")))


def test_a_probe_is_measured_kept_and_read(backbone):
    device = resolve_device("cpu")
    assert not read_speed(backbone, device).is_measured
    stages = []
    folder = create_run({"backbone": backbone.name, "device": "cpu"}, kind="probe")
    sentence = module.probe_run(folder, Control(report=lambda stage, done, total: stages.append(stage)))
    assert sentence.startswith(f"{backbone.title} reads ")
    assert sentence.endswith(" sequences of 300 letters a second on this computer.")
    assert "Timing how fast it learns" in stages
    speed = read_speed(backbone, device)
    assert speed.is_measured
    assert speed.training_gflops > 0
    assert 0 < speed.forward_gflops < 1e4
    assert json.loads(probe_path(backbone, device).read_text())["backbone"] == backbone.name


def test_the_work_timed_is_that_of_the_sequences_made(backbone, monkeypatch):
    make = module._maker("protein", [10, 30])
    assert [len(sequence) for sequence in make(1)] == [10]
    assert [len(sequence) for sequence in make(75)] == [10, 30, 10, 30]
    worked = []
    monkeypatch.setattr(module, "MEASURE_SECONDS", 0.0)
    timing = module._time(worked.extend, make, Control())
    assert timing.lengths == [len(sequence) for sequence in worked[-len(timing.lengths) :]]
    assert forward_flops(backbone, timing.lengths) > 0


def test_a_probe_can_be_stopped(backbone):
    folder = create_run({"backbone": backbone.name, "device": "cpu"}, kind="probe")
    with pytest.raises(Stopped):
        module.probe_run(folder, Control(should_stop=lambda: True))
