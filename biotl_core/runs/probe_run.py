"""Measure how fast this computer works through a backbone: the work behind a run of kind "probe"."""

import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, embed, pool
from biotl_core.backbones.encoder import PACK_TOKENS, Encoder, load_encoder
from biotl_core.data.dataset import Modality
from biotl_core.hardware import resolve_device
from biotl_core.learning.speed import USUAL_LENGTHS, forward_flops, probe_path, say_speed, size_millions
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically

MEASURE_SECONDS = 1.0
"""Of reading, and of learning, after one warm-up each."""
_LETTERS: dict[Modality, str] = {"protein": "ACDEFGHIKLMNPQRSTVWY", "dna": "ACGT", "molecule": "CNOcn()=1"}
_TYPICAL_LENGTHS: dict[Modality, tuple[int, ...]] = {
    "protein": (250, 350, 150, 300, 80, 450, 600),
    "dna": (200, 300, 100, 500),
    "molecule": (30, 40, 20, 60),
}
"""A usual one first, for a large backbone on a processor may have time for no second one."""


class Timing(NamedTuple):
    """What was done in how long."""

    lengths: list[int]
    """Letters of the sequences worked through."""
    seconds: float


def probe_run(folder: Path, control: Control) -> str:
    """Time the backbone that the run's `config.json` names on its device, and keep the speed for later.

    Args:
        folder: the run folder; its config holds `backbone`, `device`, and may hold `modality` and `lengths`,
            the typical lengths to measure with.
        control: progress and stop.

    Returns:
        The closing sentence.
    """
    config = read_config(folder)
    backbone = find_backbone(config["backbone"], config.get("modality"))
    device = resolve_device(config["device"])
    control.step("Loading the backbone", 0, 3)
    encoder = load_encoder(locate_backbone(backbone), backbone.modality).to(device.name)
    typical = config.get("lengths") or _TYPICAL_LENGTHS[backbone.modality]
    make = _maker(backbone.modality, [max(1, min(int(n), backbone.max_length)) for n in typical])

    control.step("Timing how fast it reads", 1, 3)
    read = _time(lambda sequences: _read(encoder, sequences), make, control)
    control.step("Timing how fast it learns", 2, 3)
    learned = _time(lambda sequences: _learn(encoder, sequences), make, control)

    path = probe_path(backbone, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    probe = {
        "backbone": backbone.name,
        "device": device.title,
        "parameters_millions": size_millions(backbone),
        "forward_gflops": 1e-9 * forward_flops(backbone, np.array(read.lengths)) / read.seconds,
        "training_gflops": 3e-9 * forward_flops(backbone, np.array(learned.lengths)) / learned.seconds,
        "measured_at": time.time(),
    }
    write_json_atomically(path, probe)
    number, unit = say_speed(backbone, device).split(" a ")
    length = USUAL_LENGTHS[backbone.modality]
    return f"{backbone.title} reads {number} sequences of {length} letters a {unit} on this computer."


def _maker(modality: Modality, lengths: list[int]) -> Callable[[int], list[str]]:
    """A function that makes random sequences of the lengths in turn, until they have so many letters."""
    rng = np.random.default_rng(0)
    letters = np.array(list(_LETTERS[modality]))

    def make(n_letters: int) -> list[str]:
        sequences: list[str] = []
        for length in cycle(lengths):
            sequences.append("".join(rng.choice(letters, length)))
            n_letters -= length
            if n_letters <= 0:
                break
        return sequences

    return make


def _time(work: Callable[[list[str]], None], make: Callable[[int], list[str]], control: Control) -> Timing:
    """Work through more and more sequences until that takes long enough to measure."""
    work(make(1))  # the first call allocates and compiles
    n_letters = 1
    while True:
        control.step("Timing", 1, 3)
        sequences = make(n_letters)
        began = time.perf_counter()
        work(sequences)
        seconds = time.perf_counter() - began
        if seconds >= MEASURE_SECONDS:
            return Timing([len(sequence) for sequence in sequences], seconds)
        done = sum(map(len, sequences))
        n_letters = int(done * min(10.0, max(2.0, 1.3 * MEASURE_SECONDS / max(seconds, 1e-3))))


def _read(encoder: Encoder, sequences: list[str]) -> None:
    embed(
        encoder, sequences, "sequence", MemoryStore()
    )  # its results are on the processor, so the card is done


def _learn(encoder: Encoder, sequences: list[str]) -> None:
    """Forward and backward in steps of eight sequences or a pack, as training does; no weight is changed."""
    limit = PACK_TOKENS[encoder.device.type]
    encoder.train()
    step: list[str] = []
    for sequence in sequences:
        if step and (len(step) == 8 or sum(map(len, step)) + len(sequence) > limit):
            _backward(encoder, step)
            step = []
        step.append(sequence)
    _backward(encoder, step)
    encoder.eval()
    encoder.zero_grad(set_to_none=True)
    if encoder.device.type == "cuda":
        torch.cuda.synchronize(encoder.device)


def _backward(encoder: Encoder, sequences: list[str]) -> None:
    pool(encoder(encoder.encode(sequences))).float().square().mean().backward()
