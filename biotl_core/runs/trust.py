"""Sentences on how far the predictions of a run can be trusted."""

from typing import Any

from biotl_core.data.tasks import TASKS
from biotl_core.runs.verdict import metric_title
from biotl_core.wording import say_number


def certainty_sentence(result: dict[str, Any]) -> str | None:
    """What ranges or sets promise, and what they held on the test part; None where the run has none."""
    certainty = result.get("certainty")
    if not certainty or certainty["test"]["share"] is None:
        return None
    asked, held = certainty["coverage"], certainty["test"]["share"]
    task = TASKS[result["task"]]
    if not task.is_class:
        width = certainty["test"]["width"]
        if width is None:
            return "Too little was held back for validation to give ranges."
        what = f"ranges (typically {say_number(width)} wide) held the measured value"
    elif result["task"] == "multilabel":
        what = "answers counted with held the measured one"
    else:
        what = f"sets of classes ({say_number(certainty['test']['width'])} on average) held the true class"
    wanted = f"{asked:.0%} were asked for"
    verdict = (
        "" if held >= asked - 0.03 else ": the test part is harder than the validation part, so take care"
    )
    return f"On the test part {held:.0%} of the {what}; {wanted}{verdict}."


def far_sentence(result: dict[str, Any]) -> str:
    """The score of the farthest and of the nearest band, in words."""
    metric, bands = metric_title(result["headline"]), result["bands"]
    far, near = bands[0], bands[-1]
    held = ""
    if far["covered"] is not None and near["covered"] is not None:
        held = f"; ranges or sets held in {far['covered']:.0%} and {near['covered']:.0%}"
    measure = "similarity" if result.get("modality") == "molecule" else "identity"
    return (
        f"{metric} {say_number(far['score'])} for the test sequences farthest from training (up to "
        f"{far['high']:.0%} {measure}), {say_number(near['score'])} for the nearest (from {near['low']:.0%}){held}."
    )
