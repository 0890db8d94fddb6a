"""Did transfer help? The run beside simple methods and beside the same architecture from random weights."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.evaluation.intervals import paired_difference
from biotl_core.runs.export import start_twin
from biotl_core.runs.folder import RunSummary, list_runs, read_config, read_result
from biotl_core.runs.results import read_scored
from biotl_core.runs.verdict import (
    TWIN,
    Rival,
    baseline_title,
    metric_title,
    rival,
    transfer_sentence,
    tuning_sentence,
)
from biotl_core.wording import plain, say_interval, say_number
from widgets.frame import draw_error
from widgets.navigation import link_page, open_page


def draw_transfer(folder: Path, result: dict[str, Any]) -> None:
    """The sentence about pretraining, the table of all methods, and the way to a twin where there is none."""
    twins = [] if result["method"] == "scratch" else find_twins(folder)
    finished = next((run for run in twins if run.status.state == "finished"), None)
    if finished is not None and TWIN not in result["baselines"]:
        result = with_twin(
            result, read_result(finished.folder), _twin_difference(folder, finished.folder, result)
        )
    for sentence in filter(None, (transfer_sentence(result), tuning_sentence(result))):
        st.markdown(f"**{plain(sentence)}**")
    if result["method"] == "scratch":
        st.markdown("This run started from random weights itself: compare it with one that was pretrained.")
    st.dataframe(
        comparison_table(result), hide_index=True, height="content", alt="This run and the simple methods"
    )
    st.caption(
        "Test part; in brackets the interval of 95 % (bootstrap). *Ahead* is how much better this model is, "
        "both judged on the same draws of the test part (paired bootstrap): an interval without 0 is more than luck."
    )
    for run in twins:
        link_page("runs", f"Twin from random weights: {plain(run.name)} ({run.status.state})", run=run.name)
    if result["method"] != "scratch" and TWIN not in result["baselines"] and not twins:
        _draw_start_twin(folder)


def _draw_start_twin(folder: Path) -> None:
    st.markdown(
        "Whether it was the pretraining that helped, and not the shape of the network, shows only a twin: the "
        "same architecture trained on the same data from random weights."
    )
    if st.button("Train the random-weights twin too", icon=":material/casino:"):
        try:
            twin = start_twin(folder)
        except UserError as error:
            draw_error(error)
        else:
            open_page("runs", run=twin.name)


def find_twins(folder: Path) -> list[RunSummary]:
    """Runs on the same data with the same backbone from random weights, that did not fail; newest first."""
    own = read_config(folder)
    candidates = [run for run in list_runs() if run.method == "scratch" and run.status.state != "failed"]
    return [run for run in candidates if _is_like(read_config(run.folder), own)]


def _is_like(config: dict[str, Any], own: dict[str, Any]) -> bool:
    return all(config.get(key) == own.get(key) for key in ("dataset_hash", "backbone"))


@st.cache_resource(max_entries=16, show_spinner="Comparing with the twin")
def _twin_difference(folder: Path, twin: Path, result: dict[str, Any]) -> list[float]:
    """The headline metric of the run minus that of its twin, on the same draws of the test part, with its interval."""
    task, classes = result["task"], tuple(result.get("classes") or ())
    own, other = (read_scored(one, task, classes).of_part("test") for one in (folder, twin))
    return list(
        paired_difference(task, classes, own.true, own.predicted, other.predicted, result["headline"])
    )


def with_twin(
    result: dict[str, Any], twin: dict[str, Any] | None, difference: list[float] | None = None
) -> dict[str, Any]:
    """The result with the test scores of a twin run beside the simple methods.

    Args:
        result: of the run.
        twin: of the twin, if it has finished.
        difference: the run minus the twin in the headline metric, with its interval.
    """
    if twin is None or TWIN in result["baselines"]:
        return result
    intervals = result.get("baseline_intervals", {}) | {TWIN: twin.get("test_interval", {})}
    titles = result.get("baseline_titles", {}) | {TWIN: "The same backbone from random weights"}
    baselines = result["baselines"] | {TWIN: twin["test"]}
    differences = result.get("differences", {}) | ({TWIN: difference} if difference else {})
    result = result | {"differences": differences}
    return result | {"baselines": baselines, "baseline_intervals": intervals, "baseline_titles": titles}


def comparison_table(result: dict[str, Any]) -> pd.DataFrame:
    """A row a method, a column a metric, each score with its interval; this run first."""
    metrics = TASKS[result["task"]].metrics
    rows = [("This model", result["test"], result.get("test_interval", {}))]
    for name, scores in result["baselines"].items():
        rows.append(
            (baseline_title(result, name), scores, result.get("baseline_intervals", {}).get(name, {}))
        )
    gained = ["", *(_say_gain(rival(result, name)) for name in result["baselines"])]
    return pd.DataFrame(
        [
            {"Method": title, f"This model is ahead ({metric_title(result['headline'])})": gain}
            | {metric_title(m): _say_score(scores.get(m), intervals.get(m)) for m in metrics}
            for (title, scores, intervals), gain in zip(rows, gained, strict=True)
        ]
    )


def _say_gain(one: Rival | None) -> str:
    return "" if one is None else one.said_gain


def _say_score(value: float | None, interval: list[float | None] | None) -> str:
    if value is None:
        return "none"
    known = interval is not None and None not in interval
    return f"{say_number(value)} {say_interval(*interval)}" if known else say_number(value)
