"""Sequences in tables: their ends, how near they are to the training data, one in full."""

from collections.abc import Iterable

import streamlit as st

from biotl_core.wording import plain

_END = 10


def say_ends(sequence: str, n_end: int = _END) -> str:
    """A sequence short enough for a cell, with both ends to be seen.

    >>> say_ends("MKTAYIAKQRQISFVKSHFSRQ", 4), say_ends("MKTAY")
    ('MKTA…FSRQ', 'MKTAY')
    """
    return sequence if len(sequence) <= 2 * n_end + 1 else f"{sequence[:n_end]}…{sequence[-n_end:]}"


def all_ends(sequences: Iterable[str]) -> list[str]:
    """The same for a whole column."""
    return [say_ends(sequence) for sequence in sequences]


def identity_column(help: str = "Identity to the most similar training sequence.") -> dict:
    """How a table shows the identity to the nearest training sequence, 0..1."""
    return st.column_config.ProgressColumn(
        "Nearest identity",
        help=help,
        format="percent",
        min_value=0.0,
        max_value=1.0,
        step=0.01,
        color="gray",
        width=150,
    )


def value_column(title: str, task_name: str) -> dict:
    """How a table shows a target or prediction: a number with three digits, or a text."""
    if task_name == "regression":
        return st.column_config.NumberColumn(title, format="%.3g")
    return st.column_config.Column(title)


def probability_column(title: str) -> dict:
    """How a table shows a probability, 0..1."""
    return st.column_config.ProgressColumn(title, format="%.2f", min_value=0.0, max_value=1.0, width=110)


def draw_sequence(name: str, sequence: str) -> None:
    """One sequence in full, in letters of one width."""
    st.caption(f"{plain(name)} · {len(sequence):,} letters")
    st.code(sequence, language=None, wrap_lines=True)
