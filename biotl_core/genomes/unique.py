"""Genes that only one genome has: what speaks for and against that, gene by gene."""

from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.genomes.genome import Genome
from biotl_core.genomes.orthologs import SURE_EVALUE

Verdict = Literal[
    "nothing alike", "DNA is there", "copy of a shared gene", "shares a piece", "relative by embedding"
]
VERDICTS: dict[Verdict, str] = {
    "nothing alike": "Neither its protein nor its DNA has a like in the other genome: unique, as far as can be seen.",
    "DNA is there": "Most of its DNA aligns with the other genome, where no gene was matched: perhaps it is "
    "broken there, or was not annotated.",
    "copy of a shared gene": "Its protein is like one that already has a closer partner: a copy, or a family.",
    "shares a piece": "A part of its protein is like a part of another one: a shared domain.",
    "relative by embedding": "Alignment finds nothing, but the protein model sees a relative; look at its probability.",
}
"""What each verdict means."""
_MOST_OF_IT = 0.7
"""Share of a gene's letters within aligned DNA that counts as being there."""
NEAREST_COLUMNS = (
    "side",
    "rank",
    "partner",
    "bits",
    "evalue",
    "identity",
    "coverage_own",
    "coverage_partner",
)


def covered_by_segments(genome: Genome, segments: pd.DataFrame, side: Literal["a", "b"]) -> np.ndarray:
    """Share of each coding gene's span that lies within aligned DNA, float `(n_coding,)`."""
    coding = genome.coding
    covered = np.zeros(len(coding))
    for contig, dna in genome.contigs.items():
        genes = np.flatnonzero((coding["contig"] == contig).to_numpy())
        here = segments[segments[f"contig_{side}"] == contig]
        if not len(genes) or here.empty:
            continue
        is_aligned = np.zeros(len(dna) + 1, dtype=np.int64)
        for start, end in here[[f"start_{side}", f"end_{side}"]].to_numpy():
            is_aligned[start:end] = 1
        # Sums up to each place: the letters of a stretch are the difference of two of them.
        before = np.concatenate([[0], np.cumsum(is_aligned)])
        starts, ends = coding["start"].to_numpy()[genes], coding["end"].to_numpy()[genes]
        covered[genes] = (before[ends] - before[starts]) / np.maximum(ends - starts, 1)
    return covered


def explain_unique(
    genomes: tuple[Genome, Genome],
    orthologs: pd.DataFrame,
    nearest: pd.DataFrame,
    segments: pd.DataFrame,
    side: Literal[0, 1],
) -> pd.DataFrame:
    """Every coding gene of one genome without a partner in the other, with a verdict and its evidence.

    Args:
        genomes: the first and the second.
        orthologs: `Pair.orthologs`; genes with a mere hypothesis (tier "embedding only") count as without a partner.
        nearest: `Pair.nearest`.
        segments: `Pair.segments`.
        side: whose genes, 0 or 1.

    Returns:
        `rank, gene, symbol, product, length, verdict, nearest_gene, bits, evalue, identity, coverage, dna_covered,
        relative, probability`, the most doubtful first.
    """
    mine, other = ("rank_a", "rank_b") if side == 0 else ("rank_b", "rank_a")
    own, theirs = genomes[side].coding, genomes[1 - side].coding
    is_guess = orthologs["tier"] == "embedding only"
    alone = np.setdiff1d(np.arange(len(own)), orthologs.loc[~is_guess, mine])
    table = own.loc[alone, ["gene", "symbol", "product"]].reset_index(drop=True)
    table.insert(0, "rank", alone)
    table["length"] = own.loc[alone, "protein"].str.len().to_numpy()
    hits = nearest[nearest["side"] == side].set_index("rank").reindex(alone)
    table["nearest_gene"] = _names(theirs, hits["partner"])
    for field in ("bits", "evalue", "identity"):
        table[field] = hits[field].to_numpy()
    table["coverage"] = hits["coverage_own"].to_numpy()
    table["dna_covered"] = covered_by_segments(genomes[side], segments, "ab"[side])[alone]
    guesses = orthologs[is_guess].drop_duplicates(mine).set_index(mine).reindex(alone)
    table["relative"] = _names(theirs, guesses[other])
    table["probability"] = guesses["probability"].to_numpy()
    table.insert(4, "verdict", _verdicts(table))
    order = {
        verdict: i for i, verdict in enumerate(("DNA is there", "copy of a shared gene", "shares a piece"))
    }
    rank = table["verdict"].map(order).fillna(len(order))
    return table.assign(order=rank).sort_values(["order", "rank"], ignore_index=True).drop(columns="order")


def _names(genes: pd.DataFrame, ranks: pd.Series) -> np.ndarray:
    names = np.where(genes["symbol"] != "", genes["symbol"], genes["gene"])
    return np.array(
        [names[int(rank)] if np.isfinite(rank) else "" for rank in ranks.astype(float)], dtype=object
    )


def _verdicts(table: pd.DataFrame) -> np.ndarray:
    is_alike = (table["evalue"] <= SURE_EVALUE).to_numpy()
    is_whole = (table["coverage"] >= 0.5).to_numpy()
    cases = [
        (table["dna_covered"] >= _MOST_OF_IT).to_numpy(),
        is_alike & is_whole,
        is_alike,
        (table["relative"] != "").to_numpy(),
    ]
    words = ["DNA is there", "copy of a shared gene", "shares a piece", "relative by embedding"]
    return np.select(cases, words, "nothing alike")
