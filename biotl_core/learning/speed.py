"""How much work a backbone makes, and how fast this computer does it.

Work is counted in FLOPs, the multiplications and additions that the architecture needs. The speed comes from
a short probe (`runs.probe_run`) of the very backbone; as long as there is none, from the probed one nearest in
size, or from a cautious guess. No torch here: pages ask at every click.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biotl_core.backbones.catalogue import Backbone
from biotl_core.data.dataset import Modality
from biotl_core.hardware import Device
from biotl_core.home import home_folder, safe_name
from biotl_core.wording import say_about

GUESSED_GFLOPS = {"cpu": 12.0, "mps": 800.0, "cuda": 4000.0}
"""Cautious speed without any probe, 10^9 FLOPs a second; on a processor for each core."""
USUAL_LENGTHS: dict[Modality, int] = {"protein": 300, "dna": 300, "molecule": 40}
"""Letters of the sequences that a speed is told in."""
UNKNOWN_MILLIONS = 100.0
"""Parameters to plan with for a model of the hub whose size is not known before its download."""


@dataclass(frozen=True)
class Speed:
    """How fast a device works through a backbone, in 10^9 FLOPs of real tokens a second."""

    forward_gflops: float
    training_gflops: float
    """Forward and backward together."""
    is_measured: bool
    """True where this very backbone was probed on this device."""


def size_millions(backbone: Backbone) -> float:
    """Parameters as told; else twelve times the square of the width a layer; else those of a usual model."""
    by_layers = 12e-6 * backbone.layers * backbone.width**2
    return backbone.parameters_millions or by_layers or UNKNOWN_MILLIONS


def count_tokens(backbone: Backbone, lengths: np.ndarray, max_length: int | None = None) -> np.ndarray:
    """Tokens of sequences.

    Args:
        backbone: its limit and how many letters it joins.
        lengths: letters of each sequence, `(n,)`.
        max_length: a lower limit that the user chose.

    Returns:
        `(n,)` int64, the two special tokens of each included.
    """
    limit = min(backbone.max_length, max_length or backbone.max_length)
    return np.ceil(np.minimum(lengths, limit) / backbone.letters_per_token).astype(np.int64) + 2


def forward_flops(backbone: Backbone, lengths: np.ndarray, max_length: int | None = None) -> float:
    """FLOPs to read sequences once, without padding; arguments as for `count_tokens`.

    Two for each parameter and token, and `4 n^2 d` a layer for attention over n tokens of width d (Kaplan et
    al. 2020, arXiv 2001.08361, table 1). With the usual inner width 4d the first makes `24 d^2 n` a layer.

    >>> small = Backbone("x", "x", "protein", parameters_millions=7.5, layers=6, width=320, max_length=1022)
    >>> round(forward_flops(small, np.array([300])) / 1e9, 2)
    5.23
    """
    n_tokens = count_tokens(backbone, lengths, max_length).astype(np.float64)
    attention = 4.0 * backbone.layers * backbone.width * float(np.sum(n_tokens**2))
    return 2e6 * size_millions(backbone) * float(n_tokens.sum()) + attention


def probe_path(backbone: Backbone, device: Device) -> Path:
    """Where the measured speed of a backbone on a device is kept."""
    return home_folder() / "probes" / f"{safe_name(backbone.name)}-{safe_name(device.name)}.json"


def read_speed(backbone: Backbone, device: Device) -> Speed:
    """The measured speed; else that of the probed backbone nearest in size; else a cautious guess."""
    own = _read_probe(probe_path(backbone, device))
    if own is not None:
        return Speed(own["forward_gflops"], own["training_gflops"], True)
    others = (home_folder() / "probes").glob(f"*-{safe_name(device.name)}.json")
    probes = [probe for probe in map(_read_probe, others) if probe is not None]
    if probes:
        size = math.log(size_millions(backbone))
        near = min(probes, key=lambda probe: abs(math.log(probe["parameters_millions"]) - size))
        return Speed(near["forward_gflops"], near["training_gflops"], False)
    guess = GUESSED_GFLOPS[device.kind] * (device.n_cores if device.kind == "cpu" else 1)
    return Speed(guess, guess, False)


def say_speed(backbone: Backbone, device: Device) -> str:
    """Sequences of the usual length that the device reads in a second or a minute, to compare backbones."""
    speed = read_speed(backbone, device)
    flops = forward_flops(backbone, np.array([USUAL_LENGTHS[backbone.modality]]))
    a_second = 1e9 * speed.forward_gflops / flops
    number, unit = (a_second, "second") if a_second >= 1 else (60 * a_second, "minute")
    if speed.is_measured:
        return f"{say_about(number)} a {unit}"
    return f"roughly {say_about(number, digits=1)} a {unit}"


def _read_probe(path: Path) -> dict[str, float] | None:
    try:
        probe = json.loads(path.read_text(encoding="utf-8"))
        names = ("forward_gflops", "training_gflops", "parameters_millions")
        numbers = {name: float(probe[name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return numbers if all(0 < number < math.inf for number in numbers.values()) else None
