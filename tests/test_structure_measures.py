"""Measures of likeness: laws, values worked by hand, and biotite's own."""

import numpy as np
import pytest

from biotl_core.errors import UserError
from biotl_core.structures.measures import (
    MEASURES,
    compare_points,
    gdt_ts,
    lddt,
    local_lddt,
    rmsd,
    tm_d0,
    tm_score,
)
from biotl_core.structures.superposition import superpose


@pytest.fixture
def points() -> np.ndarray:
    """A random walk of 60 steps of 3.8 Å."""
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(60, 3))
    return np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)


def turned(points: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    return points @ (q * np.sign(np.linalg.det(q))) + [5, -3, 8]


def test_a_turned_copy_is_the_same(points):
    found = compare_points(points, turned(points), len(points)).scores
    assert found["tm_score"] == pytest.approx(1) and found["gdt_ts"] == pytest.approx(1)
    assert found["lddt"] == pytest.approx(1) and found["rmsd"] == pytest.approx(0, abs=1e-4)


def test_a_mirror_image_is_not(points):
    mirrored = points * [1, 1, -1]
    assert tm_score(points, mirrored) < 0.6
    assert lddt(points, mirrored) == pytest.approx(1)  # distances know no hand


def test_a_part_that_flew_away_costs_its_share_and_no_more(points):
    moved = points.copy()
    moved[45:] += [200, 0, 0]
    # Three quarters fit exactly; what is far adds (almost) nothing to TM-score and GDT-TS.
    assert tm_score(points, moved) == pytest.approx(0.75, abs=0.01)
    assert gdt_ts(points, moved) == pytest.approx(0.75)
    assert rmsd(points, moved) > 30


def test_residues_that_the_model_lacks_count_against_it(points):
    assert tm_score(points[:30], turned(points)[:30], 60) == pytest.approx(0.5)


def test_tm_score_by_hand():
    assert tm_d0(100) == pytest.approx(1.24 * 85 ** (1 / 3) - 1.8)
    assert tm_d0(10) == pytest.approx(0.5)  # short chains keep half an Å
    # Of a hundred points on a line one stands off by d0: it counts half, and no rotation brings it back.
    line = np.stack([3.8 * np.arange(100), np.zeros(100), np.zeros(100)], axis=1)
    bent = line.copy()
    bent[50, 1] = tm_d0(100)
    assert tm_score(line, bent) == pytest.approx((99 + 0.5) / 100, abs=1e-3)


def test_lddt_by_hand():
    # Three points in a row, 3 Å apart; the last one moves 1.5 Å further: pairs (0,1) kept, (0,2) and (1,2) off by
    # 1.5 Å, within 2 and 4 Å but not within 0.5 and 1 Å: (1 + 0.5 + 0.5) / 3.
    reference = np.array([[0.0, 0, 0], [3, 0, 0], [6, 0, 0]])
    model = reference + np.array([[0, 0, 0], [0, 0, 0], [1.5, 0, 0]])
    assert lddt(reference, model) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert local_lddt(reference, model).tolist() == pytest.approx([0.75, 0.75, 0.5])


def test_scores_equal_those_of_biotite(points):
    from biotite.structure import rmsd as theirs
    from biotite.structure import superimpose
    from biotite.structure import tm_score as their_tm

    model = turned(points) + np.random.default_rng(3).normal(0, 1.5, points.shape)
    fitted, _ = superimpose(points, model)
    assert rmsd(points, model) == pytest.approx(float(theirs(points, fitted)), abs=1e-3)
    # biotite takes the points as they lie: laid by our search they give our score, by least squares no more.
    every = np.arange(len(points))
    moved = compare_points(points, model, len(points)).movement.apply(model)
    ours = tm_score(points, model)
    from biotl_core.structures.measures import _as_atoms

    reference, subject = _as_atoms(points), _as_atoms(moved)
    assert ours == pytest.approx(float(their_tm(reference, subject, every, every)), abs=1e-3)
    assert ours >= float(their_tm(reference, _as_atoms(fitted), every, every)) - 1e-6


def test_superposition_is_a_rotation_and_weights_choose_the_part(points):
    movement = superpose(points, turned(points), np.ones(60))
    assert np.linalg.det(movement.rotation) == pytest.approx(1)
    assert movement.apply(turned(points)) == pytest.approx(points)
    assert movement.inverse().apply(points) == pytest.approx(turned(points))


def test_too_little_in_common_is_said():
    with pytest.raises(UserError, match="at least 3"):
        compare_points(np.zeros((2, 3)), np.zeros((2, 3)), 10)
    assert list(MEASURES) == ["tm_score", "lddt", "gdt_ts", "rmsd"]
