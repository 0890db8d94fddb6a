"""Backbones under towers, adjusted: nothing changes before the first step, only small parts learn, all comes back."""

import copy

import numpy as np
import pytest

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.encoder import load_encoder
from biotl_core.errors import UserError
from biotl_core.learning.tower_adapters import (
    ADAPTER_CONFIGS,
    AdaptedSide,
    AdaptedTowers,
    AdapterSettings,
    add_adapter,
)
from biotl_core.learning.two_towers import (
    Measured,
    Side,
    TowerGroup,
    TowerSettings,
    predict_pairs,
    seen_in,
    train_towers,
)
from biotl_core.progress import Control
from biotl_core.screening.pairs import ADAPTERS, PairInputs

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")
SETTINGS = AdapterSettings(
    steps=6, check_every=3, molecules_at_once=6, proteins_at_once=4, learning_rate=1e-2
)


def make_pairs() -> tuple[list[str], Side, Measured]:
    """Twelve proteins and nine molecules; the value is the share of tryptophan times a number of the molecule."""
    rng = np.random.default_rng(0)
    proteins = ["M" + "".join(rng.choice(LETTERS, 12)) + "W" * int(n) for n in rng.integers(0, 8, 12)]
    shares = np.array([one.count("W") / len(one) for one in proteins])
    dense = rng.normal(size=(9, 3)).astype(np.float32)
    molecules = Side(np.zeros(0, np.int64), np.zeros(9, np.int64), dense)
    molecule, protein = (grid.ravel() for grid in np.meshgrid(range(9), range(12), indexing="ij"))
    value = 6 + 3 * dense[molecule, 0] * shares[protein]
    return proteins, molecules, Measured(molecule, protein, value, np.zeros(len(value), np.int64))


@pytest.fixture(scope="module")
def frozen():
    """Towers on the frozen protein backbone, with what they read."""
    proteins, molecules, measured = make_pairs()
    encoder = load_encoder(locate_backbone(find_backbone("biotl-protein", "protein")), "protein")
    plain = AdaptedSide(encoder, proteins, np.zeros(256, np.float32), np.ones(256, np.float32), molecules)
    import torch

    with torch.no_grad():
        vectors = plain.vectors(np.arange(len(proteins))).numpy()
    mean, scale = vectors.mean(axis=0), vectors.std(axis=0) * 4
    side = Side(np.zeros(0, np.int64), np.zeros(len(proteins), np.int64), (vectors - mean) / scale)
    settings = TowerSettings(steps=40, hidden=16, width=8, dropout=0.0, check_every=20, own_vectors=True)
    order = np.random.default_rng(1).permutation(len(measured.value))
    train, validation = (Measured(*(one[rows] for one in measured)) for rows in (order[:80], order[80:]))
    model = train_towers(molecules, side, (0, 0), train, validation, settings)
    return proteins, (molecules, side), (mean, scale), train, validation, model


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adjustment_starts_from_the_frozen_numbers_and_only_small_parts_learn(frozen, kind):
    proteins, sides, scaling, train, validation, model = frozen
    encoder = load_encoder(locate_backbone(find_backbone("biotl-protein", "protein")), "protein")
    encoder = add_adapter(encoder, kind)
    towers = AdaptedTowers(
        copy.deepcopy(model),
        sides,
        (None, AdaptedSide(encoder, proteins, *scaling, sides[1])),
        train,
        SETTINGS,
    )
    own = predict_pairs(TowerGroup((model,)), *sides, seen_in(train))
    at_first = ((own[validation.molecule, validation.protein] - validation.value) ** 2).mean()
    fixed = {n: p.detach().clone() for n, p in encoder.named_parameters() if not p.requires_grad}
    n_adjustable = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert 0 < n_adjustable < 0.1 * sum(p.numel() for p in encoder.parameters())
    before = towers.error(validation)
    assert before == pytest.approx(at_first, rel=1e-3)  # as the towers on the frozen backbone
    looks = []
    n_steps, error = towers.learn(validation, Control(), lambda *look: looks.append(look))
    assert [step for step, *_ in looks] == [3, 6]
    assert error <= before + 1e-9 and towers.error(validation) == pytest.approx(error, rel=1e-4)
    assert all((p == fixed[n]).all() for n, p in encoder.named_parameters() if n in fixed)
    assert n_steps in (0, 3, 6)


def test_the_same_seed_gives_the_same_and_limits_count_on_one_side(frozen):
    proteins, sides, scaling, train, validation, model = frozen
    found = []
    limited = train._replace(side=np.where(np.arange(len(train.side)) < 20, 1, 0))
    for _ in range(2):
        encoder = add_adapter(
            load_encoder(locate_backbone(find_backbone("biotl-protein", "protein")), "protein"), "ia3"
        )
        side = AdaptedSide(encoder, proteins, *scaling, sides[1])
        towers = AdaptedTowers(copy.deepcopy(model), sides, (None, side), limited, SETTINGS)
        assert towers.learn(validation, Control(), stop_after=4)[0] == 4
        found.append(towers.error(validation))
    assert found[0] == found[1]


def test_choices_that_do_not_go_together_are_told():
    assert set(ADAPTER_CONFIGS) == set(ADAPTERS)
    PairInputs("biotl-molecule", None, False, "lora", "molecule").check()
    for wrong in (
        PairInputs(None, None, False, "lora"),
        PairInputs("biotl-molecule", None, False, "lora", "protein"),
        PairInputs("biotl-molecule", None, False, "nope"),
        PairInputs("biotl-molecule", None, False, "lora", "nope"),
    ):
        with pytest.raises(UserError):
            wrong.check()
