"""Candidates by shared words: the best are kept in order, and what cannot be best is not aligned."""

import numpy as np
import pytest

from biotl_core.genomes import orthologs
from biotl_core.genomes.orthologs import best_both_ways, find_hits
from biotl_core.genomes.shortlist import PLAIN, best_sharing, shared_words, word_rows
from tests.simulated_genomes import simulated_pair


@pytest.fixture(scope="module")
def proteins():
    first, second = simulated_pair(0.5, n_duplications=5)
    return first.genome.proteins, second.genome.proteins


def test_the_best_are_those_of_the_whole_table(proteins, monkeypatch):
    # In pieces of seven queries, as a large set would be, and against the plain product.
    monkeypatch.setattr("biotl_core.genomes.shortlist.CHUNK", 7)
    first, second = proteins
    asked, known = word_rows(first, PLAIN), word_rows(second, PLAIN)
    found = best_sharing(asked, known, second, 3)
    rarity = np.log(
        len(second) / np.minimum(np.bincount(known.indices, minlength=PLAIN.n_words) + 1.0, len(second)) + 1
    )
    weights = (asked.multiply(rarity**2) @ known.T).toarray()
    by_length = weights / np.sqrt([max(len(protein), 50) for protein in second])
    assert np.allclose(found.weights, weights[found.rows, found.columns], rtol=1e-4)
    assert (np.diff(found.rows) >= 0).all()
    for row in range(len(first)):
        mine = by_length[row, found.columns[found.rows == row]]
        best = np.sort(by_length[row][by_length[row] > 0])[::-1][:3]
        assert np.allclose(mine, best, rtol=1e-4)


def test_words_by_hand():
    rows, columns = shared_words(["MKWLAA", "CCCCC"], ["GGMKWLA", "DDDDD"], 5)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])
    assert len(shared_words([], ["MKWLA"], 5)[0]) == 0
    known = word_rows(["MKWLA"], PLAIN)
    assert len(best_sharing(known[[]], known, ["MKWLA"], 5).rows) == 0


def test_what_cannot_be_best_is_not_aligned_and_not_missed(proteins, monkeypatch):
    def pairs() -> tuple[int, set]:
        hits = find_hits(*proteins)
        best = best_both_ways(hits, *map(len, proteins))
        return len(hits.rows), set(zip(hits.rows[best], hits.columns[best], hits.scores[best], strict=True))

    n_pruned, pruned = pairs()
    monkeypatch.setattr(orthologs, "_LEAST_SHARE", 0.0)
    n_all, whole = pairs()
    assert n_pruned < n_all
    assert {pair for pair in whole if pair[2] >= 100} == {pair for pair in pruned if pair[2] >= 100}
