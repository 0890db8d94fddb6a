"""Functions from a partner: what the annotated genome says about genes whose own annotation is silent.

The reliability of a transfer is counted, not modelled: among pairs of the same evidence whose function is known on both
sides, the share that fall into one class of function.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.genomes.functions import UNKNOWN, function_classes, has_function
from biotl_core.genomes.genome import Genome

IDENTITY_EDGES = (0.0, 0.3, 0.4, 0.5, 0.7, 1.01)
"""Pairs are counted within these ranges of identity, the embedding's tiers by themselves."""
ENOUGH_PAIRS = 20
"""Fewer known pairs of one evidence say nothing about its reliability."""


def evidence_bins(orthologs: pd.DataFrame) -> pd.Series:
    """In words, the evidence that each pair has: a range of identity, or the embedding."""
    names = [f"{a:.0%} to {min(b, 1):.0%} identical" for a, b in pairwise(IDENTITY_EDGES)]
    bins = pd.cut(orthologs["identity"], IDENTITY_EDGES, right=False, labels=names).astype("str")
    return bins.where(~orthologs["tier"].str.startswith("embedding"), orthologs["tier"])


def count_reliability(first: Genome, second: Genome, orthologs: pd.DataFrame) -> pd.DataFrame:
    """For each evidence, how often both genes of a pair are of one class of function.

    Returns:
        `evidence, n_known, n_same, reliability, low, high` (95 % interval of Wilson 1927), for pairs whose function is
        known on both sides; `reliability` is nan below `ENOUGH_PAIRS`.
    """
    classes_a = function_classes(first.coding["product"]).to_numpy()[orthologs["rank_a"]]
    classes_b = function_classes(second.coding["product"]).to_numpy()[orthologs["rank_b"]]
    is_known = (classes_a != UNKNOWN) & (classes_b != UNKNOWN)
    table = pd.DataFrame({"evidence": evidence_bins(orthologs), "is_same": classes_a == classes_b})[is_known]
    return _with_shares(table.groupby("evidence")["is_same"].agg(n_known="size", n_same="sum").reset_index())


def pool_counts(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several results of `count_reliability` as one, counted together."""
    counts = pd.concat(tables).groupby("evidence")[["n_known", "n_same"]].sum().reset_index()
    return _with_shares(counts)


def _with_shares(counts: pd.DataFrame) -> pd.DataFrame:
    share = counts["n_same"] / counts["n_known"]
    low, high = wilson_interval(counts["n_same"].to_numpy(float), counts["n_known"].to_numpy(float))
    is_enough = counts["n_known"] >= ENOUGH_PAIRS
    return counts.assign(reliability=share.where(is_enough), low=low, high=high)


def wilson_interval(n_right: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a share after Wilson (1927), both ends `(n,)`.

    >>> [float(round(end[0], 3)) for end in wilson_interval(np.array([9.0]), np.array([10.0]))]
    [0.596, 0.982]
    """
    n = np.maximum(n, 1e-9)
    share = n_right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return centre - half, centre + half


def transfer_functions(
    genomes: tuple[Genome, Genome],
    orthologs: pd.DataFrame,
    to: Literal[0, 1],
    counted: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Genes of one genome without a known function whose partner has one.

    Args:
        genomes: the first and the second.
        orthologs: `Pair.orthologs`.
        to: whose genes get a function, 0 or 1.
        counted: how reliable each evidence is; None counts it on these pairs (`count_reliability`).

    Returns:
        `gene, product, suggested, from_gene, tier, evidence, identity, probability, reliability, n_known`, the most
        reliable first.
    """
    own, theirs = genomes[to].coding, genomes[1 - to].coding
    mine, other = ("rank_a", "rank_b") if to == 0 else ("rank_b", "rank_a")
    products = own["product"].to_numpy()[orthologs[mine]]
    suggested = theirs["product"].to_numpy()[orthologs[other]]
    is_wanted = np.array(
        [not has_function(a) and has_function(b) for a, b in zip(products, suggested, strict=True)]
    )
    table = pd.DataFrame(
        {
            "gene": own["gene"].to_numpy()[orthologs[mine]],
            "product": products,
            "suggested": suggested,
            "from_gene": theirs["gene"].to_numpy()[orthologs[other]],
            "tier": orthologs["tier"].to_numpy(),
            "evidence": evidence_bins(orthologs).to_numpy(),
            "identity": orthologs["identity"].to_numpy(),
            "probability": orthologs["probability"].to_numpy(),
        }
    )[is_wanted.astype(bool)]
    counted = (count_reliability(*genomes, orthologs) if counted is None else counted).set_index("evidence")
    table["reliability"] = table["evidence"].map(counted["reliability"])
    table["n_known"] = table["evidence"].map(counted["n_known"]).fillna(0).astype(int)
    return table.sort_values("reliability", ascending=False, kind="stable", ignore_index=True)
