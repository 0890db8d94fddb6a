"""Orthogroups: the genes of all genomes that descend from one gene, copies included.

Genes are joined by their best matches between genomes, and by copies within a genome that are more alike than their
best match in any other genome (in-paralogs, after Remm, Storm and Sonnhammer 2001, J. Mol. Biol. 314:1041). Where such
a net holds several genes of one genome, Markov clustering cuts it at its weak places (van Dongen 2000; used so by
OrthoMCL, Li, Stoeckert and Roos 2003, Genome Res. 13:2178).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biotl_core.genomes.alignment import bits_of, clean, score_pairs
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.shortlist import distinct, shared_words

INFLATION = 1.5
"""How strongly Markov clustering favours strong links; OrthoMCL's choice."""
_MOST_DENSE = 1_500
_COPY_CANDIDATES = 5
SHARES = ("core", "accessory", "unique")
"""In every genome, in some, in one only."""


def find_copies(genome: Genome) -> pd.DataFrame:
    """Pairs of alike proteins within a genome, `rank_a < rank_b, bits`: what may be copies of one gene."""
    proteins = [clean(protein) for protein in genome.proteins]
    rows, columns = shared_words(proteins, proteins, _COPY_CANDIDATES + 1)
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    keys = distinct((low * len(proteins) + high)[low < high]) if len(proteins) else np.zeros(0, np.int64)
    low, high = np.divmod(keys, max(len(proteins), 1))
    bits = bits_of(score_pairs(proteins, proteins, low, high))
    keep = bits >= 40
    return pd.DataFrame({"rank_a": low[keep], "rank_b": high[keep], "bits": bits[keep]})


def find_orthogroups(
    genomes: Sequence[Genome],
    orthologs: dict[tuple[int, int], pd.DataFrame],
    copies: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """The group of every coding gene.

    Args:
        genomes: all of them.
        orthologs: for each pair of their numbers the table of `Pair.orthologs`, without mere hypotheses.
        copies: of each genome, from `find_copies`.

    Returns:
        `genome` (number), `rank`, `group` (0, 1, ... the largest first), one row a coding gene.
    """
    offsets = np.concatenate([[0], np.cumsum([len(genome.coding) for genome in genomes])])
    total = int(offsets[-1])
    edges = [_between(offsets, pair, table) for pair, table in orthologs.items()]
    first, second, bits = (
        (np.concatenate(column) for column in zip(*edges, strict=True)) if edges else _NO_EDGES
    )
    best = np.zeros(total)
    np.maximum.at(best, first, bits)
    np.maximum.at(best, second, bits)
    within = [_within(offsets[i], table, best) for i, table in enumerate(copies)]
    first, second, bits = (
        np.concatenate(parts) for parts in zip((first, second, bits), *within, strict=True)
    )
    owner = np.repeat(np.arange(len(genomes)), np.diff(offsets))
    groups = _cluster(total, first.astype(np.int64), second.astype(np.int64), bits, owner)
    table = pd.DataFrame({"genome": owner, "rank": np.arange(total) - offsets[owner], "group": groups})
    sizes = table["group"].value_counts(sort=False)
    order = sizes.sort_values(ascending=False, kind="stable").index
    return table.assign(group=table["group"].map({old: new for new, old in enumerate(order)}))


_NO_EDGES = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _between(offsets: np.ndarray, pair: tuple[int, int], table: pd.DataFrame) -> tuple[np.ndarray, ...]:
    first = table["rank_a"].to_numpy(np.int64) + offsets[pair[0]]
    second = table["rank_b"].to_numpy(np.int64) + offsets[pair[1]]
    # A pair found by embedding has no alignment to speak of; it links as weakly as the weakest that counts.
    return first, second, table["bits"].fillna(0.0).clip(lower=30.0).to_numpy(np.float64)


def _within(offset: int, table: pd.DataFrame, best: np.ndarray) -> tuple[np.ndarray, ...]:
    """Copies more alike than the better match of the two outside; both need one, or neither has any."""
    first = table["rank_a"].to_numpy(np.int64) + offset
    second = table["rank_b"].to_numpy(np.int64) + offset
    bits = table["bits"].to_numpy(np.float64)
    is_closer = bits >= np.maximum(best[first], best[second])
    return first[is_closer], second[is_closer], bits[is_closer]


def _cluster(
    total: int, first: np.ndarray, second: np.ndarray, bits: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((bits, (first, second)), shape=(total, total)).tocsr()
    links = links.maximum(links.T)
    n_nets, nets = connected_components(links, directed=False)
    groups, next_group = nets.astype(np.int64), n_nets
    order = np.argsort(nets, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(nets[order])) + 1):
        has_copies = len(members) > 2 and len(np.unique(owner[members])) < len(members)
        if not has_copies or len(members) > _MOST_DENSE:
            continue
        parts = markov_clusters(links[members][:, members].toarray())
        for part in range(1, int(parts.max()) + 1):
            groups[members[parts == part]] = next_group
            next_group += 1
    return groups


def markov_clusters(weights: np.ndarray, inflation: float = INFLATION, max_steps: int = 60) -> np.ndarray:
    """The cluster of each node, int64 `(n,)`, by Markov clustering.

    Args:
        weights: of the links, symmetric, none negative, `(n, n)`.
        inflation: the power that strengthens strong flows; larger gives more clusters.
        max_steps: rounds of expansion and inflation at most.
    """
    flow = weights + np.diag(weights.max(axis=0).clip(min=1e-9))
    flow /= flow.sum(axis=0)
    for _ in range(max_steps):
        grown = (flow @ flow) ** inflation
        grown[grown < 1e-5] = 0.0
        grown /= grown.sum(axis=0).clip(min=1e-12)
        if np.abs(grown - flow).max() < 1e-5:
            flow = grown
            break
        flow = grown
    attractors = flow.argmax(axis=0)
    return np.unique(attractors, return_inverse=True)[1].astype(np.int64)


def share_of_groups(groups: pd.DataFrame, n_genomes: int) -> pd.DataFrame:
    """One row a group: `group, n_genes, n_genomes, share` (core, accessory or unique)."""
    by_group = groups.groupby("group")
    table = pd.DataFrame({"n_genes": by_group.size(), "n_genomes": by_group["genome"].nunique()})
    in_all, in_one = table["n_genomes"] == n_genomes, table["n_genomes"] == 1
    table["share"] = np.where(in_all, "core", np.where(in_one, "unique", "accessory"))
    return table.reset_index()


def relation_of_pairs(groups: pd.DataFrame, a: int, b: int, orthologs: pd.DataFrame) -> pd.Series:
    """`1:1`, `1:m`, `m:1` or `m:m` of each pair: how many genes each genome has in its group."""
    counts = groups.groupby(["group", "genome"]).size()
    group_a = groups[groups["genome"] == a].set_index("rank")["group"]
    group = group_a.loc[orthologs["rank_a"]].to_numpy()
    n_a = counts.reindex([(g, a) for g in group]).fillna(1).to_numpy()
    n_b = counts.reindex([(g, b) for g in group]).fillna(1).to_numpy()
    words = np.where(n_a > 1, "m", "1").astype(object) + ":" + np.where(n_b > 1, "m", "1").astype(object)
    return pd.Series(words, index=orthologs.index, dtype="str")
