"""Head: from the features of a backbone to the numbers or classes of a task."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from biotl_core.learning.settings import TrainingSettings

_HIDDEN_WIDTH = 256
"""Width of the hidden layer of an MLP head, at most."""
_CHANNELS = 64
"""Of a head that reads neighbours: wider ones learn little more at twice the time."""
_MOST_ANCHORS = 4000
"""Training rows that a head of similarities keeps; of more as many are drawn."""
_MOST_DIRECTIONS = 1024
"""Principal directions of the features that a head reads, at most."""
_SHRINKAGE_ROWS = 5000
"""Rows from which the trust in the directions is told."""


class Head(nn.Module):
    """Features to outputs: bring them to one scale, then a linear layer or one hidden layer, then the target's scale.

    Features of a frozen backbone are strongly correlated, and what tells relatives apart lies in their small
    directions, which gradient descent reaches last. They are therefore turned to their principal directions and these
    brought half-way to one spread (fourth root of the variance; Ledoit and Wolf 2004 say how far to trust it).

    For a value at each position the head may read its neighbours too; then its layers are convolutions along the
    sequence.
    """

    def __init__(self, widths: Sequence[int], n_outputs: int, settings: TrainingSettings):
        """Args:
        widths: of the kinds of features that stand side by side; each kind counts as much as any other.
        n_outputs: numbers a row.
        settings: resolved.
        """
        super().__init__()
        self.widths, n_features = tuple(widths), sum(widths)
        self.reach = settings.neighbours or 0
        # Down to few channels is a turn of its own, and a learned one.
        self.is_turned = settings.method == "frozen" and not self.reach
        turned = [min(n, _MOST_DIRECTIONS) for n in widths] if self.is_turned else list(widths)
        self.turned, width = turned, sum(turned)
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))
        if self.is_turned:
            self.register_buffer("feature_turn", torch.eye(n_features, width))
        self.register_buffer("target_mean", torch.zeros(1))
        self.register_buffer("target_scale", torch.ones(1))
        if settings.head == "kernel":
            self.layers = _Similarity(turned)
        else:
            self.layers = (_neighbour_layers if self.reach else _layers)(width, n_outputs, settings)

    def fit_features(self, features: torch.Tensor) -> None:
        """Take mean, spread and directions of the features `(n, n_features)` from the training part."""
        features = features.double()
        spread = features.std(dim=0, correction=0)
        self.feature_mean.copy_(features.mean(dim=0))
        self.feature_scale.copy_(torch.where(spread > 1e-6, spread, 1.0))
        # A kind of many features would drown one of few.
        shares = [(n * len(self.widths) / len(spread)) ** 0.5 for n in self.widths]
        if self.is_turned:
            kinds = self._scaled(features.float()).split(self.widths, dim=1)
            turns = [
                _half_whitening(kind, width) / share
                for kind, width, share in zip(kinds, self.turned, shares, strict=True)
            ]
            self.feature_turn.copy_(torch.block_diag(*turns))
        else:
            each = torch.tensor(shares).repeat_interleave(torch.tensor(self.widths))
            self.feature_scale.mul_(each.to(self.feature_scale))

    def fit_targets(self, targets: np.ndarray) -> None:
        """Take mean and spread of the known training targets, so that the head learns numbers around zero."""
        known = targets[np.isfinite(targets)]
        self.target_mean.fill_(float(known.mean()))
        self.target_scale.fill_(float(known.std()) or 1.0)

    @property
    def is_solved(self) -> bool:
        """True where the head has its answer at once, without steps."""
        return isinstance(self.layers, _Similarity)

    def solve(self, features: torch.Tensor, targets: np.ndarray) -> None:
        """The answer of a head that learns without steps, from the training part; after `fit_features, fit_targets`."""
        known = torch.from_numpy(np.isfinite(targets)).to(features.device)
        aims = torch.from_numpy(np.asarray(targets, np.float32)).to(features.device)
        aims = (aims - self.target_mean) / self.target_scale
        self.layers.solve((self._scaled(features.float()) @ self.feature_turn)[known], aims[known])

    def forward(self, features: torch.Tensor, lengths: Sequence[int] = ()) -> torch.Tensor:
        """Outputs `(n, n_outputs)`: numbers in units of `target_scale` around `target_mean`, or logits.

        Args:
            features: `(n, n_features)`; per residue, those of several sequences end to end.
            lengths: letters of each sequence, where the rows are residues.
        """
        scaled = self._scaled(features)
        if self.reach:
            return self.layers(scaled, _places_apart(lengths, self.reach).to(scaled.device))
        return self.layers(scaled @ self.feature_turn if self.is_turned else scaled)

    def _scaled(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.feature_mean) / self.feature_scale


def _layers(width: int, n_outputs: int, settings: TrainingSettings) -> nn.Sequential:
    """What the head learns where each row is by itself."""
    if settings.head == "linear":
        return nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(width, n_outputs))
    hidden = min(_HIDDEN_WIDTH, width)
    return nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(settings.dropout),
        nn.Linear(hidden, n_outputs),
    )


def _neighbour_layers(width: int, n_outputs: int, settings: TrainingSettings) -> nn.Module:
    """What the head learns where it reads the positions around each one too, of the same sequence only."""
    if settings.head == "linear":
        return _StraightLine(width, n_outputs, settings)
    return _ResidualConvolutions(width, n_outputs, settings)


class _Convolution(nn.Conv1d):
    """A convolution along rows `(n, channels)` that lie at some places; the places between them are empty (zero)."""

    def __init__(self, channels: int, n_outputs: int, reach: int):
        super().__init__(channels, n_outputs, 2 * reach + 1, padding=reach)

    def forward(self, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """`(n, n_outputs)`, a row for each of the rows."""
        if not len(rows):
            return rows.new_zeros(0, self.out_channels)
        apart = rows.new_zeros(int(places[-1]) + 1, rows.shape[1]).index_copy(0, places, rows)
        return super().forward(apart.T[None])[0].T[places]


class _StraightLine(nn.Module):
    """Each output is a weighted sum of all features of all positions in reach."""

    def __init__(self, width: int, n_outputs: int, settings: TrainingSettings):
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.out = _Convolution(width, n_outputs, settings.neighbours)

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(features), places)


class _ResidualConvolutions(nn.Module):
    """Down to few channels; two convolutions, which together reach as far as asked, add what they see around.

    (Residual connections: He et al. 2016, CVPR, 770.)
    """

    def __init__(self, width: int, n_outputs: int, settings: TrainingSettings):
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.narrow = nn.Linear(width, _CHANNELS)
        first, second = settings.neighbours - settings.neighbours // 2, settings.neighbours // 2
        self.around = nn.ModuleList(_Convolution(_CHANNELS, _CHANNELS, reach) for reach in (first, second))
        self.out = nn.Linear(_CHANNELS, n_outputs)

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        hidden = self.narrow(self.dropout(features))
        for convolution in self.around:
            hidden = hidden + convolution(functional.gelu(hidden), places)
        return self.out(self.dropout(functional.gelu(hidden)))


def _places_apart(lengths: Sequence[int], gap: int) -> torch.Tensor:
    """Where each row comes to lie when sequences are laid out with so many empty places after each: `(n,)`."""
    letters = torch.tensor(lengths, dtype=torch.int64)
    return torch.arange(int(letters.sum())) + gap * torch.arange(len(letters)).repeat_interleave(letters)


def _half_whitening(scaled: torch.Tensor, width: int) -> torch.Tensor:
    """The matrix `(n_features, width)` that turns standardised features to their `width` largest directions.

    Each is divided by the fourth root of its variance, shrunk towards the mean variance where there are few rows.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = scaled[torch.randperm(len(scaled), generator=torch.Generator().manual_seed(0))[:_SHRINKAGE_ROWS]]
    shrinkage = min(float(ledoit_wolf_shrinkage(rows.cpu().numpy())), 0.99)
    centred = scaled.double()
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variances = variances.flip(0)[:width].clamp(min=0)
    floor = shrinkage / (1 - shrinkage) + 1e-3  # features are standardised, so the mean variance is 1
    return directions.flip(1)[:, :width] / (variances + floor) ** 0.25


