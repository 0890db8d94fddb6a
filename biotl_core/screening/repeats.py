"""The same learning from several seeds: how far a number is luck of the draw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.wording import say_number

MOST_SEEDS = 20


def check_n_seeds(n_seeds: int) -> None:
    """UserError where so many seeds are not on offer."""
    if not 1 <= n_seeds <= MOST_SEEDS:
        raise UserError(
            f"{n_seeds:,} seeds are asked for; 1 to {MOST_SEEDS} can be. Choose a number in between."
        )


def control_of_seed(control: Control, number: int, n_seeds: int) -> Control:
    """A control whose stages say which seed is at work; the same one where there is one seed alone."""
    if n_seeds == 1:
        return control

    def report(stage: str, done: int, total: int) -> None:
        control.report(f"Seed {number} of {n_seeds}: {stage}", done, total)

    return replace(control, report=report)


def join_repeats(
    judged: Sequence[Mapping[str, Mapping[str, float]]], chosen: Sequence[str]
) -> dict[str, Any]:
    """Mean and spread of every score of every model over the seeds.

    Args:
        judged: for each seed, the scores on its test part by model.
        chosen: for each seed, the model that its training chose.

    Returns:
        `n`, `chosen` (how often each was), `mean` and `spread` (standard deviation, n - 1), both by model and score.
    """
    mean: dict[str, dict[str, float]] = {}
    spread: dict[str, dict[str, float]] = {}
    for model in judged[0]:
        scores = judged[0][model]
        values = {name: np.array([one[model].get(name, np.nan) for one in judged], float) for name in scores}
        mean[model] = {name: float(found.mean()) for name, found in values.items()}
        spread[model] = {
            name: float(found.std(ddof=1)) if len(found) > 1 else float("nan")
            for name, found in values.items()
        }
    counts = {name: list(chosen).count(name) for name in dict.fromkeys(chosen)}
    return {"n": len(judged), "chosen": counts, "mean": mean, "spread": spread}


def say_repeats(repeats: Mapping[str, Any], titles: Mapping[str, str], headline: str, title: str) -> str:
    """The headline over the seeds, and whether they chose the same model, in plain text."""
    most = max(repeats["chosen"], key=repeats["chosen"].get)
    value, spread = repeats["mean"][most][headline], repeats["spread"][most][headline]
    said = (
        f"Over {repeats['n']} seeds, each with its own parts where they are dealt at random: {titles[most]} reaches "
        f"{title} {say_number(value)} ± {say_number(spread)}"
    )
    times = repeats["chosen"][most]
    return f"{said}; it was chosen {times} of {repeats['n']} times."
