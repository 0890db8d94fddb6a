"""How a table is read: what is in which column, guessed, shown and open to change."""

from typing import Any

import streamlit as st

from biotl_core.data.reading import RawTable, Reading
from biotl_core.data.tasks import TASKS
from biotl_core.wording import plain_sentence
from widgets.describe import MODALITY_TITLES
from widgets.kept import choices, kept
from widgets.table_steps import Chosen

_FIELDS = ("sequence", "targets", "name", "part", "modality", "task")


def chosen_columns(store: str) -> Chosen:
    """What she chose for reading the table, in a form that can be a key."""
    chosen = {name: value for name, value in choices(store).items() if name in _FIELDS and value}
    return tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in sorted(chosen.items()))


def draw_reading_form(store: str, raw: RawTable, reading: Reading | None) -> None:
    """Columns, kind of sequence and kind of target; empty where nothing could be guessed."""
    shown = _shown(reading) | dict(chosen_columns(store))
    sequence, target, modality, task = st.columns([3, 3, 3, 4])
    with sequence:
        _draw_column_choice(store, "sequence", "Column of the sequences", raw, shown)
    with target:
        st.multiselect(
            "Column of the target",
            raw.columns,
            placeholder="What was measured",
            help="What is to be predicted. Several columns of yes/no labels make one task (target).",
            **kept(store, "targets", list(shown.get("targets") or [])),
        )
    with modality:
        st.segmented_control(
            "Kind of sequence",
            list(MODALITY_TITLES),
            format_func=MODALITY_TITLES.__getitem__,
            help="Decides which letters are valid and which backbones fit (modality).",
            wrap=True,
            **kept(store, "modality", shown.get("modality")),
        )
    with task:
        st.selectbox(
            "Kind of target",
            list(TASKS),
            format_func=lambda name: TASKS[name].title,
            placeholder="Follows from the target",
            help="\n".join(f"- **{task.title}**: {task.explanation}" for task in TASKS.values()),
            **kept(store, "task", shown.get("task")),
        )
    if notes := _notes(reading):
        st.caption(plain_sentence(" ".join(notes)))


def _notes(reading: Reading | None) -> list[str]:
    """What was decided while guessing, without what the form shows anyway."""
    if reading is None:
        return []
    shown = {f"Target: column *{name}*." for name in reading.target_columns}
    return [note for note in reading.notes if note not in shown]


def _draw_column_choice(store: str, name: str, title: str, raw: RawTable, shown: dict[str, Any]) -> None:
    options, value = raw.columns, shown.get(name)
    st.selectbox(
        title,
        options,
        placeholder="Choose a column",
        **kept(store, name, value if value in options else None),
    )


def _shown(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {}
    return {
        "sequence": reading.sequence_column,
        "targets": reading.target_columns,
        "name": reading.name_column,
        "modality": reading.modality,
        "task": reading.task_name,
    }