class _Similarity(nn.Module):
    """A number for each training row, weighed by how alike it is: kernel ridge regression, or a Gaussian process' mean.

    (Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25.) Each kind of features has a
    Gaussian kernel as wide as its median squared distance; how much noise to expect is what leaves single rows out best
    (their equation 5.12). Nothing is learned by steps: `solve` gives the answer.
    """

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        self.widths = tuple(widths)
        self.register_buffer("anchors", torch.zeros(0, sum(widths)))
        self.register_buffer("coefficients", torch.zeros(0))
        self.register_buffer("spans", torch.ones(len(self.widths)))
        self.register_buffer("left_out_loss", torch.tensor(0.0))

    def solve(self, rows: torch.Tensor, targets: torch.Tensor) -> None:
        """Take the training rows `(n, width)` and the numbers that go with them `(n,)`, centred."""
        chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:_MOST_ANCHORS]
        self.anchors, targets = rows[chosen].contiguous(), targets[chosen].double()
        distances = [_squared_distances(part, part) for part in self._kinds(self.anchors)]
        self.spans = torch.stack([d.median().clamp(min=1e-6) for d in distances]).float()
        alike = sum(torch.exp(-d / span) for d, span in zip(distances, self.spans, strict=True)).double()
        variances, directions = torch.linalg.eigh(alike)
        best = math.inf
        for noise in torch.logspace(-4, 2, 25, dtype=torch.float64):
            inverse = directions / (variances + noise) @ directions.T
            found = inverse @ targets
            loss = float((found / inverse.diagonal()).square().mean())
            if loss < best:
                best, self.coefficients = loss, found.float()
        self.left_out_loss.fill_(best)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`(n, 1)`."""
        pairs = zip(self._kinds(rows), self._kinds(self.anchors), self.spans, strict=True)
        alike = sum(torch.exp(-_squared_distances(own, known) / span) for own, known, span in pairs)
        return (alike @ self.coefficients)[:, None]

    def _kinds(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return rows.split(self.widths, dim=1)

    def _load_from_state_dict(self, state: dict, prefix: str, *rest: Any) -> None:
        for name in ("anchors", "coefficients"):  # as many rows as were learned from
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name], device=getattr(self, name).device))
        super()._load_from_state_dict(state, prefix, *rest)


def _squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
