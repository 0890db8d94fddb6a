"""The transfer tier: relatives of genes that alignment leaves alone, found by a protein model.

Only genes that no sure alignment explains take part (one that is clearly like a gene with a closer partner is a copy),
so an embedding never replaces an alignment, and the candidates are of the kind that the probability was fitted on. Each
candidate pair is a mutual nearest neighbour in the embedding. A second, independent look confirms it or leaves it a
hypothesis: the residues aligned by their vectors, and the gene's place between two neighbours. A logistic model, fitted
on families that the head never saw, says how probable it is.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import EmbeddingStore, MemoryStore, embed, open_store
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.genomes.alignment import align, bits_of, clean
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.homology_head import HomologyHead, protein_features
from biotl_core.genomes.neighbours import centred_unit_rows, mutual_neighbours
from biotl_core.genomes.orthologs import SURE_EVALUE
from biotl_core.genomes.pair import Pair, gaps_of, with_orthologs
from biotl_core.genomes.residue_alignment import align_residues
from biotl_core.progress import Control

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
"""The embedded head with its calibration and its card."""
BACKBONE = "biotl-protein"
"""The backbone that the head was trained on; with any other its numbers would mean nothing."""
EVIDENCE = ("csls", "cosine", "margin", "residue_excess", "bits", "length_ratio")
"""What the probability is told from, a column each."""
LEAST_PROBABILITY = 0.05
"""Less probable candidates are not shown at all."""
CONFIRMING_EXCESS = 0.5
"""How much better than with one protein reversed a residue-level alignment has to be to confirm a pair."""
LEAST_IN_PLACE = 0.2
"""A pair between the same two neighbours is confirmed from this probability on: strangers settle there too."""
_LENGTH_RATIO = 2.0


@dataclass(frozen=True)
class Calibration:
    """A logistic model from evidence to the probability that two proteins are related."""

    weights: tuple[float, ...]
    """One for each of `EVIDENCE`, on standardised values."""
    bias: float
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    def probability(self, evidence: pd.DataFrame) -> np.ndarray:
        """Of each row of a table with the columns `EVIDENCE`, 0..1, `(n,)`."""
        values = (evidence[list(EVIDENCE)].to_numpy(np.float64) - self.means) / self.spreads
        return 1.0 / (1.0 + np.exp(-(values @ np.array(self.weights) + self.bias)))

    def save(self, folder: Path) -> None:
        """Write `calibration.json`."""
        (folder / "calibration.json").write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Calibration":
        """A saved calibration."""
        about = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
        return cls(tuple(about["weights"]), about["bias"], tuple(about["means"]), tuple(about["spreads"]))

    @classmethod
    def fit(cls, evidence: pd.DataFrame, is_related: np.ndarray) -> "Calibration":
        """The model of candidates whose answer is known.

        Args:
            evidence: columns `EVIDENCE`.
            is_related: bool `(n,)`.
        """
        from sklearn.linear_model import LogisticRegression

        values = evidence[list(EVIDENCE)].to_numpy(np.float64)
        means, spreads = values.mean(axis=0), values.std(axis=0) + 1e-9
        model = LogisticRegression(max_iter=1000).fit((values - means) / spreads, is_related)
        return cls(
            tuple(map(float, model.coef_[0])), float(model.intercept_[0]), tuple(map(float, means)),
            tuple(map(float, spreads)),
        )  # fmt: skip


class Searcher(NamedTuple):
    """What the search by embedding needs, loaded once a run."""

    encoder: Encoder
    head: HomologyHead
    calibration: Calibration
    sequence_store: EmbeddingStore | MemoryStore
    residue_store: EmbeddingStore | MemoryStore


def load_searcher(folder: Path = WEIGHTS_FOLDER) -> Searcher:
    """The embedded backbone with its head and calibration."""
    weights = locate_backbone(find_backbone(BACKBONE))
    encoder = load_encoder(weights, "protein")
    stores = open_store(weights, encoder, "sequence"), open_store(weights, encoder, "residue")
    return Searcher(encoder, HomologyHead.load(folder), Calibration.load(folder), *stores)


def find_candidates(
    searcher: Searcher, first: Sequence[str], second: Sequence[str], control: Control | None = None
) -> pd.DataFrame:
    """Mutual nearest neighbours of two sets of proteins, with the evidence for each.

    Returns:
        `row, column` (numbers in the two sets), `EVIDENCE`, and `identity`, `coverage_a`, `coverage_b` of the plain
        alignment, however weak.
    """
    control = control or Control()
    if not len(first) or not len(second):
        return pd.DataFrame(columns=["row", "column", *EVIDENCE, "identity", "coverage_a", "coverage_b"])
    features = [
        protein_features(searcher.encoder, some, searcher.sequence_store, control) for some in (first, second)
    ]
    vectors = [searcher.head.vectors(some) for some in features]
    centre = np.concatenate(vectors).mean(axis=0)
    unit = [centred_unit_rows(some, centre) for some in vectors]
    lengths = _log_lengths(first), _log_lengths(second)
    found = mutual_neighbours(*unit, may_be_related(first, second))
    rows = []
    for number, (a, b) in enumerate(zip(found.rows, found.columns, strict=True)):
        control.step("Aligning residues by their vectors", number, len(found.rows))
        rows.append(_look_closer(searcher, first[a], second[b]))
    closer = pd.DataFrame(rows, columns=["residue_excess", "bits", "identity", "coverage_a", "coverage_b"])
    ratio = -np.abs(lengths[0][found.rows] - lengths[1][found.columns])
    table = pd.DataFrame({"row": found.rows, "column": found.columns, "length_ratio": ratio})
    table = table.assign(csls=found.csls, cosine=found.cosine, margin=found.margin)
    return pd.concat([table, closer], axis=1)


def _log_lengths(proteins: Sequence[str]) -> np.ndarray:
    return np.log([max(len(protein), 1) for protein in proteins])


def may_be_related(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Which proteins are near enough in length to be searched for one another, bool `(n, m)`."""
    apart = np.abs(_log_lengths(first)[:, None] - _log_lengths(second)[None, :])
    return apart <= np.log(_LENGTH_RATIO)


