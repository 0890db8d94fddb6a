"""What a finished run says, in sentences: how good, against what, and what may be compared."""

from collections.abc import Sequence
from math import nan
from typing import Any, NamedTuple

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS
from biotl_core.wording import say_count, say_number

TWIN = "random_weights"
"""The entry of `result["baselines"]` that is the same backbone from random weights, not a simple method."""
FROZEN = "frozen_head"
"""The entry that is the last layer alone on the pretrained backbone, beside a run that tuned more of it."""
OWN_KIN = (TWIN, FROZEN)
"""Entries that are models on the same backbone; the others are simple methods."""

_NOUNS = {"protein": "protein", "dna": "DNA sequence", "molecule": "molecule"}


class Rival(NamedTuple):
    """A method beside the run, with its value of the headline metric."""

    name: str
    title: str
    value: float
    gain: float
    """How much better the run is than this: positive is better, whatever way the metric points."""
    low: float
    high: float
    """Interval of the gain, 95 %, both judged on the same resamples of the test part (paired bootstrap); nan where it
    was not taken."""

    @property
    def is_clear(self) -> bool:
        """The gain, or loss, is more than the luck of these test sequences: its interval leaves out 0."""
        return self.low > 0 or self.high < 0

    @property
    def said_gain(self) -> str:
        """The gain with its interval: "+0.130 (0.0800 to 0.180)"."""
        sign = "+" if self.gain >= 0 else "−"
        if self.low != self.low:
            return f"{sign}{say_number(abs(self.gain))}"
        return f"{sign}{say_number(abs(self.gain))} ({_signed(self.low)} to {_signed(self.high)})"


def _signed(value: float) -> str:
    return f"−{say_number(-value)}" if value < 0 else say_number(value)


def metric_title(metric: str) -> str:
    """What a page calls a metric."""
    return METRICS[metric].title if metric in METRICS else metric


def baseline_title(result: dict[str, Any], name: str) -> str:
    """What a page calls a baseline of this run."""
    kin = {TWIN: "same backbone, random weights", FROZEN: "only the last layer learned"}
    fallback = kin.get(name) or name.replace("_", " ")
    return result.get("baseline_titles", {}).get(name) or fallback


def rival(result: dict[str, Any], name: str) -> Rival | None:
    """One baseline against the run in the headline metric; None where either has no such value."""
    metric = result["headline"]
    own, value = result["test"].get(metric), result["baselines"].get(name, {}).get(metric)
    if own is None or value is None:
        return None
    sign = 1 if METRICS[metric].higher_is_better else -1
    _, low, high = (
        nan if end is None else end for end in result.get("differences", {}).get(name) or (nan, nan, nan)
    )
    ends = sorted((sign * low, sign * high))
    return Rival(name, baseline_title(result, name), value, sign * (own - value), *ends)


def best_simple(result: dict[str, Any]) -> Rival | None:
    """The simple method that comes closest to the run (or beats it by most) in the headline metric."""
    rivals = [rival(result, name) for name in result.get("baselines", {}) if name not in OWN_KIN]
    return min((one for one in rivals if one is not None), key=lambda one: one.gain, default=None)


def score_text(result: dict[str, Any], metric: str) -> str:
    """A metric of the test part with its interval: "0.712 (0.66 to 0.75)"."""
    value, interval = say_number(result["test"].get(metric)), _interval(result, metric)
    if interval is None:
        return value
    return f"{value} ({say_number(interval[0])} to {say_number(interval[1])})"


def _interval(result: dict[str, Any], metric: str) -> tuple[float, float] | None:
    """The interval of a test metric; None where it has none (null in the file)."""
    low, high = result.get("test_interval", {}).get(metric) or (None, None)
    return None if low is None or high is None else (low, high)


def counted(result: dict[str, Any], part: str = "test") -> str:
    """How many of what a part holds: "312 test proteins"."""
    return say_count(
        result["counts"].get(part, 0), f"{part} {_NOUNS.get(result.get('modality'), 'sequence')}"
    )


def answer_sentence(result: dict[str, Any]) -> str:
    """The first thing to read: the headline score with interval, the best simple method, which to use."""
    metric = result["headline"]
    residues = "residues of " if TASKS[result["task"]].is_per_residue else ""
    start = f"{metric_title(metric)} {score_text(result, metric)} on {residues}{counted(result)}"
    best = best_simple(result)
    if best is None:
        return f"{start}. No simple method was run beside it."
    reaches = f"the best simple method, {lower_first(best.title)}, reaches {say_number(best.value)}"
    return f"{start}; {reaches}{_conclusion(best, result['method'])}"


