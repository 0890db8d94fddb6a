"""The distance head: it learns what it is shown, tells what to expect, and folds."""

import numpy as np
import pytest
import torch

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.chains import read_chains
from biotl_core.structures.distance_head import (
    ONE_HOT,
    DistanceHead,
    open_features,
    predict_bins,
    train_head,
    true_bins,
)
from biotl_core.structures.distogram import (
    expected_lddt,
    fold_with_head,
    open_distogram,
    restraints_from_bins,
)
from biotl_core.structures.engines import FoldSettings
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.folding import fold
from biotl_core.structures.measures import local_lddt, tm_score
from biotl_core.structures.pair_measures import EDGES, N_BINS, precision_at_l, true_contacts
from biotl_core.structures.result_files import contact_probability


@pytest.fixture
def bundle():
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


def certain(bins: torch.Tensor) -> np.ndarray:
    """Bins as probabilities of a head that knows."""
    return np.eye(N_BINS)[bins.numpy()]


def test_bins_are_those_of_the_distances(bundle):
    bins = true_bins(bundle)
    distance = np.linalg.norm(bundle.ca[:, None] - bundle.ca[None], axis=2)
    assert bins.shape == (2, 69, 69)
    k, j = 3, 20
    assert bins[0, k, j] == np.searchsorted(EDGES, distance[k, j], side="right")
    assert int(bins[0, 0, 0]) == 0


def test_a_head_that_knows_folds_and_is_sure(bundle):
    bins = certain(true_bins(bundle))
    found = fold(len(bundle), restraints_from_bins(bins[0]))
    assert tm_score(bundle.ca, found.ca) > 0.9
    expected = expected_lddt(bins[0], found.ca)
    assert expected.mean() == pytest.approx(100 * np.nanmean(local_lddt(bundle.ca, found.ca)), abs=12)
    unsure = np.full_like(bins[0], 1 / N_BINS)
    assert expected_lddt(unsure, found.ca).mean() < 0.6 * expected.mean()


def test_precision_by_hand(bundle):
    contacts = true_contacts(bundle)
    assert precision_at_l(contacts, contacts, share=0.1) == 1
    assert precision_at_l(-contacts, contacts, share=0.1) == 0
    assert precision_at_l(contact_probability(certain(true_bins(bundle))[1], EDGES), contacts, 0.1) == 1


def test_a_head_is_symmetric():
    torch.manual_seed(0)
    head = DistanceHead(20).eval()
    logits = head(torch.randn(30, 20), torch.arange(30))
    assert logits.shape == (2, 30, 30, N_BINS)
    assert torch.allclose(logits, logits.transpose(1, 2), atol=1e-5)


def test_it_learns_a_chain_by_heart(bundle):
    features = open_features(ONE_HOT)
    head = train_head(features, [bundle], passes=120, seed=0, control=Control())
    bins = predict_bins(features, head, bundle.sequence)
    right = (bins[0].argmax(-1) == true_bins(bundle)[0].numpy()).mean()
    assert right > 0.6
    result = fold_with_head(
        features, head, bundle.sequence, "bundle", {"structures_learned_from": 1}, Control()
    )
    assert tm_score(bundle.ca, result.ca) > 0.6
    assert result.confidence_kind == "expected lDDT" and result.distogram.shape == (69, 69, N_BINS)


def test_the_engine_keeps_what_it_learned(bundle, biotl_home, monkeypatch):
    chains = [bundle.cut(k, k + 50) for k in range(5)]
    settings = FoldSettings(passes=1)
    predict = open_distogram(chains, settings, Control())
    result = predict(bundle.sequence, "bundle", Control())
    assert len(result.ca) == 69 and "sketch" in result.notes[0]
    assert len(list((biotl_home / "distance-heads").iterdir())) == 1
    monkeypatch.setattr("biotl_core.structures.distogram.train_head", None)  # not learned again
    again = open_distogram(chains, settings, Control())(bundle.sequence, "bundle", Control())
    assert again.distogram == pytest.approx(result.distogram, abs=1e-5)


def test_too_few_structures_are_said(bundle):
    with pytest.raises(UserError, match="too few to learn"):
        open_distogram([bundle], FoldSettings(), Control())
