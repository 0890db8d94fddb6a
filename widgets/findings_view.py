"""What is wrong with a table, what each repair would do, and what was changed."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from biotl_core.data.cleaning import PROBLEMS, REPAIRS, SAFE_REPAIRS, Cleaned, Findings
from biotl_core.data.raw_table import Reading
from biotl_core.wording import say_count
from widgets.answers import download_table
from widgets.kept import choices, kept

_TABLE_HEIGHT = 320
_ALL = "all"


def chosen_repairs(store: str, findings: Findings) -> frozenset[str]:
    """The repairs that are switched on, of those that would change something."""
    return frozenset(name for name in findings.repairs if choices(store).get(f"repair-{name}", False))


def undone_repairs(findings: Findings, repairs: Collection[str]) -> list[str]:
    """The safe repairs that would change something and are not switched on."""
    return [name for name in findings.repairs if name in SAFE_REPAIRS and name not in repairs]


def draw_findings(store: str, reading: Reading, findings: Findings, repairs: frozenset[str]) -> None:
    """Switches for the repairs beside the findings, row by row; one button for all that are safe."""
    st.markdown(findings.sentence)
    if not len(findings):
        return
    left, right = st.columns([3, 7], gap="medium")
    with left:
        _draw_repairs(store, findings, repairs)
    with right:
        _draw_table(store, reading, findings)


def _draw_repairs(store: str, findings: Findings, repairs: frozenset[str]) -> None:
    safe = [name for name in findings.repairs if name in SAFE_REPAIRS]
    if safe:
        is_done = set(safe) <= repairs
        st.button(
            "Undo the safe repairs" if is_done else "Repair all safe ones",
            icon=":material/undo:" if is_done else ":material/healing:",
            help="Safe repairs do not change what was meant; each change is kept in a log.",
            on_click=_switch,
            args=(store, safe, not is_done),
        )
    n_findings = findings.table["repair"].value_counts()
    for name in findings.repairs:
        st.toggle(
            f"{REPAIRS[name].title} :gray[{n_findings[name]:,}]",
            help=REPAIRS[name].explanation,
            **kept(store, f"repair-{name}", False),
        )
    lost = [
        name
        for name in findings.counts
        if PROBLEMS[name].repair is None and PROBLEMS[name].severity == "blocks"
    ]
    if lost:
        titles = [f"{PROBLEMS[name].title} ({findings.counts[name]:,})" for name in lost]
        st.caption(f"Only you can mend: {'; '.join(titles)}.")


def _switch(store: str, names: list[str], is_on: bool) -> None:
    choices(store).update({f"repair-{name}": is_on for name in names})


def _draw_table(store: str, reading: Reading, findings: Findings) -> None:
    only = st.selectbox(
        "Findings",
        [_ALL, *findings.counts],
        format_func=lambda name: (
            f"All {len(findings):,} findings"
            if name == _ALL
            else f"{PROBLEMS[name].title}: {findings.counts[name]:,}"
        ),
        label_visibility="collapsed",
        key=f"{store}-shown-problem",
    )
    table = _readable(store, reading, only, findings)
    st.dataframe(
        table,
        hide_index=True,
        height=min(_TABLE_HEIGHT, 36 * (len(table) + 1) + 2),
        lazy=True,
        column_config={
            "Row": st.column_config.NumberColumn(width=60),
            "Column": st.column_config.TextColumn(width=90),
            "What": st.column_config.TextColumn(width=340),
            "Repair": st.column_config.TextColumn(width=190),
        },
        alt="Findings",
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _readable(store: str, reading: Reading, only: str, _findings: Findings) -> pd.DataFrame:
    """The findings as they are shown, all or of one problem."""
    table = _findings.table if only == _ALL else _findings.table[_findings.table["problem"] == only]
    return pd.DataFrame(
        {
            "Row": table["row"],
            "Column": table["column"],
            "What": _without_place(table["message"]),
            "Repair": table["repair"].map(lambda name: REPAIRS[name].title if name else ""),
        }
    )


def _without_place(messages: pd.Series) -> pd.Series:
    """The sentences without "Row 7, column *tm*:", which has columns of its own, and without Markdown."""
    text = messages.str.replace(r"^(Row [\d,]+, )?[Cc]olumn \*.*?\*: ", "", regex=True)
    text = text.str.replace(r"\*(\w[^*]*)\*", r"\1", regex=True)
    return text.str[:1].str.upper() + text.str[1:]


def draw_changes(cleaned: Cleaned, name: str) -> None:
    """The log of what was changed and set aside, to look at and to keep."""
    if not len(cleaned.changes):
        return
    label = f"Change log: {say_count(len(cleaned.changes), 'change')}"
    with st.expander(label, icon=":material/history:"):
        st.dataframe(
            cleaned.changes.rename(columns=str.capitalize),
            hide_index=True,
            height=min(_TABLE_HEIGHT, 36 * (len(cleaned.changes) + 1) + 2),
            lazy=True,
            alt="Change log",
        )
        download_table(cleaned.changes, f"{name}-changes.csv", "Download the change log")
