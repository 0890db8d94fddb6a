"""Nested validation: parts that share no ring system, a choice that never sees the test part, intervals that hold."""

import numpy as np
import pytest

from biotl_core.data.molecules import scaffold
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.screening.choosing import N_FOLDS, choose_model, deal_parts, final_model
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.models import MODELS, Features

RINGS = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccsc1", "c1ccoc1", "C1CCNCC1", "c1cnc[nH]1", "C1CCCC1", "C1CC1",
"C1CCOC1",
         "c1cncnc1", "c1ccc2ccccc2c1", "C1CCCCCC1", "c1csnn1", "C1COCCN1"]  # fmt: skip
SMILES = [f"{'C' * n}{ring}" for ring in RINGS for n in range(1, 9)]
VALUES = np.array([i / 5 + 0.4 * n for i in range(len(RINGS)) for n in range(1, 9)])


@pytest.mark.parametrize("split", ["scaffold", "random"])
def test_parts_are_complete_and_repeatable(split):
    parts = deal_parts(SMILES, VALUES, split, seed=1)
    assert set(parts) == {-1, *range(N_FOLDS)}
    assert 0.1 < (parts == -1).mean() < 0.3
    assert (parts == deal_parts(SMILES, VALUES, split, seed=1)).all()


def test_the_latest_are_the_test_part():
    times = np.repeat(np.arange(len(SMILES) // 4), 4).astype(float)
    parts = deal_parts(SMILES, VALUES, "time", 0, times)
    assert set(parts) == {-1, *range(N_FOLDS)}
    assert times[parts < 0].min() > times[parts >= 0].max() and 0.1 < (parts < 0).mean() < 0.3
    for wrong in (None, np.full(len(SMILES), np.nan), np.zeros(len(SMILES))):
        with pytest.raises(UserError):
            deal_parts(SMILES, VALUES, "time", 0, wrong)


def test_a_ring_system_is_in_one_part():
    parts = deal_parts(SMILES, VALUES, "scaffold")
    for ring in {scaffold(s) for s in SMILES}:
        assert len({parts[i] for i, s in enumerate(SMILES) if scaffold(s) == ring}) == 1


def test_random_parts_are_even_over_the_values():
    parts = deal_parts(SMILES, VALUES, "random")
    assert VALUES[parts == -1].mean() == pytest.approx(VALUES.mean(), abs=0.3)


def test_too_few_ring_systems_are_told():
    with pytest.raises(UserError, match="random split"):
        deal_parts(SMILES[:24], VALUES[:24], "scaffold")


def test_the_choice_does_not_look_at_the_test_part():
    features, sides = Features(fingerprints(SMILES).matrix()), np.zeros(len(SMILES), np.int64)
    parts = deal_parts(SMILES, VALUES, "random")
    spoiled = VALUES.copy()
    spoiled[parts < 0] = np.random.default_rng(0).permutation(spoiled[parts < 0])
    choices = [choose_model(features, v, sides, parts, "number") for v in (VALUES, spoiled)]
    assert choices[0].chosen == choices[1].chosen
    for name in choices[0].judged:
        assert choices[0].judged[name].inner["rmse"] == choices[1].judged[name].inner["rmse"]
    assert set(choices[0].judged) == {name for name, recipe in MODELS.items() if not recipe.needs_vectors}
    assert choices[0].judged[choices[0].chosen].test["pearson"] > 0.8
    assert choices[0].covered > 0.7
    joined = choices[0].test_predicted["together"]
    model = final_model(
        "together", features.take(np.flatnonzero(parts >= 0)), VALUES[parts >= 0], sides[parts >= 0]
    )
    np.testing.assert_allclose(joined, model.mean(features.take(np.flatnonzero(parts < 0))), rtol=1e-6)


def test_it_can_be_stopped():
    features = Features(fingerprints(SMILES).matrix())
    with pytest.raises(Stopped):
        choose_model(
            features, VALUES, np.zeros(len(SMILES)), deal_parts(SMILES, VALUES, "random"), "number",
            control=Control(should_stop=lambda: True),
        )  # fmt: skip
