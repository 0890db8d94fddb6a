"""Folding from distances, rebuilding backbones, closing gaps."""

import numpy as np
import pytest
from structure_texts import HELIX_TEXT, SEQUENCE

from biotl_core.structures.chains import read_chains, read_folder
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.folding import (
    Restraints,
    chain_energy,
    fold,
    hand_log_odds,
    restraints_from_distances,
)
from biotl_core.structures.gaps import close_gaps
from biotl_core.structures.measures import tm_score
from biotl_core.structures.rebuilding import dihedral, rebuild_backbone, stretches


@pytest.fixture
def bundle():
    """The three-helix bundle of the examples."""
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


def distances(ca: np.ndarray) -> np.ndarray:
    return np.linalg.norm(ca[:, None] - ca[None], axis=2)


def test_true_distances_fold_with_the_right_hand(bundle):
    found = fold(len(bundle), restraints_from_distances(distances(bundle.ca), 12.0))
    assert tm_score(bundle.ca, found.ca) > 0.97
    assert found.hand_margin > 0.1


def test_the_mirror_image_of_a_helix_is_told(bundle):
    assert hand_log_odds(bundle.ca) > 0 > hand_log_odds(bundle.ca * [1, 1, -1])


@pytest.mark.data
def test_real_chains_fold_from_their_distances(shared_data):
    chains = read_folder(shared_data / "structures" / "globins")[0][:3]
    for chain in chains:
        found = fold(len(chain), restraints_from_distances(distances(chain.ca), 12.0))
        assert tm_score(chain.ca, found.ca) > 0.97, chain.name


def test_the_gradient_is_that_of_the_energy():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 4, (8, 3))
    i, j = np.triu_indices(8, 1)
    restraints = Restraints(
        i, j, rng.uniform(3, 12, 28), np.full(28, 0.7), rng.uniform(0, 1, 28), rng.random(28) < 0.3
    )
    _, gradient = chain_energy(x, restraints)
    for k, axis in ((0, 0), (3, 1), (7, 2)):
        step = np.zeros_like(x)
        step[k, axis] = 1e-5
        slope = (chain_energy(x + step, restraints)[0] - chain_energy(x - step, restraints)[0]) / 2e-5
        assert gradient[k, axis] == pytest.approx(slope, rel=1e-3, abs=1e-3)


def test_a_backbone_is_rebuilt_from_its_alpha_carbons():
    chain = read_chains(HELIX_TEXT.encode())[0]
    built = rebuild_backbone(chain.ca)
    off = np.linalg.norm(built[1:-1, :4] - chain.backbone[1:-1, :4], axis=2)
    assert off.max() < 1.0 and off.mean() < 0.3
    n, ca, c = built[1:-1, 0], built[1:-1, 1], built[1:-1, 2]
    phi = dihedral(built[:-2, 2], n, ca, c)
    assert np.median(phi) == pytest.approx(-60, abs=15)


def test_breaks_stay_breaks():
    ca = np.array(
        [[3.8 * k, 0, 0] for k in range(6)] + [[100 + 3.8 * k, 0, 0] for k in range(5)], dtype=float
    )
    ca[2] = np.nan
    assert stretches(ca) == [(0, 2), (3, 6), (6, 11)]
    assert np.isnan(rebuild_backbone(ca)[2]).all()


def test_a_loop_closes_and_the_rest_stays(bundle):
    ca = bundle.ca.copy()
    missing = slice(22, 27)
    ca[missing] = np.nan
    closed, is_moved = close_gaps(ca)
    steps = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    assert np.abs(steps - 3.8).max() < 0.4
    assert is_moved[missing].all() and not is_moved[:20].any()
    assert closed[:20] == pytest.approx(bundle.ca[:20])


def test_tails_are_put_on(bundle):
    ca = bundle.ca.copy()
    ca[:4] = ca[-6:] = np.nan
    closed, _ = close_gaps(ca)
    assert not np.isnan(closed).any()
    assert np.abs(np.linalg.norm(np.diff(closed, axis=0), axis=1) - 3.8).max() < 0.4


def test_a_whole_chain_is_left_alone(bundle):
    closed, is_moved = close_gaps(bundle.ca)
    assert not is_moved.any() and closed == pytest.approx(bundle.ca)
    assert len(SEQUENCE) == 20
