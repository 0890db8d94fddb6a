"""What the viewer is told: structure and colours as plain values, and the same as a stand-alone page."""

import html
import json
from pathlib import Path
from typing import Any, Literal

from biotl_core.home import safe_name
from biotl_core.structures.colours import Colouring
from biotl_core.structures.secondary_structure import HELIX, STRAND
from biotl_core.structures.structure import Structure

Style = Literal["cartoon", "stick", "sphere", "line", "surface"]

STYLES: dict[Style, tuple[str, str]] = {
    "cartoon": ("Cartoon", "Ribbons and arrows along the backbone: the fold at a glance."),
    "stick": ("Sticks", "Every bond: which side chains meet."),
    "sphere": ("Spheres", "Every atom at its true size: how tightly things are packed."),
    "line": ("Lines", "Thin bonds, for a look inside."),
    "surface": ("Surface", "What a partner sees from outside (van der Waals surface)."),
}
"""Name and explanation of each way to draw."""

Background = Literal["theme", "white", "black"]
BACKGROUNDS: dict[Background, str] = {"theme": "As the page", "white": "White", "black": "Black"}
"""What each background is called."""

_VIEWER = Path(__file__).parent / "viewer"
LIBRARY = Path(__file__).parents[2] / "static" / "3Dmol-min.js"


def viewer_part(name: Literal["viewer.js", "viewer.css", "viewer.html"]) -> str:
    """One of the three files that make up the viewer."""
    return (_VIEWER / name).read_text(encoding="utf-8")


def scene(
    structure: Structure,
    colouring: Colouring,
    style: Style = "cartoon",
    chain: str | None = None,
    selected: int | None = None,
    show_ligands: bool = True,
    height: int = 480,
    partner: int | None = None,
    link: str | None = None,
    side_chains: bool = False,
    labels: bool = False,
    background: Background = "theme",
) -> dict[str, Any]:
    """Everything the viewer needs, as values that JSON knows.

    Args:
        structure: what is drawn.
        colouring: one colour a residue.
        style: how it is drawn; chains without a backbone are drawn as a trace in every style but spheres.
        chain: the only chain to show; all when None.
        selected: the row of `structure.residues` that is marked.
        show_ligands: draw ligands and ions too.
        height: of the viewer, in pixels.
        partner: a second row, marked with a line to the first.
        link: viewers of one page with the same link turn together.
        side_chains: draw them as sticks on cartoons and surfaces.
        labels: write name and number, as in the file, at residues that are far enough apart to read.
        background: in `BACKGROUNDS`.
    """
    table = structure.residues
    shapes = table["secondary_structure"].map({HELIX: "h", STRAND: "s"}).fillna("c")
    return {
        "name": structure.name,
        "file_stem": safe_name(structure.name.split(".")[0], "structure"),
        "text": structure.text,
        "format": structure.format,
        "atom_counts": list(structure.atom_counts),
        "shapes": "".join(shapes),
        "chains": table["chain"].tolist(),
        "letters": "".join(table["letter"]),
        "names": table["name"].tolist(),
        "numbers": (table["number"].astype(str) + table["insertion"]).tolist(),
        "b": table["b_factor"].round(2).tolist(),
        "values": list(colouring.values) or [""] * len(table),
        "colours": list(colouring.colours),
        "orientation": list(structure.orientation),
        "legend": {
            "title": colouring.title,
            "is_gradient": colouring.is_gradient,
            "note": colouring.note,
            "entries": [list(entry) for entry in colouring.legend],
        },
        "style": style,
        "traced": list(structure.traced_chains()),
        "chain": chain,
        "selected": selected,
        "partner": partner,
        "link": link,
        "side_chains": side_chains,
        "labels": labels,
        "background": background,
        "ligands": show_ligands,
        "height": height,
    }


def molecule_scene(name: str, mol_block: str, note: str = "", height: int = 340) -> dict[str, Any]:
    """A small molecule alone, as sticks coloured by element.

    Args:
        name: what it is called.
        mol_block: its atoms and bonds with 3D coordinates, as an MDL molecule block.
        note: stands below the legend.
        height: of the viewer, in pixels.
    """
    n_atoms = int(mol_block.split("\n")[3][:3])
    return {
        "name": name, "file_stem": safe_name(name, "molecule"), "text": mol_block, "format": "sdf",
        "atom_counts": [n_atoms], "shapes": "c", "chains": [""], "letters": "", "names": [name], "numbers": [""],
        "b": [None], "values": [""], "colours": ["#9AA5A2"], "orientation": [0.0, 0.0, 0.0, 1.0],
        "legend": {"title": "3D shape", "is_gradient": False, "note": note, "entries": []},
        "style": "stick", "traced": [], "chain": None, "selected": None, "ligands": True, "height": height,
    }  # fmt: skip


def stand_alone_page(drawn: dict[str, Any], caption: str = "") -> str:
    """The scene as one HTML file that needs no network: script, viewer and structure are inside it."""
    # `<` is written as an escape, so that no text of the user can end the script element.
    data = json.dumps({**drawn, "height": 640}).replace("<", "\\u003c")
    title = html.escape(drawn["name"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1.5rem auto; max-width: 1100px; padding: 0 1rem; font-family: system-ui, sans-serif; }}
{viewer_part("viewer.css")}</style>
</head>
<body>
<h1 style="font-size:1.3rem">{title}</h1>
<p>{html.escape(caption)}</p>
<div id="root">{viewer_part("viewer.html")}</div>
<script>{LIBRARY.read_text(encoding="utf-8")}</script>
<script type="module">
{viewer_part("viewer.js")}
draw({{ data: {data}, parentElement: document.getElementById("root"), setStateValue: () => {{}} }});
</script>
</body>
</html>
"""
