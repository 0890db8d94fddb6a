"""The target's structure beside a hit."""

from pathlib import Path

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.structures.colours import by_secondary_structure
from biotl_core.structures.scene import STYLES, scene
from biotl_core.wording import plain
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.structure_source import open_structure
from widgets.viewer import draw_structure_viewer, picked

_HEIGHT = 360


def draw_target_structure(file: Path, chain: str) -> None:
    """The chain that is the target, with its ligands; a click says which residue it is.

    Args:
        file: PDB or mmCIF.
        chain: the one to show; all where the file names none.
    """
    st.markdown(
        "**The target's structure**",
        help="As you brought it, with its own ligands. The molecule above is not docked into it: nothing here says "
        "where, or whether, it binds.",
    )
    try:
        structure = open_structure(file)
    except UserError as error:
        draw_error(error)
        return
    view, beside = st.columns([7, 3], gap="medium")
    with beside:
        style = st.selectbox(
            "Drawn as",
            list(STYLES),
            format_func=lambda name: STYLES[name][0],
            **kept("hits", "style", "cartoon"),
        )
        residue = picked("target-viewer")
        if residue and residue.get("resn"):
            st.markdown(
                f"**{plain(residue['resn'])} {plain(residue['resi'])}** of chain {plain(residue['chain'])}"
            )
        else:
            st.caption("Click a residue to see which it is.")
        for ligand in structure.ligands.head(6).to_dict("records"):
            st.caption(
                f"Holds {plain(ligand['name'])} ({ligand['n_atoms']} atoms, chain {plain(ligand['chain'])})"
            )
        st.caption("The molecule is not docked into it.")
    with view:
        shown = chain if chain in structure.chains else None
        drawn = scene(structure, by_secondary_structure(structure), style, shown, height=_HEIGHT)
        draw_structure_viewer(drawn, "target-viewer", lambda: None)
