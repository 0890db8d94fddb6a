"""What this computer has to compute with, found without torch: pages show it, runs choose from it."""

import os
import platform
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from biotl_core.errors import UserError

_LOOK_AGAIN_SECONDS = 10.0
_QUERY = ("index", "uuid", "name", "memory.total", "memory.free")
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_GIBIBYTE = 2**30


@dataclass(frozen=True)
class Device:
    """A graphics card, the graphics part of an Apple chip, or the processor."""

    name: str
    """As torch calls it: `cuda`, `cuda:1`, `mps` or `cpu`."""
    title: str
    """As a person calls it."""
    memory_gb: float
    """In units of 2^30 bytes, as the two below."""
    free_memory_gb: float
    n_cores: int
    """Cores of the processor that a run may use."""

    @property
    def kind(self) -> str:
        """`cuda`, `mps` or `cpu`."""
        return self.name.split(":")[0]


def devices() -> list[Device]:
    """All devices, the fastest first; the processor is always the last. Looked up anew every ten seconds."""
    return list(_devices(int(time.monotonic() / _LOOK_AGAIN_SECONDS)))


def resolve_device(name: str = "auto") -> Device:
    """The device by its name; `auto` is the fastest, `cuda:0` the first card.

    Raises:
        UserError: this computer does not have it.
    """
    found = devices()
    if name == "auto":
        return found[0]
    wanted = "cuda" if name == "cuda:0" else name
    for device in found:
        if device.name == wanted:
            return device
    raise UserError(
        f"This computer has no device '{name}'; it has {', '.join(device.name for device in found)}. "
        "Choose one of these, or auto."
    )


@lru_cache(maxsize=1)
def _devices(moment: int) -> tuple[Device, ...]:
    del moment  # part of the key, so that free memory is looked up anew
    processor = _processor()
    return (*_nvidia_cards(processor.n_cores), *_apple_graphics(processor), processor)


def _processor() -> Device:
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    for limit, used in _memory_limits():
        total, free = min(total, limit), min(free, limit - used)
    cores = _usable_cores()
    title = f"processor, {cores} core{'s' if cores != 1 else ''}"
    return Device("cpu", title, total / _GIBIBYTE, max(0.0, free / _GIBIBYTE), cores)


def _usable_cores() -> int:
    """Physical cores, unless the process may use fewer: by affinity, or by the quota of its container."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    quota = _read_words(_CONTROL_GROUPS / "cpu.max")
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return max(1, cores)


def _memory_limits() -> list[tuple[int, int]]:
    """Limit and use in bytes of the container, by either version of Linux control groups."""
    old = _CONTROL_GROUPS / "memory"
    pairs = [
        (_CONTROL_GROUPS / "memory.max", _CONTROL_GROUPS / "memory.current"),
        (old / "memory.limit_in_bytes", old / "memory.usage_in_bytes"),
    ]
    limits = []
    for limit_path, used_path in pairs:
        limit, used = _read_words(limit_path), _read_words(used_path)
        if limit and used and limit[0].isdigit() and used[0].isdigit():
            # Files that were read count as used, yet the kernel gives that memory back at once.
            cached = _read_statistic(used_path.with_name("memory.stat"), "inactive_file")
            limits.append((int(limit[0]), max(0, int(used[0]) - cached)))
    return limits


def _read_statistic(path: Path, name: str) -> int:
    words = _read_words(path)
    return int(words[words.index(name) + 1]) if name in words else 0


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _nvidia_cards(n_cores: int) -> list[Device]:
    """The cards that torch will see, in its order; none where the installed torch was built without CUDA."""
    if not _torch_has_cuda() or (program := shutil.which("nvidia-smi")) is None:
        return []
    command = [program, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return read_cards(answer, os.environ.get("CUDA_VISIBLE_DEVICES"), n_cores)


def read_cards(answer: str, visible: str | None, n_cores: int) -> list[Device]:
    """Devices from what nvidia-smi answers: one line a card with index, uuid, name, and memory in MiB.

    Args:
        answer: its output.
        visible: `CUDA_VISIBLE_DEVICES`, indices or the beginnings of uuids; None where it is not set.
        n_cores: of the processor.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines() if line.strip()]
    rows = [row for row in rows if len(row) == len(_QUERY) and row[3].isdigit() and row[4].isdigit()]
    if visible is not None:
        rows = [
            row
            for wanted in filter(None, map(str.strip, visible.split(",")))
            for row in rows
            if wanted == row[0] or (not wanted.isdigit() and row[1].startswith(wanted))
        ]
    return [
        Device("cuda" if i == 0 else f"cuda:{i}", row[2], int(row[3]) / 1024, int(row[4]) / 1024, n_cores)
        for i, row in enumerate(rows)
    ]


@lru_cache(maxsize=1)
def _torch_has_cuda() -> bool:
    """Read from torch's version file, for importing torch costs seconds."""
    package = find_spec("torch")
    if package is None or package.origin is None:
        return False
    version = Path(package.origin).with_name("version.py")
    return bool(version.is_file() and re.search(r"^cuda\b[^=]*= *['\"]", version.read_text(), re.MULTILINE))


def _apple_graphics(processor: Device) -> list[Device]:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return []
    # Memory is shared; Metal lets one process have about three quarters of it.
    share = 0.75
    return [
        Device(
            "mps",
            "Apple graphics",
            share * processor.memory_gb,
            share * processor.free_memory_gb,
            processor.n_cores,
        )
    ]
