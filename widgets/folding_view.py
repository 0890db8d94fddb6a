"""A structure prediction: its progress, its list of models, and the way to each; earlier ones below."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import RunSummary, list_runs, read_config
from biotl_core.runs.foldings import read_foldings, read_model
from biotl_core.runs.status import read_status
from biotl_core.structures.bundles import make_bundle
from biotl_core.structures.engines import ENGINES
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import draw_answer, draw_state
from widgets.folding_form import draw_folding_form
from widgets.frame import draw_error
from widgets.kept_results import choose_result
from widgets.live_run import draw_ended_without_result, draw_open_run
from widgets.one_run import draw_delete
from widgets.run_list import state_column

_ROW_PIXELS = 35
_SCORE_COLUMNS = {
    "expected_tm": st.column_config.NumberColumn(
        "Expected TM-score", format="%.2f", help="How alike the truth the whole model should be, 0 to 1."
    ),
    "template_identity": st.column_config.NumberColumn("Identity to the template", format="percent"),
    "template_coverage": st.column_config.NumberColumn("Aligned", format="percent"),
    "ptm": st.column_config.NumberColumn("pTM", format="%.2f"),
    "hand_margin": st.column_config.NumberColumn(
        "Sure of the hand",
        format="%.2f",
        help="Log odds a residue against the mirror image; above 0.1 it is clear.",
    ),
    "expected_long_contacts": st.column_config.NumberColumn(
        "Contacts expected right", format="percent", help="Of the most probable long-range contacts (P@L)."
    ),
}
"""How the scores of the engines are shown."""
_SHOWN_ROWS = 6


def draw_folding(folder: Path) -> None:
    """One run by its state; a model is opened by choosing its row."""
    status, config = read_status(folder), read_config(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(folder.name), anchor=False, width="content")
        draw_state(status.state)
        st.space("stretch")
        if not status.is_open:
            draw_delete(folder, "fold")
    if status.is_open:
        draw_open_run(folder, status.state)
    elif status.state != "finished":
        draw_ended_without_result(folder, status, "fold")
    models = read_foldings(folder)
    if models.empty:
        return
    if status.state == "finished":
        draw_answer(_answer(models, config))
    _draw_models(folder, models)


def _answer(models: pd.DataFrame, config: dict) -> str:
    engine = ENGINES.get(config["engine"])
    title = engine.title if engine else config["engine"]
    good = models[models["folder"] != ""]
    if len(models) == 1:
        row = good.iloc[0]
        return (
            f"{plain(row['name'])}: {row['length']:,} residues, mean confidence "
            f"{say_number(float(row['mean_confidence']))} of 100 ({plain(title)})."
        )
    mean = float(good["mean_confidence"].mean())
    return (
        f"{len(good):,} of {len(models):,} sequences folded, mean confidence {say_number(mean)} of 100 "
        f"({plain(title)})."
    )


def _draw_models(folder: Path, models: pd.DataFrame) -> None:
    event = st.dataframe(
        models.drop(columns="folder"),
        key=f"models-of-{folder.name}-{len(models)}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=_ROW_PIXELS * (min(len(models), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "name": "Sequence",
            "length": st.column_config.NumberColumn("Residues"),
            "problem": "Why not",
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
            **_SCORE_COLUMNS,
            "mean_confidence": st.column_config.ProgressColumn(
                "Mean confidence", min_value=0, max_value=100, format="%.0f"
            ),
        },
        alt="Models",
    )
    selected = list(event["selection"]["rows"])
    row = models.iloc[selected[0]] if selected else models[models["folder"] != ""].head(1).squeeze(axis=0)
    if row is None or not len(row):
        return
    if row["problem"]:
        st.warning(plain_sentence(row["problem"]))
        return
    with st.container(horizontal=True):
        st.button(
            f"Look at {row['name']}",
            icon=":material/visibility:",
            on_click=open_model,
            args=(folder.name, row["folder"]),
        )
        st.download_button(
            "All files of it (zip)",
            lambda: make_bundle(read_model(folder, row["folder"])),
            f"{row['folder']}.zip",
            icon=":material/download:",
            on_click="ignore",
            help="PDB, mmCIF, expected errors, scores, PyMOL and ChimeraX scripts, a 3D page, settings, citations.",
        )


def open_model(run: str, model: str) -> None:
    """Show a model in the viewer."""
    st.query_params.clear()
    st.session_state["structure"] = st.query_params["structure"] = f"fold/{run}/{model}"


def draw_earlier_foldings(chosen: Path | None) -> None:
    """The list of all structure predictions; choosing one opens it."""
    runs = list_runs("fold")
    if not runs:
        return
    st.subheader("Earlier predictions", anchor=False)
    names = [run.name for run in runs]
    default = [names.index(chosen.name)] if chosen is not None and chosen.name in names else []
    event = st.dataframe(
        _as_table(runs),
        key=f"folding-list-{chosen.name if chosen else ''}-{len(names)}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": default}},
        hide_index=True,
        height=_ROW_PIXELS * (min(len(names), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "state": state_column(),
            "prediction": "Prediction",
            "engine": "Engine",
            "n": st.column_config.NumberColumn("Sequences"),
            "when": st.column_config.DatetimeColumn("Started", format="distance"),
        },
        alt="Earlier structure predictions",
    )
    selected = list(event["selection"]["rows"])
    if selected and selected != default:
        st.query_params["fold"] = names[selected[0]]
        st.rerun()


def _as_table(runs: list[RunSummary]) -> pd.DataFrame:
    configs = []
    for run in runs:
        try:
            configs.append(read_config(run.folder))
        except UserError:
            configs.append({})
    return pd.DataFrame(
        {
            "state": [[run.status.state] for run in runs],
            "prediction": [run.name for run in runs],
            "engine": [config.get("engine", "") for config in configs],
            "n": pd.array([config.get("n_sequences") for config in configs], dtype="Int64"),
            "when": pd.to_datetime([run.created or None for run in runs], utc=True, format="ISO8601"),
        }
    )


def draw_prediction_task() -> None:
    """The whole of "Predict": the form, the run in the address, the earlier ones."""
    started = draw_folding_form()
    if started is not None:
        st.query_params["fold"] = started.name
        st.rerun()
    folder = choose_result("fold")
    if folder is not None:
        st.space("small")
        try:
            draw_folding(folder)
        except UserError as error:
            draw_error(error)
    draw_earlier_foldings(folder)
