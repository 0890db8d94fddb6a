"""A structure prediction: its progress, its list of models, and the way to each; earlier ones below."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.runs.folder import read_config
from biotl_core.runs.foldings import read_foldings, read_model
from biotl_core.structures.bundles import make_bundle
from biotl_core.structures.engines import ENGINES
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import draw_answer
from widgets.folding_form import draw_folding_form
from widgets.frame import draw_error
from widgets.kept_results import choose_result, draw_earlier, draw_head

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
_EARLIER_COLUMNS = {"engine": "Engine", "n": st.column_config.NumberColumn("Sequences")}
_SHOWN_ROWS = 6


def draw_folding(folder: Path) -> None:
    """One run by its state; a model is opened by choosing its row."""
    is_finished, config = draw_head("fold", folder, origin=""), read_config(folder)
    models = read_foldings(folder)
    if models.empty:
        return
    if is_finished:
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


def _facts(config: dict[str, Any]) -> dict[str, Any]:
    return {"engine": config.get("engine", ""), "n": config.get("n_sequences")}


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
    draw_earlier("fold", folder, _facts, _EARLIER_COLUMNS)
