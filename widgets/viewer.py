"""The 3D viewer: a component around the vendored 3Dmol script that tells which residue was clicked."""

from collections.abc import Callable
from typing import Any, TypedDict

import streamlit as st

from biotl_core.structures.scene import viewer_part


class PickedResidue(TypedDict, total=False):
    """What was clicked; only `row` is there when the marked residue was clicked again to unmark it."""

    row: int | None
    """Row of `Structure.residues`; -1 for a ligand, None when nothing is marked any more."""
    chain: str
    resi: str
    """Residue number with its insertion code."""
    resn: str
    b: float | None


# Registered once a process; the script runs in a shadow root and gets its data as values, never as HTML.
_viewer = st.components.v2.component(
    "biotl_structure_viewer",
    html=viewer_part("viewer.html"),
    css=viewer_part("viewer.css"),
    js=viewer_part("viewer.js"),
)


def draw_structure_viewer(
    drawn: dict[str, Any], key: str, on_pick: Callable[[], None]
) -> PickedResidue | None:
    """Draw a scene (see `structures.scene.scene`), and return what was clicked last.

    Args:
        drawn: what to show.
        key: of the component; the viewer is kept over reruns under it.
        on_pick: called before the rerun that follows a click; reads `picked(key)`.
    """
    return _viewer(key=key, data=drawn, default={"residue": None}, on_residue_change=on_pick).residue


def picked(key: str) -> PickedResidue | None:
    """What was clicked last in the viewer of that key."""
    state = st.session_state.get(key)
    return state.residue if state is not None else None
