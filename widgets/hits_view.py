"""A ranked library: the sentence, the best molecules as drawings, one of them in depth, the table, the downloads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.plots.screening import plot_library
from biotl_core.runs.folder import find_run, read_config, read_result
from biotl_core.runs.screening_requests import read_atom_weights, read_hits, read_targets
from biotl_core.runs.target_proteins import kept_structure
from biotl_core.screening.drawing import as_sdf, conformer, draw_molecule
from biotl_core.screening.ranking import N_BEST
from biotl_core.screening.scores import SCORES
from biotl_core.structures.scene import molecule_scene
from biotl_core.wording import plain, plain_sentence, say_count, say_number, say_seconds
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.kept_results import draw_head
from widgets.target_structure import draw_target_structure
from widgets.viewer import draw_structure_viewer

_GRID = 12
_COLUMNS = 4
_FILTERS = {
    "fresh": ("Not measured yet", "Leaves out molecules that stand in the assay."),
    "diverse": ("One of a kind", "Keeps the best of each group of similar molecules (Tanimoto below 0.6)."),
    "no_pains": (
        "Without PAINS",
        "Hides molecules with groups known to mislead assays; they stay in the downloads.",
    ),
    "lipinski": ("Rule of five", "Keeps molecules that break at most one of Lipinski's rules."),
}
_WITHOUT_MODEL = {
    "likeness": f"Likeness to the {N_BEST} best measured molecules",
    "size": "Size of the molecule alone (knows no target)",
}
_SDF_COLUMNS = (
    "rank", "prediction", "low", "high", "similarity", "nearest_name", "nearest_value", "qed", "pains", "brenk",
)  # fmt: skip


def add_run_of_screen() -> None:
    """Let an address that names a screen alone name the run that ranked it as well."""
    name = st.query_params.get("screen")
    if not name or {"assay", "pairs"} & set(st.query_params):
        return
    try:
        run = Path(read_config(find_run(name, "screen"))["run"])
        kind = read_config(run)["kind"]
    except UserError:
        return  # one of them was deleted since: the page begins anew
    if kind in ("assay", "pairs"):
        st.query_params[kind] = run.name


def draw_screen(folder: Path) -> None:
    """A screen by its state."""
    config = read_config(folder)
    if not draw_head("screen", folder, title=f"Ranked: {plain(config['source'])}", origin=""):
        return
    if config.get("molecule"):
        _draw_targets(folder, read_result(folder) or {})
    else:
        try:
            _draw_finished(folder, read_result(folder) or {})
        except UserError as error:
            draw_error(error)


def _draw_targets(folder: Path, result: dict[str, Any]) -> None:
    """One molecule against all target proteins."""
    try:
        table = read_targets(folder)
    except UserError as error:
        draw_error(error)
        return
    first = table.iloc[0]
    value = f"{plain(result['value_name'])} {say_number(float(first['prediction']))}"
    draw_answer(
        f"Of {say_count(len(table), 'target protein')} {plain(first['target'])} comes first: {value}."
    )
    drawing, ranked = st.columns([2, 5], gap="medium")
    drawing.image(_svg(result["molecule"], 300, 220), width="stretch")
    number = st.column_config.NumberColumn
    titles = {
        "rank": number("Rank", width="small"),
        "target": "Target protein",
        "prediction": number(result["value_name"], format="%.2f"),
        "low": number("From", format="%.2f", help="The true value lies in this range 9 times of 10."),
        "high": number("To", format="%.2f"),
        "measured": number("Measured", format="%.2f", help="Where this pair is in the table."),
    }
    ranked.dataframe(table, hide_index=True, height=320, alt="Target proteins", column_config=titles)
    download_table(table, f"{folder.name}.csv", "All target proteins (CSV)")


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(folder: str, changed_at: int) -> pd.DataFrame:
    return read_hits(Path(folder))


def _draw_finished(folder: Path, result: dict[str, Any]) -> None:
    hits = _read(str(folder), (folder / "hits.parquet").stat().st_mtime_ns)
    draw_answer(_say_answer(hits, result))
    if caution := result.get("caution"):
        st.warning(plain_sentence(caution), icon=":material/warning:")
    _draw_cards(hits, result)
    if result["early"]:
        _draw_early(result)
    wanted = st.pills(
        "Show only", list(_FILTERS), selection_mode="multi", format_func=lambda name: _FILTERS[name][0],
        help=" ".join(f"**{title}**: {text}" for title, text in _FILTERS.values()), **kept("hits", "filters", []),
    )  # fmt: skip
    shown = filtered(hits, wanted or [])
    if shown.empty:
        st.info(
            "No molecule on the list passes all of these. Take one away.", icon=":material/filter_alt_off:"
        )
        return
    chosen = _draw_grid(shown, result)
    _draw_one(hits[hits["rank"] == chosen].iloc[0], result, folder)
    _draw_table(shown, result)
    with st.container(horizontal=True):
        st.download_button(
            "All hits (CSV)", lambda: hits.to_csv(index=False).encode(), f"{folder.name}.csv", "text/csv",
            icon=":material/download:", on_click="ignore", key="hits-csv",
        )  # fmt: skip
        st.download_button(
            "All hits (SDF)", lambda: as_sdf(hits, _SDF_COLUMNS).encode(), f"{folder.name}.sdf",
            icon=":material/download:", on_click="ignore", key="hits-sdf",
        )  # fmt: skip
        st.download_button(
            f"The {len(shown):,} shown (SMILES)", lambda: _as_smiles_file(shown), f"{folder.name}.smi",
            icon=":material/download:", on_click="ignore", key="hits-smi",
        )  # fmt: skip
    with st.expander("The whole library"):
        st.plotly_chart(plot_library(result, float(hits["prediction"].min())), key="library")


def _as_smiles_file(hits: pd.DataFrame) -> bytes:
    return "".join(f"{s} {n}\n" for s, n in zip(hits["smiles"], hits["name"], strict=True)).encode()


def filtered(hits: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """The rows that pass all the named filters, in their
    order.
    """
    keep = pd.Series(True, index=hits.index)
    if "fresh" in wanted:
        keep &= ~hits["is_measured"]
    if "diverse" in wanted:
        keep &= hits["is_diverse"]
    if "no_pains" in wanted:
        keep &= hits["pains"] == ""
    if "lipinski" in wanted:
        keep &= hits["lipinski_misses"] <= 1
    return hits[keep]


def _say_answer(hits: pd.DataFrame, result: dict[str, Any]) -> str:
    best = hits.iloc[0]
    said = f"Of {say_count(result['n'], 'molecule')} {plain(best['name'])} comes first"
    if result["kind"] == "active":
        return f"{said}, with a score of {say_number(float(best['prediction']))} (1 is surely active)."
    interval = f"{say_number(float(best['low']))} to {say_number(float(best['high']))}"
    value = f"{plain(result['value_name'])} {say_number(float(best['prediction']))}"
    return f"{said}: {value}, 9 times of 10 within {interval}."


def _draw_cards(hits: pd.DataFrame, result: dict[str, Any]) -> None:
    far = int((hits["similarity"] < 0.3).sum())
    cards = [
        NumberCard("Molecules ranked", result["n"], note=f"in {say_seconds(result['seconds'])}"),
        NumberCard(
            "Unlike anything measured", far, note=f"of {len(hits):,} on the list",
            help="Tanimoto similarity below 0.3 to every measured molecule: here the model guesses.",
        ),
        NumberCard("Different kinds", int(hits["is_diverse"].sum()), note="on the list"),
        NumberCard("With PAINS flags", int((hits["pains"] != "").sum()), note="told, not dropped"),
    ]  # fmt: skip
    if result["n_unreadable"]:
        cards.append(NumberCard("Could not be read", result["n_unreadable"], note="of the library"))
    for name in ("ef1", "bedroc") if result["early"] else ():
        cards.append(
            NumberCard(SCORES[name].title, say_number(result["early"][name]), help=SCORES[name].explanation)
        )
    draw_number_cards(cards)


def _draw_early(result: dict[str, Any]) -> None:
    """How early the library's known actives come, beside rankings without a model, and what that does not say."""
    names = ("ef0.5", "ef1", "ef5", "bedroc", "auroc")
    ranked = {"This ranking": result["early"]}
    for name, title in _WITHOUT_MODEL.items():
        ranked |= {title: (result.get("early_without_model") or {}).get(name, {})}
    rows = [
        {"": title} | {SCORES[n].title: found.get(n) for n in names}
        for title, found in ranked.items()
        if found
    ]
    with st.container(border=True):
        st.markdown(f"**How early the {result['n_actives']:,} known actives of the library come**")
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, alt="Known actives",
            column_config={
                SCORES[n].title: st.column_config.NumberColumn(format="%.3g", help=SCORES[n].explanation) for n in names
            },
        )  # fmt: skip
        st.caption(
            ":material/warning: These numbers flatter where the inactives were chosen and not measured. Decoys (as in "
            "DUD-E) were picked to be unlike the actives, so a model can tell them apart by what decoys look like, "
            "without knowing anything of the target (Chen et al., PLoS ONE 2019). If size or likeness alone does "
            "nearly as well, the labels are easy, not the ranking good."
        )


