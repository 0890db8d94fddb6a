"""One structure in depth: the view, the residue, values along the chain, maps of pairs, tables and downloads."""

from pathlib import Path

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.structures.bundles import make_bundle, make_import_bundle
from biotl_core.structures.result_files import SavedResult
from biotl_core.structures.structure import Structure, with_confidence_kind
from biotl_core.wording import plain, plain_sentence
from widgets.frame import draw_error
from widgets.kept import choices
from widgets.structure_maps import draw_pae_field, draw_pair_maps, fitting_pae_file
from widgets.structure_source import (
    chosen_structure,
    draw_open_structure,
    draw_structure_chooser,
    find_structure,
    open_structure,
    saved_result,
)
from widgets.structure_view import (
    chosen_residue,
    describe_structure,
    draw_along_chain,
    draw_choices,
    draw_downloads,
    draw_more_settings,
    draw_residue,
    draw_view,
    residue_table,
)


def draw_look_task() -> None:
    """The whole of "Look": a structure to choose, and then everything about it."""
    structure_id = chosen_structure()
    if structure_id is None:
        draw_structure_chooser()
        return
    store = f"structure-{structure_id}"
    try:
        file, saved = find_structure(structure_id), saved_result(structure_id)
        structure = open_structure(file, choices(store).get("model", 1))
        structure = with_confidence_kind(structure, choices(store).get("b_kind", structure.confidence_kind))
    except UserError as error:
        draw_error(error)
        draw_structure_chooser()
        return
    title = saved.name if saved is not None else structure.name
    draw_open_structure(structure_id, describe_structure(structure, title))
    for note in saved.about["notes"] if saved is not None else ():
        st.caption(plain_sentence(note))
    view, beside = st.columns([7, 3], gap="medium")
    with beside:
        look = draw_choices(structure, structure_id, store)
        draw_residue(structure, look, store)
        draw_more_settings(structure, store)
    with view:
        draw_view(structure, look, store)
    draw_along_chain(structure, look, chosen_residue(structure, look, store), store)
    table = residue_table(structure, look)
    left, right = st.columns(2, gap="medium")
    with left:
        draw_pair_maps(structure, file, saved, chosen_residue(structure, look, store), store)
    with right:
        st.dataframe(table, hide_index=True, height=430, key="residue-table")
        draw_pae_field(store)
    draw_downloads(structure, look, table, store)
    _draw_bundle(structure, file, saved, store)
    if structure.notes:
        with st.expander("What was found in the file"):
            st.markdown("\n".join(f"- {plain(note)}" for note in structure.notes))


def _draw_bundle(structure: Structure, file: Path, saved: SavedResult | None, store: str) -> None:
    """Everything about a predicted model in one zip, whether it was predicted here or elsewhere."""
    is_imported = saved is None and structure.confidence_kind == "pLDDT" and structure.n_models == 1
    if saved is None and not (is_imported and (structure.residues["kind"] == "protein").all()):
        return
    try:
        beside = fitting_pae_file(structure, store)
    except UserError:  # told at the maps
        beside = None
    st.download_button(
        "Everything about this model (zip)",
        lambda: make_bundle(saved) if saved is not None else make_import_bundle(file, beside),
        f"{saved.folder.name if saved is not None else file.name.split('.')[0]}.zip",
        icon=":material/download:",
        on_click="ignore",
        help="PDB, mmCIF, expected errors, scores, PyMOL and ChimeraX scripts, a 3D page, settings, citations.",
    )
