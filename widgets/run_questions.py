"""Questions one asks of a finished run: how good, where wrong, how the data lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.evaluation.metrics import METRICS, evaluate
from biotl_core.plots import (
    plot_confusion,
    plot_embedding_map,
    plot_precision_recall,
    plot_predicted_against_true,
    plot_residuals,
    plot_residue_classes,
    plot_residue_track,
    plot_roc,
)
from biotl_core.runs.folder import read_history
from biotl_core.runs.results import Scored, read_scored, top_hits
from biotl_core.wording import say_count, say_number
from widgets.live_run import draw_history
from widgets.rows import all_ends, draw_sequence, identity_column, value_column

_WORST_ROWS = 200

ERROR_TITLES = {
    "regression": "Distance between predicted and measured",
    "classification": "Probability missing from the true class",
    "multilabel": "Mean distance from the measured labels",
    "residue_regression": "Mean distance between predicted and measured",
    "residue_classification": "Share of the residues that are wrong",
}
"""What `Scored.errors` means for each task."""


def read_test(folder: Path, result: dict[str, Any]) -> Scored:
    """The test rows of a finished run, read from disk once."""
    file = folder / "predictions.csv"
    classes, target_name = tuple(result.get("classes") or ()), result.get("target_name") or "target"
    return _read_test(str(folder), file.stat().st_mtime_ns, result["task"], classes, target_name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_test(folder: str, changed_at: int, task: str, classes: tuple[str, ...], target_name: str) -> Scored:
    return read_scored(Path(folder), task, classes, target_name).of_part("test")


def draw_how_good(folder: Path, result: dict[str, Any]) -> None:
    """Predictions against measurements, as fits the task, and how training got there."""
    test = read_test(folder, result)
    points = test.points
    if test.task.is_class:
        left, right = st.columns(2)
        rankings = ("multilabel" if test.task_name == "multilabel" else "classification", test.classes)
        with left:
            st.markdown(
                "**Found against false alarms**", help="ROC curve: the further up to the left, the better."
            )
            st.plotly_chart(plot_roc(*rankings, points.true, points.predicted), key="roc")
        with right:
            st.markdown("**Right against found**", help="Precision-recall curve: the further up, the better.")
            st.plotly_chart(plot_precision_recall(*rankings, points.true, points.predicted), key="pr")
        if test.task_name == "multilabel":
            st.markdown("**Label by label**")
            st.dataframe(label_table(test), hide_index=True, height="content", alt="Scores of each label")
        else:
            st.markdown("**What each class was taken for**", help="Confusion matrix.")
            st.plotly_chart(plot_confusion(test.classes, points.true, points.predicted), key="confusion")
    else:
        if test.task_name == "regression":
            st.markdown(_say_top_hits(test))
        figure = plot_predicted_against_true(
            points.true, points.predicted, points.names, test.target_name, things=points.things
        )
        st.plotly_chart(figure, key="against-true")
    history = st.expander(
        "How training went", icon=":material/show_chart:", on_change="rerun", key="run-history"
    )
    if history.open:
        with history:
            draw_history(read_history(folder), result["headline"])


def _say_top_hits(test: Scored) -> str:
    """How many of those predicted highest are among those measured highest: what a selection would bring."""
    k, hits = top_hits(test.true, test.predicted)
    if k == 0:
        return "Too few test sequences to ask whether the best ones are found."
    return (
        f"Of the {k:,} test sequences predicted highest, **{hits:,}** are among the {k:,} measured highest; "
        f"picking at random would find {say_number(k * k / len(test.table))}."
    )


def label_table(test: Scored) -> pd.DataFrame:
    """A row a label: how often it was measured and is yes, and how well it is ranked."""
    rows = []
    for i, name in enumerate(test.classes):
        true, predicted = test.true[:, i : i + 1], test.predicted[:, i : i + 1]
        scores = evaluate("multilabel", [name], true, predicted)
        measured = np.isfinite(true).sum()
        counts = {"Measured": f"{measured:,}", "Yes": f"{np.nansum(true):,.0f}"}
        said = {METRICS[metric].title: say_number(scores[metric]) for metric in test.task.metrics}
        rows.append({"Label": name, **counts, **said})
    return pd.DataFrame(rows)


def draw_where_wrong(folder: Path, result: dict[str, Any]) -> None:
    """Residuals or confusions, then the worst rows, one of them in full."""
    test = read_test(folder, result)
    points = test.points
    if not test.task.is_class:
        st.markdown("**What is left over**", help="Residuals: a drift away from zero is a bias.")
        figure = plot_residuals(
            points.true, points.predicted, points.names, test.target_name, things=points.things
        )
        st.plotly_chart(figure, key="residuals")
    elif test.task_name == "classification":
        _draw_commonest_mix_ups(test)
    order = np.argsort(-np.nan_to_num(test.errors, nan=-1.0), kind="stable")[:_WORST_ROWS]
    st.markdown(f"**The worst of {say_count(len(test.table), 'test sequence')}**, the most wrong first")
    row = _draw_worst(test, order)
    _draw_one(test, row)


def _draw_commonest_mix_ups(test: Scored) -> None:
    """The pairs of classes that are confused most often, as a sentence's worth of table."""
    chosen = np.asarray(test.predicted).argmax(axis=1)
    wrong = chosen != test.true
    st.markdown(
        f"{wrong.sum():,} of {len(wrong):,} are wrong ({wrong.mean():.0%})."
        if len(wrong)
        else "There is no test sequence."
    )
    if not wrong.any():
        return
    names = np.array(test.classes, dtype=object)
    pairs = pd.DataFrame({"true": names[test.true[wrong]], "taken for": names[chosen[wrong]]})
    counts = pairs.value_counts().rename("times").reset_index().head(8)
    st.dataframe(counts, hide_index=True, width="content", alt="The commonest mix-ups")


