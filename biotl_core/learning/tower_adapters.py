"""Small adjustable parts (LoRA, LoKr, IA3) in the backbone under a tower, learned together with the towers.

The towers have learned on the frozen backbone before; both then go on with smaller steps. Each step takes some target
proteins and some of the molecules measured on them, reads each once, and one matrix product gives all pairs.

Hu et al. 2022 (ICLR; LoRA), Yeh et al. 2024 (ICLR; LoKr), Liu et al. 2022 (NeurIPS 35, 1950; IA3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from peft import IA3Config, LoKrConfig, LoraConfig, get_peft_model
from torch import nn

from biotl_core.backbones.encoder import PACK_TOKENS, Encoder, attention_linears, packs_of
from biotl_core.errors import UserError
from biotl_core.learning.two_towers import (
    Measured,
    Side,
    TwoTowers,
    inputs_of,
    one_sided_loss,
    take_side,
)
from biotl_core.progress import Control

_STAGE = "Adjusting the pretrained models"
_CLIP_NORM = 1.0

ADAPTER_CONFIGS: dict[str, Callable[[list[str]], object]] = {
    "lora": lambda targets: LoraConfig(r=8, lora_alpha=16, target_modules=targets, bias="none"),
    "lokr": lambda targets: LoKrConfig(r=8, alpha=16, target_modules=targets),
    "ia3": lambda targets: IA3Config(target_modules=targets, feedforward_modules=[]),
}
"""Every kind of adjustable part by its name in `screening.pairs.ADAPTERS`."""


@dataclass(frozen=True)
class AdapterSettings:
    """Choices of the second training."""

    steps: int = 150
    learning_rate: float = 5e-4
    """Of the adjustable parts; the towers take a fifth of it."""
    molecules_at_once: int = 48
    proteins_at_once: int = 8
    check_every: int = 15
    """Steps between two looks at the validation part; the best look is kept."""
    seed: int = 0


class AdaptedSide(NamedTuple):
    """One side whose backbone is adjusted."""

    encoder: Encoder
    """With its adjustable part, see `add_adapter`."""
    sequences: list[str]
    """All molecules or target proteins, by their index."""
    mean: np.ndarray
    """float32 `(width,)`: with `scale`, what brings the backbone's vectors to one scale."""
    scale: np.ndarray
    side: Side
    """What the tower read of all of them; the last `width` of the dense numbers are the frozen backbone's."""

    def inputs(self, rows: np.ndarray) -> Side:
        """What the tower reads of some, the numbers of the backbone left out."""
        own = take_side(self.side, rows)
        return own._replace(dense=own.dense[:, : own.dense.shape[1] - len(self.mean)])

    def vectors(self, rows: np.ndarray) -> torch.Tensor:
        """The backbone's vectors of some as it is now, `(n, width)`; what is not trained is read in small packs."""
        tokens = self.encoder.encode([self.sequences[i] for i in rows])
        if torch.is_grad_enabled():
            return self._scaled(_means(self.encoder(tokens)))
        found = torch.zeros(len(rows), len(self.mean))
        for pack in packs_of([len(ids) for ids in tokens.ids], PACK_TOKENS["cpu"]):
            own = tokens._replace(ids=[tokens.ids[i] for i in pack])
            found[torch.tensor(pack)] = _means(self.encoder(own))
        return self._scaled(found)

    def _scaled(self, vectors: torch.Tensor) -> torch.Tensor:
        return (vectors - torch.from_numpy(self.mean)) / torch.from_numpy(self.scale)


def _means(pack: object) -> torch.Tensor:
    return torch.segment_reduce(pack.states, "mean", lengths=pack.lengths, axis=0, initial=0.0)


def add_adapter(encoder: Encoder, kind: str, seed: int = 0) -> Encoder:
    """The encoder with an adjustable part in its attention, all else fixed; as it begins, it gives the same numbers.

    Raises:
        UserError: the backbone has no attention layers that are known.
    """
    torch.manual_seed(seed)
    targets = attention_linears(encoder.model)
    if not targets:
        raise UserError(
            f"No attention layers are known in a {encoder.config.model_type} backbone, so {kind} cannot be added. "
            "Choose another backbone, or leave it frozen."
        )
    encoder.requires_grad_(False)
    encoder.model = get_peft_model(encoder.model, ADAPTER_CONFIGS[kind](targets))
    return encoder


