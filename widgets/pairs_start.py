"""A table of molecules and target proteins: how it is read, what will be asked next, and the button that learns."""

from pathlib import Path

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, list_backbones
from biotl_core.data.raw_table import RawTable
from biotl_core.errors import UserError
from biotl_core.runs.screening_requests import start_pairs
from biotl_core.screening.pair_splits import PAIR_SPLITS
from biotl_core.screening.pairs import (
    ADAPTED,
    ADAPTERS,
    COLD_TARGET_CAUTION,
    PairInputs,
    PairReading,
    guess_pair_reading,
)
from biotl_core.shell import shell_command
from biotl_core.wording import plain
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.screening_choices import draw_n_seeds, draw_time_column

_SIDES = {"both": "Both", "molecule": "The molecule model", "protein": "The protein model"}
_ALONE = "Only these models, without fingerprints and composition"


def draw_pairs_start(store: str, path: Path, source: str, raw: RawTable, partner: str) -> str | None:
    """A table with a column of target proteins: what will be asked next, and the button that learns pairs.

    The shell's words for what is chosen; None where the table cannot be read, which is said.
    """
    try:
        reading = guess_pair_reading(raw, partner, time=choices(store).get("time"))
    except UserError as error:
        draw_error(error)
        return None
    st.markdown(
        f"Molecules in *{plain(reading.assay.smiles_column)}*, target proteins in *{plain(partner)}*, measured: "
        f"*{plain(reading.assay.value_column)}*."
    )
    draw_time_column(store, raw.columns, reading.time_column)
    st.subheader("What will you ask next?", anchor=False)
    split = _draw_split(store, reading)
    with st.expander("More settings"):
        inputs = _draw_inputs(store, split)
        n_seeds = draw_n_seeds(store)
    if st.button("Learn molecules and targets together", type="primary", icon=":material/play_arrow:"):
        try:
            run = start_pairs(path, source, reading, split=split, inputs=inputs, n_seeds=n_seeds)
        except UserError as error:
            draw_error(error)
        else:
            st.query_params.clear()
            st.query_params["pairs"] = run.name
            st.rerun()
    st.caption("It runs in the background: you may close this page and come back.")
    options = {
        "data": path.as_posix(), "partner": partner, "split": split, "backbone": inputs.molecule_backbone,
        "partner_backbone": inputs.protein_backbone, "only_backbones": inputs.is_alone, "adapter": inputs.adapter,
        "adapted": None if inputs.adapter is None else inputs.adapted, "seeds": None if n_seeds == 1 else n_seeds,
        "split_column": reading.time_column if split == "time" else None,
    }  # fmt: skip
    return shell_command("train", options)


def _draw_split(store: str, reading: PairReading) -> str:
    """What the test part shall not have in common with training."""
    is_possible = {"given": reading.part_column is not None, "time": reading.time_column is not None}
    kinds = [kind for kind in PAIR_SPLITS if is_possible.get(kind, True)]
    return st.radio(
        "What will you ask next?", kinds, format_func=lambda kind: PAIR_SPLITS[kind][0], label_visibility="collapsed",
        captions=[PAIR_SPLITS[kind][1] for kind in kinds],
        **kept(store, "pair-split", "given" if reading.part_column else "cold_scaffold", kinds),
    )  # fmt: skip


def _draw_inputs(store: str, split: str) -> PairInputs:
    """Pretrained models that the two towers read."""
    first, second = st.columns(2)
    chosen = []
    for column, modality, simple in (
        (first, "molecule", "Fingerprints"),
        (second, "protein", "Composition and similarity"),
    ):
        ready = [one.name for one in list_backbones(modality) if backbone_state(one) != "download"]
        chosen.append(
            column.selectbox(
                f"A pretrained {modality} model for the towers", ready, placeholder=f"{simple} alone",
                help="Frozen: it reads each once, its vectors are kept, and the towers learn on top of them "
                f"(beside: {simple.lower()}).",
                **kept(store, f"{modality}-backbone", None),
            )
        )  # fmt: skip
    is_alone = any(chosen) and st.checkbox(
        _ALONE, help="To see what the pretrained models bring by themselves.", **kept(store, "alone", False)
    )
    inputs = PairInputs(*chosen, bool(is_alone))
    return _draw_adapter(store, split, inputs) if any(chosen) else inputs


def _draw_adapter(store: str, split: str, inputs: PairInputs) -> PairInputs:
    """For experts: whether the pretrained models are adjusted too, and what that does not do."""
    left, right = st.columns(2)
    adapter = left.selectbox(
        "Adjust a small part of them too", list(ADAPTERS), placeholder="No: leave them as they are",
        format_func=lambda name: ADAPTERS[name][0],
        help="For experts (parameter-efficient tuning with peft). The towers learn first, then go on together with the "
        "small parts. "
        + " ".join(f"**{title}**: {text}" for title, text in ADAPTERS.values())
        + " Kept only where the validation part gains; takes minutes to hours on a processor.",
        **kept(store, "adapter", None),
    )  # fmt: skip
    if adapter is None:
        return inputs
    sides = [side for side in ADAPTED if side == "both" or getattr(inputs, f"{side}_backbone")]
    adapted = "both"
    if len(sides) > 2:
        adapted = right.selectbox(
            "Of which", sides, format_func=_SIDES.get, index=0, **kept(store, "adapted", "both", sides)
        )
    draw = st.warning if split in ("cold_target", "cold_both") else st.caption
    draw(COLD_TARGET_CAUTION)
    return inputs._replace(adapter=adapter, adapted=adapted or "both")
