"""The models of one target: laws that each must keep, and the Gaussian process against its formula."""

import numpy as np
import pytest

from biotl_core.screening.fingerprints import N_BITS, bits_of, fingerprints, nearest, tanimoto
from biotl_core.screening.models import MODELS, Features, Ridge, TanimotoProcess, fit_one_sided

TAILS = [
    "C",
    "CC",
    "CCC",
    "O",
    "N",
    "CO",
    "CN",
    "Cl",
    "F",
    "C(F)(F)F",
    "C#N",
    "C(=O)O",
    "c9ccccc9",
    "CCN",
    "S",
]
CORES = ["c1ccc({})cc1", "c1ncc({})cn1", "C1CCC({})CC1", "c1ccc2[nH]cc({})c2c1"]
SMILES = [core.format(tail) for core in CORES for tail in TAILS]


@pytest.fixture(scope="module")
def learnable() -> tuple[Features, np.ndarray]:
    """60 molecules whose value is the sum of a core and a tail, with the vectors of an imagined backbone."""
    values = np.array([i + 0.3 * j for i in range(len(CORES)) for j in range(len(TAILS))])
    rng = np.random.default_rng(0)
    vectors = np.c_[values, rng.normal(size=(60, 5))].astype(np.float32)
    return Features(fingerprints(SMILES).matrix(), vectors), values


def test_fingerprints_are_rdkits_bits():
    from rdkit import Chem

    bits = fingerprints(["CCO", "", "not one", "c1ccccc1"])
    assert bits.counts.tolist()[1:3] == [0, 0]
    assert bits.matrix().shape == (4, N_BITS)
    assert (bits.indices[: bits.counts[0]] == bits_of(Chem.MolFromSmiles("CCO"))).all()


def test_tanimoto_is_shared_over_either():
    matrix = fingerprints(["CCO", "CCN", ""]).matrix()
    dense = matrix.toarray()
    both, either = (dense[0] * dense[1]).sum(), np.maximum(dense[0], dense[1]).sum()
    similarity = tanimoto(matrix, matrix)
    assert similarity[0, 1] == pytest.approx(both / either)
    assert similarity[0, 0] == 1.0 and similarity[2].tolist() == [0.0, 0.0, 0.0]
    assert nearest(matrix[:2], matrix[1:], chunk=1).index.tolist() == [0, 0]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_repeats_itself_and_keeps_the_order_of_molecules(name, learnable):
    features, values = learnable
    train = np.arange(0, 60, 2)
    model, again = MODELS[name].make(3), MODELS[name].make(3)
    for one in (model, again):
        one.fit(features.take(train), values[train])
    predicted = model.predict(features)
    assert predicted.mean.shape == predicted.spread.shape == (60,)
    assert (predicted.spread > 0).all()
    np.testing.assert_allclose(predicted.mean, again.mean(features), rtol=1e-6)
    shuffled = np.random.default_rng(1).permutation(60)
    np.testing.assert_allclose(model.mean(features.take(shuffled)), predicted.mean[shuffled], rtol=1e-5)
    if name != "mean":
        assert np.corrcoef(predicted.mean[1::2], values[1::2])[0, 1] > 0.6


def test_the_gaussian_process_is_the_textbooks():
    features = Features(fingerprints(SMILES).matrix())
    values = np.sin(np.arange(60.0))
    model = TanimotoProcess()
    model.fit(features, values)
    kernel = tanimoto(features.bits, features.bits).astype(np.float64)
    inverse = np.linalg.inv(kernel + model.noise * np.eye(60))
    new = tanimoto(fingerprints(["CCOc1ccccc1"]).matrix(), features.bits).astype(np.float64)
    predicted = model.predict(Features(fingerprints(["CCOc1ccccc1"]).matrix()))
    assert predicted.mean[0] == pytest.approx(
        float((values.mean() + new @ inverse @ (values - values.mean()))[0]), abs=1e-6
    )
    variance = model.amplitude * (1 - (new @ inverse @ new.T)[0, 0] + model.noise)
    assert predicted.spread[0] ** 2 == pytest.approx(variance, rel=1e-5)


def test_it_is_less_sure_of_the_unlike():
    model = TanimotoProcess()
    features = Features(fingerprints(SMILES).matrix())
    model.fit(features, np.arange(60.0))
    spread = model.predict(Features(fingerprints([SMILES[0], "OC1OC(CO)C(O)C(O)C1O"]).matrix())).spread
    assert spread[1] > 1.5 * spread[0]


def test_a_limit_that_is_kept_costs_nothing(learnable):
    """Molecules whose truth is 2 but are only known to be above -5: taken as -5 they spoil the line, as limits
    they do not.
    """
    features, values = learnable
    targets, sides = values.copy(), np.zeros(60, np.int64)
    censored = np.arange(0, 60, 3)
    targets[censored], sides[censored] = -5.0, 1
    naive, careful = Ridge(), Ridge()
    naive.fit(features, targets)
    fit_one_sided(careful, features, targets, sides)
    misses = [np.abs(model.mean(features) - values)[censored].mean() for model in (naive, careful)]
    assert misses[1] < 0.5 * misses[0]
