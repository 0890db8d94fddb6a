"""A learned assay: how good, beside what, what the audit found, and the molecules it predicts worst."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.plots import plot_predicted_against_true, plot_roc
from biotl_core.plots.new_sequences import plot_error_by_identity
from biotl_core.plots.screening import plot_models
from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.json_files import read_json
from biotl_core.screening.assays import say_assay_answer
from biotl_core.screening.models import MODELS
from biotl_core.screening.scores import SCORES
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards
from widgets.kept_results import draw_head
from widgets.repeats_view import draw_repeats, draw_repeats_table

_CHIPS = {
    "fine": (":material/check:", "green", "fine"),
    "look": (":material/visibility:", "orange", "have a look"),
    "leak": (":material/warning:", "red", "leak"),
}


def draw_assay(folder: Path) -> dict[str, Any] | None:
    """An assay run by its state; its result where it has finished."""
    config = read_config(folder)
    origin = f"{plain(config['source'])} · {plain(config['target_name'])}"
    if not draw_head("assay", folder, origin=origin, another="Another assay"):
        return None
    result = read_result(folder) or {}
    draw_answer(plain(say_assay_answer(result)))
    for note in result["notes"]:
        st.caption(plain_sentence(note))
    draw_repeats(result, result["headline"])
    _draw_cards(result)
    good, found, which = st.tabs(["How good is it?", "What the audit found", "Every model"])
    with good:
        _draw_how_good(folder, result)
    with found:
        draw_audit(folder)
    with which:
        _draw_models(result)
    return result


def _draw_cards(result: dict[str, Any]) -> None:
    chosen, counts = result["models"][result["chosen"]], result["counts"]
    cards = []
    names = ("auroc", "auprc", "ef1", "bedroc") if result["kind"] == "active" else ("pearson", "rmse", "ci")
    for name in names:
        interval = chosen["test_interval"].get(name)
        interval = tuple(interval) if interval and None not in interval else None
        value = chosen["test"].get(name)
        cards.append(
            NumberCard(SCORES[name].title, say_number(value), interval, help=SCORES[name].explanation)
        )
    n = counts["train"] + counts["test"]
    cards.append(NumberCard("Molecules", n, note=f"{counts['test']:,} of them held out"))
    if result["covered"] is not None:
        cards.append(
            NumberCard(
                "Inside their range",
                f"{result['covered']:.0%}",
                note="should be 90 %",
                help="Share of held-out true values within the range given with each prediction (conformal interval).",
            )
        )
    draw_number_cards(cards)


@st.cache_data(max_entries=4, show_spinner=False)
def _read_predictions(path: str, changed_at: int) -> pd.DataFrame:
    return pd.read_csv(path)


def _draw_how_good(folder: Path, result: dict[str, Any]) -> None:
    path = folder / "predictions.csv"
    table = _read_predictions(str(path), path.stat().st_mtime_ns)
    exact = table[table["side"] == 0]
    true, predicted = exact["value"].to_numpy(), exact[result["chosen"]].to_numpy()
    left, right = st.columns(2, gap="medium")
    with left:
        if result["kind"] == "active":
            chance = np.clip(predicted, 0, 1)
            figure = plot_roc(
                "classification", ("inactive", "active"), true.astype(int), np.c_[1 - chance, chance]
            )
        else:
            figure = plot_predicted_against_true(
                true, predicted, exact["name"].tolist(), result["value_name"], things="molecules"
            )
        st.plotly_chart(figure, key="assay-against-true")
    with right:
        figure = plot_error_by_identity(
            exact["similarity"].to_numpy(),
            np.abs(true - predicted),
            exact["name"].tolist(),
            "Distance from the measured",
        )
        figure.update_xaxes(title_text="Similarity to the nearest training molecule (Tanimoto)")
        st.plotly_chart(figure, key="assay-by-similarity")
    download_table(table, f"{folder.name}-test-part.csv", "Predictions of the test part (CSV)")


def draw_audit(folder: Path) -> None:
    """What the audit found, leaks first, each with its rows."""
    order = {"leak": 0, "look": 1, "fine": 2}
    audited = sorted(read_json(folder / "audit.json") or [], key=lambda one: order[one["severity"]])
    for one in audited:
        icon, color, word = _CHIPS[one["severity"]]
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{one['title']}**", width="content")
                st.badge(word, icon=icon, color=color)
            st.markdown(plain_sentence(one["sentence"]))
            if one["table"] and one["severity"] != "fine":
                with st.expander("The rows"):
                    st.dataframe(
                        pd.DataFrame(one["table"]),
                        hide_index=True,
                        height="content" if len(one["table"]) < 8 else 280,
                    )
    rows = folder / "rows.csv"
    if not rows.exists():
        return
    st.download_button(
        "Every row and what became of it (CSV)", lambda: rows.open("rb"), f"{folder.name}-rows.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _draw_models(result: dict[str, Any]) -> None:
    st.plotly_chart(plot_models(result), key="assay-models")
    names = list(next(iter(result["models"].values()))["test"])
    rows = [
        {
            "": "chosen" if name == result["chosen"] else "",
            "model": result["titles"][name],
            **{SCORES[n].title: one["test"].get(n) for n in names},
        }
        for name, one in result["models"].items()
    ]
    numbers = {
        SCORES[n].title: st.column_config.NumberColumn(format="%.3g", help=SCORES[n].explanation)
        for n in names
    }
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, column_config={"model": "Model", **numbers}, alt="Every model"
    )
    draw_repeats_table(result)
    st.caption(
        "The model is chosen on five inner folds of the training part; all of them are judged once on the test part. "
        + " ".join(f"**{MODELS[name].title}**: {MODELS[name].explanation}" for name in result["models"])
    )
