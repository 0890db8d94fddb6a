"""What the B column of a structure file holds: a predictor's confidence (pLDDT) or B-factors."""

import re
from typing import Literal, NamedTuple

import numpy as np

ConfidenceKind = Literal["pLDDT", "expected lDDT", "B-factor", "none"]
CONFIDENCES: tuple[ConfidenceKind, ...] = ("pLDDT", "expected lDDT")
"""Kinds that say from 0 to 100 how much to believe of a residue; pLDDT only where a network was trained to tell it."""
CONFIDENCE_TITLES: dict[ConfidenceKind, str] = {
    "pLDDT": "Confidence (pLDDT)",
    "expected lDDT": "Confidence (expected lDDT)",
    "B-factor": "B-factor (Å²)",
    "none": "Nothing to show",
}
"""What each kind is called on pages and axes."""

BANDS = (
    (90, "#0053D6", "Very high (over 90)"),
    (70, "#65CBF3", "Confident (70 to 90)"),
    (50, "#FFDB13", "Low (50 to 70)"),
    (0, "#FF7D45", "Very low (under 50)"),
)
"""Lowest pLDDT, colour and name of the four bands that the AlphaFold database uses."""

_PREDICTORS = (
    r"alphafold|colabfold|esmfold|esm3|rosettafold|omegafold|openfold|boltz|chai-?1|protenix|simplefold"
)
BIOTL_REMARK = "REMARK 250 BIOTL CONFIDENCE:"
"""How a file that BioTL writes says what its B column holds."""
_MIN_RESIDUES = 10
"""Below this many residues nothing is guessed from the values alone."""


class ColumnReading(NamedTuple):
    """What the B column holds and why we think so."""

    kind: ConfidenceKind
    scale: float
    """What the values are multiplied by: 100 where a predictor wrote 0 to 1."""
    reason: str
    """One sentence for the page."""


def read_b_column(header: str, per_atom: np.ndarray, residue_index: np.ndarray) -> ColumnReading:
    """Tell confidence from B-factors by the file's own words first, by the values only where it says nothing.

    Args:
        header: what stands before the atoms (see `parsing.ParsedFile.header`).
        per_atom: the B column, shape (n_atoms,).
        residue_index: the residue of each atom, 0.., ascending, shape (n_atoms,).
    """
    if len(per_atom) == 0 or np.ptp(per_atom) < 1e-6:
        return ColumnReading("none", 1.0, "The B column holds the same value everywhere.")
    low, high = float(per_atom.min()), float(per_atom.max())
    if (kind := _named_by_us(header)) and low >= 0 and high <= 100:
        return ColumnReading(kind, 1.0, f"BioTL wrote the file, and names its confidence: {kind}.")
    if _experiment(header):
        return ColumnReading(
            "B-factor", 1.0, "The file names an experiment, so the B column holds B-factors."
        )
    scale = 100.0 if low >= 0 and high <= 1 else 1.0
    if (source := _predictor(header)) and low >= 0 and high <= 100:
        rescaled = " (written from 0 to 1, shown from 0 to 100)" if scale == 100 else ""
        return ColumnReading("pLDDT", scale, f"{source}, so the B column holds its confidence{rescaled}.")
    if scale == 1.0 and low >= 0 and high <= 100 and _is_constant_within_residues(per_atom, residue_index):
        return ColumnReading(
            "pLDDT",
            1.0,
            "A guess: no experiment is named, and all atoms of a residue share one value between 0 and 100, "
            "as structure predictors write their confidence.",
        )
    return ColumnReading("B-factor", 1.0, "Nothing in the file says that it was predicted.")


def _named_by_us(header: str) -> ConfidenceKind | None:
    """The kind of confidence that BioTL wrote into a PDB or mmCIF file."""
    for kind in CONFIDENCES:
        if re.search(rf"^{BIOTL_REMARK} {kind}", header, re.MULTILINE):
            return kind
    is_ours = re.search(r"^_ma_qa_metric\.name .*expected lDDT", header, re.MULTILINE)
    return "expected lDDT" if is_ours else None


def _experiment(header: str) -> bool:
    """The file says that it was measured."""
    methods = re.findall(r"^(?:EXPDTA|_exptl\.method)\s+(.+)$", header, re.MULTILINE)
    if any(not re.search(r"theoretical|predict|model", method, re.IGNORECASE) for method in methods):
        return True
    cell = re.search(r"^CRYST1\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)", header, re.MULTILINE)
    # A cell of 1 x 1 x 1 Å is what programs write when there is no crystal.
    return bool(cell and max(map(float, cell.groups())) > 1.5) or bool(
        re.search(r"^REMARK\s+3\s+\S", header, re.M)
    )


def _predictor(header: str) -> str:
    """How the file says that it was predicted, as the start of a sentence; empty when it does not."""
    if re.search(r"^_ma_qa_metric\.name .*plddt", header, re.MULTILINE | re.IGNORECASE):
        return "The file lists pLDDT among its quality measures"
    if match := re.search(_PREDICTORS, header, re.IGNORECASE):
        return f"The header names {match.group(0)}"
    if re.search(r"^PARENT\s+N/A", header, re.MULTILINE):
        return "The file starts as ESMFold and OpenFold write theirs (PARENT N/A)"
    return ""


def _is_constant_within_residues(per_atom: np.ndarray, residue_index: np.ndarray) -> bool:
    starts = np.flatnonzero(np.diff(residue_index, prepend=-1))
    n_atoms = np.diff(np.append(starts, len(per_atom)))
    spread = np.maximum.reduceat(per_atom, starts) - np.minimum.reduceat(per_atom, starts)
    return len(starts) >= _MIN_RESIDUES and n_atoms.mean() >= 3 and bool((spread < 0.011).all())
