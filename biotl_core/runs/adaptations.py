"""Adaptations: let a backbone go on learning from unlabelled sequences; ask for one, what it costs, what came out."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from biotl_core.backbones.adaptable import why_not_adaptable
from biotl_core.backbones.catalogue import find_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.importing import check_new_name
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.unlabelled import HOLD_OUTS, HoldOut, Unlabelled
from biotl_core.errors import UserError
from biotl_core.hardware import Device, resolve_device
from biotl_core.home import home_folder, home_subfolder, safe_name
from biotl_core.learning.adaptation_settings import FEWEST_SEQUENCES, AdaptationResult, AdaptationSettings
from biotl_core.learning.speed import forward_flops, read_speed, size_millions
from biotl_core.runs.folder import create_run, launch, list_runs, read_config, read_result
from biotl_core.wording import say_bytes, say_count, say_number, say_seconds

_TRAINING_FACTOR = 3.0
"""Cost of a step in forward passes: the backward pass costs two more (Kaplan et al. 2020, section 2.1)."""
_START_SECONDS = 15.0
"""Starting the worker, grouping, judging before and after."""
_BYTES_A_WEIGHT = 2 + 2 * 12
"""On disk: the result in half precision; weights and the optimizer's two numbers each, old and new checkpoint."""
_LEARNING_BYTES = 16
"""In memory for each weight: itself, its gradient, and the optimizer's two numbers."""


class NewModel(NamedTuple):
    """A model to begin from random weights instead of a pretrained backbone."""

    width: int = 192
    layers: int = 4


@dataclass(frozen=True)
class HoldingOut:
    """How the sequences to judge by are chosen."""

    kind: HoldOut = "similarity"
    share: float = 0.1
    """Of all letters."""
    identity: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in HOLD_OUTS:
            raise UserError(f"There is no way '{self.kind}' to hold out; there are {', '.join(HOLD_OUTS)}.")
        if not 0.01 <= self.share <= 0.5:
            raise UserError(
                f"The share to hold out is {self.share:g}; allowed is 0.01 to 0.5. Choose a value in this range."
            )
        if not 0.1 <= self.identity <= 1.0:
            raise UserError(
                f"The identity is {self.identity:g}; allowed is 0.1 to 1. Choose a value in this range."
            )


def create_adaptation(
    unlabelled: Unlabelled,
    start: Backbone | NewModel,
    name: str,
    settings: AdaptationSettings,
    holding_out: HoldingOut | None = None,
    *,
    device: str = "auto",
    folder: Path | None = None,
) -> Path:
    """Make the folder of an adaptation that has not started yet.

    Args:
        unlabelled: what to learn from.
        start: the backbone that goes on learning, or the size of a new one.
        name: how the new backbone will be called.
        settings: see AdaptationSettings.
        holding_out: see HoldingOut.
        device: `auto`, or as torch calls it.
        folder: an empty or new folder to use instead of one below the home.

    Raises:
        UserError: too few sequences, the backbone reads others or cannot be adapted, the name is taken, or disk or
            device do not do.
    """
    _check_sequences(unlabelled, start)
    _check_name(name)
    millions = size_millions(start) if isinstance(start, Backbone) else _new_millions(start)
    _check_disk(millions)
    settings, notes = _within_reach(settings, start, unlabelled.notes)
    config: dict[str, Any] = {
        "name": name,
        "title": name.strip(),
        "source": unlabelled.source,
        "modality": unlabelled.modality,
        "settings": asdict(settings),
        "holding_out": asdict(holding_out or HoldingOut()),
        "device": resolve_device(device).name,
        "n_sequences": len(unlabelled.table),
        "n_letters": unlabelled.n_letters,
        "notes": notes,
        "input": "input.parquet",
    }
    if isinstance(start, Backbone):
        is_path = start.folder is not None and str(start.folder) == start.name
        # A folder is named by its full path, since the worker may run elsewhere.
        config["backbone"] = str(start.folder.resolve()) if is_path and start.folder else start.name
    else:
        config |= {"backbone": "", "new_model": start._asdict()}
    made = create_run(config, kind="adapt", name=name, folder=folder)
    unlabelled.table.to_parquet(made / "input.parquet", index=False)
    if len(unlabelled.refused):
        unlabelled.refused.to_csv(made / "refused.csv", index=False)
    return made


def start_adaptation(
    unlabelled: Unlabelled,
    start: Backbone | NewModel,
    name: str,
    settings: AdaptationSettings,
    holding_out: HoldingOut | None = None,
    *,
    device: str = "auto",
    folder: Path | None = None,
) -> Path:
    """Make the run folder and launch its worker; arguments and errors as in `create_adaptation`."""
    made = create_adaptation(unlabelled, start, name, settings, holding_out, device=device, folder=folder)
    launch(made)
    return made


def _check_sequences(unlabelled: Unlabelled, start: Backbone | NewModel) -> None:
    n = len(unlabelled.table)
    if n < FEWEST_SEQUENCES:
        raise UserError(
            f"{unlabelled.source} holds {say_count(n, 'different sequence')}, and a backbone needs at least "
            f"{FEWEST_SEQUENCES} to learn from. Bring more."
        )
    if not isinstance(start, Backbone):
        if start.width % 32 or not 32 <= start.width <= 4096 or not 1 <= start.layers <= 64:
            raise UserError(
                f"A new model of width {start.width} with {start.layers} layers is not made: the width is a multiple "
                "of 32 up to 4,096, and there are 1 to 64 layers."
            )
        return
    if start.modality != unlabelled.modality:
        reads, holds = ALPHABETS[start.modality].plural, ALPHABETS[unlabelled.modality].plural
        raise UserError(
            f"The backbone '{start.title}' reads {reads}, but {unlabelled.source} holds {holds}. Choose a backbone "
            f"for {holds}."
        )
    if why := why_not_adaptable(start):
        raise UserError(why)


