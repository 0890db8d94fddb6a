"""DistanceHead: from the features of a backbone to distances between residues, learned from structures (torch)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.progress import Control
from biotl_core.structures.alignment import filled_backbone
from biotl_core.structures.chains import CA, CB, ProteinChain

EDGES = np.arange(4.0, 21.0)
"""Upper edges of the distance bins in Å but the last, which holds all that is farther."""
N_BINS = len(EDGES) + 1
ONE_HOT = "one-hot"
"""The name of features without a backbone: the letters themselves, for comparison."""
_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_WIDTH, _DILATIONS = 32, (1, 2, 4, 8, 1)
_FARTHEST = 32
"""Steps along the chain up to which positions to one another are told apart."""
_CROP = 96
"""Residues of a chain that are looked at in a step."""
_LEARNING_RATE = 4e-3


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

    def of(self, sequence: str) -> torch.Tensor:
        """Vectors of the letters, shape (length, width), in float32."""
        if self.encoder is None:
            codes = torch.tensor([_LETTERS.find(letter) for letter in sequence])
            return functional.one_hot(codes.clamp(min=0), len(_LETTERS)).float() * (codes >= 0)[:, None]
        with torch.no_grad():
            return self.encoder(self.encoder.encode([sequence])).states.float()


def open_features(backbone: str) -> Features:
    """Features of a backbone by its name, or of the letters alone (`one-hot`)."""
    if backbone == ONE_HOT:
        return Features(len(_LETTERS), None)
    entry = find_backbone(backbone, "protein")
    encoder = load_encoder(locate_backbone(entry), "protein")
    return Features(encoder.width, encoder)


def true_bins(chain: ProteinChain) -> torch.Tensor:
    """Bins of the distances between alpha and between beta carbons, shape (2, n, n); -1 where not resolved."""
    backbone = filled_backbone(chain)
    bins = []
    for atom in (CA, CB):
        points = backbone[:, atom]
        distance = np.linalg.norm(points[:, None] - points[None], axis=2)
        bins.append(
            np.where(np.isnan(distance), -1, np.searchsorted(EDGES, np.nan_to_num(distance), side="right"))
        )
    return torch.from_numpy(np.stack(bins))


def train_head(
    features: Features, chains: Sequence[ProteinChain], passes: int, seed: int, control: Control
) -> DistanceHead:
    """Learn distances from chains: cross-entropy over random crops, near pairs along the chain counting less.

    Args:
        features: of the backbone, which stays as it is.
        chains: with resolved residues.
        passes: times each chain is looked at.
        seed: of the first weights and the crops.
        control: progress and stop.
    """
    torch.manual_seed(seed)
    head = DistanceHead(features.width)
    optimizer = torch.optim.AdamW(head.parameters(), _LEARNING_RATE, weight_decay=0.01)
    n_steps = passes * len(chains)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=n_steps + 1, pct_start=0.1
    )
    known = [(features.of(_letters(chain.sequence)), true_bins(chain)) for chain in chains]
    rng = np.random.default_rng(seed)
    head.train()
    for done, k in enumerate(_orders(rng, len(chains), passes)):
        control.step("Learning distances", done, n_steps)
        vectors, bins = known[k]
        start = int(rng.integers(0, max(1, len(vectors) - _CROP + 1)))
        crop = slice(start, start + _CROP)
        places = torch.arange(len(vectors))[crop]
        loss = _loss(head(vectors[crop], places), bins[:, crop, crop], places)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return head.eval()


def predict_bins(features: Features, head: DistanceHead, sequence: str) -> np.ndarray:
    """Probabilities of the distance bins between alpha and between beta carbons, shape (2, n, n, bins)."""
    with torch.no_grad():
        vectors = features.of(_letters(sequence))
        return head(vectors, torch.arange(len(vectors))).softmax(dim=-1).numpy()


def _letters(sequence: str) -> str:
    allowed = ALPHABETS["protein"].letters
    return "".join(letter if letter in allowed else "X" for letter in sequence)


def _orders(rng: np.random.Generator, n: int, passes: int) -> Iterator[int]:
    for _ in range(passes):
        yield from rng.permutation(n).tolist()


def _loss(logits: torch.Tensor, bins: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    weight = ((places[None] - places[:, None]).abs() >= 3).float() * 0.9 + 0.1
    loss = functional.cross_entropy(
        logits.reshape(-1, N_BINS), bins.reshape(-1), ignore_index=-1, reduction="none"
    ).reshape(bins.shape)
    weight = weight * (bins >= 0)
    return (loss * weight).sum() / weight.sum().clamp(min=1)
