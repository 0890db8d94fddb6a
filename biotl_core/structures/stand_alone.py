"""Models as one HTML page that needs no network: py3Dmol with the vendored script inside."""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from biotl_core.structures.scene import LIBRARY

_PIXELS = (900, 620)


class PaintedModel(NamedTuple):
    """A model with a colour for each residue."""

    text: str
    format: str
    """`pdb` or `cif`."""
    colours: Mapping[tuple[str, str], str]
    """(chain, residue number) to `#RRGGBB`; other residues are grey."""


def stand_alone_view(models: Sequence[PaintedModel], title: str, lines: Sequence[str] = ()) -> str:
    """A page that draws models by itself, on one another, as cartoons.

    Args:
        models: what to draw.
        title: heading of the page.
        lines: what is told below, a sentence each.
    """
    import py3Dmol

    # The script is in the page already, so py3Dmol is given a kept promise instead of an address.
    view = py3Dmol.view(width=_PIXELS[0], height=_PIXELS[1], js="")
    for number, model in enumerate(models):
        # A name in a file must not end the script; no coordinate needs the sign.
        view.addModel(model.text.replace("<", " "), model.format)
        view.setStyle({"model": number}, {"cartoon": {"color": "#9AA5A2"}})
        for colour, residues in _by_colour(model.colours).items():
            for chain, numbers in residues.items():
                view.setStyle(
                    {"model": number, "chain": chain, "resi": numbers}, {"cartoon": {"color": colour}}
                )
    view.zoomTo()
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>
<body style="font-family: system-ui, sans-serif; margin: 1.5rem auto; max-width: {_PIXELS[0]}px">
<h1 style="font-size: 1.3rem">{html.escape(title)}</h1>
<script>{LIBRARY.read_text(encoding="utf-8")}</script>
<script>var $3Dmolpromise = Promise.resolve();</script>
{view._make_html()}
{told}
</body></html>
"""


def _by_colour(colours: Mapping[tuple[str, str], str]) -> dict[str, dict[str, list[str]]]:
    grouped: dict[str, dict[str, list[str]]] = {}
    for (chain, number), colour in colours.items():
        grouped.setdefault(colour, {}).setdefault(chain, []).append(number)
    return grouped
