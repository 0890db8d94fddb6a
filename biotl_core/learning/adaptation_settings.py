"""What a masked-language-model training is asked and what it tells, without torch: pages and shell read it too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from biotl_core.errors import UserError

FEWEST_SEQUENCES = 20
"""Different sequences below which nothing general can be learned, nor anything held out."""
MOST_POINTS = 20
_LOOKING_SHARE = 0.1
"""Of the work that may go into looking at the held-out sequences in between."""
_N_RESAMPLES = 2000


def _setting(default: Any, title: str, help: str, low: float, high: float) -> Any:
    return field(default=default, metadata={"title": title, "help": help, "low": low, "high": high})


@dataclass(frozen=True)
class AdaptationSettings:
    """Choices of a masked-language-model training."""

    tokens: int = field(
        metadata={
            "title": "Letters to learn from",
            "help": "Repeats counted: reading 100,000 letters ten times is a million (tokens).",
            "low": 1,
            "high": 10**13,
        }
    )
    """Letters to learn from, repeats counted."""
    batch_tokens: int = _setting(
        2048, "Letters a step", "Letters looked at before each change of the weights (batch size in tokens).",
        64, 4_194_304,
    )  # fmt: skip
    """Letters a step."""
    learning_rate: float = _setting(
        1e-3, "Step size", "Larger learns faster but forgets more of what the backbone knew (peak learning rate).",
        1e-7, 1.0,
    )  # fmt: skip
    """Peak step size; it grows over the first twentieth and falls as a cosine."""
    weight_decay: float = _setting(
        0.01,
        "Pull towards simple",
        "Keeps weights small, against learning by heart (weight decay).",
        0.0,
        10.0,
    )
    crop_length: int = _setting(
        256, "Longest stretch", "Of longer sequences a random stretch of this many letters is read (crop length).",
        8, 100_000,
    )  # fmt: skip
    """Longer sequences are cut to a random stretch of this many letters."""
    seed: int = _setting(
        0, "Random seed", "The same seed gives the same backbone on the same machine (seed).", 0, 2**31 - 1
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, low, high = getattr(self, setting.name), setting.metadata["low"], setting.metadata["high"]
            if not low <= value <= high:  # also where it is nan
                raise UserError(
                    f"'{setting.metadata['title']}' is {value:g}; allowed is {low:g} to {high:g}. "
                    "Choose a value in this range."
                )


class AdaptationPoint(NamedTuple):
    """Where a training stood at one look at the held-out sequences."""

    step: int
    tokens: int
    """Letters seen so far."""
    loss: float | None
    """Mean loss of the steps since the last point (natural logarithm a hidden letter); None at the first."""
    perplexity: float
    """Of the held-out sequences."""


@dataclass(frozen=True)
class AdaptationResult:
    """What the training reached."""

    perplexity_before: float
    perplexity_after: float
    tokens: int
    steps: int
    seconds: float
    """Of work, interruptions left out."""
    change_low: float = math.nan
    """Perplexity after by perplexity before: lower end of the interval that holds 95 % of the resamples."""
    change_high: float = math.nan
    """Its upper end; below 1 the gain is more than the luck of these held-out sequences."""

    @property
    def verdict(self) -> str:
        """ "helped", "no difference" or "did not help", by the interval and not by the number alone."""
        if self.perplexity_after >= self.perplexity_before:
            return "did not help"
        return "helped" if self.change_high < 1 else "no difference"


def judge_losses(
    before: Sequence[float], after: Sequence[float], tokens: int, steps: int, seconds: float
) -> AdaptationResult:
    """Perplexities and the interval of their ratio.

    Args:
        before: mean loss of each held-out batch before the training, in nats a hidden letter.
        after: the same afterwards, with the same letters hidden.
        tokens: letters learned from.
        steps: changes of the weights.
        seconds: of work.

    The interval is the paired percentile bootstrap over batches (Efron and Tibshirani 1993, ch. 13); with fewer than
    two batches it is not known.

    >>> judge_losses([1.0, 2.0], [0.5, 1.5], 10, 1, 0.1).verdict
    'helped'
    """
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    low = high = math.nan
    if len(change) > 1:
        drawn = np.random.default_rng(0).integers(0, len(change), (_N_RESAMPLES, len(change)))
        low, high = np.exp(np.quantile(change[drawn].mean(axis=1), [0.025, 0.975]))
    return AdaptationResult(
        math.exp(float(np.mean(before))),
        math.exp(float(np.mean(after))),
        tokens,
        steps,
        seconds,
        float(low),
        float(high),
    )


def look_at(tokens: int, held_out_letters: int) -> list[int]:
    """Letters after which the held-out sequences are judged; the first is 0, the last is the end.

    As many looks as cost a tenth of the training (reading is a third of learning), from 4 to 20.

    >>> look_at(1000, 1), len(look_at(10**6, 10**5))
    ([0, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000], 5)
    """
    affordable = int(_LOOKING_SHARE * tokens / max(1.0, held_out_letters / 3))
    n = min(MOST_POINTS, max(4, affordable))
    return [round(tokens * i / n) for i in range(n + 1)]


def usual_learning_rate(parameters_millions: float, from_scratch: bool = False) -> float:
    """A peak step size that suits: large models forget more easily, new ones have nothing to forget."""
    if from_scratch:
        return 1e-3
    return 5e-4 if parameters_millions < 20 else 1e-4 if parameters_millions < 400 else 4e-5
