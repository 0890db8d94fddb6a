"""Two or more structures laid on a reference: numbers, on top of one another, side by side, residue by residue."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.plots.structures import plot_deviations
from biotl_core.runs.folder import list_runs
from biotl_core.runs.foldings import read_foldings, read_model
from biotl_core.shell import shell_command
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.colours import SCHEMES, by_values
from biotl_core.structures.comparison import (
    MATCHINGS,
    Comparison,
    compare_all,
    deviation_table,
    score_table,
    superposed_file,
)
from biotl_core.structures.measures import MEASURES
from biotl_core.structures.scene import scene
from biotl_core.structures.structure import Structure, read_structure
from biotl_core.structures.values import ResidueValues
from biotl_core.wording import plain, say_number
from widgets.answers import download_table, draw_answer, draw_shell_command
from widgets.folding_form import read_relatives
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.structure_source import FORMATS, keep_upload
from widgets.viewer import draw_structure_viewer, picked

_STORE = "compare"
_BESIDE = 2
"""Models beside the reference: a browser draws no more than sixteen 3D views, and a page has room for three."""
_MOST_RUNS = 10
"""So many structure predictions are offered, the newest first."""


def draw_comparison_task() -> None:
    """The whole of "Compare"."""
    try:
        chains = _draw_sources()
        if len(chains) < 2:
            st.caption("Two chains are needed: bring files, or predict a structure first.")
            return
        reference, models = _draw_choice(chains)
        if not models:
            return
        matching = choices(_STORE).get("matching", "auto")
        with st.spinner("Laying them on one another"):
            compared = compare_all(reference, models, matching)
        _draw_answer(reference, compared)
        _draw_views(reference, compared)
        _draw_residues(reference, compared)
        files = [f"{safe_name(one.name.removesuffix('.pdb'))}.pdb" for one in (reference, *compared)]
        named = {"reference": files[0], "models": files[1:]}
        draw_shell_command(shell_command("compare-structures", {**named, "output": "comparison.csv"}))
    except UserError as error:
        draw_error(error)


def _draw_sources() -> dict[str, ProteinChain]:
    """All chains there are to compare, by what they are called here."""

    def keep() -> None:
        new = [str(keep_upload(file.getvalue(), file.name)) for file in st.session_state["compare-upload"]]
        choices(_STORE)["files"] = list(dict.fromkeys([*choices(_STORE).get("files", []), *new]))

    st.file_uploader(
        "Structures to compare",
        help=f"{FORMATS} Several at once.",
        accept_multiple_files=True,
        key="compare-upload",
        on_change=keep,
    )
    named = {Path(file).name: Path(file) for file in choices(_STORE).get("files", []) if Path(file).is_file()}
    # What another page has handed over, such as the folds of one test chain by two models.
    handed = choices(_STORE).get("named", {}).items()
    named = {title: Path(file) for title, file in handed if Path(file).is_file()} | named | _predicted()
    chains: dict[str, ProteinChain] = {}
    for title, file in named.items():
        found, _ = read_relatives([file])
        for chain in found:
            label = title if len(found) == 1 else f"{title}, chain {chain.atoms.chain_id[0]}"
            # Files of predictions are all called alike, so what tells the chains apart is what they are called here.
            chains[label] = replace(chain, name=label)
    return chains


def _predicted() -> dict[str, Path]:
    """Models of the latest structure predictions."""
    found = {}
    for run in [run for run in list_runs("fold") if run.status.state == "finished"][:_MOST_RUNS]:
        table = read_foldings(run.folder)
        for row in table[table["folder"] != ""].to_dict("records") if len(table) else ():
            saved = read_model(run.folder, row["folder"])
            found[f"{row['name']} ({run.name})"] = saved.structure_file
    return found


def _draw_choice(chains: dict[str, ProteinChain]) -> tuple[ProteinChain, list[ProteinChain]]:
    names = list(chains)
    left, middle, right = st.columns([3, 4, 2])
    with left:
        reference = st.selectbox(
            "Reference",
            names,
            help="What the others are laid on.",
            **kept(_STORE, "reference", names[0], names),
        )
    others = [name for name in names if name != reference]
    with middle:
        given = [name for name in choices(_STORE).get("models", others[:1]) if name in others]
        st.session_state["compare-models"] = given or others[:1]
        models = st.multiselect("Laid on it", others, key="compare-models", on_change=_keep_models)
    with right:
        st.selectbox(
            "Match residues",
            list(MATCHINGS),
            format_func=lambda name: MATCHINGS[name][0],
            help=" ".join(f"**{title}**: {text}" for title, text in MATCHINGS.values()),
            **kept(_STORE, "matching", "auto"),
        )
    return chains[reference], [chains[name] for name in models]


def _keep_models() -> None:
    choices(_STORE)["models"] = st.session_state["compare-models"]


def _draw_answer(reference: ProteinChain, compared: list[Comparison]) -> None:
    best = max(compared, key=lambda one: one.likeness.scores["tm_score"])
    scores = best.likeness.scores
    same = "the same fold" if scores["tm_score"] > 0.5 else "no fold in common"
    draw_answer(
        f"{plain(best.name)} on {plain(reference.name)}: TM-score {say_number(scores['tm_score'])}, {same}; "
        f"{say_number(scores['rmsd'])} Å over {len(best.pairs.first):,} residues."
    )
    table = score_table(compared)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "model": "Model",
            "residues_in_common": st.column_config.NumberColumn("Residues in common"),
            "identity": st.column_config.NumberColumn("Identity", format="percent"),
            "matched_by": "Matched by",
        }
        | {
            name: st.column_config.NumberColumn(
                f"{entry.title} ({entry.unit})" if entry.unit else entry.title,
                help=entry.explanation,
                format="%.3f",
            )
            for name, entry in MEASURES.items()
        },
        alt="Scores of the models against the reference",
    )
    download_table(table, "comparison.csv", "Scores (CSV)")


def _draw_views(reference: ProteinChain, compared: list[Comparison]) -> None:
    together = superposed_file(reference, compared)
    ways = ["On top of one another", "Side by side"]
    way = st.segmented_control(
        "View", ways, required=True, label_visibility="collapsed", **kept(_STORE, "view", ways[0])
    )
    structure = _read(together)
    if way == ways[0]:
        names = [reference.name, *(one.name for one in compared)]
        st.caption(
            "; ".join(
                f"chain {chain}: {plain(name)}" for chain, name in zip(structure.chains, names, strict=True)
            )
        )
        _draw_viewer(structure, "compare-together", None, None)
    else:
        st.caption("All turn together; models are coloured by their distance from the reference.")
        shown = _shown_models(compared)
        columns = st.columns(1 + len(shown))
        with columns[0]:
            st.markdown(f"**{plain(reference.name)}** (reference)")
            _draw_viewer(structure, "compare-left", "A", "compare")
        for column, number in zip(columns[1:], shown, strict=True):
            with column:
                scores = compared[number].likeness.scores
                st.markdown(f"**{plain(compared[number].name)}**, TM-score {say_number(scores['tm_score'])}")
                _draw_viewer(structure, f"compare-{number}", structure.chains[number + 1], "compare")
    st.download_button(
        "All of them, superposed (PDB)",
        together,
        f"{safe_name(reference.name)}-superposed.pdb",
        icon=":material/download:",
        on_click="ignore",
    )


def _shown_models(compared: list[Comparison]) -> list[int]:
    """Which models stand beside the reference: all that there is room for, else those that are chosen."""
    if len(compared) <= _BESIDE:
        return list(range(len(compared)))
    names = [one.name for one in compared]
    still_there = [name for name in choices(_STORE).get("beside", []) if name in names]
    choices(_STORE)["beside"] = still_there or names[:_BESIDE]
    chosen = st.multiselect(
        "Beside it", names, max_selections=_BESIDE, **kept(_STORE, "beside", names[:_BESIDE])
    )
    return [number for number, name in enumerate(names) if name in chosen] or [0]


def _draw_viewer(structure: Structure, key: str, chain: str | None, link: str | None) -> None:
    colouring = SCHEMES["chain"].colour(structure)
    if chain not in (None, "A"):
        deviation = structure.residues["b_factor"].astype(float)
        colouring = by_values(ResidueValues(deviation, "Distance from the reference (Å)", 1.0, 1.0, ""))
    else:
        colouring = colouring if chain is None else replace(colouring, legend=colouring.legend[:1])
    residue = choices(_STORE).get(key)

    def on_pick() -> None:
        row = (picked(key) or {}).get("row")
        choices(_STORE)[key] = row if row is not None and row >= 0 else None

    drawn = scene(structure, colouring, "cartoon", chain, residue, False, height=420, link=link)
    draw_structure_viewer(drawn, key, on_pick)


def _draw_residues(reference: ProteinChain, compared: list[Comparison]) -> None:
    table = deviation_table(reference, compared)
    st.plotly_chart(plot_deviations(table, [one.name for one in compared]), key="deviations")
    st.dataframe(table, hide_index=True, height=240, key="deviation-table")
    download_table(_rounded(table), "deviations.csv", "Residue by residue (CSV)")


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    return table.round(3)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(content: bytes) -> Structure:
    return read_structure(content, "superposed.pdb")
