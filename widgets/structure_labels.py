"""From structures to something to learn on the Train page, by one click."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.data.saved_datasets import CHANGE_COLUMNS, list_datasets, save_dataset
from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.shell import shell_command
from biotl_core.structures.labels import LABELS, Label, Labelled, make_dataset
from biotl_core.structures.pair_measures import LONG, true_contacts
from biotl_core.structures.pair_sets import (
    PAIR_TARGETS,
    PairSet,
    PairTarget,
    list_pair_sets,
    make_pair_set,
    save_pair_set,
)
from biotl_core.wording import plain_sentence, say_count
from widgets.answers import draw_answer, draw_shell_command
from widgets.folding_form import draw_relatives, read_relatives
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import open_page
from widgets.save_dataset import describe_split

_STORE = "labels"
_TARGETS: dict[str, Label | PairTarget] = {**LABELS, **PAIR_TARGETS}


def draw_labels_task() -> None:
    """The whole of "Learn from structures"."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        files = draw_relatives(_STORE, "Structures to learn from")
    with right:
        label = st.selectbox(
            "What to learn",
            list(_TARGETS),
            format_func=lambda name: _TARGETS[name].title,
            help="Of each residue, or of each pair of residues.",
            **kept(_STORE, "label", "ss3"),
        )
        st.caption(_TARGETS[label].explanation)
    if not files:
        st.caption("Bring PDB or mmCIF files; each residue, or each pair of residues, becomes an example.")
        return
    folder = choices(_STORE).get("folder") or "FOLDER_OF_STRUCTURES"
    try:
        if label in PAIR_TARGETS:
            _draw_pairs(label, _make_pairs(tuple(map(str, files)), label))
            draw_shell_command(shell_command("train-distances", {"data": folder, "what": label}))
        else:
            _draw_dataset(files, label, _make(tuple(map(str, files)), label))
            draw_shell_command(
                shell_command("label", {"data": folder, "what": label, "output": "labels.csv"})
            )
    except UserError as error:
        draw_error(error)


@st.cache_resource(max_entries=4, show_spinner="Reading the labels from the structures")
def _make(files: tuple[str, ...], label: str) -> Labelled:
    chains, _ = read_relatives([Path(file) for file in files])
    return make_dataset(chains, label, say_count(len(files), "structure file"))


@st.cache_resource(max_entries=4, show_spinner="Reading the pairs from the structures")
def _make_pairs(files: tuple[str, ...], target: str) -> PairSet:
    chains, _ = read_relatives([Path(file) for file in files])
    return make_pair_set(chains, target, say_count(len(files), "structure file"))


def _draw_pairs(target: str, pair_set: PairSet) -> None:
    n_contacts = sum(int(np.nansum(np.triu(true_contacts(chain), LONG))) for chain in pair_set.chains)
    draw_answer(
        f"{say_count(len(pair_set.chains), 'chain')}, {n_contacts:,} contacts between residues at least {LONG} steps "
        "apart."
    )
    for note in (pair_set.sentence, *pair_set.notes):
        st.caption(plain_sentence(note))
    if pair_set.left_out:
        with st.expander(f"{say_count(len(pair_set.left_out), 'chain')} left out"):
            st.dataframe(pd.DataFrame(pair_set.left_out, columns=["Chain", "Why"]), hide_index=True)
    shown = pd.DataFrame(
        {
            "Chain": [chain.name for chain in pair_set.chains],
            "Part": pair_set.parts,
            "Residues": [len(chain) for chain in pair_set.chains],
            "Sequence": [chain.sequence for chain in pair_set.chains],
        }
    )
    st.dataframe(shown, hide_index=True, height=240, alt="The structures")
    field, button = st.columns([5, 6], vertical_alignment="bottom")
    name = field.text_input(
        "Name of this set",
        max_chars=80,
        **kept(_STORE, f"name-{target}", _free_name(target, list_pair_sets())),
    )
    if button.button("Continue to training", type="primary", icon=":material/arrow_forward:"):
        open_page("train", structures=save_pair_set(name, pair_set).name)


def _draw_dataset(files: list[Path], label: str, labelled: Labelled) -> None:
    table = labelled.dataset.table
    n_residues = int(table["sequence"].str.len().sum())
    draw_answer(f"{say_count(len(table), 'chain')}, {n_residues:,} residues: {LABELS[label].title.lower()}.")
    st.caption(plain_sentence(labelled.split.sentence))
    for note in labelled.split.notes:
        st.caption(plain_sentence(note))
    if len(labelled.left_out):
        with st.expander(f"{say_count(len(labelled.left_out), 'chain')} left out"):
            st.dataframe(labelled.left_out, hide_index=True, column_config={"name": "Chain", "reason": "Why"})
    shown = table.head(200).assign(
        target=[
            t if isinstance(t, str) else " ".join(f"{v:.2f}" for v in t) for t in table["target"].head(200)
        ]
    )
    st.dataframe(shown, hide_index=True, height=240, alt="The dataset")
    field, button = st.columns([5, 6], vertical_alignment="bottom")
    name = field.text_input(
        "Name of this dataset",
        max_chars=80,
        **kept(_STORE, f"name-{label}", _free_name(label, list_datasets())),
    )
    if button.button("Continue to training", type="primary", icon=":material/arrow_forward:"):
        _save(files, label, labelled, safe_name(name, "structures"))


def _free_name(label: str, taken: list[str]) -> str:
    number, name = 1, f"structures-{label}"
    while name in taken:
        number += 1
        name = f"structures-{label}-{number}"
    return name


def _save(files: list[Path], label: str, labelled: Labelled, name: str) -> None:
    origin = {"structures": [str(file) for file in files], "label": label, "choices": dict(choices(_STORE))}
    changes = pd.DataFrame(
        [
            {"row": "", "column": "chain", "before": row.name_, "after": "", "why": row.reason}
            for row in labelled.left_out.rename(columns={"name": "name_"}).itertuples()
        ],
        columns=list(CHANGE_COLUMNS),
    )
    try:
        save_dataset(
            name, labelled.dataset, changes, describe_split(labelled.settings, labelled.split), origin
        )
    except UserError as error:
        draw_error(error)
        return
    st.session_state["dataset"] = name
    open_page("train")
