"""A finished run: the answer, the numbers, the comparison, the questions one asks next, the downloads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import streamlit as st

from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS
from biotl_core.plots import plot_comparison
from biotl_core.reports.document import make_report
from biotl_core.reports.record import read_record
from biotl_core.runs.export import zip_model
from biotl_core.runs.folder import read_config, read_history
from biotl_core.runs.verdict import answer_sentence, metric_title
from biotl_core.wording import plain
from widgets.answers import NumberCard, draw_answer, draw_number_cards
from widgets.navigation import open_page
from widgets.next_steps import draw_next_steps
from widgets.run_questions import draw_how_good, draw_map, draw_where_wrong
from widgets.run_record import draw_record
from widgets.studies_view import draw_studies
from widgets.transfer_view import draw_transfer
from widgets.trust_view import draw_trust

QUESTIONS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "How good is it?": draw_how_good,
    "Where is it wrong?": draw_where_wrong,
    "Did transfer help?": draw_transfer,
    "Can I trust a prediction?": draw_trust,
    "What would help?": draw_studies,
    "What was done?": draw_record,
    "Map": draw_map,
}
"""Each question with what answers it. Only the chosen one is computed, which tabs would not do."""


def draw_finished_run(folder: Path, result: dict[str, Any]) -> None:
    """Everything about a finished run, the answer first."""
    draw_answer(plain(answer_sentence(result)))
    draw_number_cards(metric_cards(result))
    if notes := result.get("notes"):
        st.caption(" ".join(plain(note) for note in notes))
    st.plotly_chart(plot_comparison(result), key="comparison")
    with st.container(horizontal=True):
        if st.button("Predict new sequences", type="primary", icon=":material/arrow_forward:"):
            open_page("predict", run=folder.name)
        _draw_downloads(folder)
    draw_next_steps(folder.name, read_config(folder)["modality"], result["task"])
    _draw_questions(folder, result)


@st.fragment
def _draw_questions(folder: Path, result: dict[str, Any]) -> None:
    """Another question redraws only what is below it."""
    question = st.segmented_control(
        "Questions to this run", list(QUESTIONS), default=next(iter(QUESTIONS)), required=True,
        key="run-question", label_visibility="collapsed", wrap=True,
    )  # fmt: skip
    QUESTIONS[question](folder, result)


def metric_cards(result: dict[str, Any]) -> list[NumberCard]:
    """The metrics of the task on the test part, the headline first."""
    names = sorted(TASKS[result["task"]].metrics, key=lambda name: name != result["headline"])
    return [
        NumberCard(
            metric_title(name),
            result["test"].get(name),
            _interval(result, name),
            help=METRICS[name].explanation,
        )
        for name in names
    ]


def _interval(result: dict[str, Any], metric: str) -> tuple[float, float] | None:
    ends = result.get("test_interval", {}).get(metric)
    return None if ends is None or None in ends else (ends[0], ends[1])


def _draw_downloads(folder: Path) -> None:
    """What the run hands out; each file is opened or packed only when it is asked for."""
    name = folder.name
    with st.popover("Download", icon=":material/download:"):
        _download(
            "Model folder", lambda: zip_model(folder).open("rb"), f"{name}.zip", "application/zip",
            help="Loads in plain transformers and peft; the card inside says how.",
        )  # fmt: skip
        _download(
            "Predictions of all rows (CSV)", _opener(folder / "predictions.csv"), f"{name}-predictions.csv"
        )
        _download(
            "Report (HTML)", lambda: make_report(read_record(folder)), f"{name}-report.html", "text/html",
            help="One file with all figures, methods, citations and limits; opens and prints without a network.",
        )  # fmt: skip
        _download("Result (JSON)", _opener(folder / "result.json"), f"{name}-result.json", "application/json")
        _download("Training history (CSV)", lambda: history_csv(folder), f"{name}-history.csv")


def _download(
    label: str,
    content: Callable[[], BinaryIO | str],
    file_name: str,
    mime: str = "text/csv",
    help: str | None = None,
) -> None:
    st.download_button(
        label, content, file_name, mime, icon=":material/download:", on_click="ignore", type="tertiary", help=help,
        key=f"download-{file_name}",
    )  # fmt: skip


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def history_csv(folder: Path) -> str:
    """The passes as a table: losses, validation metrics, step size, seconds."""
    lines = [{**line, **(line.get("metrics") or {})} for line in read_history(folder)]
    return pd.DataFrame(lines).drop(columns="metrics", errors="ignore").to_csv(index=False)
