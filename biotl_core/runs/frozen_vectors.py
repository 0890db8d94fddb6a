"""A frozen backbone as a function from sequences to one vector each, computed once a sequence and kept on disk."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.data.dataset import Modality
from biotl_core.progress import Control

Embed = Callable[..., np.ndarray]
"""From sequences (and optionally a `Control`) to float32 `(n, width)`."""


def open_backbone(name: str, modality: Modality = "molecule") -> Embed:
    """The mean over the letters of what a backbone says of each sequence, float32 `(n, width)`.

    Raises:
        UserError: there is no such backbone of this modality, or it is not on this computer.
    """
    from biotl_core.backbones.embeddings import open_store
    from biotl_core.backbones.encoder import load_encoder

    folder = locate_backbone(find_backbone(name, modality))
    encoder = load_encoder(folder, modality)
    return embed_with(encoder, open_store(folder, encoder, "sequence"))


def embed_with(encoder: Any, store: Any) -> Embed:
    """An encoder and where its vectors are kept, as a function from sequences to their mean vectors."""
    from biotl_core.backbones.embeddings import embed

    def vectors(sequences: Sequence[str], control: Control | None = None) -> np.ndarray:
        arrays = embed(encoder, list(sequences), "sequence", store, control)
        return np.array([array[0, : encoder.width] for array in arrays], np.float32).reshape(
            -1, encoder.width
        )

    return vectors


class BackboneVectors(NamedTuple):
    """A backbone's vectors, brought to one scale by those of the training part."""

    backbone: str
    """Its name, or the folder it lies in."""
    mean: np.ndarray
    """float32 `(width,)`."""
    scale: np.ndarray
    embed: Embed
    encoder: Any = None
    """The backbone with what was adjusted in it; None where it is as it was."""

    @classmethod
    def learn(
        cls, backbone: str, modality: Modality, sequences: Sequence[str], control: Control | None = None
    ) -> "BackboneVectors":
        """From the distinct sequences of the training part."""
        embed = open_backbone(backbone, modality)
        vectors = embed(sequences, control)
        return cls(backbone, vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-4), embed)

    def describe(self, sequences: Sequence[str], length: float) -> np.ndarray:
        """float32 `(n, width)`, in the mean about so long."""
        return ((self.embed(sequences) - self.mean) / self.divisor(length)).astype(np.float32)

    def divisor(self, length: float) -> np.ndarray:
        """What the centred vectors are divided by, float32 `(width,)`."""
        return (self.scale * np.sqrt(len(self.mean)) / length).astype(np.float32)
