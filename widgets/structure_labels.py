"""From structures to a dataset on the Train page, by one click."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.data.saved_datasets import CHANGE_COLUMNS, list_datasets, save_dataset
from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.shell import shell_command
from biotl_core.structures.labels import LABELS, Labelled, make_dataset
from biotl_core.wording import plain_sentence, say_count
from widgets.answers import draw_answer, draw_shell_command
from widgets.folding_form import draw_relatives, read_relatives
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import open_page
from widgets.save_dataset import describe_split

_STORE = "labels"


def draw_labels_task() -> None:
    """The whole of "Learn from structures"."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        files = draw_relatives(_STORE, "Structures to learn from")
    with right:
        label = st.selectbox(
            "What to learn of each residue",
            list(LABELS),
            format_func=lambda name: LABELS[name].title,
            **kept(_STORE, "label", "ss3"),
        )
        st.caption(LABELS[label].explanation)
    if not files:
        st.caption(
            "Bring PDB or mmCIF files; each residue becomes an example. Distances and contacts are learned by the "
            "engine 'Learned from your structures' under Predict."
        )
        return
    try:
        labelled = _make(tuple(map(str, files)), label)
    except UserError as error:
        draw_error(error)
        return
    _draw_dataset(files, label, labelled)
    folder = choices(_STORE).get("folder") or "FOLDER_OF_STRUCTURES"
    draw_shell_command(shell_command("label", {"data": folder, "what": label, "output": "labels.csv"}))


@st.cache_resource(max_entries=4, show_spinner="Reading the labels from the structures")
def _make(files: tuple[str, ...], label: str) -> Labelled:
    chains, _ = read_relatives([Path(file) for file in files])
    return make_dataset(chains, label, say_count(len(files), "structure file"))


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
        "Name of this dataset", max_chars=80, **kept(_STORE, f"name-{label}", _free_name(label))
    )
    if button.button("Continue to training", type="primary", icon=":material/arrow_forward:"):
        _save(files, label, labelled, safe_name(name, "structures"))


def _free_name(label: str) -> str:
    taken, number, name = set(list_datasets()), 1, f"structures-{label}"
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
