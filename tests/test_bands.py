"""The test score band by band."""

import numpy as np
import pytest

from biotl_core.evaluation.bands import score_by_identity


def test_bands_hold_all_rows_once_and_score_their_own():
    random = np.random.default_rng(0)
    identity = random.uniform(0, 1, 500)
    true = random.normal(size=500)
    noise = np.where(identity < 0.5, 5.0, 0.1)  # bad far from training, good near it
    predicted = true + noise * random.normal(size=500)
    covered = (identity > 0.5).astype(float)
    bands = score_by_identity("regression", (), "spearman", true, predicted, identity, covered)
    assert [band.low for band in bands] == [0.0, 0.3, 0.5, 0.7, 0.9]
    assert sum(band.n for band in bands) == 500
    assert bands[0].score < 0.5 < 0.9 < bands[-1].score
    assert bands[0].covered == 0.0 and bands[-1].covered == 1.0
    assert bands[0].score_low <= bands[0].score <= bands[0].score_high


def test_a_band_of_few_joins_its_neighbour():
    identity = np.array([0.1] * 3 + [0.4] * 30 + [0.95] * 4)
    true = np.arange(37.0)
    bands = score_by_identity("regression", (), "spearman", true, true, identity)
    assert [(band.low, band.high, band.n) for band in bands] == [(0.0, 1.0, 37)]


def test_mutants_of_one_protein_are_cut_into_thirds():
    identity = np.linspace(0.97, 0.995, 90)
    true = np.random.default_rng(1).normal(size=90)
    bands = score_by_identity("regression", (), "spearman", true, true, identity)
    assert [band.n for band in bands] == [30, 30, 30]


def test_unknown_identities_do_not_count():
    true = np.arange(40.0)
    identity = np.where(np.arange(40) < 20, np.nan, 0.8)
    bands = score_by_identity("regression", (), "spearman", true, true, identity)
    assert sum(band.n for band in bands) == 20
    assert score_by_identity("regression", (), "spearman", true, true, np.full(40, np.nan)) == []
    classes = np.array([0, 1] * 20)
    shares = np.eye(2)[classes]
    [band] = score_by_identity("classification", ("a", "b"), "auroc", classes, shares, np.full(40, 0.2))
    assert band.score == pytest.approx(1.0)