def _draw_worst(test: Scored, order: np.ndarray) -> int:
    """The worst rows as a table; returns the row of the test part that is looked at."""
    rows = test.table.iloc[order]
    table = pd.DataFrame(
        {
            "name": rows["name"],
            "sequence": all_ends(rows["sequence"]),
            "length": rows["sequence"].str.len(),
            **_measured_and_predicted(test, rows),
            "error": test.errors[order],
            "identity": test.identity[order],
        }
    )
    event = st.dataframe(
        table,
        key="worst-rows",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        column_config={
            "name": "Name",
            "sequence": st.column_config.TextColumn(
                "Sequence", help="Its ends; select a row to see it in full."
            ),
            "length": st.column_config.NumberColumn("Length", format="localized"),
            "target": value_column("Measured", test.task_name),
            "prediction": value_column("Predicted", test.task_name),
            "error": st.column_config.NumberColumn(
                "Error", format="%.3g", help=ERROR_TITLES[test.task_name] + "."
            ),
            "identity": identity_column(),
        },
        alt="The worst test sequences",
    )
    selected = list(event["selection"]["rows"])
    return int(order[selected[0] if selected and selected[0] < len(order) else 0]) if len(order) else -1


def _measured_and_predicted(test: Scored, rows: pd.DataFrame) -> dict[str, list]:
    """The two columns as a person reads them; nothing per residue, where one row is looked at below."""
    if test.task.is_per_residue:
        return {}
    columns = {"target": rows["target"].tolist(), "prediction": rows["prediction"].tolist()}
    if test.task_name == "regression":
        return {key: [float(cell) for cell in cells] for key, cells in columns.items()}
    if test.task_name == "multilabel":
        return {key: [_yes_labels(cell, test.classes) for cell in cells] for key, cells in columns.items()}
    return columns


def _yes_labels(cell: str, classes: tuple[str, ...]) -> str:
    """Names of the labels that are yes in a cell like "1 0 nan"."""
    return ", ".join(name for name, value in zip(classes, cell.split(), strict=True) if float(value) > 0.5)


def _draw_one(test: Scored, row: int) -> None:
    """One sequence in full; for tasks per residue, measured and predicted along it."""
    if row < 0:
        return
    name, sequence = test.table["name"].iloc[row], test.table["sequence"].iloc[row]
    draw_sequence(name, sequence)
    if test.task_name == "residue_regression":
        tracks = {"measured": test.true[row], "predicted": test.predicted[row]}
        st.plotly_chart(plot_residue_track(sequence, tracks, test.target_name), key="track")
    elif test.task_name == "residue_classification":
        texts = {"measured": test.table["target"].iloc[row], "predicted": test.table["prediction"].iloc[row]}
        st.plotly_chart(plot_residue_classes(sequence, texts, test.classes), key="track")


def draw_map(folder: Path, result: dict[str, Any]) -> None:
    """The sequences as the backbone sees them, in two dimensions."""
    file = folder / "embedding_map.csv"
    if not file.exists():
        st.caption("This run made no map.")
        return
    table = pd.read_csv(file, dtype={"name": str, "part": str, "target": str}, keep_default_na=False)
    is_per_residue = result["task"].startswith("residue")
    options = ["Part"] if is_per_residue else ["Target", "Part"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = st.segmented_control(
            "Colour by", options, default=options[0], required=True, key="map-colour"
        )
        label = 0
        if choice == "Target" and result["task"] == "multilabel":
            classes = list(result["classes"])
            label = classes.index(st.selectbox("Label", classes, key="map-label", width=220))
    figure = plot_embedding_map(
        table, result.get("map_explained") or (), colour_by=choice.lower(), task_name=result["task"],
        classes=result.get("classes") or (), target_name=result.get("target_name") or "target", label=label,
    )  # fmt: skip
    st.plotly_chart(figure, key="map")
    st.caption(
        "Each point is a sequence, placed by the backbone's mean features (principal components). Points of one "
        "colour lying together mean that the backbone sees what you measured. Distances are only roughly kept."
    )
