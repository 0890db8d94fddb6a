"""Examples: one part of a dataset as the model reads it, in pieces that fit the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from biotl_core.backbones.encoder import PACK_TOKENS, packs_of
from biotl_core.backbones.tokenizer import Tokens

Targets = np.ndarray | list[np.ndarray]
Beside = torch.Tensor | list[np.ndarray] | None
"""Simple features of n sequences, `(n, width)`; of their positions, `(length, width)` for each; or none."""


@dataclass(frozen=True)
class Examples:
    """Inputs of n sequences with their targets: token numbers, or the features of a frozen backbone."""

    inputs: Tokens | list[np.ndarray] | torch.Tensor
    """Tokens; or for a frozen backbone `(n, n_features)`, per residue a list of `(length, n_features)`."""
    targets: Targets | None
    """As `Dataset.target_values`; None for sequences to predict."""
    beside: Beside = None
    """What the head reads beside; ready features of whole sequences have theirs among them."""

    def __len__(self) -> int:
        return len(self.inputs.ids) if isinstance(self.inputs, Tokens) else len(self.inputs)

    def subset(self, indices: np.ndarray) -> "Examples":
        """The examples at some places."""
        if isinstance(self.inputs, Tokens):
            inputs = self.inputs.at(indices)
        elif isinstance(self.inputs, torch.Tensor):
            inputs = self.inputs[torch.from_numpy(np.array(indices))]
        else:
            inputs = [self.inputs[i] for i in indices]
        if isinstance(self.beside, list):
            beside = [self.beside[i] for i in indices]
        else:
            beside = None if self.beside is None else self.beside[torch.from_numpy(np.array(indices))]
        if isinstance(self.targets, list):
            return Examples(inputs, [self.targets[i] for i in indices], beside)
        return Examples(inputs, None if self.targets is None else self.targets[indices], beside)

    def n_letters(self, i: int) -> int:
        """Letters of a sequence that the backbone reads: the outputs it gives per residue."""
        if isinstance(self.inputs, Tokens):
            return len(self.inputs.ids[i]) - self.inputs.n_before - self.inputs.n_after
        return len(self.inputs[i])

    def pieces(
        self, indices: Sequence[int], device: torch.device, pack_tokens: int | None = None
    ) -> Iterator[list[int]]:
        """The indices in groups that fit the memory: packs of tokens, or all at once for ready features.

        `pack_tokens`: tokens a pack; None takes what suits the device.
        """
        if isinstance(self.inputs, torch.Tensor):
            yield list(indices)
            return
        lengths = [
            len(self.inputs.ids[i] if isinstance(self.inputs, Tokens) else self.inputs[i]) for i in indices
        ]
        budget = (pack_tokens or PACK_TOKENS[device.type]) * (1 if isinstance(self.inputs, Tokens) else 16)
        for pack in packs_of(lengths, budget):
            yield [indices[j] for j in pack]

    @property
    def is_ready(self) -> bool:
        """True where the backbone has already done its part: only a head is left to run."""
        return not isinstance(self.inputs, Tokens)

    def outputs(
        self, model: torch.nn.Module, head: torch.nn.Module, piece: list[int], device: torch.device
    ) -> torch.Tensor:
        """Head outputs of a piece, the rows of its sequences end to end."""
        if isinstance(self.inputs, Tokens):
            return model(self.inputs.at(piece), self.beside_of(piece, device))
        if isinstance(self.inputs, torch.Tensor):
            return head(self.inputs[piece].to(device))
        return head(self.ready_rows(piece).to(device), [self.n_letters(i) for i in piece])

    def ready_rows(self, piece: Sequence[int]) -> torch.Tensor:
        """What the head reads of all positions of a piece, end to end: float32 `(letters, n_features)`."""
        features = np.concatenate([self.inputs[i] for i in piece]).astype(np.float32)
        return side_by_side(torch.from_numpy(features), self.beside_of(piece, torch.device("cpu")))

    def beside_of(self, piece: Sequence[int], device: torch.device) -> torch.Tensor | None:
        """Simple features of a piece, rows as in `outputs`; None where there are none."""
        if isinstance(self.beside, list):
            rows = np.concatenate([self.beside[i] for i in piece])
            return torch.from_numpy(rows.astype(np.float32)).to(device)
        return None if self.beside is None else self.beside[list(piece)].to(device)

    def piece_targets(self, piece: Sequence[int]) -> np.ndarray:
        """Targets of a piece, rows as in `outputs`; per residue cut to the letters read."""
        if isinstance(self.targets, list):
            return np.concatenate([self.targets[i][: self.n_letters(i)] for i in piece])
        return self.targets[list(piece)]


def side_by_side(features: torch.Tensor, beside: torch.Tensor | None) -> torch.Tensor:
    """Features of the backbone, and simple ones where there are any."""
    return features if beside is None else torch.cat([features, beside.to(features)], dim=1)