@st.cache_data(max_entries=500, show_spinner=False)
def _svg(smiles: str, width: int, height: int) -> str:
    return draw_molecule(smiles, width, height)


def _draw_grid(shown: pd.DataFrame, result: dict[str, Any]) -> int:
    """The best molecules as drawings, some a page; the rank of the one that is looked
    at.
    """
    n_pages = -(-len(shown) // _GRID)
    page = min(choices("hits").get("page", 1), n_pages)
    rows = shown.iloc[(page - 1) * _GRID : page * _GRID]
    ranks = shown["rank"].tolist()
    chosen = choices("hits").get("rank")
    chosen = chosen if chosen in ranks else int(rows["rank"].iloc[0])
    with st.grid(_COLUMNS):
        for row in rows.to_dict("records"):
            _draw_card(row, row["rank"] == chosen)
    if n_pages > 1:
        st.pagination(n_pages, **kept("hits", "page", page))
    return chosen


def _draw_card(row: dict[str, Any], is_chosen: bool) -> None:
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        st.image(_svg(row["smiles"], 260, 150), width="stretch")
        value = f"**{say_number(row['prediction'])}** :gray[{say_number(row['low'])} to {say_number(row['high'])}]"
        st.markdown(f"{row['rank']}\\. {plain(row['name'])}  \n{value}")
        marks = [":gray-badge[measured]"] * bool(row["is_measured"])
        marks += [":orange-badge[unlike]"] * (row["similarity"] < 0.3)
        marks += [":red-badge[PAINS]"] * (row["pains"] != "")
        st.caption(" ".join([f"similar {row['similarity']:.0%}", f"QED {row['qed']:.2f}", *marks]))
        st.button(
            "Looking at it" if is_chosen else "Look at it",
            key=f"hit-{row['rank']}",
            disabled=is_chosen,
            type="tertiary",
            icon=":material/search:",
            on_click=_choose,
            args=(row["rank"],),
        )


def _choose(rank: int) -> None:
    choices("hits")["rank"] = rank


@st.cache_data(max_entries=50, show_spinner="Finding a 3D shape")
def _conformer(smiles: str) -> str:
    return conformer(smiles)


def _draw_one(row: pd.Series, result: dict[str, Any], folder: Path) -> None:
    """One hit: which atoms raise its prediction, its facts beside the nearest measured molecule, its shape."""
    st.subheader(f"{row['rank']}. {plain(row['name'])}", anchor=False)
    structure = kept_structure(folder)
    left, middle, right = st.columns([4, 3, 4], gap="medium")
    with left:
        st.markdown(
            "**What each atom adds**",
            help="The prediction of the whole molecule minus that with this atom masked: green raises it, orange "
            "lowers it.",
        )
        _draw_weights(row, folder)
    with middle:
        st.markdown("**Facts**")
        _draw_facts(row, result)
    with right:
        _draw_shape(row)
    if structure is not None:
        draw_target_structure(*structure)
    st.code(row["smiles"], language=None, wrap_lines=True)


def _draw_shape(row: pd.Series) -> None:
    st.markdown(
        "**A likely 3D shape**",
        help="One low-energy conformer (ETKDG, MMFF94); not a pose in the target.",
    )
    try:
        scene = molecule_scene(row["name"], _conformer(row["smiles"]), height=300)
        draw_structure_viewer(scene, "hit-viewer", _no_pick)
    except UserError as error:
        draw_error(error)


def _no_pick() -> None:
    return None


def _draw_weights(row: pd.Series, folder: Path) -> None:
    weights = _read_weights(str(folder), (folder / "hits.parquet").stat().st_mtime_ns).get(int(row["rank"]))
    st.image(draw_molecule(row["smiles"], 420, 280, weights), width="stretch")
    if weights is None:
        st.caption("Atoms are asked for the first hits of a list only.")


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_weights(folder: str, changed_at: int) -> dict[int, np.ndarray]:
    return read_atom_weights(Path(folder))


def _draw_facts(row: pd.Series, result: dict[str, Any]) -> None:
    near = "it is in the assay" if row["is_measured"] else f"{row['similarity']:.0%} similar"
    facts = {
        f"{result['value_name']}, predicted": say_number(float(row["prediction"])),
        "9 times of 10 within": f"{say_number(float(row['low']))} to {say_number(float(row['high']))}",
        "Drug-likeness (QED)": f"{row['qed']:.2f}",
        "Weight, logP": f"{row['weight']:.0f}, {row['logp']:.1f}",
        "Rules of five broken": str(row["lipinski_misses"]),
        "PAINS": row["pains"] or "none",
        "BRENK": row["brenk"] or "none",
    }
    st.markdown("  \n".join(f":gray[{plain(title)}] **{plain(value)}**" for title, value in facts.items()))
    st.caption(
        f"Nearest measured: {plain(row['nearest_name'])}, {plain(result['value_name'])} "
        f"{say_number(float(row['nearest_value']))} ({near})"
    )
    st.image(_svg(row["nearest_smiles"], 240, 120), width="stretch")


def _draw_table(shown: pd.DataFrame, result: dict[str, Any]) -> None:
    number = st.column_config.NumberColumn
    titles = {
        "rank": number("Rank", width="small"),
        "name": "Name",
        "prediction": number(result["value_name"], format="%.2f"),
        "low": number("From", format="%.2f", help="The true value lies in this range 9 times of 10."),
        "high": number("To", format="%.2f"),
        "similarity": st.column_config.ProgressColumn(
            "Similar to measured",
            format="percent",
            min_value=0.0,
            max_value=1.0,
            color="gray",
            help="Tanimoto similarity to the nearest measured molecule.",
        ),
        "nearest_name": "Nearest measured",
        "nearest_value": number("Its value", format="%.2f"),
        "qed": number("QED", format="%.2f"),
        "weight": number("Weight", format="%.0f"),
        "logp": number("logP", format="%.1f"),
        "lipinski_misses": "Rules broken",
        "pains": "PAINS",
        "brenk": "BRENK",
        "smiles": "SMILES",
    }
    st.dataframe(shown[list(titles)], hide_index=True, height=320, alt="Hits", column_config=titles)
