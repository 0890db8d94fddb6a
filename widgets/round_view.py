"""Bring back what was measured: how good the guesses were, and a new run with the measurements added."""

import hashlib
from pathlib import Path

import streamlit as st

from biotl_core.data.dataset import Dataset
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file, read_pasted
from biotl_core.errors import UserError
from biotl_core.planning.rounds import RoundReview
from biotl_core.plots.planning import plot_review
from biotl_core.runs.folder import RunSummary
from biotl_core.runs.rounds import read_measurements, review_of, start_next_round
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards
from widgets.describe import describe_dataset
from widgets.frame import draw_error
from widgets.navigation import open_page
from widgets.table_source import FORMATS, find_table, keep_file

_FILE_KEY = "round-table"


def draw_new_measurements(run: RunSummary) -> str:
    """The way to bring them, the review, and the button that trains again; the file's name for the shell."""
    raw = _brought()
    if raw is None:
        return "MEASURED.csv"
    try:
        new = _read(raw, run)
    except UserError as error:
        draw_error(error)
        return raw.source
    st.markdown(f"**{describe_dataset(new)}** from {plain(raw.source)}")
    _draw_review(run, new)
    if st.button("Train again with these", type="primary", icon=":material/model_training:"):
        try:
            folder, sentence = start_next_round(run.folder, new, raw.source)
        except UserError as error:
            draw_error(error)
        else:
            st.toast(plain_sentence(sentence))
            open_page("runs", run=folder.name)
    st.caption(
        "New sequences go to the training part. The validation and test parts stay as they were, so the scores of the "
        "new run and of the old one mean the same."
    )
    return raw.source


def _brought() -> RawTable | None:
    way = st.segmented_control(
        "Measurements", ["Upload a file", "Paste"], default="Upload a file", required=True, key="round-way",
        help=f"A table with a column of sequences and one of measurements, as in the first round. {FORMATS}",
    )  # fmt: skip
    try:
        if way == "Paste":
            text = st.text_area(
                "Table", key="round-text", height=150, placeholder="sequence,fitness\nMTYKL...,0.81"
            )
            return _read_text(text) if text.strip() else None
        uploaded = st.file_uploader("Table of measurements", label_visibility="collapsed", key="round-upload")
        if uploaded is not None:
            st.session_state[_FILE_KEY] = keep_file(uploaded, uploaded.name, "upload")
        table_id = st.session_state.get(_FILE_KEY)
        return None if table_id is None else read_file(find_table(table_id))
    except UserError as error:
        draw_error(error)
        return None


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_text(text: str) -> RawTable:
    return read_pasted(text)


def _read(raw: RawTable, run: RunSummary) -> Dataset:
    key = hashlib.sha256(raw.table.to_csv().encode()).hexdigest()
    return _read_checked(raw, key, str(run.folder))


@st.cache_resource(max_entries=4, show_spinner="Checking the measurements")
def _read_checked(_raw: RawTable, key: str, run_folder: str) -> Dataset:
    return read_measurements(_raw, Path(run_folder))


def _draw_review(run: RunSummary, new: Dataset) -> None:
    if new.task_name != "regression":
        return
    low = st.toggle("Low values are wanted", key="round-low")
    try:
        review = review_of(run.folder, new, maximise=not low)
    except UserError as error:
        st.info(
            f"{plain_sentence(str(error))} The measurements can be added all the same.",
            icon=":material/info:",
        )
        return
    draw_answer(say_review(review))
    draw_number_cards(_cards(review))
    st.plotly_chart(plot_review(review, new.target_name), key="review")
    download_table(review.table, f"{run.name}-review.csv", "Predicted and measured (CSV)")


def say_review(review: RoundReview) -> str:
    """How good the guesses were, and whether the round paid, as Markdown."""
    better = "a new best" if review.best_now != review.best_before and _is_better(review) else "no new best"
    hits = f"{review.n_hits:,} are hits ({review.hit_rate:.0%}; 10 % would be as before)"
    return (
        f"Of {len(review.table):,} guesses, {hits}; "
        f"{better}: {say_number(review.best_now)} after {say_number(review.best_before)}."
    )


def _is_better(review: RoundReview) -> bool:
    """The threshold lies on the side of the best that is wanted."""
    wants_high = review.best_before >= review.threshold
    return (review.best_now > review.best_before) == wants_high


def _cards(review: RoundReview) -> list[NumberCard]:
    cards = [
        NumberCard("Spearman", review.spearman, note="predicted against measured"),
        NumberCard("Mean distance", review.mean_error, help="Between prediction and measurement."),
        NumberCard(
            "Hits", f"{review.n_hits:,}", note=f"beyond {say_number(review.threshold)}",
            help="New measurements that would be among the best tenth of the old ones.",
        ),
    ]  # fmt: skip
    if review.coverage == review.coverage:
        cards.append(NumberCard("Within their interval", f"{review.coverage:.0%}", note="90 % wanted"))
    return cards
