"""How much of a template model to believe: the lDDT to expect of each residue, fitted on known structures.

The numbers below were fitted by `python -m benchmarks.template_confidence` on globins and antibody domains, each
modelled on others of its kind with templates of any identity, and on templates of the other kind.
"""

from typing import NamedTuple

import numpy as np

KIND = "expected lDDT"
LEAST_TM = 0.5
"""Models that are expected to be less alike the truth than this have the wrong fold, and are refused."""
_TM = (-0.645, -0.6856, 1.2747, 0.4474)
_LDDT = (-0.1716, 0.3158, 0.0816, 0.1085, 0.0460, -0.2664, 0.3939, -0.3235, 0.6356, 0.4103, -0.1999)
_WINDOW = 5
"""Residues on each side over which identical letters are averaged."""
_FAR = 8
"""Residues from a gap or an end beyond which it does not matter any more."""
_BEST_SCORE = 5.0
"""Of an alignment, per residue, in units of BLOSUM62: a chain with itself."""


class ResidueSigns(NamedTuple):
    """What speaks for or against each residue of a model, each of shape (length,)."""

    is_same: np.ndarray
    """1 where the template has the same letter, else 0."""
    is_copied: np.ndarray
    """The residue stands where the template has it."""
    agreement: np.ndarray
    """Mean lDDT with the models from other templates, 0 to 1; nan where there is none."""


class ModelSigns(NamedTuple):
    """What speaks for or against a model as a whole."""

    identity: float
    """Share of identical letters among the aligned ones, 0 to 1."""
    coverage: float
    """Share of the chain that is aligned, 0 to 1."""
    score: float
    """Of the alignment with the template's family, per residue."""


def expected_tm(model: ModelSigns) -> float:
    """The TM-score to expect of a model, 0 to 1."""
    return float(np.clip(tm_features(model) @ np.array(_TM), 0, 1))


def tm_features(model: ModelSigns) -> np.ndarray:
    """What the expected TM-score is linear in, shape (4,)."""
    return np.array([1.0, model.identity, model.coverage, np.sqrt(np.clip(model.score, 0, _BEST_SCORE))])


def residue_confidence(signs: ResidueSigns, model: ModelSigns) -> np.ndarray:
    """The lDDT to expect of each residue, 2 to 98, shape (length,)."""
    return 100 * np.clip(residue_features(signs, model) @ np.array(_LDDT), 0.02, 0.98)


def residue_features(signs: ResidueSigns, model: ModelSigns) -> np.ndarray:
    """What the expected lDDT is linear in, shape (length, 11)."""
    n = len(signs.is_same)
    place, gaps = np.arange(n), np.flatnonzero(~signs.is_copied)
    to_gap = np.abs(place[:, None] - gaps).min(axis=1) if len(gaps) else np.full(n, n)
    to_end = np.minimum(place, place[::-1])
    is_known = ~np.isnan(signs.agreement)
    score = np.clip(model.score, 0, _BEST_SCORE) / _BEST_SCORE
    same = _smoothed(signs.is_same, _WINDOW)
    return np.stack(
        [
            np.ones(n),
            same,
            signs.is_copied.astype(float),
            np.minimum(to_gap, _FAR) / _FAR,
            np.minimum(to_end, _FAR) / _FAR,
            is_known.astype(float),
            _smoothed(np.where(is_known, signs.agreement, 0.0), 1),
            np.full(n, model.identity),
            np.full(n, model.coverage),
            np.full(n, score),
            score * same,
        ],
        axis=1,
    )


def _smoothed(values: np.ndarray, reach: int) -> np.ndarray:
    """The mean over so many residues on each side, fewer at the ends."""
    kernel = np.ones(2 * reach + 1)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")
