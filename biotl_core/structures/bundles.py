"""A result to take along: one zip with every format, scripts for PyMOL and ChimeraX, a 3D page, and citations."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

from biotl_core.home import safe_name
from biotl_core.structures.colours import band_colour
from biotl_core.structures.confidence import BANDS
from biotl_core.structures.engines import ENGINES
from biotl_core.structures.importing import import_result
from biotl_core.structures.result_files import CIF, MODEL, SavedResult, pae_json, read_saved, save_result
from biotl_core.structures.stand_alone import PaintedModel, stand_alone_view
from biotl_core.structures.structure import read_structure

_ALWAYS_CITED = (
    "biotite: Kunzmann and Hamacher, BMC Bioinformatics 19, 346 (2018)",
    "3Dmol.js: Rego and Koes, Bioinformatics 31, 1322 (2015)",
)


def make_bundle(saved: SavedResult) -> bytes:
    """The zip: model as PDB and mmCIF, PAE, scores, scripts, a page in 3D, settings and citations."""
    stem = safe_name(saved.name, "model")
    text = saved.structure_file.read_text()
    files = {
        f"{stem}.cif": (saved.folder / CIF).read_text(),
        f"{stem}_scores.json": json.dumps(scores(saved), indent=1),
        f"{stem}_settings.json": json.dumps(dict(saved.about), indent=1),
        f"{stem}.pml": pymol_script(stem),
        f"{stem}.cxc": chimerax_script(stem),
        f"{stem}.html": confidence_page(saved),
        "CITATIONS.txt": "\n".join(citations(str(saved.about["engine"]))) + "\n",
    }
    if (saved.folder / MODEL).is_file():
        files[f"{stem}.pdb"] = text
    if saved.pae is not None:
        files[f"{stem}_predicted_aligned_error.json"] = pae_json(saved.pae)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{stem}/{name}", content)
    return stream.getvalue()


def make_import_bundle(model: Path, beside: Path | None) -> bytes:
    """The same zip for a model of another predictor; errors as in `importing.import_result`."""
    with tempfile.TemporaryDirectory() as folder:
        place = save_result(
            import_result(model, beside), Path(folder) / safe_name(model.name.split(".")[0], "model")
        )
        return make_bundle(read_saved(place))


def confidence_page(saved: SavedResult) -> str:
    """The model as a page in 3D, coloured by the four bands of confidence."""
    structure = read_structure(saved.structure_file)
    table = structure.residues
    numbers = table["number"].astype(str)
    colours = {
        place: band_colour(value)
        for place, value in zip(zip(table["chain"], numbers, strict=True), saved.confidence, strict=True)
    }
    lines = [
        f"Engine {saved.about['engine']}; coloured by {saved.about['confidence_kind']}: "
        + ", ".join(f"{text} {colour}" for _, colour, text in BANDS),
        *saved.about["notes"],
    ]
    return stand_alone_view([PaintedModel(structure.text, structure.format, colours)], saved.name, lines)


def scores(saved: SavedResult) -> dict:
    """Confidence of each residue with its kind, and the single numbers."""
    return {
        "confidence_kind": saved.about["confidence_kind"],
        "confidence": [round(float(value), 2) for value in saved.confidence],
        **saved.about["scores"],
    }


def citations(engine: str) -> list[str]:
    """What to cite for a model of an engine."""
    own = [ENGINES[engine].reference] if engine in ENGINES and ENGINES[engine].reference else []
    return [*own, *_ALWAYS_CITED]


def pymol_script(stem: str) -> str:
    """Opens the model in PyMOL, coloured by the four bands of confidence."""
    lines = [f"load {stem}.cif, {stem}", "hide everything", "show cartoon"]
    for k, (_, colour, _) in enumerate(reversed(BANDS)):
        lines.append(
            f"set_color biotl_{k}, [{', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}]"
        )
    lowest = [band[0] for band in reversed(BANDS)]
    lines += [
        f"color biotl_{k}, {stem} and b > {low - 0.001 if low == 0 else low}" for k, low in enumerate(lowest)
    ]
    return "\n".join([*lines, f"orient {stem}", ""])


def chimerax_script(stem: str) -> str:
    """Opens the model in ChimeraX, coloured by the four bands of confidence."""
    lines = [f"open {stem}.cif", "hide atoms", "cartoon", f"color {BANDS[-1][1]}"]
    lines += [f"color @@bfactor>{lowest} {colour}" for lowest, colour, _ in reversed(BANDS[:-1])]
    return "\n".join([*lines, "view", ""])
