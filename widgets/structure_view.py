"""A structure on the page: the choices beside it, the 3D view, the marked residue, the downloads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.home import safe_name
from biotl_core.plots.structures import plot_along_chain
from biotl_core.structures.colours import SCHEMES, Colouring, by_values, is_around_zero
from biotl_core.structures.confidence import CONFIDENCE_TITLES, CONFIDENCES
from biotl_core.structures.scene import BACKGROUNDS, STYLES, Background, Style, scene, stand_alone_page
from biotl_core.structures.structure import MAX_B_VALUE, Structure, text_with_values
from biotl_core.structures.values import ResidueValues
from biotl_core.wording import plain, say_count, say_number
from widgets.answers import download_table
from widgets.kept import choices, kept
from widgets.painted_values import draw_values_chooser
from widgets.viewer import draw_structure_viewer, picked

ALL_CHAINS = "All chains"
_OWN_VALUES = "own values"
_VIEWER = "structure-viewer"
_MAX_LISTED = 6000
"""Residues up to which they can be chosen from a list as well."""


@dataclass(frozen=True)
class Look:
    """How a structure is shown."""

    style: Style
    chain: str | None
    """The only chain shown; None for all."""
    colouring: Colouring
    values: ResidueValues | None
    """The painted values, if such are shown."""
    shows_ligands: bool
    side_chains: bool = False
    labels: bool = False
    background: Background = "theme"

    @property
    def extras(self) -> dict[str, Any]:
        """What else the scene is told."""
        return {"side_chains": self.side_chains, "labels": self.labels, "background": self.background}

    def line_chain(self, structure: Structure, selected: int | None) -> str:
        """The chain whose values are drawn as a line: the chosen one, that of the marked residue, or the first."""
        if self.chain is not None:
            return self.chain
        return structure.chains[0] if selected is None else str(structure.residues.loc[selected, "chain"])


def describe_structure(structure: Structure, title: str) -> str:
    """What was opened, in one sentence of Markdown."""
    table = structure.residues
    proteins = table["kind"] == "protein"
    parts = [say_count(len(structure.chains), "chain"), say_count(len(table), "residue")]
    if len(structure.ligands):
        parts.append(say_count(len(structure.ligands), "ligand or ion", "ligands and ions"))
    if proteins.any():
        shares = table.loc[proteins, "secondary_structure"].value_counts(normalize=True)
        parts += [f"{shares[kind]:.0%} {kind}" for kind in ("helix", "strand") if kind in shares]
    return f"{plain(title)}: " + ", ".join(parts) + "."


def draw_choices(structure: Structure, structure_id: str, store: str) -> Look:
    """The choices beside the view."""
    chain = ALL_CHAINS
    if len(structure.chains) > 1:
        chain = st.selectbox("Chain", [ALL_CHAINS, *structure.chains], **kept(store, "chain", ALL_CHAINS))
    style = st.selectbox(
        "Draw as",
        list(STYLES),
        format_func=lambda name: STYLES[name][0],
        help=" ".join(f"**{title}**: {text}" for title, text in STYLES.values()),
        **kept(store, "style", "cartoon"),
    )
    colouring, values = _draw_colour_choice(structure, structure_id, chain, store)
    ligands = len(structure.ligands) > 0 and st.toggle(
        "Show ligands and ions", **kept(store, "ligands", True)
    )
    with st.container(horizontal=True):
        side_chains = style in ("cartoon", "surface") and st.toggle(
            "Side chains",
            help="As sticks on the cartoon; files without them show none.",
            **kept(store, "side_chains", False),
        )
        labels = st.toggle(
            "Labels",
            help="Name and number of the residues as in the file; of long chains every so many.",
            **kept(store, "labels", False),
        )
    background = choices(store).get("background", "theme")
    return Look(
        style,
        None if chain == ALL_CHAINS else chain,
        colouring,
        values,
        bool(ligands),
        bool(side_chains),
        labels,
        background,
    )


def _draw_colour_choice(
    structure: Structure, structure_id: str, chain: str, store: str
) -> tuple[Colouring, ResidueValues | None]:
    fitting = {name: scheme for name, scheme in SCHEMES.items() if scheme.fits(structure)}
    titles = {name: scheme.title for name, scheme in fitting.items()} | {
        _OWN_VALUES: "Values of mine, or of a run"
    }
    first = next(iter(fitting))
    default = "secondary_structure" if first == "chain" and len(structure.chains) == 1 else first
    name = st.selectbox(
        "Colour by",
        list(titles),
        format_func=titles.__getitem__,
        help=" ".join(f"**{scheme.title}**: {scheme.explanation}" for scheme in fitting.values()),
        **kept(store, "colour", default if default in titles else first),
    )
    if name != _OWN_VALUES:
        return fitting[name].colour(structure), None
    if chain == ALL_CHAINS and len(structure.chains) > 1:
        chain = st.selectbox(
            "Paint on chain", structure.chains, **kept(store, "painted", structure.chains[0])
        )
    values = draw_values_chooser(
        structure, structure_id, structure.chains[0] if chain == ALL_CHAINS else chain, store
    )
    if values is None:
        return SCHEMES["chain"].colour(structure), None
    st.caption(plain(values.sentence))
    centre = None
    if values.is_number:
        around = st.toggle(
            "Blue to red around zero",
            help="For effects that go both ways; else dark to bright from the lowest to the highest value.",
            **kept(store, f"around-{values.title}", is_around_zero(values.values)),
        )
        centre = 0.0 if around else None
    return by_values(values, centre), values


def draw_more_settings(structure: Structure, store: str) -> None:
    """Choices that are rarely needed; they take effect when the page is drawn anew."""
    with st.expander("More settings"):
        if structure.n_models > 1:
            st.number_input(
                f"Model (of {structure.n_models:,})",
                1,
                structure.n_models,
                help="NMR files and some predictors put several models of the same molecule into one file.",
                **kept(store, "model", 1),
            )
        st.segmented_control(
            "Background",
            list(BACKGROUNDS),
            format_func=BACKGROUNDS.get,
            required=True,
            help="Also of the saved pictures.",
            **kept(store, "background", "theme"),
        )
        st.selectbox(
            "The B column holds",
            list(CONFIDENCE_TITLES),
            format_func=CONFIDENCE_TITLES.__getitem__,
            help=plain(structure.confidence_reason),
            **kept(store, "b_kind", structure.confidence_kind),
        )
        st.caption(plain(structure.confidence_reason))


def draw_view(structure: Structure, look: Look, store: str) -> None:
    """The 3D view; a click in it marks the residue."""

    def on_pick() -> None:
        residue = picked(_VIEWER) or {}
        row = residue.get("row")
        choices(store)["ligand"] = residue if row == -1 else None
        choices(store)["residue"] = row if row is not None and row >= 0 else None
        choices(store)["partner"] = None

    drawn = scene(
        structure,
        look.colouring,
        look.style,
        look.chain,
        chosen_residue(structure, look, store),
        look.shows_ligands,
        partner=choices(store).get("partner"),
        **look.extras,
    )
    draw_structure_viewer(drawn, _VIEWER, on_pick)


def chosen_residue(structure: Structure, look: Look, store: str) -> int | None:
    """The row of the marked residue, if it is shown."""
    row = choices(store).get("residue")
    if row is None or row not in structure.residues.index:
        return None
    is_shown = look.chain is None or structure.residues.loc[row, "chain"] == look.chain
    return row if is_shown else None


def draw_residue(structure: Structure, look: Look, store: str) -> None:
    """The marked residue: chosen by a click, in the list, or with the arrow keys on the sequence."""
    rows = structure.residues if look.chain is None else structure.chain(look.chain)
    selected = chosen_residue(structure, look, store)
    choices(store)["residue"] = selected
    if len(rows) <= _MAX_LISTED:
        st.selectbox(
            "Residue",
            rows.index,
            format_func=structure.labels.to_dict().__getitem__,
            placeholder="Click one in the view",
            **kept(store, "residue", None),
        )
    ligand = choices(store).get("ligand")
    if selected is None and ligand:
        st.markdown(
            f"**{plain(ligand['resn'])} {plain(ligand['resi'])}**, ligand at chain {plain(ligand['chain'])}"
        )
    if selected is None:
        return
    residue = structure.residues.loc[selected]
    with st.container(border=True):
        number = f"{residue['number']}{residue['insertion']}"
        st.markdown(f"**{plain(residue['name'])} {plain(number)}**, chain {plain(residue['chain'])}")
        facts = _facts(structure, look, selected).items()
        st.caption("  \n".join(f"{title}: **{plain(value)}**" for title, value in facts))


def _facts(structure: Structure, look: Look, row: int) -> dict[str, str]:
    residue = structure.residues.loc[row]
    place = structure.chain(residue["chain"]).index.get_loc(row) + 1
    facts = {"Place in the chain": f"{place:,} of {len(structure.chain(residue['chain'])):,}"}
    if residue["secondary_structure"]:
        facts["Secondary structure"] = residue["secondary_structure"]
    if structure.confidence_kind != "none":
        unit = "" if structure.confidence_kind == "B-factor" else " of 100"
        facts[CONFIDENCE_TITLES[structure.confidence_kind]] = say_number(float(residue["b_factor"])) + unit
    if look.values is not None:
        value = look.values.values[row]
        known = say_number(float(value)) if look.values.is_number else str(value) or "not known"
        facts[plain(look.values.title)] = known
    facts["Atoms"] = f"{residue['n_atoms']:,}" + ("" if residue["has_backbone"] else ", backbone incomplete")
    return facts


def draw_along_chain(structure: Structure, look: Look, selected: int | None, store: str) -> None:
    """The painted numbers, or else the B column, as a line over the chain; a click chooses the residue."""
    chain = look.line_chain(structure, selected)
    if look.values is not None and look.values.is_number:
        figure = plot_along_chain(structure, chain, look.values.values, look.values.title, selected)
    elif structure.confidence_kind != "none":
        title = CONFIDENCE_TITLES[structure.confidence_kind]
        bands = structure.confidence_kind in CONFIDENCES
        figure = plot_along_chain(structure, chain, structure.residues["b_factor"], title, selected, bands)
    else:
        return

    def on_click() -> None:
        points = st.session_state["along-chain"]["selection"]["points"]
        place = points[0].get("customdata") if points else None
        if place is not None:
            place = place[0] if isinstance(place, list | tuple) else place
            choices(store)["residue"], choices(store)["partner"] = int(place), None

    st.plotly_chart(figure, key="along-chain", on_select=on_click, selection_mode="points")


def residue_table(structure: Structure, look: Look) -> pd.DataFrame:
    """The residues that are shown, with readable column names and the painted values."""
    rows = structure.residues if look.chain is None else structure.chain(look.chain)
    table = pd.DataFrame(
        {
            "chain": rows["chain"],
            "residue": rows["number"].astype(str) + rows["insertion"],
            "name": rows["name"],
            "letter": rows["letter"],
            "secondary structure": rows["secondary_structure"],
        }
    )
    if structure.confidence_kind != "none":
        table[CONFIDENCE_TITLES[structure.confidence_kind]] = rows["b_factor"].round(2)
    if look.values is not None:
        table[look.values.title] = look.values.values.loc[rows.index]
    return table


def draw_downloads(structure: Structure, look: Look, table: pd.DataFrame, store: str) -> None:
    """Everything on the page to take along."""
    stem = safe_name(structure.name.split(".")[0], "structure")
    numbers = look.values if look.values is not None and look.values.is_number else None
    with st.container(horizontal=True):
        download_table(table, f"{stem}-residues.csv", "Residue table (CSV)")
        _download(
            f"Structure ({structure.format.upper()})",
            f"{stem}-shown.{structure.format}",
            lambda: structure.text,
        )
        # The B column of a PDB file has room for six characters; larger values are only in the table.
        if numbers is not None and structure.format == "pdb" and numbers.values.abs().max() < MAX_B_VALUE:
            _download(
                "Structure with the values in its B column",
                f"{stem}-values.pdb",
                lambda: text_with_values(structure, numbers.values.to_dict()),
            )
        _download(
            "3D view (HTML)",
            f"{stem}.html",
            lambda: _as_page(structure, look, chosen_residue(structure, look, store)),
        )


def _as_page(structure: Structure, look: Look, selected: int | None) -> str:
    drawn = scene(
        structure, look.colouring, look.style, look.chain, selected, look.shows_ligands, **look.extras
    )
    return stand_alone_page(drawn, f"Coloured by {look.colouring.title}. Drawn by BioTL with 3Dmol.js.")


def _download(label: str, file_name: str, make: Callable[[], str]) -> None:
    st.download_button(
        label, make, file_name, icon=":material/download:", on_click="ignore", key=f"download-{file_name}"
    )
