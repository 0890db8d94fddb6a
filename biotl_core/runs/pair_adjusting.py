"""Adjusting the pretrained models under two towers, and telling whether it helped."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from biotl_core.learning.tower_adapters import AdaptedTowers, AdapterSettings
from biotl_core.learning.two_towers import Measured, Side, TwoTowers
from biotl_core.progress import Control
from biotl_core.runs.pair_features import PairReader
from biotl_core.screening.fingerprints import Bits
from biotl_core.screening.pairs import PairInputs, Pairs


class Adjusted(NamedTuple):
    """Towers whose pretrained models were adjusted with them."""

    model: TwoTowers
    reader: PairReader
    sides: tuple[Side, Side]
    """What the towers read of all molecules and target proteins after the adjustment."""
    n_steps: int
    """After how many steps they were best; 0 where the adjustment did not help."""
    error: float
    """Mean squared on the validation part; inf where it was not looked at."""


def adjust(
    model: TwoTowers,
    reader: PairReader,
    sides: tuple[Side, Side],
    pairs: Pairs,
    bits: Bits,
    train: Measured,
    validation: Measured,
    inputs: PairInputs,
    control: Control,
    tell: Callable[..., None] | None = None,
    stop_after: int = 0,
) -> Adjusted:
    """Adjust copies of the towers and of the backbones that `inputs` names; nothing given is changed.

    Args:
        model, reader, sides: learned on the frozen backbones, and what they read.
        pairs, bits: the table, and the fingerprints of its molecules.
        train, validation: measured pairs.
        inputs: what is adjusted, and how.
        control: progress and stop.
        tell: called with the step, the training loss and the validation error after each look.
        stop_after: end after so many steps instead of looking at the validation part.
    """
    seed, model = model.settings.seed, copy.deepcopy(model)
    for side in ("molecule", "protein"):
        if inputs.is_adapted(side):
            reader = reader.with_adapter(side, inputs.adapter, seed)
    adapted = (
        reader.adapted_side("molecule", pairs.molecules, sides[0]),
        reader.adapted_side("protein", pairs.proteins, sides[1]),
    )
    towers = AdaptedTowers(model, sides, adapted, train, AdapterSettings(seed=seed))
    n_steps, error = towers.learn(validation, control, tell, stop_after)
    after = reader.molecules(bits, pairs.molecules), reader.proteins(pairs.proteins)
    return Adjusted(model, reader, after, n_steps, error)


def describe_adjustment(inputs: PairInputs, before: float, adjusted: Adjusted) -> dict[str, Any]:
    """What the result of a run says of it."""
    return {
        "kind": inputs.adapter,
        "adapted": inputs.adapted,
        "steps": adjusted.n_steps,
        "validation_before": before,
        "validation_after": adjusted.error,
    }
