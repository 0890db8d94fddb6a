"""Earlier predictions: the list, the one in the address, and what its state calls for."""

from pathlib import Path
from typing import Any

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import read_config
from biotl_core.wording import plain
from widgets.frame import draw_error
from widgets.kept_results import draw_earlier, draw_head
from widgets.prediction_view import draw_prediction

_COLUMNS = {
    "run": "Run",
    "source": "Sequences from",
    "n": st.column_config.NumberColumn("Sequences", format="localized"),
}


def draw_chosen_prediction(folder: Path | None) -> None:
    """The prediction in the address by its state, and below it the list of all."""
    if folder is not None:
        st.space("small")
        config = read_config(folder)
        origin = f"{plain(config.get('source', ''))} through {plain(Path(config.get('run', '')).name)}"
        if draw_head("predict", folder, origin=origin):
            try:
                draw_prediction(folder)
            except UserError as error:
                draw_error(error)
    draw_earlier("predict", folder, _facts, _COLUMNS)


def _facts(config: dict[str, Any]) -> dict[str, Any]:
    run, source = Path(config.get("run", "")).name, config.get("source", "")
    return {"run": run, "source": source, "n": config.get("n_sequences")}
