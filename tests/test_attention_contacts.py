"""Contacts by ESM-2's attention, on a tiny network with random weights made here: nothing of it is biology."""

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tiny_backbones import make_esm

from biotl_core.errors import UserError
from biotl_core.structures.attention_contacts import LONGEST, SHARES, restraints_from_contacts, with_contacts
from biotl_core.structures.chains import read_chains
from biotl_core.structures.engines import ENGINES, predict_structure
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.folding import fold
from biotl_core.structures.measures import tm_score
from biotl_core.structures.pair_measures import EDGES, bins_by_separation, true_contacts
from biotl_core.structures.result_files import contact_probability


@pytest.fixture
def bundle():
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


@pytest.fixture
def tiny_esm2(biotl_home):
    """Where BioTL looks for the downloaded ESM-2."""
    return make_esm(biotl_home / "backbones" / ENGINES["attention"].hub_id.replace("/", "-"))


def test_contacts_become_as_probable_as_they_are_told(bundle):
    bins = bins_by_separation(np.load(SHARES), len(bundle))
    contacts = np.random.default_rng(0).uniform(0.01, 0.99, (69, 69))
    contacts = (contacts + contacts.T) / 2
    told = with_contacts(bins, contacts)
    assert told.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    i, j = np.triu_indices(69, 3)
    assert contact_probability(told[1], EDGES)[i, j] == pytest.approx(contacts[i, j], abs=1e-5)
    assert told[:, 10, 12] == pytest.approx(bins[:, 10, 12])


def test_true_contacts_fold(bundle):
    contacts = true_contacts(bundle)
    bins = with_contacts(bins_by_separation(np.load(SHARES), len(bundle)), contacts)
    assert tm_score(bundle.ca, fold(len(bundle), restraints_from_contacts(bins, contacts)).ca) > 0.5


def test_end_to_end_on_random_weights(tiny_esm2, bundle):
    result = predict_structure(bundle.sequence, "attention", name="random weights, made in a test")
    assert result.confidence_kind == "expected lDDT" and "sketch" in result.notes[0]
    assert result.distogram.shape[:2] == (69, 69) and len(result.ca) == 69
    with pytest.raises(UserError, match=f"takes up to {LONGEST}"):
        predict_structure("MKTAYIAKQR" * 70, "attention")


def test_what_is_missing_is_said(bundle, biotl_home):
    with pytest.raises(UserError, match="not on this computer"):
        predict_structure(bundle.sequence, "attention")
    folder = make_esm(biotl_home / "backbones" / ENGINES["attention"].hub_id.replace("/", "-"))
    state = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in state.items() if "contact_head" not in name}
    assert len(kept) < len(state)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="contacts would be random"):
        predict_structure(bundle.sequence, "attention")
