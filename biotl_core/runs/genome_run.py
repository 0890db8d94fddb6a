"""The work of a comparison of genomes: files to genes, pairs, groups and figures' tables, all in the run folder."""

import sys
import time
from functools import partial
from pathlib import Path

from biotl_core.genomes.comparison import Rescue, compare_genomes, save_comparison, summarise
from biotl_core.genomes.reading import read_genomes
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.genome_requests import input_files, read_settings
from biotl_core.runs.json_files import write_json_atomically


def genome_run(folder: Path, control: Control) -> str:
    """Do a run of kind "genomes"; the closing sentence."""
    config, settings = read_config(folder), read_settings(folder)
    started, began = time.process_time(), time.monotonic()
    control.step("Reading genomes", 0, 0)
    genomes = read_genomes(
        input_files(folder),
        each_sequence=bool(config.get("each_sequence")),
        genetic_code=config.get("genetic_code"),
    )
    reading = time.process_time() - started
    rescue = _load_rescue(control) if config.get("backbone") else None
    comparison = compare_genomes(genomes, settings, control, rescue)
    control.step("Writing the results", 0, 0)
    save_comparison(comparison, folder)
    result = summarise(comparison, settings)
    result["seconds"] = {"reading": reading, **result["seconds"]}
    result["elapsed_seconds"] = time.monotonic() - began
    result["cpu_seconds"] = time.process_time() - started
    result["peak_memory_gb"] = _peak_memory_gb()
    write_json_atomically(folder / "result.json", result)
    return result["sentence"]


def _load_rescue(control: Control) -> Rescue:
    control.step("Loading the protein model", 0, 0)
    from biotl_core.backbones.embeddings import fingerprint  # torch costs seconds: only where it is used
    from biotl_core.genomes.transfer import WEIGHTS_FOLDER, load_searcher, rescue_pair

    return Rescue(partial(rescue_pair, load_searcher()), f"transfer {fingerprint(WEIGHTS_FOLDER)}")


def _peak_memory_gb() -> float | None:
    """The most memory this process held; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
