"""From a library and a model to the molecules worth looking at: scores of all, then everything about the best.

All molecules get their score by sums and matrix products over blocks of fingerprints; the costly questions (interval,
flags, nearest measured molecule) are asked of the best only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from biotl_core.progress import Control
from biotl_core.screening.fingerprints import Bits, fingerprints, nearest, tanimoto
from biotl_core.screening.flags import describe_hits
from biotl_core.screening.library_store import LibraryStore
from biotl_core.screening.models import Predicted
from biotl_core.screening.scores import ACTIVE_SCORES, SCORES
from biotl_core.screening.standardising import standardise

BLOCK = 16_384
"""Molecules scored at once."""
ALIKE = 0.6
"""Two molecules at or above this Tanimoto similarity are of one kind for the diverse pick."""
N_BEST = 50
"""So many of the best measured molecules are what a ranking by likeness alone looks for."""
_SPARE = 4
"""So many times the wanted molecules are looked at, since some are written twice or stand in the training set."""

Aim = Literal["best", "promising", "thompson"]
AIMS: dict[Aim, tuple[str, str]] = {
    "best": ("The best", "The highest predictions first (greedy)."),
    "promising": (
        "Best or unsure",
        "The highest that they may well be: prediction plus what the model is unsure of (upper confidence bound).",
    ),
    "thompson": (
        "A draw of the dice",
        "Each molecule in the order of one value drawn from what the model holds possible (Thompson sampling).",
    ),
}
"""What the list is sorted by; the last two are for choosing what to measure next."""

ScoreBlock = Callable[[Bits, list[str]], np.ndarray]
"""From fingerprints of a block and its SMILES to scores `(n,)`."""


class LibraryTower(NamedTuple):
    """A tower whose vectors of a library are kept, so that another target costs one matrix product."""

    name: str
    """A hash of its weights."""
    width: int
    encode: Callable[[Bits, list[str]], np.ndarray]
    """Fingerprints and SMILES to vectors, float32 `(n, width)`."""
    product: Callable[[np.ndarray], np.ndarray]
    """Vectors to predictions for the target, `(n,)`."""
    needs_smiles: bool = False
    """Whether the SMILES are wanted, not the fingerprints alone."""


class Scorer(NamedTuple):
    """A model as a library meets it."""

    name: str
    """A hash of all that its numbers depend on."""
    score: ScoreBlock
    needs_smiles: bool
    """Whether the SMILES of each block are wanted, not its fingerprints alone."""
    predict: Callable[[list[str]], Predicted]
    """Mean and spread of a few molecules by their SMILES."""
    half_width: float
    """Of the interval around a prediction, in units of its spread."""
    tower: LibraryTower | None = None
    """Where the prediction is a product with the vectors of a tower."""


@dataclass(frozen=True)
class Training:
    """The measured molecules."""

    names: list[str]
    smiles: list[str]
    values: np.ndarray
    """`(n,)`."""
    bits: sparse.csr_array


def score_library(store: LibraryStore, scorer: Scorer, control: Control) -> np.ndarray:
    """Scores of all molecules, float32 `(n,)`, nan for those that cannot be read; kept, so that a second call
    is instant.

    Written block by block: what is finished survives a kill.
    """
    if scorer.tower is not None:
        vectors = encode_library(store, scorer.tower, control)
        blocks = range(0, len(vectors), BLOCK)
        scores = [scorer.tower.product(vectors[i : i + BLOCK].astype(np.float32)) for i in blocks]
        return np.concatenate([np.zeros(0, np.float32), *scores]).astype(np.float32)

    def score(block: Bits, smiles: list[str]) -> np.ndarray:
        scores = np.asarray(scorer.score(block, smiles), np.float32)
        scores[np.asarray(block.counts) == 0] = np.nan
        return scores

    path = store.folder / f"scores-{scorer.name}.bin"
    return np.array(
        _kept(store, path, np.float32, 1, score, "Scoring the library", control, scorer.needs_smiles)[:, 0]
    )


def encode_library(store: LibraryStore, tower: LibraryTower, control: Control) -> np.ndarray:
    """Vectors of all molecules, float16 `(n, width)` as a view of a file, nan for what cannot be read; computed
    once.
    """

    def encode(block: Bits, smiles: list[str]) -> np.ndarray:
        vectors = tower.encode(block, smiles).astype(np.float16)
        vectors[np.asarray(block.counts) == 0] = np.nan
        return vectors

    path = store.folder / f"vectors-{tower.name}.bin"
    stage = "Encoding the library"
    return _kept(store, path, np.float16, tower.width, encode, stage, control, tower.needs_smiles)


def _kept(
    store: LibraryStore,
    path: Path,
    dtype: type,
    width: int,
    compute: Callable[[Bits, list[str]], np.ndarray],
    stage: str,
    control: Control,
    needs_smiles: bool = False,
) -> np.ndarray:
    """An array `(n, width)` that is computed block by block into a file; blocks that are there are not computed
    again.
    """
    path.touch()
    n, row_bytes = store.n_molecules, width * np.dtype(dtype).itemsize
    there = path.stat().st_size // row_bytes
    done = n if there >= n else there // BLOCK * BLOCK
    if done < n:
        all_smiles = store.smiles_blocks(BLOCK) if needs_smiles else None
        with path.open("r+b") as file:
            file.truncate(row_bytes * done)
            file.seek(row_bytes * done)
            for i, block in enumerate(store.blocks(BLOCK)):
                smiles = next(all_smiles) if all_smiles is not None else []
                if (i + 1) * BLOCK <= done:
                    continue
                file.write(np.ascontiguousarray(compute(block, smiles), dtype).tobytes())
                file.flush()
                control.step(stage, min((i + 1) * BLOCK, n), n)
    return np.memmap(path, dtype, "r", shape=(n, width)) if n else np.zeros((0, width), dtype)


def best_molecules(scores: np.ndarray, k: int) -> np.ndarray:
    """The rows of the k highest scores, the highest first; rows without a score never."""
    k = min(k, int(np.isfinite(scores).sum()))
    if k == 0:
        return np.zeros(0, np.int64)
    filled = np.where(np.isfinite(scores), scores, -np.inf)
    rows = np.argpartition(-filled, k - 1)[:k]
    return rows[np.argsort(-filled[rows], kind="stable")]


def rank_library(
    store: LibraryStore,
    scorer: Scorer,
    training: Training,
    *,
    top: int = 200,
    aim: Aim = "best",
    seed: int = 0,
    control: Control | None = None,
) -> pd.DataFrame:
    """The table of hits, the best first.

    Columns: `rank, name, smiles, prediction, low, high` (the interval), `wish` (what the list is sorted by),
    `similarity, nearest_name, nearest_smiles, nearest_value` (the most similar measured molecule), `is_measured` (it
    is that molecule), `is_diverse` (no earlier one is like it), and those of `flags.FLAG_COLUMNS`.
    """
    control = control or Control()
    scores = score_library(store, scorer, control)
    control.step("Sorting", 0, 0)
    rows = best_molecules(scores, _SPARE * top)
    hits = pd.DataFrame({"name": store.lines("names", rows), "smiles": store.lines("smiles", rows)})
    hits["smiles"] = [standardise(text).smiles for text in hits["smiles"]]
    hits = hits[(hits["smiles"] != "") & ~hits["smiles"].duplicated()].reset_index(drop=True)
    if hits.empty:
        return hits
    predicted = scorer.predict(hits["smiles"].tolist())
    hits["prediction"] = predicted.mean
    margin = scorer.half_width * predicted.spread
    hits["low"], hits["high"] = predicted.mean - margin, predicted.mean + margin
    hits["wish"] = _wish(predicted, aim, seed)
    hits = hits.sort_values("wish", ascending=False, kind="stable").head(top).reset_index(drop=True)
    hits.insert(0, "rank", range(1, len(hits) + 1))
    bits = fingerprints(hits["smiles"].tolist()).matrix()
    hits = hits.join(_nearest_columns(hits["smiles"].tolist(), bits, training))
    hits["is_diverse"] = diverse(bits)
    return hits.join(describe_hits(hits["smiles"].tolist(), control))


def _wish(predicted: Predicted, aim: Aim, seed: int) -> np.ndarray:
    match aim:
        case "promising":
            return predicted.mean + predicted.spread
        case "thompson":
            return np.random.default_rng(seed).normal(predicted.mean, predicted.spread)
        case _:
            return predicted.mean


def _nearest_columns(smiles: list[str], bits: sparse.csr_array, training: Training) -> pd.DataFrame:
    found = nearest(bits, training.bits)
    near = [training.smiles[i] for i in found.index]
    return pd.DataFrame(
        {
            "similarity": found.similarity.round(3),
            "nearest_name": [training.names[i] for i in found.index],
            "nearest_smiles": near,
            "nearest_value": training.values[found.index],
            "is_measured": [own == other for own, other in zip(smiles, near, strict=True)],
        }
    )


def diverse(bits: sparse.csr_array, alike: float = ALIKE) -> np.ndarray:
    """Whether each molecule is unlike every picked one before it: bool `(n,)` (sphere exclusion in the given order)."""
    similarity = tanimoto(bits, bits)
    picked: list[int] = []
    is_picked = np.zeros(len(similarity), bool)
    for i in range(len(similarity)):
        if not picked or similarity[i, picked].max() < alike:
            picked.append(i)
            is_picked[i] = True
    return is_picked


def rank_without_model(store: LibraryStore, training: Training, control: Control) -> dict[str, np.ndarray]:
    """What a ranking must beat, `(n,)` each: likeness to the best measured molecules, and the size of a molecule alone.

    The second knows nothing of the target: what it reaches is the bias of the labels. Size is the number of set
    fingerprint bits.
    """
    best = training.bits[np.argsort(-training.values, kind="stable")[:N_BEST]]
    likeness, size, n = [], [], store.n_molecules
    for i, block in enumerate(store.blocks(BLOCK)):
        control.step("Rankings without a model", min(i * BLOCK, n), n)
        likeness.append(tanimoto(block.matrix(), best).max(axis=1))
        size.append(np.asarray(block.counts).astype(np.float32))
    return {"likeness": np.concatenate(likeness), "size": np.concatenate(size)}


def early_recognition(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well the library's known actives come out on top: the scores of ACTIVE_SCORES over all labelled molecules."""
    known = np.isfinite(labels) & np.isfinite(scores)
    true, predicted = labels[known], scores[known].astype(np.float64)
    return {name: SCORES[name].formula(true, predicted) for name in ACTIVE_SCORES}