def _look_closer(searcher: Searcher, first: str, second: str) -> tuple[float, float, float, float, float]:
    """Residue-level excess, and bits, identity and coverages of the plain alignment."""
    states = embed(searcher.encoder, [first, second], "residue", searcher.residue_store)
    aligned = align_residues(*(np.asarray(state, dtype=np.float32) for state in states))
    plain = align(clean(first), clean(second))
    bits = float(bits_of(np.array(plain.score)))
    return aligned.excess, bits, plain.identity, plain.query_coverage, plain.reference_coverage


def left_alone(pair: Pair, side: int, n_genes: int) -> np.ndarray:
    """Genes of one side (0 or 1) that have no partner and no sure alignment with any gene of the other, int64."""
    partners, nearest = pair.orthologs[("rank_a", "rank_b")[side]], pair.nearest
    is_alike = (nearest["side"] == side) & (nearest["evalue"] <= SURE_EVALUE)
    return np.setdiff1d(np.arange(n_genes), np.concatenate([partners, nearest.loc[is_alike, "rank"]]))


def rescue_pair(
    searcher: Searcher,
    first: Genome,
    second: Genome,
    pair: Pair,
    control: Control | None = None,
) -> Pair:
    """The pair with relatives of its genes that stood alone, each with its tier and probability."""
    orthologs = pair.orthologs
    alone_a, alone_b = left_alone(pair, 0, len(first.coding)), left_alone(pair, 1, len(second.coding))
    proteins_a, proteins_b = first.proteins, second.proteins
    found = find_candidates(
        searcher, [proteins_a[i] for i in alone_a], [proteins_b[i] for i in alone_b], control
    )
    if found.empty:
        return pair
    ranks = np.stack([alone_a[found["row"]], alone_b[found["column"]]], axis=1)
    probability = searcher.calibration.probability(found)
    block = _block_around(ranks, first, second, orthologs)
    is_alike = (found["residue_excess"].to_numpy() >= CONFIRMING_EXCESS) & (probability >= 0.5)
    is_confirmed = is_alike | ((block >= 0) & (probability >= LEAST_IN_PLACE))
    table = pd.DataFrame(
        {
            "rank_a": ranks[:, 0],
            "rank_b": ranks[:, 1],
            "bits": np.nan,
            "evalue": np.nan,
            "identity": found["identity"],
            "coverage_a": found["coverage_a"],
            "coverage_b": found["coverage_b"],
            "tier": np.where(is_confirmed, "embedding, confirmed", "embedding only"),
            "probability": probability,
            "block": block,
        }
    )
    return with_orthologs(pair, table[probability >= LEAST_PROBABILITY])


def _block_around(ranks: np.ndarray, first: Genome, second: Genome, orthologs: pd.DataFrame) -> np.ndarray:
    """The block of the two neighbours that both genes of a candidate lie between, -1 for none, int64 `(n,)`."""
    pairs, blocks = orthologs[["rank_a", "rank_b"]].to_numpy(np.int64), orthologs["block"].to_numpy(np.int64)
    gaps_a = gaps_of(ranks[:, 0], pairs, blocks, 0, len(first.coding))
    gaps_b = gaps_of(ranks[:, 1], pairs, blocks, 1, len(second.coding))
    together = (gaps_a >= 0) & (gaps_a == gaps_b)
    return np.where(together, blocks[gaps_a.clip(min=0) // max(len(pairs), 1)], -1)
