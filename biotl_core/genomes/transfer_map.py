"""Proteins of several genomes on one plane, as the search by embedding sees them (principal components)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biotl_core.genomes.controls import evenly
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.homology_head import protein_features
from biotl_core.genomes.neighbours import centred_unit_rows
from biotl_core.genomes.pair import Pair
from biotl_core.genomes.transfer import Searcher
from biotl_core.progress import Control

MOST_PAIRED, MOST_ALONE = 1000, 6000
"""Proteins with a partner, and without one, that are drawn at most, of all genomes together: reading takes time."""


def map_proteins(
    searcher: Searcher, genomes: Sequence[Genome], pairs: dict[tuple[int, int], Pair], control: Control
) -> pd.DataFrame:
    """The place of each protein on the map.

    Genes that lack a partner in any of the other genomes are all drawn (the search has read them already), of the
    others an even sample.

    Returns:
        `genome` (its number), `rank`, `x`, `y`; the shares of the spread that the two axes show in `attrs["shares"]`.
    """
    chosen = [_chosen(genomes, pairs, number) for number in range(len(genomes))]
    proteins = [genomes[i].proteins[rank] for i, ranks in enumerate(chosen) for rank in ranks]
    if len(proteins) < 3:
        return pd.DataFrame({"genome": [], "rank": [], "x": [], "y": []})
    features = protein_features(searcher.encoder, proteins, searcher.sequence_store, control)
    places, shares = principal_plane(centred_unit_rows(searcher.head.vectors(features)))
    table = pd.DataFrame(
        {
            "genome": np.repeat(np.arange(len(genomes)), [len(ranks) for ranks in chosen]),
            "rank": np.concatenate(chosen),
            "x": places[:, 0],
            "y": places[:, 1],
        }
    )
    table.attrs["shares"] = shares
    return table


def _chosen(genomes: Sequence[Genome], pairs: dict[tuple[int, int], Pair], number: int) -> np.ndarray:
    """Ranks of the proteins of one genome that are drawn, int64, sorted."""
    n = len(genomes[number].coding)
    is_alone = np.zeros(n, dtype=bool)
    for (a, b), pair in pairs.items():
        if number in (a, b):
            sure = pair.orthologs[~pair.orthologs["tier"].str.startswith("embedding")]
            is_alone |= ~np.isin(np.arange(n), sure["rank_a" if number == a else "rank_b"])
    alone, paired = np.flatnonzero(is_alone), np.flatnonzero(~is_alone)
    alone = alone[evenly(len(alone), MOST_ALONE // len(genomes))]
    paired = paired[evenly(len(paired), MOST_PAIRED // len(genomes))]
    return np.sort(np.concatenate([alone, paired]))


def principal_plane(vectors: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Places on the two axes of largest spread, `(n, 2)`, and the share of the spread that each shows.

    The sign of an axis means nothing; it is the one that makes its largest weight positive, so that a map looks the
    same each time.
    """
    centred = vectors - vectors.mean(axis=0)
    spread = centred.T @ centred
    values, axes = np.linalg.eigh(spread)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    shares = (values[::-1][:2] / max(values.sum(), 1e-12)).tolist()
    return centred @ axes, [float(share) for share in shares]
