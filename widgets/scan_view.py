"""A finished scan: the answer, the heat map, the positions, several mutations added up, downloads."""

from pathlib import Path

import numpy as np
import streamlit as st

from biotl_core.data.mutations import read_mutations
from biotl_core.errors import UserError
from biotl_core.planning.scan import Scan
from biotl_core.plots.scans import plot_position_means, plot_scan
from biotl_core.runs.folder import read_result
from biotl_core.runs.scans import FinishedScan, read_scan
from biotl_core.wording import plain, say_count, say_number
from widgets.answers import draw_answer
from widgets.frame import draw_error

_WINDOW = 100
"""Positions shown at first where there are more."""
_ADDITIVE = (
    "The sum treats mutations as independent. Those that touch each other in the structure, or that together push the "
    "protein over the edge of its stability, do more or less than their sum (epistasis): trust it for two or three "
    "mutations far apart, and have the combination predicted or measured for more."
)


def draw_scan(folder: Path) -> None:
    """Everything about a finished scan, the answer first; UserError when it cannot be read."""
    found = _read(str(folder), (folder / "scan.csv").stat().st_mtime_ns)
    scan = _choose_sequence(found)
    draw_answer(say_answer(scan, found))
    if str(found.config.get("backbone")).startswith("biotl-") and "run" not in found.config:
        st.caption(
            "This small embedded backbone is a weak judge: on five measured sets of mutants it ranked worse than a "
            "table of similar amino acids. Take a run of your own, or ESM-2, for decisions."
        )
    if note := (read_result(folder) or {}).get("note"):
        st.caption(plain(note))
    first, last = _choose_window(scan)
    title = f"Effect: {found.effect_title}"
    st.plotly_chart(plot_scan(scan, found.modality, title, first=first, last=last), key="scan-map")
    st.caption("A dot is the letter that is there. Blue is worse than that, red better, white the same.")
    st.markdown(
        "**Which positions want to be left alone?**", help="The mean effect of all substitutions there."
    )
    st.plotly_chart(plot_position_means(scan, first=first, last=last), key="scan-positions")
    _draw_tables(folder, scan)
    _draw_sum(scan, found)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(folder: str, changed_at: int) -> FinishedScan:
    return read_scan(Path(folder))


def _choose_sequence(found: FinishedScan) -> Scan:
    names = [scan.name for scan in found.scans]
    if len(names) == 1:
        return found.scans[0]
    return found.scans[names.index(st.selectbox("Sequence", names, key="scan-sequence"))]


def say_answer(scan: Scan, found: FinishedScan) -> str:
    """How many substitutions are better, and which is best, as Markdown."""
    table = scan.table()
    better = int((table["effect"] > 0).sum())
    best = table.loc[table["effect"].idxmax()]
    n = say_count(len(table), "substitution")
    words = f"{better:,} of {n} of {plain(scan.name)} look better than the letter there"
    if found.wild_types:
        words += f" (predicted {say_number(found.wild_types[scan.name])})"
    return f"{words}; the best is {best['mutation']} ({best['effect']:+.3g})."


def _choose_window(scan: Scan) -> tuple[int, int]:
    n = len(scan.sequence)
    if n <= _WINDOW:
        return 1, n
    return st.slider(
        "Positions",
        1,
        n,
        (1, _WINDOW),
        key=f"scan-window-{n}",
        help="The heat map shows these; the table holds all.",
    )


def _draw_tables(folder: Path, scan: Scan) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "All substitutions (CSV)", lambda: (folder / "scan.csv").open("rb"), f"{folder.name}.csv", "text/csv",
            icon=":material/download:", on_click="ignore", key=f"download-{folder.name}",
        )  # fmt: skip
        st.download_button(
            "Positions (CSV)", lambda: scan.position_table().to_csv(index=False), f"{folder.name}-positions.csv",
            "text/csv", icon=":material/download:", on_click="ignore", key=f"download-{folder.name}-positions",
        )  # fmt: skip
    ranked = scan.table().sort_values("effect", ascending=False, kind="stable").drop(columns="name")
    with st.expander("All substitutions, the best first", icon=":material/table_rows:"):
        columns = {
            "mutation": "Mutation", "position": "Position", "wild_type": "There", "mutant": "New",
            "effect": st.column_config.NumberColumn("Effect", format="%+.3g"),
        }  # fmt: skip
        st.dataframe(ranked, hide_index=True, height=320, column_config=columns, alt="All substitutions")


def _draw_sum(scan: Scan, found: FinishedScan) -> None:
    st.markdown("**Several mutations at once**")
    best = scan.table().nlargest(2, "effect")["mutation"].tolist()
    text = st.text_input(
        "Mutations", placeholder=", ".join(best), key=f"scan-sum-{scan.name}", label_visibility="collapsed",
        help="Letter, position, new letter: A24G, K30R.",
    )  # fmt: skip
    if not text.strip():
        st.caption(f"Write some, such as {', '.join(best)}, to add up their effects.")
        return
    try:
        mutations = read_mutations(text, scan.sequence)
        known = [
            scan.effects[m.position - 1, scan.letters.find(m.new)] for m in mutations if m.new in scan.letters
        ]
        if len(known) < len(mutations) or not np.isfinite(known).all():
            raise UserError(
                "One of these was not scanned; choose letters and positions that the table lists."
            )
    except UserError as error:
        draw_error(error)
        return
    both = scan.combine(mutations)
    terms = " ".join(f"{effect:+.3g}" for effect in both.effects)
    total = f"**{both.total:+.3g}** = {terms}"
    if found.wild_types:
        total += f", so about {say_number(found.wild_types[scan.name] + both.total)} instead of "
        total += say_number(found.wild_types[scan.name])
    st.markdown(total)
    st.caption(_ADDITIVE)
    st.code(both.sequence, language=None, wrap_lines=True)
