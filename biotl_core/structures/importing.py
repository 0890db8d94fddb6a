"""Results of other predictors: their model files, and their expected errors in the layouts they use."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.chains import read_chains
from biotl_core.structures.results import StructureResult

_PAE_KEYS = ("predicted_aligned_error", "pae", "token_pair_pae", "pae_matrix", "pae_output")
"""AlphaFold database and ESM Atlas; ColabFold, AlphaFold 3, Boltz and Chai; Protenix; others."""
_SCORE_KEYS = (
    "ptm",
    "iptm",
    "ranking_score",
    "confidence_score",
    "aggregate_score",
    "max_pae",
    "complex_plddt",
)
_LARGEST = 6_000


class ImportedScores(NamedTuple):
    """What a predictor's file beside the model holds."""

    pae: np.ndarray | None
    """Å, shape (length, length)."""
    scores: dict[str, float]
    """Single numbers such as ptm."""


def read_pae(file: Path) -> np.ndarray:
    """Expected errors in Å, shape (length, length), of a JSON, NPZ or NPY file.

    Raises:
        UserError: it holds none, or none that is a square.
    """
    found = read_scores(file).pae
    if found is None:
        raise UserError(
            f"{file.name} holds no expected errors (looked for {', '.join(_PAE_KEYS[:3])}). Choose the PAE file that "
            "the predictor wrote beside the model."
        )
    return found


def read_scores(file: Path) -> ImportedScores:
    """Expected errors and single numbers of a predictor's JSON, NPZ or NPY file; UserError where it is neither."""
    content = _read(file)
    if isinstance(content, np.ndarray):
        return ImportedScores(_checked(content, file.name), {})
    if isinstance(content, list):  # the AlphaFold database wraps its object in a list
        content = content[0] if content and isinstance(content[0], dict) else {"pae": content}
    if not isinstance(content, dict):
        raise UserError(
            f"{file.name} is no result of a structure predictor. Choose its PAE or confidence file."
        )
    pae = next((content[key] for key in _PAE_KEYS if content.get(key) is not None), None)
    if pae is None and {"residue1", "residue2", "distance"} <= set(content):
        pae = _from_columns(content)
    scores = {}
    for key in _SCORE_KEYS:
        value = np.asarray(content[key]) if key in content else None
        if value is not None and value.size == 1 and value.dtype.kind in "fiu":
            scores[key] = float(value.ravel()[0])
    return ImportedScores(None if pae is None else _checked(pae, file.name), scores)


def import_result(model: Path, beside: Path | None = None) -> StructureResult:
    """A model of another predictor as a result, its confidence from the B column or the file beside it.

    Args:
        model: PDB or mmCIF with one or more protein chains.
        beside: JSON, NPZ or NPY with expected errors and scores.

    Raises:
        UserError: a file cannot be read, its B column is no confidence, or the errors are for another length.
    """
    from biotite.structure import concatenate

    chains = read_chains(model, shortest=1)
    if any(chain.b_kind != "pLDDT" for chain in chains):
        raise UserError(
            f"{model.name} does not look predicted: its B column is no confidence (pLDDT). Open it as a structure."
        )
    atoms, offset = [], 0
    for chain in chains:
        part = chain.atoms.copy()
        part.set_annotation("b_factor", chain.b_factor[part.res_id - 1])
        atoms.append(part)
        offset += len(chain)
    confidence = np.concatenate([chain.b_factor for chain in chains])
    told = read_scores(beside) if beside is not None else ImportedScores(None, {})
    if told.pae is not None and len(told.pae) != offset:
        raise UserError(
            f"{beside.name} holds errors for {len(told.pae):,} residues, but {model.name} has {offset:,}. Choose the "
            "files of one model."
        )
    return StructureResult(
        name=model.name.split(".")[0],
        sequence="".join(chain.sequence for chain in chains),
        atoms=concatenate(atoms),
        confidence=confidence,
        confidence_kind="pLDDT",
        engine="imported",
        settings={"file": model.name, "beside": beside.name if beside else None},
        seconds=0.0,
        pae=told.pae,
        scores={"mean_confidence": float(np.nanmean(confidence)), **told.scores},
        notes=(f"Imported from {model.name}; not predicted here.",),
    )


def _read(file: Path) -> Any:
    try:
        if file.suffix == ".npy":
            return np.load(file, allow_pickle=False)
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file.name} cannot be read as JSON, NPZ or NPY; it may be cut off. Bring it again."
        ) from error


def _from_columns(content: dict[str, Any]) -> np.ndarray | None:
    """The first version of the AlphaFold database: three columns."""
    first, second = (np.asarray(content[key], dtype=int) for key in ("residue1", "residue2"))
    n = int(max(first.max(initial=0), second.max(initial=0)))
    if not 0 < n <= _LARGEST or len(first) != len(content["distance"]):
        return None
    pae = np.full((n, n), np.nan)
    pae[first - 1, second - 1] = content["distance"]
    return pae


def _checked(pae: Any, name: str) -> np.ndarray:
    try:
        values = np.asarray(pae, dtype=float)
    except (TypeError, ValueError):
        values = np.zeros(0)
    while values.ndim > 2 and values.shape[0] == 1:  # one model of a batch
        values = values[0]
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not 0 < len(values) <= _LARGEST:
        shape = " x ".join(map(str, values.shape)) or "nothing"
        raise UserError(
            f"{name}: the expected errors should be a square of up to {_LARGEST:,} residues, found {shape}. Choose "
            "the PAE file of one model."
        )
    if np.nanmin(values) < 0 or np.nanmax(values) > 100:
        raise UserError(f"{name}: expected errors lie between 0 and 100 Å. Choose the PAE file of the model.")
    return values
