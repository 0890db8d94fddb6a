"""Molecules and target proteins learned together: the start, the finished run, and the target to rank against."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.plots import plot_predicted_against_true
from biotl_core.plots.new_sequences import plot_error_by_identity
from biotl_core.plots.screening import plot_models
from biotl_core.runs.folder import read_config, read_history, read_result
from biotl_core.runs.screening_requests import start_repurposing
from biotl_core.runs.target_proteins import TargetProtein
from biotl_core.screening.assays import say_pair_answer
from biotl_core.screening.pairs import ADAPTERS
from biotl_core.screening.scores import SCORES
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards
from widgets.assay_view import draw_audit
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.kept_results import draw_head
from widgets.repeats_view import draw_repeats, draw_repeats_table
from widgets.target_choice import choose_target

_CONTROLS = (
    "Correlation of the towers with the measured pairs, and with one side of each pair swapped for another's."
)


def draw_pairs(folder: Path) -> dict[str, Any] | None:
    """A pair run by its state; its result where it has finished."""
    config = read_config(folder)
    origin = f"{plain(config['source'])} · {plain(config['target_name'])}"
    if not draw_head("pairs", folder, origin=origin, another="Another table"):
        return None
    result = read_result(folder) or {}
    draw_answer(plain(say_pair_answer(result)))
    st.caption(f"{plain_sentence(result['sentence'])} {plain_sentence(result['split_sentence'])}")
    if said := _say_inputs(result):
        st.caption(said)
    draw_repeats(result, "auroc" if result["kind"] == "active" else "pearson")
    _draw_cards(result)
    good, found, which = st.tabs(["How good is it?", "What the audit found", "Every method"])
    with good:
        _draw_how_good(folder, result)
    with found:
        draw_audit(folder)
    with which:
        _draw_methods(result)
    return result


def _say_inputs(result: dict[str, Any]) -> str:
    """Which pretrained models the towers read; "" for none."""
    inputs = result.get("inputs") or {}
    names = [name for name in (inputs.get("molecule_backbone"), inputs.get("protein_backbone")) if name]
    beside = "alone" if inputs.get("is_alone") else "beside the simple features"
    if not names:
        return ""
    said = f"The towers read {' and '.join(map(plain, names))}, frozen, {beside}."
    tried = result.get("adjustment")
    if not tried:
        return said
    title, before = ADAPTERS[tried["kind"]][0], say_number(tried["validation_before"])
    if not tried["steps"]:
        return f"{said} {title} was tried and did not help on the validation part (MSE {before}); it was left out."
    after = say_number(tried["validation_after"])
    return f"{said} {title} went on from there: MSE {before} before, {after} after on the validation part."


def _draw_cards(result: dict[str, Any]) -> None:
    chosen = result["models"][result["chosen"]]
    names = ("auroc", "auprc") if result["kind"] == "active" else ("pearson", "ci", "mse")
    cards = [
        NumberCard(SCORES[name].title, say_number(chosen["test"].get(name)), help=SCORES[name].explanation)
        for name in names
    ]
    within = chosen["test"].get("per_target")
    cards.append(
        NumberCard(
            "Within single targets",
            say_number(within),
            help="Mean correlation over the molecules of one target: what ranking a library needs. The number above it "
            "also counts telling targets apart.",
        )
    )
    cards += [
        NumberCard(f"r, {name}", say_number(value), help=_CONTROLS)
        for name, value in result["controls"].items()
        if name != "as they are"
    ]
    draw_number_cards(cards)


def _draw_how_good(folder: Path, result: dict[str, Any]) -> None:
    table = pd.read_csv(folder / "predictions.csv")
    names = [f"{s} and {t}" for s, t in zip(table["smiles"].str[:40], table["target"], strict=True)]
    true, predicted = table["value"].to_numpy(), table[result["chosen"]].to_numpy()
    left, right = st.columns(2, gap="medium")
    figure = plot_predicted_against_true(true, predicted, names, result["value_name"], things="pairs")
    left.plotly_chart(figure, key="pairs-against-true")
    with right:
        _draw_errors(table, np.abs(true - predicted), names)
    download_table(table, f"{folder.name}-test-part.csv", "Predictions of the test part (CSV)")
    if history := [one for one in read_history(folder) if one.get("stage") != "adjusting"]:
        best = min(history, key=lambda one: one["validation_loss"])
        st.caption(
            f"The towers were best on the validation part after {best['epoch']:,} of {best['epochs']:,} steps and were "
            "then learned again with it."
        )


_SIDES = {
    "molecule_similarity": (
        "the molecule",
        "Similarity of the molecule to the nearest in training (Tanimoto)",
    ),
    "target_similarity": (
        "the target protein",
        "Similarity of the target to the nearest in training (shared words)",
    ),
}


def _draw_errors(table: pd.DataFrame, misses: np.ndarray, names: list[str]) -> None:
    """How the miss grows with the distance of either side from training."""
    side = st.segmented_control(
        "Error by the distance of", list(_SIDES), format_func=lambda name: _SIDES[name][0], required=True,
        **kept("pairs", "error-side", "molecule_similarity"),
    )  # fmt: skip
    figure = plot_error_by_identity(table[side].to_numpy(), misses, names, "Distance from the measured")
    figure.update_xaxes(title_text=_SIDES[side][1])
    st.plotly_chart(figure, key="pairs-by-similarity")


def _draw_methods(result: dict[str, Any]) -> None:
    headline = "auroc" if result["kind"] == "active" else "pearson"
    st.plotly_chart(plot_models(result | {"headline": headline}), key="pairs-models")
    rows = [
        {"": "chosen" if name == result["chosen"] else "", "method": result["titles"][name], **one["test"]}
        for name, one in result["models"].items()
    ]
    numbers = {name: st.column_config.NumberColumn(SCORES[name].title, format="%.3f") for name in SCORES}
    numbers["per_target"] = st.column_config.NumberColumn("Within targets", format="%.3f")
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, column_config={"method": "Method", **numbers}, alt="Every method"
    )
    draw_repeats_table(result)
    st.caption("The method is chosen on the validation part; all of them are judged once on the test part.")


def draw_repurposing(folder: Path) -> None:
    """The other direction: one molecule against all target proteins of the table."""
    with st.expander("One molecule against all these target proteins", icon=":material/swap_vert:"):
        smiles = st.text_input("Molecule", placeholder="CC(=O)Oc1ccccc1C(=O)O", key="pair-molecule")
        if st.button("Rank the target proteins", icon=":material/play_arrow:", disabled=not smiles):
            try:
                screen = start_repurposing(folder, smiles)
            except UserError as error:
                draw_error(error)
            else:
                st.query_params["screen"] = screen.name
                st.rerun()


def pair_target(folder: Path) -> TargetProtein:
    """The target protein to rank against."""
    return choose_target(folder.name, pd.read_parquet(folder / "proteins.parquet"))
