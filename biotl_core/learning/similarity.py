"""Similarity: a head that learns at once, from how alike a sequence is to each one in training (kernel ridge)."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from biotl_core.learning.losses import loss_sum, target_weight
from biotl_core.learning.settings import MOST_ANCHORS

_NOISES = torch.logspace(-4, 2, 25, dtype=torch.float64)
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0)
"""How much say one kind of features may have beside the others."""
_LEFT_OUT = 1.02
"""A kind is left out altogether only where that lowers the error by a fiftieth: few rows often say so by chance."""
_SHARE_ROWS, _NOISE_ROWS, _SWEEPS = 400, 1500, 2
"""Training rows from which the say of each kind is told, and how much noise to expect; more tell the same. How often
the kinds are gone through: the first were weighed when the others still had equal shares."""
_CHUNK = 4096
_STEEP = 1.5
"""Logarithm of the slope to begin with: numbers between 0 and 1 as logits."""


class Similarity(nn.Module):
    """Outputs for each training row, weighed by how alike it is: kernel ridge regression, or a Gaussian process' mean.

    (Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25.) Each kind of features has a
    Gaussian kernel as wide as its median squared distance; one of a single column is taken as a straight line. How much
    say each kind has, and how much noise to expect, is what leaves single rows out best (their equation 5.12). Classes
    are learned as numbers, 1 for the own and 0 for the others; what is said of rows left out then tells how to turn
    such numbers into logits (Platt 1999). Nothing is learned by steps: `solve` gives the answer.
    """

    def __init__(self, widths: Sequence[int], n_outputs: int):
        super().__init__()
        self.widths = tuple(widths)
        self.register_buffer("anchors", torch.zeros(0, sum(widths)))
        self.register_buffer("coefficients", torch.zeros(0, n_outputs))
        self.register_buffer("spans", torch.ones(len(self.widths)))
        self.register_buffer("shares", torch.ones(len(self.widths)))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("offsets", torch.zeros(n_outputs))
        self.register_buffer("left_out_loss", torch.zeros(()))

    def solve(self, rows: torch.Tensor, targets: torch.Tensor, loss: str) -> None:
        """Take the training part; of more rows than are kept as many are drawn.

        Args:
            rows: `(n, width)`.
            targets: numbers around 0 `(n,)`, class indices `(n,)`, or labels with nan where unknown `(n, n_labels)`.
            loss: by which what is said of rows left out is judged.
        """
        chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_ANCHORS]
        # In double precision, which not every accelerator has.
        rows, targets = rows.detach().cpu()[chosen], targets.cpu()[chosen]
        aims, level = _as_numbers(targets, len(self.offsets))
        few = [kind[:_NOISE_ROWS].double() for kind in self._kinds(rows)]
        spans = [_span(own) for own in few]
        kernels = [_kernel(own, own, span) for own, span in zip(few, spans, strict=True)]
        shares = _best_shares([kernel[:_SHARE_ROWS, :_SHARE_ROWS] for kernel in kernels], aims[:_SHARE_ROWS])
        noise, _ = _best_noise(_mixed(kernels, shares), aims[:_NOISE_ROWS])
        del kernels
        own = [kind.double() for kind in self._kinds(rows)]
        alike = _mixed((_kernel(x, x, span) for x, span in zip(own, spans, strict=True)), shares)
        alike.diagonal().add_(noise)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(alike))
        coefficients = inverse @ aims
        left_out = (aims - coefficients / inverse.diagonal()[:, None]).float()
        self._take("anchors", rows.float())
        self._take("coefficients", coefficients.float())
        self.spans.copy_(torch.tensor(spans))
        self.shares.copy_(torch.tensor(shares))
        if level is not None:
            self._turn_to_logits(left_out, targets, level.float())
        said = left_out * self.slope.cpu() + self.offsets.cpu()
        weight = target_weight(targets.numpy())
        self.left_out_loss.fill_(float(loss_sum(loss, said, targets)) / max(weight, 1e-12))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Numbers or logits `(n, n_outputs)`."""
        said = [self._alike(own) @ self.coefficients for own in rows.split(_CHUNK)]
        found = torch.cat(said) if said else rows.new_zeros(0, len(self.offsets))
        return found * self.slope + self.offsets

    def _kinds(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return rows.split(self.widths, dim=1)

    def _alike(self, rows: torch.Tensor) -> torch.Tensor:
        pairs = zip(self._kinds(rows), self._kinds(self.anchors), self.spans, self.shares, strict=True)
        return sum(share * _kernel(own, known, span) for own, known, span, share in pairs if share > 0)

    def _turn_to_logits(self, left_out: torch.Tensor, targets: torch.Tensor, level: torch.Tensor) -> None:
        """Slope and offsets that make what is said of rows left out likeliest; a slight pull keeps them finite."""
        is_label = targets.ndim == 2
        start = torch.logit(level.clamp(1e-3, 1 - 1e-3)) if is_label else level.clamp(min=1e-3).log()
        steep = torch.tensor(_STEEP, requires_grad=True)
        offsets = start.clone().requires_grad_()
        weight = max(target_weight(targets.numpy()), 1e-12)
        optimizer = torch.optim.LBFGS([steep, offsets], max_iter=60, line_search_fn="strong_wolfe")

        def look() -> torch.Tensor:
            optimizer.zero_grad()
            said = left_out * steep.exp() + offsets
            pull = (steep - _STEEP).square() + (offsets - start).square().sum()
            found = loss_sum("bce" if is_label else "cross_entropy", said, targets) / weight + 1e-3 * pull
            found.backward()
            return found

        with torch.enable_grad():
            optimizer.step(look)
        self.slope.copy_(steep.detach().exp())
        self.offsets.copy_(offsets.detach())

    def _take(self, name: str, value: torch.Tensor) -> None:
        setattr(self, name, value.contiguous().to(getattr(self, name).device))

    def _load_from_state_dict(self, state: dict, prefix: str, *rest: Any) -> None:
        former = {"shares": self.shares, "slope": self.slope, "offsets": self.offsets}
        for name, value in former.items():  # models of a time when all kinds counted alike, for numbers alone
            state.setdefault(prefix + name, value)
        for name in ("anchors", "coefficients"):  # as many rows as were learned from
            if prefix + name in state:
                value = state[prefix + name]
                state[prefix + name] = value = value[:, None] if value.ndim == 1 else value
                setattr(self, name, torch.empty_like(value, device=getattr(self, name).device))
        super()._load_from_state_dict(state, prefix, *rest)


def _as_numbers(targets: torch.Tensor, n_outputs: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Targets as columns around 0 `(n, n_outputs)`, 0 where unknown; what was taken off `(n_outputs,)`, of classes."""
    if targets.ndim == 1 and targets.is_floating_point():
        return targets.double()[:, None], None
    columns = targets.double() if targets.ndim == 2 else functional.one_hot(targets, n_outputs).double()
    level = columns.nanmean(dim=0).nan_to_num(0.5)
    return (columns - level).nan_to_num(0.0), level


def _mixed(kernels: Iterable[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    return sum(share * kernel for share, kernel in zip(shares, kernels, strict=True))


def _best_shares(kernels: Sequence[torch.Tensor], aims: torch.Tensor) -> list[float]:
    """The say of each kind, as many in sum as there are kinds: that of one after the other, the rest in proportion."""
    n = len(kernels)
    shares = [1.0 / n] * n
    for i in [*range(n)] * _SWEEPS if n > 2 else range(n - 1):
        rest = 1.0 - shares[i]
        if rest <= 0.0:
            break
        errors = {}
        for own in _SHARES:
            way = tuple(own if j == i else (1.0 - own) * share / rest for j, share in enumerate(shares))
            errors[way] = _best_noise(_mixed(kernels, way), aims)[1] * (
                _LEFT_OUT if own in (0.0, 1.0) else 1.0
            )
        shares = list(min(errors, key=errors.__getitem__))
    return [n * share for share in shares]


def _best_noise(alike: torch.Tensor, aims: torch.Tensor) -> tuple[float, float]:
    """How much noise leaves single rows out best, and the mean squared error that is left then."""
    variances, directions = torch.linalg.eigh(alike)
    turned, squares = directions.T @ aims, directions.square()
    errors = []
    for noise in _NOISES:
        inverse = 1 / (variances.clamp(min=0) + noise)
        residuals = directions @ (inverse[:, None] * turned) / (squares @ inverse)[:, None]
        errors.append(float(residuals.square().mean()))
    best = min(range(len(errors)), key=errors.__getitem__)
    return float(_NOISES[best]), errors[best]


def _span(rows: torch.Tensor) -> float:
    """What makes rows of a kind alike: their median squared distance; of a single column its mean square."""
    found = rows.square().mean() if rows.shape[1] == 1 else _squared_distances(rows, rows).median()
    return float(found.clamp(min=1e-6))


def _kernel(a: torch.Tensor, b: torch.Tensor, span: torch.Tensor | float) -> torch.Tensor:
    """How alike each row of `a` is to each of `b`: Gaussian; of a single column their product, a straight line.

    Bumps along one column would follow whatever training rows happen to lie there.
    """
    return a @ b.T / span if a.shape[1] == 1 else torch.exp(-_squared_distances(a, b) / span)


def _squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
