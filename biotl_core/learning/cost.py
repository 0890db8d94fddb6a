"""What a run will cost before it starts: time, memory, whether it fits, and the nearest choice that does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from biotl_core.backbones.catalogue import Backbone, backbone_state, list_backbones
from biotl_core.data.dataset import PARTS, Dataset, Part
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.hardware import Device
from biotl_core.learning.settings import (
    METHODS,
    MOST_ANCHORS,
    POOLED,
    TrainingSettings,
    TuningMethod,
    last_layer_settings,
)
from biotl_core.learning.speed import Speed, count_tokens, forward_flops, read_speed, size_millions
from biotl_core.wording import say_about, say_seconds

PACK_TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 16384}
"""Tokens worked on at once; as in `backbones.encoder`, which pages may not import for its torch."""
TRAINING_FACTOR: dict[TuningMethod, float] = {"full": 3.0, "scratch": 3.0, "lora": 2.0, "frozen": 0.0}
"""Cost of a training pass in forward passes. The backward pass costs two more, or one where the weights stay
and only activations need gradients (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""
_START_SECONDS = 12.0
"""Starting the worker, loading the backbone, simple methods and figures of a small set."""
_STEP_SECONDS = 0.002
"""Bookkeeping at every change of the weights, whatever the size of the model."""
_SOLVE_SECONDS, _COUNT_SECONDS = 0.8, 1.5
"""To solve a head of similarities of 1,000 rows (4,000: 6 s), and to count the words of a million letters."""
_SOLVE_BYTES = 40.0
"""For each pair of training rows while it is solved: five matrices of double precision."""
_HEAD_WIDTH = 256
_HEAD_CHANNELS = 64
"""Of a head that reads neighbours; as in `learning.model`."""
_LEARNING_BYTES = {"adamw": 16.0, "nesterov": 12.0, "sgd": 8.0, "gradient_descent": 8.0}
"""For each weight that learns: itself, its gradient, and what the optimizer keeps of it, 4 bytes each."""
_SAVED_BYTES: dict[TuningMethod, float] = {"full": 97.0, "scratch": 97.0, "lora": 89.0, "frozen": 0.0}
"""Kept for the backward pass for each token, layer and unit of width, in float32 (fitted on the tensors that
an ESM-2 keeps: 48.5 and 44.5 in numbers of two bytes)."""
_PASSING_BYTES = 60.0
"""Alive at once in a forward pass for each token and unit of width, the inner layer above all."""
_BASE_GB = {"cpu": 0.9, "mps": 0.9, "cuda": 1.2}
"""The process itself: libraries, or the context on the card."""
_USABLE = 0.9
"""Share of the free memory to plan with."""


@dataclass(frozen=True)
class Workload:
    """All that the cost depends on in a dataset."""

    lengths: dict[Part, np.ndarray]
    """Letters of each sequence of each part, int64 `(n,)`."""
    task_name: TaskName
    n_outputs: int = 1

    @classmethod
    def of(cls, dataset: Dataset) -> "Workload":
        """The workload of a dataset; rows without a part count as training."""
        letters = dataset.table["sequence"].str.len().to_numpy(dtype=np.int64)
        parts = dataset.table["part"].where(dataset.table["part"].isin(PARTS), "train").to_numpy()
        return cls({part: letters[parts == part] for part in PARTS}, dataset.task_name, dataset.n_outputs)

    @property
    def longest(self) -> int:
        """Letters of the longest sequence."""
        return max((int(lengths.max()) for lengths in self.lengths.values() if len(lengths)), default=0)


@dataclass(frozen=True)
class Cost:
    """What a choice costs, in numbers and in words."""

    seconds: float
    """Until the run has finished, when no early stop helps."""
    memory_gb: float
    """At the peak, in units of 2^30 bytes."""
    fits: bool
    is_measured: bool
    """Whether the time rests on a probe of this backbone on this device."""
    sentence: str
    """Such as "About 2 min 10 s, 0.9 GB of memory; fits on this processor."."""
    nearest: str | None = None
    """Where it does not fit, the nearest choice that does, in a sentence; None where nothing does."""
    nearest_settings: TrainingSettings | None = None
    nearest_backbone: Backbone | None = None


def estimate_cost(
    backbone: Backbone,
    workload: Workload,
    settings: TrainingSettings,
    device: Device,
    speed: Speed | None = None,
) -> Cost:
    """Time, memory and fit of a training run.

    Args:
        backbone: one of unknown size counts as a usual one of 100 million parameters.
        workload: of the dataset.
        settings: resolved or not.
        device: where it would run.
        speed: None takes the probe, or a guess.
    """
    cost = _cost(backbone, workload, settings, device, speed)
    if cost.fits:
        return cost
    for changed, other, words in _nearest_choices(backbone, workload, settings):
        found = _cost(other, workload, changed, device, speed if other is backbone else None)
        if found.fits:
            nearest = f"{words} fits: {_amounts(found)}."
            return replace(cost, nearest=nearest, nearest_settings=changed, nearest_backbone=other)
    return cost


def _cost(
    backbone: Backbone, workload: Workload, settings: TrainingSettings, device: Device, speed: Speed | None
) -> Cost:
    settings = settings.resolved(TASKS[workload.task_name])
    speed = speed or read_speed(backbone, device)
    seconds = count_seconds(backbone, workload, settings, speed)
    memory = count_memory_gb(backbone, workload, settings, device)
    fits = memory <= _USABLE * device.free_memory_gb
    cost = Cost(seconds, memory, fits, speed.is_measured, "")
    place = "this processor" if device.kind == "cpu" else "this graphics card"
    if fits:
        amounts = _amounts(cost)
        return replace(cost, sentence=f"{amounts[0].upper()}{amounts[1:]}; fits on {place}.")
    free = say_about(device.free_memory_gb)
    sentence = (
        f"It needs about {_gigabytes(memory)} of memory, and {place} has {free} GB free: it does not fit."
    )
    return replace(cost, sentence=sentence)


def count_seconds(backbone: Backbone, workload: Workload, settings: TrainingSettings, speed: Speed) -> float:
    """Seconds of a whole run with resolved settings, every pass over the data included.

    Beside a model of which more than the last layer was tuned, the last layer alone is trained for comparison.
    """
    settings = settings.for_data(len(workload.lengths["train"]), backbone.modality)
    seconds = _START_SECONDS + _training_seconds(backbone, workload, settings, speed)
    seconds += _choosing_seconds(workload, settings)
    if settings.method in ("lora", "full"):
        alone = last_layer_settings(settings, TASKS[workload.task_name])
        alone = alone.for_data(len(workload.lengths["train"]), backbone.modality)
        seconds += _training_seconds(backbone, workload, alone, speed)
    return seconds


def _choosing_seconds(workload: Workload, settings: TrainingSettings) -> float:
    """The last layers that are solved to choose what is read beside the backbone, or to be the model."""
    n_ways = 1 if settings.head == "kernel" else 0
    # Nothing is chosen for values at each position.
    is_whole = not TASKS[workload.task_name].is_per_residue
    can_choose = is_whole and settings.method != "scratch" and len(workload.lengths["validation"])
    if settings.is_open and can_choose:
        is_one_length = len(np.unique(workload.lengths["train"])) == 1
        n_ways = 1 + (0 if settings.simple_features != "auto" else 3 if is_one_length else 1)
        n_ways += settings.pooling == "auto" and not is_one_length
    rows = min(len(workload.lengths["train"]), MOST_ANCHORS)
    counted = 1e-6 * sum(int(lengths.sum()) for lengths in workload.lengths.values())
    return n_ways * (_SOLVE_SECONDS * (rows / 1000) ** 1.5 + _COUNT_SECONDS * counted)


def _training_seconds(
    backbone: Backbone, workload: Workload, settings: TrainingSettings, speed: Speed
) -> float:
    flops = {p: forward_flops(backbone, n, settings.max_length) for p, n in workload.lengths.items()}
    if settings.method == "frozen":
        # Each sequence is read once; twice for both strands, or for targets per residue (the map of whole sequences).
        is_per_residue = TASKS[workload.task_name].is_per_residue
        forward = (2.0 if is_per_residue or settings.both_strands else 1.0) * sum(flops.values())
        head_size = _head_size(backbone, workload, settings)
        n_passes = 0 if settings.head == "kernel" else settings.epochs  # solved, not learned by steps
        training = n_passes * 6.0 * head_size * _head_rows(backbone, workload, settings)
    else:
        # Validation is read after each pass; at the end all twice: to predict, and to check what is saved. Layers
        # that do not learn are read once more, before all this.
        share = _learning_share(backbone, settings)
        forward = 2.0 * sum(flops.values()) + settings.epochs * share * flops["validation"]
        forward += sum(flops.values()) if share < 1 else 0.0
        passes = TRAINING_FACTOR[settings.method] + (1.0 if settings.gradient_checkpointing else 0.0)
        training = settings.epochs * share * passes * flops["train"]
    is_one_step = settings.optimizer == "gradient_descent"
    steps = 1 if is_one_step else -(-len(workload.lengths["train"]) // settings.batch_size)
    return (
        1e-9 * forward / speed.forward_gflops
        + 1e-9 * training / speed.training_gflops
        + settings.epochs * steps * _STEP_SECONDS
    )


def count_memory_gb(
    backbone: Backbone, workload: Workload, settings: TrainingSettings, device: Device
) -> float:
    """Peak memory of the device in units of 2^30 bytes, with resolved settings.

    Weights; for those that learn also gradients and what the optimizer keeps; what the backward pass needs of the
    tokens that are worked on at once; and on a processor the features of a frozen backbone.
    """
    settings = settings.for_data(len(workload.lengths["train"]), backbone.modality)
    parameters, width = 1e6 * size_millions(backbone), max(backbone.width, 64)
    bytes_each = {"full": 4.0, "8bit": 1.0, "4bit": 0.5}[settings.weights]
    tokens = {p: count_tokens(backbone, n, settings.max_length) for p, n in workload.lengths.items()}
    at_once = _tokens_at_once(tokens, settings, device)
    passing = _PASSING_BYTES * width * at_once
    if settings.method == "frozen":
        is_per_residue = TASKS[workload.task_name].is_per_residue
        n_rows = sum(int(n.sum()) if is_per_residue else 3 * len(n) for n in tokens.values())
        features = 4.0 * _n_layers(settings) * width * n_rows if device.kind != "cuda" else 0.0
        n_alike = min(len(workload.lengths["train"]), MOST_ANCHORS)
        solving = 0.0 if is_per_residue or device.kind == "cuda" else _SOLVE_BYTES * n_alike**2
        return _BASE_GB[device.kind] + (bytes_each * parameters + passing + features + solving) / 2**30
    is_half = device.kind == "cuda" and settings.precision != "float32"
    share = _learning_share(backbone, settings)
    layers = share * max(backbone.layers, 6)
    saved = _SAVED_BYTES[settings.method] * width * layers * at_once
    if (
        settings.gradient_checkpointing
    ):  # what goes into each layer, and all of the one that is computed again
        saved = (4.0 * layers + _SAVED_BYTES[settings.method]) * width * at_once
    saved *= 0.5 if is_half else 1.0
    bytes_more = 0.0 if settings.method == "lora" else share * (_LEARNING_BYTES[settings.optimizer] - 4.0)
    return _BASE_GB[device.kind] + ((bytes_each + bytes_more) * parameters + saved + passing) / 2**30


def _learning_share(backbone: Backbone, settings: TrainingSettings) -> float:
    """The share of the backbone's layers that learn."""
    layers = max(backbone.layers, 1)
    return 1.0 - settings.fixed_layers(layers) / layers


def _tokens_at_once(tokens: dict[Part, np.ndarray], settings: TrainingSettings, device: Device) -> int:
    """Tokens in memory together: a pack, or less where a step has less, but never less than one sequence."""
    longest = max((int(n.max()) for n in tokens.values() if len(n)), default=2)
    pack = PACK_TOKENS[device.kind]
    if settings.method == "frozen":
        # On a processor every core works on a pack of its own.
        return max(pack, longest) * (device.n_cores if device.kind == "cpu" else 1)
    is_one_step = settings.optimizer == "gradient_descent"
    n_sequences = len(tokens["train"]) if is_one_step else settings.batch_size
    heaviest_step = int(np.sort(tokens["train"])[::-1][:n_sequences].sum())
    return max(longest, min(heaviest_step, pack))


def _n_layers(settings: TrainingSettings) -> int:
    return 2 if settings.layers == "middle_last" else 1


def _head_size(backbone: Backbone, workload: Workload, settings: TrainingSettings) -> float:
    """Weights of the head, each used once a row."""
    width = _n_layers(settings) * backbone.width
    if settings.neighbours:
        reached = 2 * (
            settings.neighbours + 1
        )  # two convolutions, which together reach so far to either side
        return _HEAD_CHANNELS * (width + reached * _HEAD_CHANNELS + workload.n_outputs)
    return _HEAD_WIDTH * (len(POOLED[settings.pooling]) * width + workload.n_outputs)


def _head_rows(backbone: Backbone, workload: Workload, settings: TrainingSettings) -> float:
    train = workload.lengths["train"]
    if TASKS[workload.task_name].is_per_residue:
        return float(count_tokens(backbone, train, settings.max_length).sum())
    return float(len(train))


def _nearest_choices(
    backbone: Backbone, workload: Workload, settings: TrainingSettings
) -> Iterator[tuple[TrainingSettings, Backbone, str]]:
    """Changes to try, the smallest first: less at once, less that learns, a smaller backbone."""
    yield from _smaller_steps(backbone, workload, settings)
    ladder = {"full": ("lora", "frozen"), "scratch": ("frozen",), "lora": ("frozen",), "frozen": ()}
    for method in ladder[settings.method]:
        less, title = _with_method(settings, method), METHODS[method][0]
        yield less, backbone, f"'{title}' with this backbone"
        if method != "frozen":
            yield replace(less, batch_size=1), backbone, f"'{title}' with one sequence a step"
    others = _smaller_backbones(backbone, workload)
    for other in others:
        yield settings, other, f"The same with {other.title}"
    for other in others if settings.method != "frozen" else ():
        yield _with_method(settings, "frozen"), other, f"'{METHODS['frozen'][0]}' with {other.title}"


def _smaller_steps(
    backbone: Backbone, workload: Workload, settings: TrainingSettings
) -> Iterator[tuple[TrainingSettings, Backbone, str]]:
    if settings.method != "frozen":
        batch = settings.resolved(TASKS[workload.task_name]).batch_size
        while (batch := batch // 2) >= 1:
            words = f"With {batch} sequence{'s' if batch > 1 else ''} a step it"
            yield replace(settings, batch_size=batch), backbone, words
        again = replace(settings, batch_size=1, gradient_checkpointing=True)
        yield again, backbone, "With 'Less memory, more time' and one sequence a step it"
    reach = min(workload.longest, settings.max_length or workload.longest, backbone.max_length)
    for limit in (1024, 512, 256):
        if limit < reach:
            batch = settings.batch_size if settings.method == "frozen" else 1
            shorter = replace(settings, max_length=limit, batch_size=batch)
            yield shorter, backbone, f"With sequences cut to {limit} letters it"


def _with_method(settings: TrainingSettings, method: TuningMethod) -> TrainingSettings:
    """Another method, with what depends on the method chosen anew."""
    return replace(settings, method=method, learning_rate=None, epochs=None, batch_size=None, patience=None)


def _smaller_backbones(backbone: Backbone, workload: Workload) -> list[Backbone]:
    """Smaller ones that can do the task: those on this computer before the others, the largest first."""
    is_per_residue = TASKS[workload.task_name].is_per_residue
    found = [
        other
        for other in list_backbones(backbone.modality)
        if 0 < other.parameters_millions < size_millions(backbone)
        and not (is_per_residue and other.letters_per_token != 1)
    ]
    return sorted(found, key=lambda other: (backbone_state(other) == "download", -other.parameters_millions))


def _amounts(cost: Cost) -> str:
    seconds = cost.seconds if cost.seconds < 60 else float(f"{cost.seconds:.1e}")
    time = f"{'about' if cost.is_measured else 'roughly'} {say_seconds(seconds)}"
    return f"{time}, {_gigabytes(cost.memory_gb)} of memory"


def _gigabytes(size: float) -> str:
    return f"{say_about(size)} GB"