def _conclusion(best: Rival, method: str) -> str:
    cause = "the network" if method == "scratch" else "transfer"
    if best.gain > 0 and best.is_clear:
        return f"; so {cause} bought {best.said_gain}."
    if best.gain > 0:
        return f"; {cause} is ahead by {best.said_gain}, which may be chance."
    if best.is_clear:
        return ". A simple method does better here: use it."
    return ". A simple method does at least as well here: prefer it, it is faster and easier to explain."


def transfer_sentence(result: dict[str, Any]) -> str | None:
    """What pretraining bought against the same backbone from random weights; None without such a twin."""
    twin = rival(result, TWIN)
    if twin is None:
        return None
    metric = metric_title(result["headline"])
    start = f"The same backbone from random weights reaches {say_number(twin.value)}"
    if twin.gain > 0 and twin.is_clear:
        return f"{start}: pretraining bought {twin.said_gain} {metric}."
    if twin.is_clear:
        return f"{start}, better than this run by {say_number(-twin.gain)}: pretraining bought nothing here."
    return f"{start}: pretraining bought nothing here that is more than chance ({twin.said_gain} {metric})."


def tuning_sentence(result: dict[str, Any]) -> str | None:
    """What tuning the backbone bought against learning the last layer only; None where that was not run beside."""
    frozen = rival(result, FROZEN)
    if frozen is None:
        return None
    metric = metric_title(result["headline"])
    start = f"Learning only the last layer reaches {say_number(frozen.value)}"
    if frozen.gain > 0 and frozen.is_clear:
        return f"{start}: tuning more of the model bought {frozen.said_gain} {metric}."
    return f"{start}: tuning more of the model bought nothing that is more than chance ({frozen.said_gain} {metric})."


def comparison_note(results: dict[str, dict[str, Any]]) -> tuple[bool, str]:
    """Whether runs may be ranked against each other, and the sentence that says why.

    Args:
        results: name of the run -> content of its `result.json`.
    """
    if len({result["task"] for result in results.values()}) > 1:
        return False, "These runs answer different kinds of question; their numbers cannot be ranked."
    if len({result.get("dataset_hash") for result in results.values()}) > 1:
        return False, (
            "These runs were tested on different data or different parts, so a higher number need not be a "
            "better model. Train them on the same saved dataset to rank them."
        )
    return (
        True,
        "Same data, same test part: the numbers can be ranked. Overlapping intervals mean no clear winner.",
    )


def lower_first(text: str) -> str:
    """The start of a title inside a sentence: small, unless it is an abbreviation (`"DNA"`, `"k-mer"`)."""
    return text if len(text) < 2 or not text[1].islower() else text[0].lower() + text[1:]


def shares_words(result: dict[str, Any]) -> str:
    """How much say each kind of features has in a layer that was solved; "" where that is not told apart."""
    titles = {
        "backbone": "the backbone", "start": "start of the protein", "letters": "letters by position",
        "exchanges": "kinds of exchange", "likelihood": "what the backbone finds likely", "counts": "counts",
    }  # fmt: skip
    shares = result.get("shares") or {}
    said = [f"{titles[name]} {100 * share:.0f} %" for name, share in shares.items()]
    return ", ".join(said) if len(said) > 1 else ""


def passes_words(result: dict[str, Any]) -> str:
    """How often the data were looked at, without the full stop."""
    if (result.get("settings") or {}).get("head") == "kernel":
        return "The last layer was solved at once, without passes over the data"
    n = result["epochs_run"]
    return (
        f"The best of {say_count(n, 'pass', 'passes')} over the data was chosen on the validation part: "
        f"pass {result['best_epoch']}"
    )


def solved_sentence(history: Sequence[dict[str, Any]], headline: str) -> str | None:
    """What there is to tell instead of curves, of a layer that took no steps; None where there were steps."""
    if len(history) != 1 or history[0].get("learning_rate") != 0.0:
        return None
    line = history[0]
    said = [f"{say_number(line['train_loss'])} on training sequences left out one at a time"]
    if line.get("metrics"):
        said.append(f"{say_number(line['validation_loss'])} on the validation part")
    value = (line.get("metrics") or {}).get(headline)
    score = "" if value is None else f" {metric_title(headline)} there: {say_number(value)}."
    return (
        "The layer on top was solved at once, from how alike sequences are: there were no passes over the data, so "
        f"there is no curve. What it missed (loss): {', '.join(said)}.{score}"
    )
