"""How far a number is luck of the draw: mean and spread over the seeds of a run."""

from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.screening.repeats import say_repeats
from biotl_core.screening.scores import SCORES
from biotl_core.wording import plain, say_number


def draw_repeats(result: dict[str, Any], headline: str) -> None:
    """The sentence; nothing where there was one seed alone."""
    if repeats := result.get("repeats"):
        title = SCORES[headline].title
        st.markdown(f":material/casino: {plain(say_repeats(repeats, result['titles'], headline, title))}")


def draw_repeats_table(result: dict[str, Any]) -> None:
    """Mean and spread of every model and score; nothing where there was one seed alone."""
    repeats = result.get("repeats")
    if not repeats:
        return
    st.markdown(
        f"**Mean ± spread of {repeats['n']} seeds**", help="Spread: standard deviation over the seeds."
    )
    rows = []
    for name, mean in repeats["mean"].items():
        spread = repeats["spread"][name]
        said = {_title(score): f"{say_number(mean[score])} ± {say_number(spread[score])}" for score in mean}
        rows.append({"model": result["titles"][name], "chosen": repeats["chosen"].get(name, 0), **said})
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, alt="Mean and spread over the seeds",
        column_config={"model": "Model", "chosen": "Times chosen"},
    )  # fmt: skip


def _title(score: str) -> str:
    return SCORES[score].title if score in SCORES else "Within targets"
