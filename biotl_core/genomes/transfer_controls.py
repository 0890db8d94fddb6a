"""The controls computed: composition, random weights, the model, its head and alignment on the same hidden pairs."""

from collections.abc import Sequence

import numpy as np

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.alignment import clean, evalues_of, score_pairs
from biotl_core.genomes.controls import Controls, hardest_pair, hide_pairs, score_view
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.homology_head import composition, protein_features
from biotl_core.genomes.neighbours import centred_unit_rows, mutual_neighbours
from biotl_core.genomes.orthologs import SURE_EVALUE, Hits, best_both_ways
from biotl_core.genomes.pair import Pair
from biotl_core.genomes.transfer import BACKBONE, Searcher, may_be_related
from biotl_core.progress import Control


def run_controls(
    searcher: Searcher, genomes: Sequence[Genome], pairs: dict[tuple[int, int], Pair], control: Control
) -> Controls | None:
    """Let every way of seeing find the hidden pairs of the two least alike genomes; None where too few are known."""
    numbers = hardest_pair(pairs)
    if numbers is None:
        return None
    first, second, pair = genomes[numbers[0]], genomes[numbers[1]], pairs[numbers]
    hidden = hide_pairs(first, second, pair)
    if hidden is None:
        return None
    proteins = [first.proteins[i] for i in hidden.ranks_a], [second.proteins[i] for i in hidden.ranks_b]
    vectors = _vectors(searcher, proteins, control)
    allowed = may_be_related(*proteins)
    found = {view: mutual_neighbours(*_unit(*both), allowed)[:2] for view, both in vectors.items()}
    control.step("Controls: alignment", 0, 0)
    found["alignment"] = _aligned(*proteins)
    known = pair.orthologs.drop_duplicates("rank_a").set_index("rank_a")["identity"]
    identity = float(known[hidden.ranks_a[: hidden.n_pairs]].mean())
    scores = tuple(score_view(view, *made, hidden.n_pairs) for view, made in found.items())
    n_strangers = len(hidden.ranks_a) + len(hidden.ranks_b) - 2 * hidden.n_pairs
    return Controls(*numbers, hidden.n_pairs, n_strangers, identity, scores)


def _vectors(
    searcher: Searcher, proteins: tuple[list[str], list[str]], control: Control
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The vectors of both sets in each way of seeing, by its name in `controls.VIEWS`."""
    control.step("Controls: random weights", 0, 0)
    untrained = load_encoder(locate_backbone(find_backbone(BACKBONE)), "protein", random_weights=True)
    width = searcher.encoder.width
    store = MemoryStore()
    random = [protein_features(untrained, some, store, control) for some in proteins]
    trained = [
        protein_features(searcher.encoder, some, searcher.sequence_store, control) for some in proteins
    ]
    return {
        "composition": (composition(proteins[0]), composition(proteins[1])),
        "random weights": (random[0][:, :width], random[1][:, :width]),
        "model alone": (trained[0][:, :width], trained[1][:, :width]),
        "model and head": (searcher.head.vectors(trained[0]), searcher.head.vectors(trained[1])),
    }


def _unit(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets less their common mean, rows of length 1, as the search does."""
    centre = np.concatenate([first, second]).mean(axis=0)
    return centred_unit_rows(first, centre), centred_unit_rows(second, centre)


def _aligned(first: list[str], second: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that are best both ways by Smith-Waterman, all against all, and surely related."""
    cleaned = [clean(protein) for protein in first], [clean(protein) for protein in second]
    rows, columns = np.divmod(np.arange(len(first) * len(second)), len(second))
    scores = score_pairs(*cleaned, rows, columns)
    lengths = np.array([len(protein) for protein in first])
    sure = evalues_of(scores, lengths[rows], sum(map(len, second))) <= SURE_EVALUE
    hits = Hits(rows[sure], columns[sure], scores[sure])
    best = best_both_ways(hits, len(first), len(second))
    return hits.rows[best], hits.columns[best]
