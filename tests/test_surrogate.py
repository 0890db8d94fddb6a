"""The surrogate against scikit-learn's Gaussian process and against formulas worked out another way."""

import numpy as np
import pytest
from scipy import sparse

from biotl_core.errors import UserError
from biotl_core.planning.surrogate import Surrogate, View, likeliest_weights
from biotl_core.planning.views import make_views


def problem(n: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3))
    targets = 5 + 2 * features[:, 0] + np.sin(2 * features[:, 1]) + rng.normal(0, 0.2, n)
    return features, targets


def test_it_guesses_as_scikit_learn_does_with_the_same_weights():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    features, targets = problem()
    surrogate = Surrogate([View("x", features, is_smooth=True)], np.arange(40), targets[:40])
    scaled = surrogate.views[0].features
    kernel = ConstantKernel(surrogate.weights[0]) * RBF(1.0) + WhiteKernel(surrogate.noise)
    centre, scale = targets[:40].mean(), targets[:40].std()
    peer = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(
        scaled[:40], (targets[:40] - centre) / scale
    )
    mean, spread = peer.predict(scaled[40:], return_std=True)
    guess = surrogate.guess(np.arange(40, 60))
    np.testing.assert_allclose(guess.mean, mean * scale + centre, rtol=1e-6)
    # scikit-learn's spread holds the noise as well.
    own = np.sqrt((guess.spread / scale) ** 2 + surrogate.noise)
    np.testing.assert_allclose(own, spread, rtol=1e-6)


def test_leaving_one_out_equals_fitting_without_it():
    features, targets = problem(30)
    views = [View("x", features), View("x", features, is_smooth=True)]
    surrogate = Surrogate(views, np.arange(30), targets)
    left_out = surrogate.leave_one_out()
    kernel = surrogate.covariance(np.arange(30), np.arange(30)) + surrogate.noise * np.eye(30)
    z = (targets - targets.mean()) / targets.std()
    for i in (0, 7, 29):
        others = np.delete(np.arange(30), i)
        solved = np.linalg.solve(kernel[np.ix_(others, others)], kernel[others, i])
        assert left_out.mean[i] == pytest.approx(solved @ z[others] * targets.std() + targets.mean())
        variance = kernel[i, i] - solved @ kernel[others, i]
        assert left_out.spread[i] == pytest.approx(np.sqrt(variance) * targets.std())


def test_weights_go_to_what_explains_the_targets():
    rng = np.random.default_rng(1)
    good, useless = rng.normal(size=(80, 4)), rng.normal(size=(80, 4))
    targets = good @ [1.0, -1.0, 0.5, 0.2] + rng.normal(0, 0.3, 80)
    surrogate = Surrogate([View("good", good), View("useless", useless)], np.arange(80), targets)
    shares = surrogate.shares()
    assert shares["good"] > 0.8 > 10 * shares["useless"]
    assert sum(shares.values()) == pytest.approx(1)


def test_the_gradient_leads_to_a_maximum():
    features, targets = problem(40)
    kernel = features @ features.T / 3
    z = (targets - targets.mean()) / targets.std()
    weights, noise = likeliest_weights([kernel, np.eye(40)], z)

    def evidence(w, s):
        covariance = w[0] * kernel + (w[1] + s) * np.eye(40)
        prior = sum((np.log(x / 0.2) ** 2) / 18 for x in (*w, s))
        return -0.5 * z @ np.linalg.solve(covariance, z) - 0.5 * np.linalg.slogdet(covariance)[1] - prior

    best = evidence(weights, noise)
    for factor in (0.8, 1.25):
        assert evidence(weights * [factor, 1], noise) < best + 1e-6
        assert evidence(weights, noise * factor) < best + 1e-6


def test_sparse_and_dense_features_give_the_same_covariance():
    dense = np.random.default_rng(0).integers(0, 2, (20, 6)).astype(float)
    rows = np.arange(20)
    for is_smooth in (False, True):
        a, b = View("x", dense, is_smooth), View("x", sparse.csr_array(dense), is_smooth)
        np.testing.assert_allclose(a.covariance(rows, rows), b.covariance(rows, rows))
        np.testing.assert_allclose(np.diag(a.covariance(rows, rows)), a.variance(rows))


def test_too_few_or_equal_measurements_are_told():
    view = View("x", np.random.default_rng(0).normal(size=(20, 2)))
    with pytest.raises(UserError, match="too few"):
        Surrogate([view], np.arange(5), np.arange(5.0))
    with pytest.raises(UserError, match="all alike"):
        Surrogate([view], np.arange(20), np.ones(20))


def test_views_of_each_kind_of_sequence():
    variants = ["MKTAYIAKQR", "MRTAYIAKQR", "MKTAYWAKQR", "MKTAYIAKQR"]
    names = {
        view.name for view in make_views(variants, "protein", np.random.default_rng(0).normal(size=(4, 6)))
    }
    assert {"which letters stand where", "alike letters at a place", "what the backbone sees"} <= names
    shared = make_views(variants, "protein")[0]
    assert shared.covariance(np.arange(4), np.arange(4)).sum() == 2  # each mutation is alike only to itself
    assert make_views(["MKT", "MKTAYI", "GG"], "protein")[0].name == "short words"
    assert make_views(["CCO", "c1ccccc1", "CC(=O)O"], "molecule")[0].name == "groups of atoms"
    assert make_views(["ACGTACGT", "ACGTACGA"], "dna")[0].name == "which letters stand where"
