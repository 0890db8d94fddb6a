"""Comparisons of genomes: start one from files, and know whether one has finished."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from biotl_core.errors import UserError
from biotl_core.genomes.pair import PairSettings
from biotl_core.home import safe_name
from biotl_core.runs.folder import create_run, read_config

BACKBONE = "biotl-protein"
"""The backbone that searches for relatives where alignment finds none."""
PROTEIN_MAP = "protein_map.parquet"
"""In the folder of a run: where each protein lies on the map."""

HEAD = "head"
"""Folder in that of a run: the head that judges relatives, where it is not the embedded one."""
REFERENCE_FUNCTIONS = "reference_functions.parquet"
"""In the folder of a run: functions taken from the reference, with the number of the genome."""


def create_genome_run(
    files: Sequence[Path],
    settings: PairSettings,
    *,
    name: str | None = None,
    folder: Path | None = None,
    each_sequence: bool = False,
    genetic_code: int | None = None,
    backbone: str | None = BACKBONE,
    head: Path | None = None,
    reference: Path | None = None,
    controls: bool = True,
    map_of_proteins: bool = True,
    source: str = "",
) -> Path:
    """Make the folder of a comparison that has not started yet; its files are copied into it.

    Args:
        files: genomes and annotations (see `genomes.reading.read_genomes`).
        settings: thresholds.
        name: of the run; by default the names of the first files.
        folder: an empty or new folder to use instead of one below the home.
        each_sequence: every sequence of a file is a genome of its own.
        genetic_code: NCBI's number, None to guess.
        backbone: of the search by embedding; None to leave it out.
        head: folder of a head that judges relatives (`runs.homology.head_folder`); None for the embedded one.
        reference: proteins or an annotated genome to take functions from (see `function_reference.read_reference`).
        controls: hide known pairs and let the search and its rivals find them; needs the backbone.
        map_of_proteins: lay the proteins on a plane; needs the backbone.
        source: what the files are called, for the list.

    Raises:
        UserError: a file is not there.
    """
    for file in [*files, *([reference] if reference else [])]:
        if not Path(file).is_file():
            raise UserError(f"There is no file '{file}'. Check its path.")
    names = [Path(file).name for file in files]
    stems = list(dict.fromkeys(text.split(".")[0] for text in names))
    config: dict[str, Any] = {
        "source": source or ", ".join(names),
        "files": names,
        "settings": asdict(settings),
        "each_sequence": each_sequence,
        "genetic_code": genetic_code,
        "backbone": backbone or "",
        "reference": Path(reference).name if reference else "",
        "controls": controls and bool(backbone),
        "head": Path(head).parent.name if head and backbone else "",
        "map": map_of_proteins and bool(backbone),
    }
    made = create_run(config, kind="genomes", name=name or "-".join(stems[:2]), folder=folder)
    (made / "input").mkdir()
    for number, file in enumerate(files):
        # A folder each, so that two files of one name (from two folders) do not meet.
        place = made / "input" / str(number)
        place.mkdir()
        shutil.copyfile(file, place / safe_name(Path(file).name, "genome"))
    if head and backbone:
        # A copy: the comparison can be resumed and understood when that run is gone.
        shutil.copytree(head, made / HEAD)
    if reference:
        (made / "reference").mkdir()
        shutil.copyfile(reference, made / "reference" / safe_name(Path(reference).name, "reference"))
    return made


def reference_file(folder: Path) -> Path | None:
    """The reference of a comparison that functions are taken from, None without one."""
    return next((folder / "reference").glob("*"), None)


def input_files(folder: Path) -> list[Path]:
    """The files of a comparison, in the order given."""
    places = sorted((folder / "input").iterdir(), key=lambda place: int(place.name))
    return [next(place.iterdir()) for place in places]


def read_settings(folder: Path) -> PairSettings:
    """The thresholds that were asked for."""
    asked = read_config(folder)["settings"]
    return PairSettings(
        **{field.name: asked[field.name] for field in fields(PairSettings) if field.name in asked}
    )
