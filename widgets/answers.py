"""How a page answers: the sentence, the number cards, the state chip, the downloads, the shell command."""

import json
from typing import Any, Literal, NamedTuple

import pandas as pd
import streamlit as st

from biotl_core.wording import say_interval, say_number


class NumberCard(NamedTuple):
    """A number that stands out."""

    title: str
    value: float | str
    interval: tuple[float, float] | None = None
    note: str = ""
    help: str | None = None


_STATES: dict[str, tuple[str, Literal["gray", "primary", "green", "red", "orange"]]] = {
    "waiting": (":material/schedule:", "gray"),
    "running": (":material/play_arrow:", "primary"),
    "finished": (":material/check:", "green"),
    "failed": (":material/error:", "red"),
    "stopped": (":material/stop:", "orange"),
}
"""Icon and colour of each state of a run."""


def draw_answer(sentence: str) -> None:
    """The result in one sentence, above everything else; Markdown, with users' texts made `plain` before."""
    st.markdown(f"#### {sentence}", anchors=False)


def draw_number_cards(cards: list[NumberCard]) -> None:
    """Numbers side by side, each with its interval below."""
    with st.container(horizontal=True):
        for card in cards:
            value = card.value if isinstance(card.value, str) else say_number(card.value)
            note = f"{say_interval(*card.interval)} {card.note}".strip() if card.interval else card.note
            st.metric(
                card.title, value, note or None, delta_color="off", delta_arrow="off",
                help=card.help, border=True, width="content" if len(cards) < 3 else "stretch",
            )  # fmt: skip


def draw_state(state: str) -> None:
    """A run's state as a chip."""
    icon, color = _STATES[state]
    st.badge(state, icon=icon, color=color)


def draw_shell_command(command: str) -> None:
    """The folded "Do the same from the shell"."""
    with st.expander("Do the same from the shell", icon=":material/terminal:"):
        st.code(command, language="bash", wrap_lines=True)


def download_table(table: pd.DataFrame, file_name: str, label: str = "Download as CSV") -> None:
    """A button that hands over a table; the file is made only when it is asked for."""
    st.download_button(
        label, lambda: table.to_csv(index=False).encode(), file_name, "text/csv",
        icon=":material/download:", on_click="ignore", key=f"download-{file_name}",
    )  # fmt: skip


def download_json(value: Any, file_name: str, label: str = "Download as JSON") -> None:
    """A button that hands over plain values."""
    st.download_button(
        label, lambda: json.dumps(value, indent=1).encode(), file_name, "application/json",
        icon=":material/download:", on_click="ignore", key=f"download-{file_name}",
    )  # fmt: skip
