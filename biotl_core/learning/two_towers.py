"""Two towers: a molecule and a protein each become a vector, and their product says how strongly they bind.

Training is factorised: every molecule and every protein of the training part goes through its tower once a step, one
matrix product gives all pairs, and the loss looks at the measured ones. A value known only as a limit costs nothing as
long as it is kept (one-sided loss). Each side also has a number of its own (bias), and optionally a vector of
its own for
what its description does not tell; both are zero for what training has not seen.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from biotl_core.progress import Control

_STAGE = "Learning molecules and proteins together"


@dataclass(frozen=True)
class TowerSettings:
    """Choices of a training of two towers."""

    steps: int = 400
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    hidden: int = 384
    width: int = 96
    dropout: float = 0.2
    own_vectors: bool = False
    """Whether each molecule and protein of the training part gets a vector of its own."""
    check_every: int = 25
    """Steps between two looks at the validation part; the best look is kept."""
    members: int = 3
    """Towers that learn the same from different beginnings; their mean is used."""
    patience: int = 200
    """Steps without a better look after which a training ends."""
    seed: int = 0


class Side(NamedTuple):
    """What the tower of one side reads of n things."""

    indices: np.ndarray
    """Set features of all, one after the other, int64."""
    counts: np.ndarray
    """How many belong to each, int64 `(n,)`."""
    dense: np.ndarray
    """Further numbers, float32 `(n, width)`; the width may be 0."""


class Measured(NamedTuple):
    """Pairs with a value."""

    molecule: np.ndarray
    """Index into the molecules, int64 `(m,)`."""
    protein: np.ndarray
    """Index into the proteins."""
    value: np.ndarray
    """float `(m,)`."""
    side: np.ndarray
    """-1 where the truth lies below the value, 1 above, 0 where it is the value."""


class Tower(nn.Module):
    """Features to a vector and a bias: one hidden layer, whose first product is a sum over set features."""

    def __init__(self, n_features: int, n_dense: int, settings: TowerSettings) -> None:
        super().__init__()
        self.n_features = n_features
        scale = 1 / math.sqrt(64)  # about as many features are set
        self.features = nn.EmbeddingBag(n_features + 1, settings.hidden, mode="sum", padding_idx=n_features)
        self.feature_bias = nn.EmbeddingBag(n_features + 1, 1, mode="sum", padding_idx=n_features)
        with torch.no_grad():
            self.features.weight.uniform_(-scale, scale)
            self.features.weight[n_features] = 0
            self.feature_bias.weight.zero_()
        self.dense = nn.Linear(n_dense, settings.hidden) if n_dense else None
        self.dense_bias = nn.Linear(n_dense, 1) if n_dense else None
        self.offset = nn.Parameter(torch.zeros(settings.hidden))
        self.drop = nn.Dropout(settings.dropout)
        self.out = nn.Linear(settings.hidden, settings.width)

    def forward(self, side: "_Inputs") -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors `(n, width)` and biases `(n,)`."""
        hidden, bias = self.offset, 0.0
        if self.n_features:
            hidden = hidden + self.features(side.indices, side.offsets)
            bias = self.feature_bias(side.indices, side.offsets)
        if self.dense is not None:
            hidden, bias = hidden + self.dense(side.dense), bias + self.dense_bias(side.dense)
        return self.out(self.drop(torch.relu(hidden))), bias[:, 0]


class _Inputs(NamedTuple):
    indices: torch.Tensor
    offsets: torch.Tensor
    dense: torch.Tensor


