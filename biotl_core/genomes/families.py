"""Labelled families as trials: sets of proteins like the genes that alignment leaves alone, whose answer is known."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.genomes.alignment import clean, evalues_of, score_pairs
from biotl_core.genomes.orthologs import SURE_EVALUE

RELIABILITY = Path(__file__).parent / "weights" / "reliability.csv"
"""What the transfer tier's probabilities were worth on folds never seen: `low, high, n, said, right`."""
EDGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 0.95, 1.0)
"""Of the ranges of probability in that table."""


class Trial(NamedTuple):
    """Two sets of proteins, some of which are related across the sets."""

    first: np.ndarray
    """Rows of the labelled table, int64 `(n,)`."""
    second: np.ndarray
    """int64 `(m,)`."""


def split_folds(folds: pd.Series, shares: tuple[float, ...], seed: int = 0) -> np.ndarray:
    """The part of each protein, int64 `(n,)`: whole folds are dealt, so that no family is in two parts.

    Args:
        folds: label of each protein.
        shares: of the folds, one a part; they sum to 1.
        seed: of the shuffle.
    """
    codes, names = pd.factorize(folds)
    order = np.random.default_rng(seed).permutation(len(names))
    ends = np.round(np.cumsum(shares) * len(names)).astype(np.int64)
    part_of_fold = np.zeros(len(names), dtype=np.int64)
    part_of_fold[order] = np.searchsorted(ends, np.arange(len(names)), side="right").clip(max=len(shares) - 1)
    return part_of_fold[codes]


def deal_trial(
    table: pd.DataFrame, rows: np.ndarray, share_related: float, rng: np.random.Generator
) -> Trial:
    """Two sets as two genomes would leave them: some superfamilies in both, from different families, the rest in one.

    Args:
        table: with columns `superfamily` and `family`.
        rows: that may be used.
        share_related: of the superfamilies with two families or more, how many are dealt to both sets.
        rng: the chance.
    """
    first, second = [], []
    for _, members in table.iloc[rows].groupby("superfamily"):
        families = [group.index.to_numpy() for _, group in members.groupby("family")]
        if len(families) > 1 and rng.random() < share_related:
            one, other = rng.choice(len(families), 2, replace=False)
            first.append(rng.choice(families[one]))
            second.append(rng.choice(families[other]))
        else:
            (first if rng.random() < 0.5 else second).append(rng.choice(members.index.to_numpy()))
    return Trial(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64))


def without_aligned(trial: Trial, proteins: list[str]) -> Trial:
    """The trial without proteins that a plain alignment would match: those never come to the transfer tier."""
    n, m = len(trial.first), len(trial.second)
    first, second = ([clean(proteins[i]) for i in rows] for rows in trial)
    rows, columns = np.divmod(np.arange(n * m), m)
    scores = score_pairs(first, second, rows, columns).reshape(n, m)
    lengths = np.array([len(protein) for protein in first])
    is_sure = evalues_of(scores, lengths[:, None], sum(map(len, second))) <= SURE_EVALUE
    return Trial(trial.first[~is_sure.any(axis=1)], trial.second[~is_sure.any(axis=0)])


def connected(n: int, related: pd.DataFrame) -> np.ndarray:
    """The net of related pairs that each protein is in, int64 `(n,)`: a clan, as far as the pairs tell."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(related)), (related["first"], related["second"])), shape=(n, n))
    return connected_components(links, directed=False)[1].astype(np.int64)


def count_bins(probability: np.ndarray, is_related: np.ndarray) -> pd.DataFrame:
    """How often candidates of each range of probability are right: `low, high, n, said, right`."""
    place = np.searchsorted(EDGES, probability, side="right").clip(1, len(EDGES) - 1)
    table = pd.DataFrame({"place": place, "said": probability, "right": is_related})
    counts = table.groupby("place").agg(n=("said", "size"), said=("said", "mean"), right=("right", "mean"))
    ends = np.array(EDGES)
    bins = pd.DataFrame({"low": ends[counts.index - 1], "high": ends[counts.index]})
    return pd.concat([bins, counts.reset_index(drop=True)], axis=1)