def _within_reach(
    settings: AdaptationSettings, start: Backbone | NewModel, notes: Sequence[str]
) -> tuple[AdaptationSettings, list[str]]:
    """Stretches no longer than the backbone reads at once, also where every letter is a token of its own."""
    if not isinstance(start, Backbone):
        return settings, list(notes)
    limit = max(8, int(start.max_length / start.letters_per_token))
    if settings.crop_length <= limit:
        return settings, list(notes)
    note = f"Stretches of at most {limit:,} letters were read, for the backbone takes no more at once."
    return replace(settings, crop_length=limit), [*notes, note]


def _check_name(name: str) -> None:
    place = check_new_name(name)
    taken = [run for run in list_runs("adapt") if run.status.is_open]
    if any(safe_name(read_config(run.folder).get("title", "")) == place.name for run in taken):
        raise UserError(f"A backbone called '{place.name}' is being made already. Choose another name.")


def _check_disk(millions: float) -> None:
    needed, free = _BYTES_A_WEIGHT * 1e6 * millions, shutil.disk_usage(home_subfolder("backbones")).free
    if needed > 0.95 * free:
        raise UserError(
            f"It needs {say_bytes(needed)}, and the disk of BioTL's home has {say_bytes(free)} left. "
            f"Make room in {home_folder()}, or set BIOTL_HOME to a larger disk."
        )


def _new_millions(model: NewModel) -> float:
    return 12e-6 * model.layers * model.width**2


def estimate_seconds(
    backbone: Backbone, lengths: np.ndarray, settings: AdaptationSettings, device: Device
) -> float:
    """How long an adaptation takes, by the measured or guessed speed of the backbone.

    Args:
        backbone: what learns.
        lengths: letters of each sequence, int64 `(n,)`.
        settings: letters, and how sequences are cropped.
        device: where it runs.
    """
    cropped = np.minimum(lengths, settings.crop_length)
    passes = settings.tokens / max(1, int(cropped.sum()))
    flops = _TRAINING_FACTOR * passes * forward_flops(backbone, cropped)
    return _START_SECONDS + 1e-9 * flops / read_speed(backbone, device).training_gflops


def say_cost(backbone: Backbone, lengths: np.ndarray, settings: AdaptationSettings, device: Device) -> str:
    """Time, and where the memory is surely too small a warning, in a sentence."""
    seconds = estimate_seconds(backbone, lengths, settings, device)
    rounded = seconds if seconds < 60 else float(f"{seconds:.1e}")
    about = "About" if read_speed(backbone, device).is_measured else "Roughly"
    place = "this processor" if device.kind == "cpu" else "this graphics card"
    needed = _LEARNING_BYTES * 1e6 * size_millions(backbone) / 2**30
    if needed > device.free_memory_gb:
        return (
            f"It needs more than {say_number(needed)} GB of memory, and {place} has "
            f"{say_number(round(device.free_memory_gb, 1))} GB free: choose a smaller backbone."
        )
    return f"{about} {say_seconds(rounded)} on {place}."


def usual_letters(
    backbone: Backbone, lengths: np.ndarray, settings: AdaptationSettings, device: Device
) -> int:
    """Letters that suit: ten passes, but not more than a quarter of an hour takes, to one digit."""
    ten_passes = 10 * int(np.minimum(lengths, settings.crop_length).sum())
    a_million = AdaptationSettings(tokens=10**6, crop_length=settings.crop_length)
    seconds = estimate_seconds(backbone, lengths, a_million, device) - _START_SECONDS
    affordable = 1e6 * 900 / max(seconds, 1e-9)
    return max(100_000, int(float(f"{min(ten_passes, affordable):.0e}")))


def read_adaptation(folder: Path) -> AdaptationResult:
    """What a finished adaptation reached; UserError when it holds no result."""
    result = read_result(folder)
    if not result or "adaptation" not in result:
        raise UserError(f"The adaptation '{folder.name}' holds no result; start it again.")
    known = {name: float("nan") if value is None else value for name, value in result["adaptation"].items()}
    return AdaptationResult(**known)


def made_backbone(folder: Path) -> Backbone | None:
    """The backbone that an adaptation made; None where it was removed since."""
    try:
        return find_backbone((read_result(folder) or {}).get("made", ""))
    except UserError:
        return None


def say_outcome(result: AdaptationResult) -> str:
    """Whether it helped, with the numbers, in one sentence.

    >>> say_outcome(AdaptationResult(15.0, 12.0, 10, 1, 1.0, 0.75, 0.85))
    'It helped: held-out perplexity fell from 15.0 to 12.0 (by 20 %, interval 15 to 25 %).'
    """
    before, after = result.perplexity_before, result.perplexity_after
    digits = 1 if f"{before:.1f}" != f"{after:.1f}" else 3
    change = f"from {before:.{digits}f} to {after:.{digits}f}"
    if result.verdict == "did not help":
        return f"It did not help: held-out perplexity rose {change}. Prefer the backbone as it was."
    share = f"by {_percent(1 - after / before)} %"
    if result.verdict == "no difference":
        return (
            f"It made no difference that can be told: held-out perplexity went {change} ({share}), which is within "
            "the luck of these sequences."
        )
    low, high = _percent(1 - result.change_high), _percent(1 - result.change_low)
    return f"It helped: held-out perplexity fell {change} ({share}, interval {low} to {high} %)."


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.095 else f"{100 * share:.1f}"