class AdaptedTowers:
    """Two towers and the backbones under them, from the first step to the best one."""

    def __init__(
        self,
        model: TwoTowers,
        sides: tuple[Side, Side],
        adapted: tuple[AdaptedSide | None, AdaptedSide | None],
        train: Measured,
        settings: AdapterSettings,
    ) -> None:
        """Args:
        model: towers that learned on the frozen backbones.
        sides: what they read of all molecules and target proteins.
        adapted: the sides whose backbone is adjusted; None for one that stays as it is.
        train: measured pairs.
        settings: see AdapterSettings.
        """
        self.model, self.sides, self.adapted, self.train, self.settings = (
            model,
            sides,
            adapted,
            train,
            settings,
        )
        self._rng = np.random.default_rng(settings.seed)
        self._rows = [np.flatnonzero(train.protein == i) for i in np.unique(train.protein)]

    def learn(
        self,
        validation: Measured,
        control: Control,
        look: Callable[[int, float, float], None] | None = None,
        stop_after: int = 0,
    ) -> tuple[int, float]:
        """Train; the steps after which the error on the validation part was least, and that error.

        With `stop_after` it ends after so many steps of the same schedule instead of looking at the validation part.
        0 steps is a possible answer: the adjustment did not help.
        """
        settings = self.settings
        torch.manual_seed(settings.seed)
        parts = [
            p
            for side in self.adapted
            if side is not None
            for p in side.encoder.parameters()
            if p.requires_grad
        ]
        groups = [{"params": parts, "lr": settings.learning_rate}]
        groups.append({"params": list(self.model.parameters()), "lr": settings.learning_rate / 5})
        optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        warm = max(1, settings.steps // 10)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda i: min((i + 1) / warm, 0.5 * (1 + math.cos(math.pi * i / settings.steps)))
        )
        best_step, best = 0, math.inf if stop_after else self.error(validation)
        kept = self._weights()
        for step in range(1, (stop_after or settings.steps) + 1):
            control.step(_STAGE, step, stop_after or settings.steps)
            self.model.train()
            loss = self._loss()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], _CLIP_NORM)
            optimizer.step()
            schedule.step()
            if stop_after or (step % settings.check_every and step < settings.steps):
                continue
            error = self.error(validation)
            if look is not None:
                look(step, float(loss.detach()), error)
            if error < best:
                best_step, best, kept = step, error, self._weights()
        if not stop_after:
            self._put_back(kept)
        self.model.eval()
        return (stop_after or best_step), best

    def _loss(self) -> torch.Tensor:
        """Over the measured pairs between some target proteins and some of their molecules."""
        settings, train = self.settings, self.train
        chosen = self._rng.permutation(len(self._rows))[: settings.proteins_at_once]
        rows = np.concatenate([self._rows[i] for i in chosen])
        molecules = self._rng.permutation(np.unique(train.molecule[rows]))[: settings.molecules_at_once]
        rows = rows[np.isin(train.molecule[rows], molecules)]
        first, column = np.unique(train.molecule[rows], return_inverse=True)
        second, row = np.unique(train.protein[rows], return_inverse=True)
        predicted = self.model.product(self._encode("molecule", first), self._encode("protein", second))
        centre, spread = float(self.model.centre), float(self.model.spread)
        value = torch.from_numpy(((train.value[rows] - centre) / spread).astype(np.float32))
        limit = torch.from_numpy(train.side[rows].astype(np.float32))
        return one_sided_loss(predicted[torch.from_numpy(column), torch.from_numpy(row)] - value, limit)

    def _encode(self, which: str, rows: np.ndarray) -> torch.Tensor:
        place = 0 if which == "molecule" else 1
        adapted, tower = self.adapted[place], getattr(self.model, which)
        own = torch.from_numpy(rows)
        if adapted is None:
            return self.model.encode(
                which, inputs_of(take_side(self.sides[place], rows), tower.n_features), own
            )
        inputs = inputs_of(adapted.inputs(rows), tower.n_features)
        dense = torch.cat([inputs.dense, adapted.vectors(rows)], dim=1)
        return self.model.encode(which, inputs._replace(dense=dense), own)

    @torch.no_grad()
    def error(self, pairs: Measured) -> float:
        """Mean squared miss on exact values, in their unit; what training has not seen has no own vector."""
        self.model.eval()
        exact = np.flatnonzero(pairs.side == 0)
        if not len(exact):
            return math.nan
        first, row = np.unique(pairs.molecule[exact], return_inverse=True)
        second, column = np.unique(pairs.protein[exact], return_inverse=True)
        sides = self._encode_seen("molecule", first), self._encode_seen("protein", second)
        predicted = self.model.product(*sides).numpy()[row, column] * float(self.model.spread)
        return float(((predicted + float(self.model.centre) - pairs.value[exact]) ** 2).mean())

    def _encode_seen(self, which: str, rows: np.ndarray) -> torch.Tensor:
        encoded = self._encode(which, rows)
        table = self.model.own_molecule if which == "molecule" else self.model.own_protein
        if not len(table):
            return encoded
        seen = np.isin(rows, self.train.molecule if which == "molecule" else self.train.protein)
        return encoded - torch.where(torch.from_numpy(seen)[:, None], 0.0, table[torch.from_numpy(rows)])

    def _weights(self) -> list[torch.Tensor]:
        return [p.detach().clone() for p in self._trained()]

    @torch.no_grad()
    def _put_back(self, weights: list[torch.Tensor]) -> None:
        for parameter, value in zip(self._trained(), weights, strict=True):
            parameter.copy_(value)

    def _trained(self) -> list[nn.Parameter]:
        parts = [p for side in self.adapted if side is not None for p in side.encoder.parameters()]
        return [p for p in [*parts, *self.model.parameters()] if p.requires_grad]
