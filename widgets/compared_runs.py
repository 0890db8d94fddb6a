"""Runs side by side: whether they may be ranked, who is ahead, and what was done differently."""

from dataclasses import fields

import pandas as pd
import streamlit as st

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS
from biotl_core.learning.settings import TrainingSettings
from biotl_core.plots import plot_runs_compared
from biotl_core.runs.folder import RunSummary, read_config, read_result
from biotl_core.runs.verdict import best_simple, comparison_note, metric_title
from biotl_core.wording import plain, say_number, say_seconds
from widgets.answers import download_table
from widgets.run_record import say_choice


def draw_comparison(runs: list[RunSummary]) -> None:
    """Two or more finished runs next to each other."""
    results = {run.name: result for run in runs if (result := read_result(run.folder)) is not None}
    if len(results) < 2:
        st.info("Select two or more runs in the table.", icon=":material/check_box:")
        return
    may_rank, note = comparison_note(results)
    (st.caption if may_rank else st.warning)(plain(note))
    first = next(iter(results.values()))
    if len({result["task"] for result in results.values()}) == 1:
        _draw_scores(results, first)
    st.markdown("**What was done differently**")
    differences = what_differs({run.name: read_config(run.folder) for run in runs if run.name in results})
    if differences.empty:
        st.caption("Nothing but chance and time: the same data, backbone and settings.")
    else:
        st.dataframe(differences, hide_index=True, height="content", alt="Differences between the runs")


def _draw_scores(results: dict[str, dict], first: dict) -> None:
    metrics = sorted(TASKS[first["task"]].metrics, key=lambda name: name != first["headline"])
    metric = st.segmented_control(
        "Metric",
        metrics,
        default=first["headline"],
        format_func=metric_title,
        required=True,
        key="compare-metric",
    )
    st.plotly_chart(plot_runs_compared(results, metric), key="compared")
    best_first = sorted(results.items(), key=lambda item: _worseness(item[1], metric))
    table = pd.DataFrame([_score_row(name, result, metrics) for name, result in best_first])
    st.dataframe(table, hide_index=True, height="content", alt="Scores of the runs")
    download_table(table, "runs-compared.csv")


def _worseness(result: dict, metric: str) -> float:
    """Small for the best run of a metric; runs without a value come last."""
    value = result["test"].get(metric)
    if value is None:
        return float("inf")
    return -value if METRICS[metric].higher_is_better else value


def _score_row(name: str, result: dict, metrics: list[str]) -> dict[str, str]:
    best = best_simple(result)
    gain = "" if best is None else f"{best.gain:+.3f}"
    scores = {metric_title(metric): say_number(result["test"].get(metric)) for metric in metrics}
    return {
        "Run": name,
        **scores,
        "Ahead of the best simple method": gain,
        "Time": say_seconds(result["seconds"]),
    }


def what_differs(configs: dict[str, dict]) -> pd.DataFrame:
    """The choices that are not the same in all runs: a row a choice, a column a run, all as text."""
    flat = {name: _flatten(config) for name, config in configs.items()}
    words = dict.fromkeys(word for config in flat.values() for word in config)
    rows = {word: [config.get(word, "") for config in flat.values()] for word in words}
    different = {word: values for word, values in rows.items() if len(set(values)) > 1}
    return pd.DataFrame([[word, *values] for word, values in different.items()], columns=["Choice", *flat])


def _flatten(config: dict) -> dict[str, str]:
    """What was chosen, as text: the data, the split, the backbone and each setting."""
    split = config.get("split") or {}
    settings = {name: say_choice(name, value) for name, value in config.get("settings", {}).items()}
    chosen = {
        "Data": config.get("source"),
        "Fingerprint of the data": str(config.get("dataset_hash") or "")[:12],
        "Target": config.get("target_name"),
        "Split": split.get("sentence") or split.get("kind"),
        "Backbone": config.get("backbone"),
        **settings,
    }
    titles = {field.name: field.metadata["title"] for field in fields(TrainingSettings)}
    return {titles.get(word, word): str(value or "") for word, value in chosen.items()}
