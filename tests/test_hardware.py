"""Devices of this machine, and of others by what their tools answer."""

import subprocess
import sys

import psutil
import pytest

from biotl_core import hardware
from biotl_core.errors import UserError
from biotl_core.hardware import Device, devices, read_cards, resolve_device

TWO_CARDS = """\
0, GPU-aaaa, NVIDIA RTX A6000, 49140, 48000
1, GPU-bbbb, NVIDIA GeForce RTX 3060, 12288, 1024
"""


@pytest.fixture(autouse=True)
def look_anew():
    hardware._devices.cache_clear()
    yield
    hardware._devices.cache_clear()


def test_the_processor_is_always_there_and_last():
    found = devices()
    assert found[-1].name == "cpu"
    assert 1 <= found[-1].n_cores <= psutil.cpu_count()
    assert 0 < found[-1].free_memory_gb <= found[-1].memory_gb <= psutil.virtual_memory().total / 2**30
    assert resolve_device("auto") == found[0]
    assert resolve_device("cpu") == found[-1]


def test_a_device_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(UserError, match=r"no device 'cuda:7'; it has .*cpu"):
        resolve_device("cuda:7")


def test_cards_are_read_from_the_answer():
    first, second = read_cards(TWO_CARDS, None, 8)
    assert first == Device("cuda", "NVIDIA RTX A6000", 49140 / 1024, 48000 / 1024, 8)
    assert (second.name, second.kind, second.free_memory_gb) == ("cuda:1", "cuda", 1.0)


@pytest.mark.parametrize(
    ("visible", "titles"),
    [
        ("1", ["NVIDIA GeForce RTX 3060"]),
        ("1,0", ["NVIDIA GeForce RTX 3060", "NVIDIA RTX A6000"]),
        ("GPU-bb", ["NVIDIA GeForce RTX 3060"]),
        ("", []),
        ("9", []),
        ("-1", []),
    ],
)
def test_hidden_cards_are_left_out_and_numbered_as_torch_does(visible, titles):
    found = read_cards(TWO_CARDS, visible, 8)
    assert [device.title for device in found] == titles
    assert [device.name for device in found] == ["cuda", "cuda:1"][: len(found)]


@pytest.mark.parametrize("answer", ["", "No devices were found", "0, GPU-x, Broken, [N/A], [N/A]\n", "1,2\n"])
def test_a_strange_answer_is_no_card(answer):
    assert read_cards(answer, None, 2) == []


def test_a_container_limits_memory_and_cores(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(f"{2 * 2**30}\n")
    (tmp_path / "memory.current").write_text(f"{2**30}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {2**29}\n")
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setattr(hardware, "_CONTROL_GROUPS", tmp_path)
    processor = devices()[-1]
    assert (processor.memory_gb, processor.free_memory_gb, processor.n_cores) == (2.0, 1.5, 1)
    assert processor.title == "processor, 1 core"


def test_no_limit_is_no_limit(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(hardware, "_CONTROL_GROUPS", tmp_path)
    assert devices()[-1].memory_gb == psutil.virtual_memory().total / 2**30


def test_a_card_is_offered_only_where_torch_can_use_it(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{TWO_CARDS.strip()}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(hardware, "_torch_has_cuda", lambda: True)
    assert [device.name for device in devices()] == ["cuda", "cuda:1", "cpu"]
    assert resolve_device("cuda:0").name == "cuda"
    hardware._devices.cache_clear()
    monkeypatch.setattr(hardware, "_torch_has_cuda", lambda: False)
    assert [device.name for device in devices()] == ["cpu"]


def test_looking_imports_no_torch():
    code = "import sys; from biotl_core.hardware import devices; devices(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
