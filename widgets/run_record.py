"""What was done? Data, split, settings, versions, repairs, the shell command, and how the numbers came about."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import streamlit as st

from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import PARTS, Modality
from biotl_core.data.saved_datasets import read_changes
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS
from biotl_core.learning.settings import METHODS, TrainingSettings
from biotl_core.runs.folder import read_config
from biotl_core.runs.status import read_status
from biotl_core.runs.verdict import passes_words, shares_words
from biotl_core.wording import plain, say_count, say_seconds
from widgets.answers import draw_shell_command
from widgets.settings_form import CHOICE_TEXTS, is_relevant
from widgets.shell_twin import train_command

_COMPUTED = """
- **Test part**: rows that training never saw. The best pass was chosen on the validation part alone.
- **Layer on top**: what it reads beside the backbone's features (counts of words or atom groups as the simple methods
  count them, letters by position) was chosen on the validation part too. Similarity to the training sequences is kernel
  ridge regression (Rasmussen and Williams 2006); the say of each kind of features is what leaves single training
  sequences out best.
- **Intervals**: the test sequences are drawn with replacement and judged again, 1,000 times; the interval holds the
  middle 95 % (percentile bootstrap, Efron and Tibshirani 1993). They tell how the number would change with other
  test sequences of the same kind, not with another training set.
- **Simple methods**: trained on the same training part, their one setting chosen on the same validation part.
- **Nearest identity**: share of identical letters in the alignment with the most similar training sequence; for
  molecules, the Tanimoto coefficient of Morgan fingerprints.
- **Map**: principal components of the backbone's mean features.
- **Saved model**: it was loaded anew and predicted the test part again; only then the run counted as finished.
"""


def draw_record(folder: Path, result: dict[str, Any]) -> None:
    """Everything needed to report this run, and to do it again."""
    config = read_config(folder)
    left, right = st.columns(2)
    with left:
        st.markdown("**Data and run**")
        _draw_facts(_run_facts(folder, config, result))
    with right:
        st.markdown("**Settings**")
        _draw_settings(result.get("settings") or config["settings"], result["task"], config["modality"])
    _draw_changes(folder)
    with st.expander("How was this computed", icon=":material/function:"):
        st.markdown(_COMPUTED)
        st.markdown("\n".join(_metric_lines(result["task"])))
    draw_shell_command(_command(config))


def _run_facts(folder: Path, config: dict[str, Any], result: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each fact, all as text."""
    counts, status = result["counts"], read_status(folder)
    wait = (status.started_at or 0) - (status.queued_at or 0)
    versions = result.get("versions") or config.get("versions") or {}
    facts = [
        ("Data", config.get("source", "")),
        ("Fingerprint of the data (SHA-256)", str(result.get("dataset_hash") or "")[:16]),
        ("Target", f"{result.get('target_name', '')}: {TASKS[result['task']].title.lower()}"),
        ("Classes", ", ".join(result.get("classes") or ())),
        ("Parts", ", ".join(f"{part} {counts.get(part, 0):,}" for part in PARTS)),
        ("Split", config.get("split", {}).get("sentence") or result["split"]),
        ("Backbone", result["backbone"]),
        ("Layer on top", result.get("said_head", "")),
        ("Its say by kind of features", shares_words(result)),
        ("Passes", passes_words(result)),
        ("Device", result["device"]),
        (
            "Time",
            say_seconds(result["seconds"]) + (f", after {say_seconds(wait)} in line" if wait >= 60 else ""),
        ),
        ("Saved model against training", _say_reload(result.get("reload_difference"))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Folder", str(folder)),
    ]
    return [(name, value) for name, value in facts if value]


def _say_reload(difference: float | None) -> str:
    return "" if difference is None else f"predictions differ by at most {difference:.1g}"


def _draw_facts(facts: list[tuple[str, str]]) -> None:
    st.table({name: plain(value) for name, value in facts}, border="horizontal", alt="What was done")


def _draw_settings(settings: dict[str, Any], task_name: str, modality: Modality) -> None:
    """Every setting that had a say, in the words of the form."""
    known = {field.name for field in fields(TrainingSettings)} | {"letters"}  # of former versions
    chosen = TrainingSettings.from_dict({name: value for name, value in settings.items() if name in known})
    rows = [
        (field.metadata["title"], say_choice(field.name, getattr(chosen, field.name)))
        for field in fields(TrainingSettings)
        if is_relevant(field.name, chosen, TASKS[task_name], modality=modality)
    ]
    st.table({title: plain(value) for title, value in rows}, border="horizontal", alt="Settings")


def say_choice(name: str, value: Any) -> str:
    """A setting as the form calls it: the title of a choice, else the value."""
    if name == "method":
        return METHODS[value][0]
    if name in CHOICE_TEXTS:
        return CHOICE_TEXTS[name].get(value, (str(value), ""))[0]
    if value is None:
        return "what suits the method"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _draw_changes(folder: Path) -> None:
    """The log of repairs that made the dataset."""
    changes = read_changes(folder)
    if changes.empty:
        st.caption("Nothing in the table was changed before training.")
        return
    with st.expander(
        f"What was repaired in the table ({say_count(len(changes), 'change')})", icon=":material/healing:"
    ):
        st.dataframe(changes, hide_index=True, lazy=len(changes) > 10_000, alt="Changes")


def _metric_lines(task_name: str) -> list[str]:
    """The metrics of a task, each with its explanation, as a Markdown list."""
    return [f"- **{METRICS[name].title}**: {METRICS[name].explanation}" for name in TASKS[task_name].metrics]


def _command(config: dict[str, Any]) -> str:
    """The shell command that trains the same; the file's name alone where it is not known how it was read."""
    origin = config.get("origin") or {"file": config.get("source") or "TABLE"}
    backbone = Backbone(config["backbone"], config["backbone"], config["modality"])
    chosen = TrainingSettings.from_dict(config["settings"])
    return train_command(origin, config.get("split", {}), backbone, chosen, bool(config.get("random_twin")))
