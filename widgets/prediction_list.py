"""Earlier predictions: the list, the one in the address, and what its state calls for."""

from pathlib import Path
from typing import NoReturn

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunSummary, list_runs, read_config
from biotl_core.runs.status import read_status
from biotl_core.wording import plain
from widgets.answers import draw_state
from widgets.frame import draw_error
from widgets.live_run import draw_ended_without_result, draw_open_run
from widgets.one_run import draw_delete
from widgets.prediction_view import draw_prediction
from widgets.run_list import state_column

_SHOWN_ROWS = 5
_ROW_PIXELS = 35


def open_prediction(folder: Path) -> NoReturn:
    """Show a prediction, and put it into the address."""
    st.query_params["prediction"] = folder.name
    st.rerun()


def draw_chosen_prediction(folder: Path | None) -> None:
    """The prediction in the address by its state, and below it the list of all."""
    if folder is not None:
        st.space("small")
        _draw_by_state(folder)
    if predictions := list_runs("predict"):
        st.subheader("Earlier predictions", anchor=False)
        _draw_list(predictions, folder)


def _draw_by_state(folder: Path) -> None:
    status, config = read_status(folder), read_config(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(folder.name), anchor=False, width="content")
        draw_state(status.state)
        st.space("stretch")
        if not status.is_open:
            draw_delete(folder, "prediction")
    st.caption(f"{plain(config.get('source', ''))} through {plain(Path(config.get('run', '')).name)}")
    if status.is_open:
        draw_open_run(folder, status.state)
    elif status.state != "finished":
        draw_ended_without_result(folder, status, "predict")
    else:
        try:
            draw_prediction(folder)
        except UserError as error:
            draw_error(error)


def _draw_list(predictions: list[RunSummary], chosen: Path | None) -> None:
    names = [prediction.name for prediction in predictions]
    default = [names.index(chosen.name)] if chosen is not None and chosen.name in names else []
    # A key of its own for each choice: the selection follows the address, whatever changed it.
    event = st.dataframe(
        _as_table(predictions),
        key=f"prediction-list-{chosen.name if chosen else ''}-{len(names)}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": default}},
        hide_index=True,
        height=_ROW_PIXELS * (min(len(names), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "state": state_column(),
            "prediction": "Prediction",
            "run": "Run",
            "source": "Sequences from",
            "n": st.column_config.NumberColumn("Sequences", format="localized"),
            "when": st.column_config.DatetimeColumn("Started", format="distance"),
        },
        placeholder="",
        alt="Earlier predictions",
    )
    selected = list(event["selection"]["rows"])
    if selected and selected != default:
        open_prediction(predictions[selected[0]].folder)


def _as_table(predictions: list[RunSummary]) -> pd.DataFrame:
    configs = [_config(prediction) for prediction in predictions]
    return pd.DataFrame(
        {
            "state": [[prediction.status.state] for prediction in predictions],
            "prediction": [prediction.name for prediction in predictions],
            "run": [Path(config.get("run", "")).name for config in configs],
            "source": [config.get("source", "") for config in configs],
            "n": pd.array([config.get("n_sequences") for config in configs], dtype="Int64"),
            "when": pd.to_datetime(
                [prediction.created or None for prediction in predictions], utc=True, format="ISO8601"
            ),
        }
    )


def _config(prediction: RunSummary) -> dict:
    try:
        return read_config(prediction.folder)
    except UserError:
        return {}
