"""A contrastive head: a small layer on a frozen protein backbone that draws relatives together.

It is trained on labelled families: of a batch of pairs, each protein has to find its relative among all others
(InfoNCE, van den Oord et al. 2018; the recipe of ProtTucker, Heinzinger et al. 2022, NAR Genom. Bioinform. 4:lqac043).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from biotl_core.backbones.embeddings import EmbeddingStore, MemoryStore, embed
from biotl_core.backbones.encoder import Encoder
from biotl_core.progress import Control

_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_WINDOW = 900
"""Residues of a long protein that are read at once; its windows are averaged by their length."""


@dataclass(frozen=True)
class HeadSettings:
    """How a head is built and trained."""

    width: int = 384
    output_width: int = 192
    dropout: float = 0.2
    temperature: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    steps: int = 400
    batch_pairs: int = 128
    seed: int = 0


class HomologyHead(nn.Module):
    """Features of a protein to a vector of length 1, near to those of its relatives."""

    def __init__(self, n_features: int, settings: HeadSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))
        self.layers = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(n_features, settings.width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.width, settings.output_width),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """`(n, n_features)` to `(n, output_width)`, rows of length 1."""
        return functional.normalize(self.layers((features - self.mean) / self.spread), dim=1)

    def vectors(self, features: np.ndarray) -> np.ndarray:
        """The same for arrays, without gradients, float32."""
        self.eval()
        with torch.inference_mode():
            return self(torch.from_numpy(np.asarray(features, dtype=np.float32))).numpy()

    def save(self, folder: Path) -> None:
        """Write `head.safetensors` and `head.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.contiguous() for name, value in self.state_dict().items()},
            folder / "head.safetensors",
        )
        about = {"n_features": len(self.mean), "settings": asdict(self.settings)}
        (folder / "head.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "HomologyHead":
        """A saved head."""
        about = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        head = cls(about["n_features"], HeadSettings(**about["settings"]))
        head.load_state_dict(load_file(folder / "head.safetensors"))
        return head.eval()


def protein_features(
    encoder: Encoder,
    proteins: Sequence[str],
    store: EmbeddingStore | MemoryStore,
    control: Control | None = None,
) -> np.ndarray:
    """What the head reads of each protein, float32 `(n, 2 * width + 21)`.

    Mean and maximum of the backbone's vectors, the shares of the twenty amino acids, and the logarithm of the length.
    Long proteins are read in windows.
    """
    windows = [_windows(protein) for protein in proteins]
    rows = iter(embed(encoder, [piece for pieces in windows for piece in pieces], "sequence", store, control))
    width, features = encoder.width, []
    for protein, pieces in zip(proteins, windows, strict=True):
        read = np.concatenate([next(rows) for _ in pieces])
        mean = np.average(read[:, :width], axis=0, weights=[len(piece) for piece in pieces])
        shares = [protein.count(letter) / max(len(protein), 1) for letter in _AMINO_ACIDS]
        features.append(
            np.concatenate([mean, read[:, width : 2 * width].max(axis=0), shares, [np.log(len(protein))]])
        )
    return np.array(features, dtype=np.float32).reshape(len(proteins), 2 * width + 21)


def _windows(protein: str) -> list[str]:
    n = max(1, -(-len(protein) // _WINDOW))
    size = -(-len(protein) // n)
    return [protein[i * size : (i + 1) * size] for i in range(n)]


def composition(proteins: Sequence[str]) -> np.ndarray:
    """Shares of the twenty amino acids, `(n, 20)`: what any claim about an embedding has to beat."""
    counts = [[protein.count(letter) for letter in _AMINO_ACIDS] for protein in proteins]
    return np.array(counts, dtype=np.float64) / np.maximum([[len(protein)] for protein in proteins], 1)


def train_head(
    features: np.ndarray,
    families: np.ndarray,
    settings: HeadSettings | None = None,
    control: Control | None = None,
) -> HomologyHead:
    """Train a head on labelled families.

    Args:
        features: `(n, n_features)`, from `protein_features`.
        families: label of each protein, `(n,)`; families of one member teach nothing and are passed over.
        settings: how.
        control: progress and stop.
    """
    settings, control = settings or HeadSettings(), control or Control()
    members = {label: np.flatnonzero(families == label) for label in np.unique(families)}
    pairable = [rows for rows in members.values() if len(rows) > 1]
    rng = np.random.default_rng(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        head = HomologyHead(features.shape[1], settings)
        head.mean.copy_(torch.from_numpy(features.mean(axis=0)))
        head.spread.copy_(torch.from_numpy(features.std(axis=0) + 1e-4))
        optimizer = torch.optim.AdamW(
            head.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=settings.steps
        )
        known = torch.from_numpy(np.asarray(features, dtype=np.float32))
        head.train()
        for step in range(settings.steps):
            if step % 20 == 0:
                control.step("Training the head", step, settings.steps)
            chosen = rng.choice(len(pairable), min(settings.batch_pairs, len(pairable)), replace=False)
            pairs = np.array([rng.choice(pairable[i], 2, replace=False) for i in chosen])
            loss = contrastive_loss(head(known[pairs[:, 0]]), head(known[pairs[:, 1]]), settings.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval()


def contrastive_loss(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE in both directions: row i of the one belongs to row i of the other, all others are strangers."""
    alike = first @ second.T / temperature
    own = torch.arange(len(alike))
    return (functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2
