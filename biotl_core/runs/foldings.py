"""Predictions of structures: start one, and read what came out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_sequences
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.runs.distances import ADAPTER_FILE, learned_folder
from biotl_core.runs.folder import create_run, launch, read_result
from biotl_core.structures.engines import FoldSettings, find_engine, why_out_of_reach
from biotl_core.structures.result_files import SavedResult, read_saved
from biotl_core.structures.results import check_sequence

MODELS = "models"
"""Folder of the results inside the run folder, one folder each."""
_LONGEST = 10_000
"""Residues above which a sequence is a mistake; each engine has its own, lower limit."""
_HEAVY = ("esmfold", "esmfold2", "distogram", "learned", "attention")
"""Engines that have a device to themselves; the others take seconds and start at once."""


def start_folding(
    sequences: pd.DataFrame,
    engine: str,
    structures: Sequence[Path],
    settings: FoldSettings | None = None,
    source: str = "",
    folder: Path | None = None,
) -> Path:
    """Launch the prediction of structures; its folder.

    Args:
        sequences: columns name and sequence.
        engine: name in `ENGINES`.
        structures: files of relatives, for engines that need them.
        settings: see `FoldSettings`.
        source: where the sequences came from, in words.
        folder: an empty or new folder instead of one below the home.

    Raises:
        UserError: nothing to fold, a sequence is none, the engine is out of reach or lacks structures.
    """
    entry = find_engine(engine)
    settings = settings or FoldSettings()
    if missing := why_out_of_reach(entry):
        raise UserError(missing)
    if entry.needs_structures and not structures:
        raise UserError(f"The engine '{entry.title}' needs structures of relatives. Add PDB or mmCIF files.")
    if engine == "learned" and not settings.head:
        raise UserError("Choose a finished run that has learned contacts or distances.")
    settings = replace(
        settings,
        head=str(learned_folder(settings.head)) if engine == "learned" else "",
        adapter=str(learned_folder(settings.adapter, ADAPTER_FILE)) if settings.adapter else "",
    )
    if sequences.empty:
        raise UserError("There is no sequence to fold. Paste one, or choose a FASTA file.")
    table = pd.DataFrame(
        {"name": sequences["name"].astype(str), "sequence": sequences["sequence"].astype(str)}
    )
    table["sequence"] = [
        check_sequence(sequence, name, _LONGEST, entry.takes_complexes)
        for name, sequence in zip(table["name"], table["sequence"], strict=True)
    ]
    device = resolve_device(settings.device).name if engine in _HEAVY else "cpu"
    request = {
        "engine": engine,
        "settings": settings.of(engine),
        "structures": [str(Path(file).resolve()) for file in structures],
        "source": source,
        "modality": "protein",
        "device": device,
        "waits_for_device": engine in _HEAVY,
        "n_sequences": len(table),
    }
    name = (
        f"{table['name'].iloc[0]}-{engine}"
        if len(table) == 1
        else f"{Path(source or 'sequences').stem}-{engine}"
    )
    run = create_run(request, kind="fold", name=name, folder=folder)
    table.to_parquet(run / "input.parquet", index=False)
    launch(run)
    return run


def sequences_of(raw: RawTable) -> pd.DataFrame:
    """Names and sequences of a FASTA file, a table or pasted text, as written; checked when they are folded."""
    has_own = "sequence" in raw.table
    column, name = guess_sequences(raw, sequence="sequence" if has_own else None, name=None)
    if name is None and "name" in raw.table and column != "name":
        name = "name"
    numbered = [f"sequence {i + 1}" for i in range(len(raw.table))]
    names = raw.table[name] if name else pd.Series("", index=raw.table.index)
    return pd.DataFrame(
        {
            "name": names.where(names != "", pd.Series(numbered, index=names.index)),
            "sequence": raw.table[column],
        }
    )


def read_foldings(folder: Path) -> pd.DataFrame:
    """One row a sequence of a run: name, length, folder ("" where it failed), problem, seconds, scores."""
    result: dict[str, Any] = read_result(folder) or {"models": []}
    return pd.DataFrame(result["models"])


def read_model(folder: Path, model: str) -> SavedResult:
    """One result of a run by its folder's name; UserError when there is none."""
    place = folder / MODELS / model
    if Path(model).name != model or not place.is_dir():
        raise UserError(f"The run '{folder.name}' has no model '{model}'. Choose one from its list.")
    return read_saved(place)
