"""Head: from the features of a backbone to the numbers or classes of a task."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.similarity import Similarity

_HIDDEN_WIDTH = 256
"""Width of the hidden layer of an MLP head, at most."""
_CHANNELS = 64
"""Of a head that reads neighbours: wider ones learn little more at twice the time."""
_MOST_DIRECTIONS = 1024
"""Principal directions of the features that a head reads, at most."""
_SHRINKAGE_ROWS = 5000
"""Rows from which the trust in the directions is told."""


class Head(nn.Module):
    """Features to outputs: bring them to one scale, then a linear layer or one hidden layer, then the target's scale.

    Features of a frozen backbone are strongly correlated, and what tells relatives apart lies in their small
    directions, which gradient descent reaches last. They are therefore turned to their principal directions and these
    brought half-way to one spread (fourth root of the variance; Ledoit and Wolf 2004 say how far to trust it). What
    stands beside them (letters, counts of words) has a scale of its own and is only centred.

    For a value at each position the head may read its neighbours too; then its layers are convolutions along the
    sequence.
    """

    def __init__(self, widths: Sequence[int], n_outputs: int, settings: TrainingSettings, n_turned: int = 1):
        """Args:
        widths: of the kinds of features that stand side by side; each kind counts as much as any other.
        n_outputs: numbers a row.
        settings: resolved.
        n_turned: how many kinds, from the first, are standardised and turned; in models of former versions all are.
        """
        super().__init__()
        self.widths, n_features = tuple(widths), sum(widths)
        self.reach = settings.neighbours or 0
        # Down to few channels is a turn of its own, and a learned one.
        self.is_turned = settings.method == "frozen" and not self.reach
        self.n_turned = n_turned
        first, beside = self.widths[:n_turned], self.widths[n_turned:]
        self.turned = [min(n, _MOST_DIRECTIONS) for n in first] if self.is_turned else list(first)
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))
        if self.is_turned:
            self.register_buffer("feature_turn", torch.eye(sum(first), sum(self.turned)))
        self.register_buffer("target_mean", torch.zeros(1))
        self.register_buffer("target_scale", torch.ones(1))
        kinds = [*self.turned, *beside]
        if settings.head == "kernel":
            self.layers = Similarity(kinds, n_outputs)
        else:
            self.layers = (_neighbour_layers if self.reach else _layers)(sum(kinds), n_outputs, settings)

    def fit_features(self, features: torch.Tensor) -> None:
        """Take mean, spread and directions of the features `(n, n_features)` from the training part.

        Those of the backbone are standardised (and turned); all other kinds are brought to the length of the first.
        """
        each = len(self.widths) ** 0.5
        means, scales, turns = [], [], []
        length = None
        for i, kind in enumerate(features.split(self.widths, dim=1)):
            mean, spread = kind.double().mean(dim=0), kind.double().std(dim=0, correction=0)
            is_of_backbone = i < self.n_turned
            spread = torch.where((spread > 1e-6) & is_of_backbone, spread, 1.0)
            scaled = ((kind - mean) / spread).float()
            turn = _half_whitening(scaled, self.turned[i]) if is_of_backbone and self.is_turned else None
            own = _mean_length(scaled if turn is None else scaled @ turn.to(scaled))
            length = own if length is None else length
            shrink = own / length * each if own * length > 0 else torch.ones(())
            if turn is None:
                spread = spread * shrink
            else:
                turns.append(turn / shrink)
            means.append(mean)
            scales.append(spread)
        if turns:
            self.feature_turn.copy_(torch.block_diag(*turns))
        self.feature_mean.copy_(torch.cat(means))
        self.feature_scale.copy_(torch.cat(scales))

    def fit_targets(self, targets: np.ndarray) -> None:
        """Take mean and spread of the known training targets, so that the head learns numbers around zero."""
        known = targets[np.isfinite(targets)]
        self.target_mean.fill_(float(known.mean()))
        self.target_scale.fill_(float(known.std()) or 1.0)

    @property
    def is_solved(self) -> bool:
        """True where the head has its answer at once, without steps."""
        return isinstance(self.layers, Similarity)

    def solve(self, features: torch.Tensor, targets: np.ndarray, loss: str) -> None:
        """The answer of a head that learns without steps, from the training part; after `fit_features, fit_targets`.

        Args:
            features: `(n, n_features)`.
            targets: as `Dataset.target_values`; rows without any are left out.
            loss: the name of the one that judges.
        """
        aims = torch.from_numpy(np.asarray(targets))
        if aims.ndim == 1 and aims.is_floating_point():
            aims = ((aims - self.target_mean.cpu()) / self.target_scale.cpu()).float()
        measured = torch.isfinite(aims) if aims.is_floating_point() else aims >= 0
        is_known = measured.any(dim=1) if aims.ndim == 2 else measured
        rows = self._turned(features.float())[is_known.to(features.device)]
        self.layers.solve(rows, aims[is_known], loss)

    def forward(self, features: torch.Tensor, lengths: Sequence[int] = ()) -> torch.Tensor:
        """Outputs `(n, n_outputs)`: numbers in units of `target_scale` around `target_mean`, or logits.

        Args:
            features: `(n, n_features)`; per residue, those of several sequences end to end.
            lengths: letters of each sequence, where the rows are residues.
        """
        if self.reach:
            scaled = self._scaled(features)
            return self.layers(scaled, _places_apart(lengths, self.reach).to(scaled.device))
        return self.layers(self._turned(features))

    def _turned(self, features: torch.Tensor) -> torch.Tensor:
        """What the layers read."""
        scaled = self._scaled(features)
        if not self.is_turned:
            return scaled
        n = len(self.feature_turn)
        turned = scaled[:, :n] @ self.feature_turn
        return turned if n == scaled.shape[1] else torch.cat([turned, scaled[:, n:]], dim=1)

    def _scaled(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.feature_mean) / self.feature_scale


def _mean_length(rows: torch.Tensor) -> torch.Tensor:
    """The root of the mean squared length."""
    return rows.square().sum(dim=1).mean().sqrt()


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

    Each is divided by the fourth root of its variance, shrunk towards the mean variance where there are few rows. Where
    training rows do not differ at all nothing can be learned, and what new rows have there is left out (zeros).
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = scaled[torch.randperm(len(scaled), generator=torch.Generator().manual_seed(0))[:_SHRINKAGE_ROWS]]
    shrinkage = min(float(ledoit_wolf_shrinkage(rows.cpu().numpy())), 0.99)
    floor = shrinkage / (1 - shrinkage) + 1e-3  # features are standardised, so the mean variance is 1
    centred = scaled.double()
    n, n_features = centred.shape
    if n < n_features:  # the products of the rows have the same directions, and are fewer
        squares, places = torch.linalg.eigh(centred @ centred.T)
        directions = centred.T @ (places / squares.clamp(min=1e-12).sqrt())
    else:
        squares, directions = torch.linalg.eigh(centred.T @ centred)
    squares, directions = squares.flip(0)[:width], directions.flip(1)[:, :width]
    is_seen = squares > 1e-6 * squares[0].clamp(min=1e-12)
    turn = torch.where(is_seen, directions / (squares / n + floor) ** 0.25, 0.0)
    return functional.pad(turn, (0, width - turn.shape[1]))
