"""DistanceHead: from the features of a backbone to distances between residues, learned from structures (torch)."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import fingerprint
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.pair_measures import EDGES, N_BINS, true_distances

ONE_HOT = "one-hot"
"""The name of features without a backbone: the letters themselves, for comparison."""
_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_WIDTH, _DILATIONS = 32, (1, 2, 4, 8, 1)
_FARTHEST = 32
"""Steps along the chain up to which positions to one another are told apart."""
_CROP = 96
"""Residues of a chain that are looked at in a step."""
LEARNING_RATE = 4e-3


class DistanceHead(nn.Module):
    """Two linear maps of the features, their products and the step along the chain, then a small dilated 2D network."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.left, self.right = nn.Linear(width, _WIDTH), nn.Linear(width, _WIDTH)
        self.step = nn.Embedding(2 * _FARTHEST + 1, _WIDTH)
        self.blocks = nn.ModuleList(_Block(dilation) for dilation in _DILATIONS)
        self.out = nn.Conv2d(_WIDTH, 2 * N_BINS, 1)

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Features (n, width) and places in the chain (n,) to logits (2, n, n, bins): alpha, then beta carbons."""
        features = self.norm(features)
        left, right = self.left(features), self.right(features)
        step = (places[None] - places[:, None]).clamp(-_FARTHEST, _FARTHEST) + _FARTHEST
        pairs = left[:, None] * right[None] + right[:, None] + left[None] + self.step(step)
        x = pairs.permute(2, 0, 1)[None]
        for block in self.blocks:
            x = x + block(x)
        logits = self.out(x)[0]
        logits = (logits + logits.transpose(1, 2)) / 2
        return logits.reshape(2, N_BINS, *logits.shape[1:]).permute(0, 2, 3, 1)


class _Block(nn.Sequential):
    def __init__(self, dilation: int):
        super().__init__(
            nn.GroupNorm(4, _WIDTH),
            nn.GELU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=dilation, dilation=dilation),
            nn.GELU(),
            nn.Conv2d(_WIDTH, _WIDTH, 1),
        )


@dataclass(frozen=True)
class Features:
    """Makes features (length, width) of sequences."""

    width: int
    encoder: Encoder | None
    """None for one-hot letters."""
    device: str = "cpu"
    fingerprint: str = ONE_HOT
    """Of the backbone's weights: a head understands the features that it has learned from, and no others."""

    @property
    def longest(self) -> int | None:
        """Letters read at most; None for no limit."""
        return None if self.encoder is None else self.encoder.max_length

    def of(self, sequence: str) -> torch.Tensor:
        """Vectors of the letters, shape (length, width), in float32."""
        if self.encoder is None:
            codes = torch.tensor([_LETTERS.find(letter) for letter in sequence], device=self.device)
            return functional.one_hot(codes.clamp(min=0), len(_LETTERS)).float() * (codes >= 0)[:, None]
        with torch.no_grad():
            return self.encoder(self.encoder.encode([sequence])).states.float()


def open_features(backbone: str, device: str = "cpu") -> Features:
    """Features of a backbone by its name, or of the letters alone (`one-hot`); on a device as torch calls it."""
    if backbone == ONE_HOT:
        return Features(len(_LETTERS), None, device)
    entry = find_backbone(backbone, "protein")
    weights = locate_backbone(entry)
    encoder = load_encoder(weights, "protein").to(device)
    return Features(encoder.width, encoder, device, fingerprint(weights))


def true_bins(chain: ProteinChain) -> torch.Tensor:
    """Bins of the distances between alpha and between beta carbons, shape (2, n, n); -1 where not resolved."""
    distances = true_distances(chain)
    bins = np.searchsorted(EDGES, np.nan_to_num(distances), side="right")
    return torch.from_numpy(np.where(np.isnan(distances), -1, bins))


class Pass(NamedTuple):
    """A finished pass over the chains."""

    number: int
    """From 1."""
    train_loss: float


AfterPass = Callable[[Pass, DistanceHead], None]


