"""The work of a comparison of genomes: files to genes, pairs, groups and figures' tables, all in the run folder."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biotl_core.genomes.comparison import (
    Comparison,
    Rescue,
    compare_genomes,
    cpu_seconds,
    save_comparison,
    summarise,
)
from biotl_core.genomes.function_reference import read_reference, transfer_from_reference
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.reading import read_genomes
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.genome_requests import (
    HEAD,
    PROTEIN_MAP,
    REFERENCE_FUNCTIONS,
    input_files,
    read_settings,
    reference_file,
)
from biotl_core.runs.json_files import write_json_atomically

if TYPE_CHECKING:
    from biotl_core.genomes.transfer import Searcher


def genome_run(folder: Path, control: Control) -> str:
    """Do a run of kind "genomes"; the closing sentence."""
    config, settings = read_config(folder), read_settings(folder)
    started, began = cpu_seconds(), time.monotonic()
    control.step("Reading genomes", 0, 0)
    genomes = read_genomes(
        input_files(folder),
        each_sequence=bool(config.get("each_sequence")),
        genetic_code=config.get("genetic_code"),
    )
    reading = cpu_seconds() - started
    reference = read_reference(file) if (file := reference_file(folder)) else None
    before = cpu_seconds()
    searcher = _load_searcher(_head_folder(folder, config), control) if config.get("backbone") else None
    loading = {"loading the protein model": cpu_seconds() - before} if searcher else {}
    comparison = compare_genomes(
        genomes, settings, control, _rescue_by(searcher, _head_folder(folder, config))
    )
    result = summarise(comparison, settings)
    if searcher is not None:
        result["head"] = config.get("head") or "embedded"
    result["seconds"] = {"reading": reading, **loading, **result["seconds"]}
    if reference is not None:
        result |= _add_functions(reference, comparison, folder, result["seconds"], control)
    if searcher is not None:
        result |= _add_controls(searcher, comparison, config, result["seconds"], control)
        result |= _add_map(searcher, comparison, config, folder, result["seconds"], control)
    control.step("Writing the results", 0, 0)
    save_comparison(comparison, folder)
    result["elapsed_seconds"] = time.monotonic() - began
    result["cpu_seconds"] = cpu_seconds() - started
    result["peak_memory_gb"] = _peak_memory_gb()
    write_json_atomically(folder / "result.json", result)
    return result["sentence"]


def _head_folder(folder: Path, config: dict[str, Any]) -> Path | None:
    """The head that was asked for; None for the embedded one."""
    return folder / HEAD if config.get("head") else None


def _load_searcher(head: Path | None, control: Control) -> "Searcher":
    control.step("Loading the protein model", 0, 0)
    from biotl_core.genomes.transfer import WEIGHTS_FOLDER, load_searcher  # torch costs seconds

    return load_searcher(head or WEIGHTS_FOLDER)


def _rescue_by(searcher: "Searcher | None", head: Path | None) -> Rescue | None:
    if searcher is None:
        return None
    from biotl_core.backbones.embeddings import fingerprint
    from biotl_core.genomes.transfer import WEIGHTS_FOLDER, rescue_pair

    return Rescue(partial(rescue_pair, searcher), f"transfer 2 {fingerprint(head or WEIGHTS_FOLDER)}")


def _add_functions(
    reference: Genome, comparison: Comparison, folder: Path, seconds: dict[str, float], control: Control
) -> dict[str, Any]:
    """`reference`; the functions themselves go to `reference_functions.parquet`."""
    started = cpu_seconds()
    table = transfer_from_reference(comparison.genomes, reference, control)
    table.to_parquet(folder / REFERENCE_FUNCTIONS, index=False)
    seconds["functions from the reference"] = cpu_seconds() - started
    return {"reference": {"n_proteins": len(reference.coding), "n_functions": len(table)}}


def _add_controls(
    searcher: "Searcher",
    comparison: Comparison,
    config: dict[str, Any],
    seconds: dict[str, float],
    control: Control,
) -> dict[str, Any]:
    """`controls`, where they were asked for: None where too few pairs are known to hide some."""
    if not config.get("controls"):
        return {}
    from biotl_core.genomes.transfer_controls import run_controls

    started = cpu_seconds()
    found = run_controls(searcher, comparison.genomes, comparison.pairs, control)
    seconds["controls"] = cpu_seconds() - started
    return {"controls": found.as_plain() if found else None}


def _add_map(
    searcher: "Searcher",
    comparison: Comparison,
    config: dict[str, Any],
    folder: Path,
    seconds: dict[str, float],
    control: Control,
) -> dict[str, Any]:
    """`map`, where it was asked for; the places themselves go to `protein_map.parquet`."""
    if not config.get("map"):
        return {}
    from biotl_core.genomes.transfer_map import map_proteins

    started = cpu_seconds()
    places = map_proteins(searcher, comparison.genomes, comparison.pairs, control)
    shares = places.attrs.pop("shares", [0.0, 0.0])
    places.to_parquet(folder / PROTEIN_MAP, index=False)
    seconds["map of proteins"] = cpu_seconds() - started
    return {"map": {"n": len(places), "shares": shares}}


def _peak_memory_gb() -> float | None:
    """The most memory this process held; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
