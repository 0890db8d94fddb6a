"""Choices that an assay of one target and a table of pairs have in common."""

from collections.abc import Sequence

import streamlit as st

from biotl_core.screening.repeats import MOST_SEEDS
from widgets.kept import kept


def draw_time_column(store: str, columns: Sequence[str], guess: str | None) -> None:
    """Which column says when something was measured; kept as `time`."""
    with st.popover("Dates", icon=":material/event:", type="tertiary"):
        st.selectbox(
            "Column of dates or years", columns, placeholder="None",
            help="Lets the latest measurements be held out, as if the project went on from there (time split).",
            **kept(store, "time", guess),
        )  # fmt: skip


def draw_n_seeds(store: str) -> int:
    """How often everything is learned and judged."""
    return int(
        st.number_input(
            "Repeat with so many seeds", 1, MOST_SEEDS,
            help="Each deals the parts anew, where they are dealt at random, and begins from other random numbers. "
            "Mean and spread are shown; the first is kept. Takes so many times as long.",
            **kept(store, "n_seeds", 1),
        )
    )  # fmt: skip
