"""Controls of the search by embedding, and the map of proteins."""

from dataclasses import replace

import numpy as np
import pytest

from biotl_core.genomes.controls import (
    LEAST_HIDDEN,
    VIEWS,
    Controls,
    ViewScore,
    control_table,
    hardest_pair,
    hide_pairs,
    say_controls,
    say_trust,
    score_view,
)
from biotl_core.genomes.pair import compare_pair
from biotl_core.genomes.transfer import load_searcher
from biotl_core.genomes.transfer_controls import run_controls
from biotl_core.genomes.transfer_map import map_proteins, principal_plane
from biotl_core.plots.gene_map import plot_controls
from biotl_core.progress import Control
from tests.simulated_genomes import simulated_pair


@pytest.fixture(scope="module")
def compared():
    first, second = (one.genome for one in simulated_pair(0.9, n_gains=12))
    return (first, second), {(0, 1): compare_pair(first, second)}


def test_a_view_is_counted_by_hand():
    # Hidden 0, 1, 2; found are 0 (right), 1 with a stranger (wrong) and two strangers (not judged).
    score = score_view("model alone", np.array([0, 1, 5]), np.array([0, 4, 6]), 3)
    assert (score.recall, score.precision) == (pytest.approx(1 / 3), 0.5)
    assert score.low < 1 / 3 < score.high


def test_hidden_are_the_least_alike_of_what_two_signs_agree_on(compared):
    (first, second), pairs = compared
    hidden = hide_pairs(first, second, pairs[0, 1])
    table = pairs[0, 1].orthologs.set_index("rank_a")
    chosen = table.loc[hidden.ranks_a[: hidden.n_pairs]]
    assert chosen["rank_b"].tolist() == hidden.ranks_b[: hidden.n_pairs].tolist()
    assert (chosen["block"] >= 0).all()
    strangers = hidden.ranks_a[hidden.n_pairs :]
    assert not set(strangers) & set(pairs[0, 1].orthologs["rank_a"])


def test_with_few_known_pairs_nothing_is_claimed(compared):
    (first, second), pairs = compared
    few = replace(pairs[0, 1], orthologs=pairs[0, 1].orthologs.iloc[: LEAST_HIDDEN - 1])
    assert hide_pairs(first, second, few) is None
    assert hardest_pair({(0, 1): few}) is None
    result = {"controls": None, "seconds": {"search by embedding": 2.0}, "cpu_seconds": 3.0}
    assert "could not be checked" in say_trust(result)[0]


def test_every_view_is_computed_on_the_same_pairs(compared):
    genomes, pairs = compared
    searcher = load_searcher()
    controls = run_controls(searcher, genomes, pairs, Control())
    of = {score.view: score for score in controls.scores}
    assert tuple(of) == tuple(VIEWS)
    assert of["alignment"].recall >= 0.9  # the truth is partly its own
    assert all(0 <= score.low <= score.recall <= score.high <= 1 for score in controls.scores)
    again = run_controls(searcher, genomes, pairs, Control())
    assert again == controls
    table = control_table(controls.as_plain()["scores"])
    assert table["view"].tolist() == list(VIEWS)
    assert len(plot_controls(table, controls.n_hidden).data[0].x) == len(VIEWS)


@pytest.mark.parametrize(
    ("head", "floor", "words"),
    [(0.9, 0.3, "more than composition"), (0.3, 0.3, "not clearly more"), (0.99, 0.95, "found by any way")],
)
def test_the_sentence_follows_the_numbers(head, floor, words):
    recalls = {
        "composition": floor,
        "random weights": 0.3,
        "model alone": 0.4,
        "model and head": head,
        "alignment": 1.0,
    }
    scores = tuple(ViewScore(view, r, r - 0.05, r + 0.05, r) for view, r in recalls.items())
    said = say_controls(Controls(0, 1, 100, 20, 0.4, scores))
    assert words in said
    assert f"finds {head * 100:.0f}, " in said


def test_the_plane_shows_the_largest_spread():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 5)) * [1, 10, 0.1, 5, 0.2]
    places, shares = principal_plane(vectors)
    assert abs(np.corrcoef(places[:, 0], vectors[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], vectors[:, 3])[0, 1]) > 0.99
    assert shares[0] == pytest.approx(100 / 126, abs=0.05)
    again, _ = principal_plane(vectors[::-1])
    assert np.allclose(again[::-1], places)


def test_the_map_holds_every_gene_without_a_partner(compared):
    genomes, pairs = compared
    places = map_proteins(load_searcher(), genomes, pairs, Control())
    for number, ranks in ((0, "rank_a"), (1, "rank_b")):
        drawn = set(places.loc[places["genome"] == number, "rank"])
        alone = set(range(len(genomes[number].coding))) - set(pairs[0, 1].orthologs[ranks])
        assert alone <= drawn
    assert np.isfinite(places[["x", "y"]].to_numpy()).all()