class TwoTowers(nn.Module):
    """The two towers and what puts their product into the unit of the values."""

    def __init__(
        self, molecule_features: int, protein_features: int, dense: tuple[int, int], own: tuple[int, int],
        settings: TowerSettings,
    ) -> None:  # fmt: skip
        """Args:
        molecule_features, protein_features: set features that each side may have.
        dense: further numbers of molecules and proteins.
        own: molecules and proteins that may have a vector of their own; (0, 0) for none.
        settings: widths and the like.
        """
        super().__init__()
        self.settings, self.shape = settings, (molecule_features, protein_features, dense, own)
        self.molecule = Tower(molecule_features, dense[0], settings)
        self.protein = Tower(protein_features, dense[1], settings)
        self.own_molecule = nn.Parameter(0.02 * torch.randn(own[0], settings.width + 1))
        self.own_protein = nn.Parameter(0.02 * torch.randn(own[1], settings.width + 1))
        self.register_buffer("centre", torch.zeros(1))
        self.register_buffer("spread", torch.ones(1))

    def encode(self, which: str, side: _Inputs, own: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors with their bias at the end, `(n, width + 1)`; `own` says which own vector each has, -1 for none."""
        tower = self.molecule if which == "molecule" else self.protein
        vectors, bias = tower(side)
        together = torch.cat([vectors, bias[:, None]], dim=1)
        table = self.own_molecule if which == "molecule" else self.own_protein
        if own is None or not len(table):
            return together
        return together + torch.where(own[:, None] >= 0, table[own.clamp(min=0)], 0.0)

    def product(self, molecules: torch.Tensor, proteins: torch.Tensor) -> torch.Tensor:
        """All pairs of encoded molecules and proteins, in units of `spread` around `centre`."""
        scale = math.sqrt(self.settings.width)
        return molecules[:, :-1] @ proteins[:, :-1].T / scale + molecules[:, -1:] + proteins[:, -1:].T


class TowerGroup(NamedTuple):
    """Towers that learned the same from different beginnings; their mean predicts better than any of them.

    Since each prediction is a product, the mean is again one: of the vectors of all members, one after the other.
    """

    members: tuple[TwoTowers, ...]

    @property
    def centre(self) -> float:
        """What is added to a product, in the unit of the values."""
        return float(self.members[0].centre)

    @property
    def spread(self) -> float:
        """What a product is multiplied by."""
        return float(self.members[0].spread)

    @property
    def settings(self) -> TowerSettings:
        """Of the members, the seed that of the first."""
        return self.members[0].settings

    def save(self, folder: Path) -> None:
        """Write `towers.safetensors` and what is needed to build it again."""
        import json

        folder.mkdir(parents=True, exist_ok=True)
        weights = {f"{i}.{n}": v for i, one in enumerate(self.members) for n, v in one.state_dict().items()}
        save_file(
            {name: value.contiguous() for name, value in weights.items()}, folder / "towers.safetensors"
        )
        about = {"settings": [asdict(one.settings) for one in self.members], "shape": self.members[0].shape}
        (folder / "towers.json").write_text(json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> "TowerGroup":
        """Read what `save` wrote."""
        import json

        about, weights = (
            json.loads((folder / "towers.json").read_text()),
            load_file(folder / "towers.safetensors"),
        )
        first, second, dense, own = about["shape"]
        members = []
        for i, settings in enumerate(about["settings"]):
            model = TwoTowers(first, second, tuple(dense), tuple(own), TowerSettings(**settings))
            prefix = f"{i}."
            model.load_state_dict(
                {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
            )
            members.append(model.eval())
        return cls(tuple(members))


def inputs_of(side: Side, n_features: int) -> _Inputs:
    """Arrays as tensors; features beyond those the tower knows are left out."""
    known = side.indices < n_features
    counts = np.add.reduceat(np.r_[known.astype(np.int64), 0], np.r_[0, np.cumsum(side.counts)[:-1]])
    counts[side.counts == 0] = 0
    offsets = np.r_[0, np.cumsum(counts)[:-1]].astype(np.int64)
    return _Inputs(
        torch.from_numpy(side.indices[known].astype(np.int64)),
        torch.from_numpy(offsets),
        torch.from_numpy(np.ascontiguousarray(side.dense, dtype=np.float32)),
    )


def train_towers(
    molecules: Side,
    proteins: Side,
    n_features: tuple[int, int],
    train: Measured,
    validation: Measured,
    settings: TowerSettings,
    control: Control | None = None,
    look: Callable[[int, float, float], None] | None = None,
    stop_after: int = 0,
) -> TwoTowers:
    """Train, and keep the step with the least error on the validation part.

    Args:
        molecules, proteins: all that occur in any part; towers read those of the training part.
        n_features: set features each side may have; larger ones are ignored.
        train, validation: measured pairs by index into molecules and proteins.
        settings: see TowerSettings.
        control: progress and stop.
        look: called after each look with the step, the training loss and the validation error (mean squared).
        stop_after: instead of looking at the validation part, end after so many steps of the same schedule: how the
            towers are learned again once the validation part has chosen.
    """
    control = control or Control()
    torch.manual_seed(settings.seed)
    own = (len(molecules.counts), len(proteins.counts)) if settings.own_vectors else (0, 0)
    model = TwoTowers(*n_features, (molecules.dense.shape[1], proteins.dense.shape[1]), own, settings)
    centre, spread = float(train.value.mean()), float(train.value.std()) or 1.0
    model.centre.fill_(centre)
    model.spread.fill_(spread)
    batch = _Batch(molecules, proteins, n_features, train, centre, spread)
    optimizer = torch.optim.AdamW(
        _decayed(model, settings.weight_decay), lr=settings.learning_rate, betas=(0.9, 0.99)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=0.1
    )
    best, best_step = math.inf, 0
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    for step in range(1, (stop_after or settings.steps) + 1):
        control.step(_STAGE, step, stop_after or settings.steps)
        model.train()
        loss = batch.loss(model)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if stop_after or (step % settings.check_every and step < settings.steps):
            continue
        error = _error(model, molecules, proteins, train, validation)
        if look is not None:
            look(step, float(loss.detach()), error)
        if error < best:
            best, best_step = error, step
            kept = {name: value.clone() for name, value in model.state_dict().items()}
        elif step - best_step >= settings.patience:
            break
    if not stop_after:
        model.load_state_dict(kept)
    _forget_unseen(model, train)
    return model.eval()


class _Batch:
    """The molecules and proteins of the training part, and the table of measured pairs between them."""

    def __init__(
        self,
        molecules: Side,
        proteins: Side,
        n_features: tuple[int, int],
        train: Measured,
        centre: float,
        spread: float,
    ) -> None:
        rows, row = np.unique(train.molecule, return_inverse=True)
        columns, column = np.unique(train.protein, return_inverse=True)
        self.molecules = inputs_of(take_side(molecules, rows), n_features[0])
        self.proteins = inputs_of(take_side(proteins, columns), n_features[1])
        self.own = torch.from_numpy(rows), torch.from_numpy(columns)
        self.place = torch.from_numpy(row * len(columns) + column)
        self.value = torch.from_numpy(((train.value - centre) / spread).astype(np.float32))
        self.limit = torch.from_numpy(train.side.astype(np.float32))
        self.has_limits = bool((train.side != 0).any())

    def loss(self, model: TwoTowers) -> torch.Tensor:
        """Mean squared miss over the measured pairs; of limits only what lies on the wrong side."""
        molecules = model.encode("molecule", self.molecules, self.own[0])
        proteins = model.encode("protein", self.proteins, self.own[1])
        miss = model.product(molecules, proteins).ravel()[self.place] - self.value
        return one_sided_loss(miss, self.limit) if self.has_limits else (miss**2).mean()


def one_sided_loss(miss: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    """Mean squared miss; of a limit (-1: the truth lies below, 1 above, 0: exact) only what is on the wrong side."""
    return (torch.where(limit != 0, torch.relu(-limit * miss), miss) ** 2).mean()


def take_side(side: Side, rows: np.ndarray) -> Side:
    """What the tower reads of some."""
    starts = np.r_[0, np.cumsum(side.counts)]
    lists = [side.indices[starts[row] : starts[row + 1]] for row in rows]
    indices = np.concatenate([np.zeros(0, np.int64), *lists])
    return Side(indices, side.counts[rows], side.dense[rows])


def _error(model: TwoTowers, molecules: Side, proteins: Side, train: Measured, pairs: Measured) -> float:
    exact = pairs.side == 0
    if not exact.any():
        return math.nan
    predicted = predict_pairs(TowerGroup((model,)), molecules, proteins, seen_in(train))
    return float(((predicted[pairs.molecule[exact], pairs.protein[exact]] - pairs.value[exact]) ** 2).mean())


class Seen(NamedTuple):
    """Which molecules and proteins training has seen, by index; only these use their own vectors."""

    molecules: np.ndarray
    proteins: np.ndarray


def seen_in(train: Measured) -> Seen:
    """What occurs in the training pairs."""
    return Seen(np.unique(train.molecule), np.unique(train.protein))


def own_places(n: int, seen: np.ndarray) -> np.ndarray:
    """For `encode`: each of n is itself where training has seen it, int64 `(n,)` with -1 elsewhere."""
    own = np.full(n, -1)
    own[seen] = seen
    return own


@torch.inference_mode()
def encode(group: TowerGroup, which: str, side: Side, own: np.ndarray | None = None) -> np.ndarray:
    """Vectors of all members, one after the other, with their mean bias at the end: float32 `(n, members * width + 1)`.

    Args:
        group: the towers.
        which: "molecule" or "protein".
        side: what they read.
        own: whose own vector each has, int64 `(n,)`, -1 for none; None for none at all.
    """
    places = None if own is None else torch.from_numpy(own)
    found = []
    for model in group.members:
        model.eval()
        tower = model.molecule if which == "molecule" else model.protein
        found.append(model.encode(which, inputs_of(side, tower.n_features), places).numpy())
    bias = np.mean([one[:, -1:] for one in found], axis=0)
    return np.hstack([*(one[:, :-1] for one in found), bias])


def predict_pairs(group: TowerGroup, molecules: Side, proteins: Side, seen: Seen | None = None) -> np.ndarray:
    """Predictions of all pairs, float32 `(n_molecules, n_proteins)`, in the unit of the values."""
    sides = []
    for which, side in (("molecule", molecules), ("protein", proteins)):
        rows = None if seen is None else (seen.molecules if which == "molecule" else seen.proteins)
        own = None if rows is None else own_places(len(side.counts), rows)
        sides.append(encode(group, which, side, own))
    return product(group, *sides)


def product(group: TowerGroup, molecules: np.ndarray, proteins: np.ndarray) -> np.ndarray:
    """The matrix product of encoded sides, in the unit of the values."""
    scale = np.float32(1 / (len(group.members) * math.sqrt(group.settings.width)))
    together = molecules[:, :-1] @ (proteins[:, :-1].T * scale)
    return (together + molecules[:, -1:] + proteins[:, -1:].T) * group.spread + group.centre


def _forget_unseen(model: TwoTowers, train: Measured) -> None:
    """Own vectors of what training has not seen are random; set to nothing, so that none can be used by mistake."""
    seen = seen_in(train)
    with torch.no_grad():
        for table, rows in ((model.own_molecule, seen.molecules), (model.own_protein, seen.proteins)):
            if len(table):
                is_seen = torch.zeros(len(table), dtype=torch.bool)
                is_seen[torch.from_numpy(rows)] = True
                table[~is_seen] = 0.0


def _decayed(model: nn.Module, weight_decay: float) -> list[dict]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
