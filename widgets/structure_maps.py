"""Maps of pairs of residues beside the 3D view: expected errors, contacts, distances; a click marks the pair."""

from pathlib import Path

import numpy as np
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.plots.structure_maps import MAP_KINDS, plot_pair_map
from biotl_core.structures.chains import CA, CB, read_chains
from biotl_core.structures.importing import read_pae
from biotl_core.structures.result_files import SavedResult
from biotl_core.structures.structure import Structure
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.structure_source import MAX_MEGABYTES, keep_upload

_LARGEST = 2_500
"""Residues up to which a map is drawn."""
_HELP = {
    "pae": "How many Å a residue (across) may be off when the model is laid on the truth at another (down): dark "
    "blocks are parts whose place to one another is sure.",
    "contacts": "How likely the beta carbons of two residues are closer than 8 Å, as the engine says.",
    "distances": "How far apart the beta carbons (alpha of glycine) of two residues are in this model.",
}


def draw_pair_maps(
    structure: Structure, file: Path, saved: SavedResult | None, selected: int | None, store: str
) -> None:
    """The maps that there are for a structure; nothing for very long ones."""
    proteins = structure.residues[structure.residues["kind"] == "protein"]
    if len(proteins) < 3 or len(proteins) > _LARGEST or len(proteins) != len(structure.residues):
        return
    maps = _maps(structure, file, saved, store)
    names = list(maps)
    chosen = st.segmented_control(
        "Map of pairs",
        names,
        format_func=lambda name: MAP_KINDS[name].title,
        required=True,
        **kept(store, "map", names[0], names),
    )
    st.caption(_HELP[chosen] + " Click in it to mark the pair.")
    places = {row: place for place, row in enumerate(proteins.index)}
    pair = (places.get(selected), places.get(choices(store).get("partner")))
    labels = structure.labels.loc[proteins.index].tolist()
    key = f"pair-map-{chosen}"

    def on_click() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points and (found := points[0].get("customdata")):
            # Plotly's arrays of arrays come back as dicts by place.
            pair_places = list(found.values()) if isinstance(found, dict) else list(found)
            rows = [int(proteins.index[int(place)]) for place in pair_places]
            choices(store)["residue"], choices(store)["partner"] = rows

    st.plotly_chart(
        plot_pair_map(chosen, maps[chosen], labels, pair),
        key=key,
        on_select=on_click,
        selection_mode="points",
    )


def _maps(structure: Structure, file: Path, saved: SavedResult | None, store: str) -> dict[str, np.ndarray]:
    n = len(structure.residues)
    maps: dict[str, np.ndarray] = {}
    try:
        if (added := fitting_pae_file(structure, store)) is not None:
            maps["pae"] = _read_pae(str(added))
    except UserError as error:
        draw_error(error)
    if saved is not None and saved.pae is not None and len(saved.pae) == n:
        maps.setdefault("pae", saved.pae)
    if saved is not None and saved.contacts is not None and len(saved.contacts) == n:
        maps["contacts"] = saved.contacts
    maps["distances"] = _distances(str(file), file.stat().st_mtime_ns, structure.model, n)
    return maps


def fitting_pae_file(structure: Structure, store: str) -> Path | None:
    """The file of expected errors that was brought along; UserError when it is for another length."""
    added = choices(store).get("pae")
    if not added or not Path(added).is_file():
        return None
    n, given = len(structure.residues), len(_read_pae(added))
    if given != n:
        raise UserError(
            f"The expected errors are for {given:,} residues, but the structure has {n:,}. Choose the file that "
            "belongs to it."
        )
    return Path(added)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_pae(path: str) -> np.ndarray:
    return read_pae(Path(path))


@st.cache_resource(max_entries=4, show_spinner=False)
def _distances(path: str, changed_at: int, model: int, n: int) -> np.ndarray:
    """Distances between beta carbons of the resolved residues, shape (n, n)."""
    del changed_at
    chains = read_chains(Path(path), model=model, shortest=1)
    backbone = np.concatenate(
        [chain.backbone[~np.isnan(chain.backbone).all(axis=(1, 2))] for chain in chains]
    )
    places = np.where(np.isnan(backbone[:, CB]), backbone[:, CA], backbone[:, CB])
    if len(places) != n:
        return np.full((n, n), np.nan)
    return np.linalg.norm(places[:, None] - places[None], axis=2)


def draw_pae_field(store: str) -> None:
    """A file of expected errors that belongs to the open structure."""
    key = f"{store}-pae-upload"

    def keep() -> None:
        if (uploaded := st.session_state[key]) is not None:
            choices(store)["pae"] = str(keep_upload(uploaded.getvalue(), uploaded.name))

    st.file_uploader(
        "Expected errors (PAE) of a predicted model",
        help="The JSON or NPZ file that AlphaFold, ColabFold, Boltz, Chai, Protenix or ESMFold wrote beside the model.",
        max_upload_size=MAX_MEGABYTES,
        key=key,
        on_change=keep,
    )