def train_head(
    features: Features,
    chains: Sequence[ProteinChain],
    passes: int,
    seed: int,
    control: Control,
    *,
    learning_rate: float = LEARNING_RATE,
    checkpoint: Path | None = None,
    after_pass: AfterPass | None = None,
    stage: str = "Learning distances",
) -> DistanceHead:
    """Learn distances from chains: cross-entropy over random crops, near pairs along the chain counting less.

    Args:
        features: of the backbone, which stays as it is.
        chains: with resolved residues.
        passes: times each chain is looked at.
        seed: of the first weights and the crops.
        control: progress and stop.
        learning_rate: the largest step.
        checkpoint: a file that is written after each pass; where it is there already, learning goes on from it, to the
            same weights.
        after_pass: told of each finished pass; of one more than once where the training was killed just then.
        stage: what the progress is called.
    """
    torch.manual_seed(seed)
    head = DistanceHead(features.width).to(features.device)
    learner = _Learner.of(head, learning_rate, passes * len(chains))
    done = learner.resume(checkpoint)
    known = []
    for number, chain in enumerate(chains if done < passes else ()):
        control.step("Reading the structures through the backbone", number, len(chains))
        known.append((features.of(as_letters(chain.sequence)), true_bins(chain).to(features.device)))
    for number in range(done, passes):
        # Order and crops hang on the pass alone, so that a resumed training sees what it would have seen.
        rng = np.random.default_rng((seed, number))
        losses = []
        head.train()
        for place, k in enumerate(rng.permutation(len(chains)).tolist()):
            control.step(stage, number * len(chains) + place, passes * len(chains))
            losses.append(learner.step(*_crop(*known[k], rng)))
        if after_pass is not None:
            after_pass(Pass(number + 1, float(np.mean(losses))), head.eval())
        learner.save(checkpoint, number + 1)
    return head.eval()


@dataclass(frozen=True)
class _Learner:
    """The head with what its steps need."""

    head: DistanceHead
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    @classmethod
    def of(cls, head: DistanceHead, learning_rate: float, n_steps: int) -> "_Learner":
        optimizer = torch.optim.AdamW(head.parameters(), learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=n_steps + 1, pct_start=0.1
        )
        return cls(head, optimizer, schedule)

    def step(self, vectors: torch.Tensor, bins: torch.Tensor, places: torch.Tensor) -> float:
        loss = _loss(self.head(vectors, places), bins, places)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())

    def save(self, checkpoint: Path | None, done: int) -> None:
        if checkpoint is None:
            return
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = checkpoint.with_suffix(".new")
        torch.save(
            {
                "done": done,
                "head": self.head.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
            },
            aside,
        )
        aside.replace(checkpoint)

    def resume(self, checkpoint: Path | None) -> int:
        """Passes that are done already."""
        if checkpoint is None or not checkpoint.is_file():
            return 0
        state = torch.load(checkpoint, weights_only=True)
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        return int(state["done"])


def _crop(
    vectors: torch.Tensor, bins: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    start = int(rng.integers(0, max(1, len(vectors) - _CROP + 1)))
    crop = slice(start, start + _CROP)
    places = torch.arange(len(vectors), device=vectors.device)[crop]
    return vectors[crop], bins[:, crop, crop], places


def predict_bins(features: Features, head: DistanceHead, sequence: str) -> np.ndarray:
    """Probabilities of the distance bins between alpha and between beta carbons, shape (2, n, n, bins)."""
    with torch.no_grad():
        vectors = features.of(as_letters(sequence))
        places = torch.arange(len(vectors), device=vectors.device)
        return head(vectors, places).softmax(dim=-1).cpu().numpy()


def save_head(head: DistanceHead, folder: Path, about: dict[str, Any]) -> None:
    """Write `head.safetensors` and `head.json` into a folder; the JSON last: where it is, both are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), folder / "head.safetensors")
    (folder / "head.json").write_text(json.dumps(about, indent=1))


def open_head(folder: Path, device: str = "cpu") -> tuple[Features, DistanceHead, dict[str, Any]]:
    """A saved head with the features it was learned on, and what was written about it.

    Raises:
        UserError: it is damaged, or its backbone is not on this computer or has changed since.
    """
    try:
        about = json.loads((folder / "head.json").read_text())
        state = load_file(folder / "head.safetensors")
        features = open_features(about["backbone"], device)
        head = DistanceHead(features.width).to(device)
        head.load_state_dict(state)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"The head in '{folder}' is damaged or gone. Learn it again.") from error
    if features.fingerprint != about["fingerprint"]:
        raise UserError(
            f"The backbone '{about['backbone']}' has other weights than when these distances were learned. Learn "
            "them again."
        )
    return features, head.eval(), about


def as_letters(sequence: str) -> str:
    """The letters that backbones read, X for all others."""
    allowed = ALPHABETS["protein"].letters
    return "".join(letter if letter in allowed else "X" for letter in sequence)


def _loss(logits: torch.Tensor, bins: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    weight = ((places[None] - places[:, None]).abs() >= 3).float() * 0.9 + 0.1
    loss = functional.cross_entropy(
        logits.reshape(-1, N_BINS), bins.reshape(-1), ignore_index=-1, reduction="none"
    ).reshape(bins.shape)
    weight = weight * (bins >= 0)
    return (loss * weight).sum() / weight.sum().clamp(min=1)
