"""A StructureResult as files: PDB, mmCIF, PAE JSON, scores; and back."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.confidence import BIOTL_REMARK, CONFIDENCES
from biotl_core.structures.results import StructureResult

MODEL, CIF, ARRAYS, ABOUT = "model.pdb", "model.cif", "arrays.npz", "about.json"
CONTACT = 8.0
"""Å between beta carbons below which two residues are in contact."""
MAX_PAE = 31.75
"""The largest error that the layout of the AlphaFold database knows, in Å."""


@dataclass(frozen=True)
class SavedResult:
    """What of a result is needed to look at it; the atoms are read from `structure_file`."""

    folder: Path
    about: Mapping[str, Any]
    """name, sequence, engine, confidence_kind, settings, seconds, scores, notes."""
    confidence: np.ndarray
    """0 to 100, shape (length,)."""
    pae: np.ndarray | None
    """Å, shape (length, length)."""
    contacts: np.ndarray | None
    """Predicted probability of a distance below 8 Å, shape (length, length)."""

    @property
    def name(self) -> str:
        """How the sequence is called."""
        return str(self.about["name"])

    @property
    def structure_file(self) -> Path:
        """The model as PDB, or as mmCIF where it is too large for that."""
        pdb = self.folder / MODEL
        return pdb if pdb.is_file() else self.folder / CIF


def pdb_text(result: StructureResult) -> str:
    """The model as a PDB file that names its engine and what its B column holds.

    Raises:
        UserError: it is too large for the format.
    """
    import biotite.structure.io.pdb as pdb

    if len(result.atoms) > 99_999 or len(result.sequence) > 9_999:
        raise UserError(f"{result.name} is too large for the PDB format. Take the mmCIF file instead.")
    file = pdb.PDBFile()
    file.set_structure(result.atoms)
    stream = io.StringIO()
    file.write(stream)
    head = [
        "REMARK 250",
        f"{BIOTL_REMARK} {result.confidence_kind}",
        f"REMARK 250 BIOTL ENGINE: {result.engine}"[:80],
    ]
    return "\n".join([*head, stream.getvalue().rstrip(), "END", ""])


def cif_text(result: StructureResult) -> str:
    """The model as an mmCIF file that names its engine and what its B column holds."""
    import biotite.structure.io.pdbx as pdbx

    file = pdbx.CIFFile()
    pdbx.set_structure(file, result.atoms, data_block="model")
    block = file.block
    block["software"] = pdbx.CIFCategory({"name": [f"BioTL, engine {result.engine}"], "pdbx_ordinal": [1]})
    block["ma_qa_metric"] = pdbx.CIFCategory({"id": [1], "mode": ["local"], "name": [result.confidence_kind]})
    stream = io.StringIO()
    file.write(stream)
    return stream.getvalue()


def pae_json(pae: np.ndarray) -> str:
    """The expected errors in the layout of the AlphaFold database (version 2 and later)."""
    rounded = np.round(pae, 2).tolist()
    return json.dumps([{"predicted_aligned_error": rounded, "max_predicted_aligned_error": MAX_PAE}])


def contact_probability(distogram: np.ndarray, edges: np.ndarray, cutoff: float = CONTACT) -> np.ndarray:
    """Probability of a distance below the cutoff (Å), shape (length, length), from bins with upper edges."""
    return distogram[..., : int(np.searchsorted(edges, cutoff + 1e-6, side="right"))].sum(axis=-1)


def save_result(result: StructureResult, folder: Path) -> Path:
    """Write a result into a folder of its own; the folder appears only when it is whole."""
    fresh = folder.with_name(f".{folder.name}.writing")
    fresh.mkdir(parents=True, exist_ok=True)
    if len(result.atoms) <= 99_999 and len(result.sequence) <= 9_999:
        (fresh / MODEL).write_text(pdb_text(result))
    (fresh / CIF).write_text(cif_text(result))
    arrays = {"confidence": result.confidence.astype(np.float32)}
    if result.pae is not None:
        arrays["pae"] = result.pae.astype(np.float16)
    if result.distogram is not None:
        arrays["contacts"] = contact_probability(result.distogram, result.distance_edges).astype(np.float16)
    np.savez_compressed(fresh / ARRAYS, **arrays)
    about = {
        "name": result.name,
        "sequence": result.sequence,
        "engine": result.engine,
        "confidence_kind": result.confidence_kind,
        "settings": dict(result.settings),
        "seconds": round(result.seconds, 3),
        "scores": {name: round(float(value), 4) for name, value in result.scores.items()},
        "notes": list(result.notes),
    }
    (fresh / ABOUT).write_text(json.dumps(about, indent=1))
    fresh.rename(folder)
    return folder


def read_saved(folder: Path) -> SavedResult:
    """What `save_result` wrote.

    Raises:
        UserError: it is not there or damaged.
    """
    try:
        about = json.loads((folder / ABOUT).read_text())
        with np.load(folder / ARRAYS) as arrays:
            found = {name: arrays[name].astype(float) for name in arrays.files}
        if about["confidence_kind"] not in CONFIDENCES:
            raise ValueError("unknown kind of confidence")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The result in '{folder.name}' is damaged or gone. Fold the sequence again."
        ) from error
    return SavedResult(folder, about, found["confidence"], found.get("pae"), found.get("contacts"))
