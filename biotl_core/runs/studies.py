"""Studies of a finished run: would another method, seed, split, more data or other settings change the answer?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from biotl_core.errors import UserError
from biotl_core.learning.settings import METHODS
from biotl_core.runs.folder import RunSummary, list_runs, read_config, start_run
from biotl_core.runs.status import read_status
from biotl_core.runs.verdict import metric_title
from biotl_core.wording import say_about, say_count, say_number

StudyName = Literal["ladder", "curve", "seeds", "folds", "repeats", "search"]


@dataclass(frozen=True)
class Study:
    """One question about a run that only further trainings answer."""

    title: str
    """What the button says."""
    question: str
    """In a biologist's words, with the term in brackets."""
    default_n: int
    """How many trainings by default; the ladder has as many as it has rungs."""


STUDIES: dict[StudyName, Study] = {
    "ladder": Study(
        "Climb the ladder",
        "Does tuning more of the model pay? Last layer, then a small part, then the whole; stops where the next rung "
        "brings nothing on the validation part (frozen, LoRA, full). Variants of one sequence are also ranked without "
        "any training, by how likely the backbone finds them (zero-shot).",
        3,
    ),
    "curve": Study(
        "Would more data help?",
        "Trains on growing pieces of the training part and tells where twice the data would lead (learning curve).",
        6,
    ),
    "seeds": Study(
        "Is it luck?", "Trains again from other random numbers, on the same parts (random seeds).", 5
    ),
    "folds": Study(
        "Test on every row",
        "Cuts the data into as many pieces by the same rule as before, each once the test part (cross-validation).",
        5,
    ),
    "repeats": Study(
        "Other test parts",
        "Draws the parts again by the same rule and trains on each: how much hangs on which rows are in the test "
        "(repeated split).",
        5,
    ),
    "search": Study(
        "Look for better settings",
        "Tries step size, dropout and other settings within the training part only, then trains once with the best "
        "(hyperparameter search, Optuna).",
        20,
    ),
}
LADDER = ("frozen", "lora", "full")
"""The rungs, in the order they are climbed."""
ZERO_SHOT = "zero_shot"
"""Below the first rung, for numbers of variants of one sequence: what the backbone says without any training."""


def start_study(run_folder: Path, name: StudyName, n: int | None = None) -> Path:
    """Launch a study of a finished run on its own data; its folder.

    Raises:
        UserError: the run has not finished, there is no such study, or the number is out of range.
    """
    from biotl_core.data.dataset import Dataset

    if name not in get_args(StudyName):
        raise UserError(f"There is no study '{name}'; there are {', '.join(STUDIES)}. Choose one of these.")
    if read_status(run_folder).state != "finished":
        raise UserError(f"The run '{run_folder.name}' has not finished; choose a finished run.")
    n = STUDIES[name].default_n if n is None else n
    if not 3 <= n <= 200:
        raise UserError(f"The number of trainings is {n}; allowed is 3 to 200. Choose a value in this range.")
    config = read_config(run_folder)
    asked = {
        "run": str(run_folder.resolve()),
        "study": name,
        "n": n,
        "device": config["device"],
        **{key: config[key] for key in ("backbone", "split") if key in config},
        "tuning": config["settings"],
    }
    return start_run(asked, Dataset.load(run_folder), kind="study", name=f"{run_folder.name}-{name}")


def find_studies(run_folder: Path) -> dict[StudyName, RunSummary]:
    """The newest study of each kind of a run."""
    found: dict[StudyName, RunSummary] = {}
    for summary in reversed(list_runs("study")):
        try:
            config = read_config(summary.folder)
        except UserError:
            continue
        if Path(str(config.get("run"))) == run_folder.resolve():
            found[config["study"]] = summary
    return found


def study_sentence(result: dict[str, Any]) -> str:
    """The answer of a finished study."""
    metric = metric_title(result["headline"])
    match result["study"]:
        case "ladder":
            return _ladder_sentence(result, metric)
        case "curve":
            return _curve_sentence(result, metric)
        case "search":
            return _search_sentence(result, metric)
        case _:
            return _spread_sentence(result, metric)


def _spread_sentence(result: dict[str, Any], metric: str) -> str:
    scores = np.array([row["score"] for row in result["rows"] if row["score"] is not None])
    if len(scores) < 2:
        return f"{metric} has a value in fewer than two of the trainings, so there is no spread."
    what = {
        "seeds": "seeds",
        "folds": f"folds (split: {result.get('split')}), every row tested once",
        "repeats": f"draws of the parts (split: {result.get('split')})",
    }[result["study"]]
    if result["study"] == "seeds" and np.ptp(scores) == 0:
        return (
            f"{metric} {say_number(scores[0])} from each of {len(scores)} seeds: this layer on top is solved at once "
            "and draws no random numbers. Other test parts tell how much is luck."
        )
    return (
        f"{metric} {say_number(scores.mean())} on average over {len(scores)} {what}; they scatter by "
        f"{say_number(scores.std(ddof=1))} (standard deviation), from {say_number(scores.min())} to "
        f"{say_number(scores.max())}."
    )


def _ladder_sentence(result: dict[str, Any], metric: str) -> str:
    said = []
    for row in result["rows"]:
        title = "no training at all" if row["label"] == ZERO_SHOT else METHODS[row["label"]][0].lower()
        said.append(f"{title} {say_number(row['score'])}")
    best = METHODS[result["best"]][0].lower()
    climbed = ", ".join(said)
    stopped = result["rows"][-1]["label"] != LADDER[-1] or result["best"] != LADDER[-1]
    why = "; the next rung brought nothing that is more than chance" if stopped else "; each rung paid"
    return f"{metric} on the test part: {climbed}. Use: {best}{why} (judged on the validation part)."


def _curve_sentence(result: dict[str, Any], metric: str) -> str:
    now, n = result["rows"][-1]["score"], result["rows"][-1]["n_train"]
    start = f"{metric} {say_number(now)} with all {say_count(n, 'training sequence')}"
    if result.get("twice") is None:
        return f"{start}; over the sizes tried it does not grow steadily, so more data of this kind promises little."
    return f"{start}; twice the data: about {say_about(result['twice'])}."


def _search_sentence(result: dict[str, Any], metric: str) -> str:
    before, after = result["before"], result["rows"][-1]["score"]
    low, high = result["difference"][1:]
    changed = ", ".join(f"{name} {_said(value)}" for name, value in result["best"].items())
    gain = f"{say_number(after)} instead of {say_number(before)} on the test part"
    if None not in (low, high) and (low > 0 or high < 0):
        verdict = "more than chance"
    else:
        verdict = "no more than chance: keep the settings you have"
    return (
        f"{metric} {gain}, {verdict}. Best of {result['n_trials']} tried within the training part: {changed}."
    )


def _said(value: Any) -> str:
    return say_number(value) if isinstance(value, float) else str(value)
