"""Lessons with labels beside the hidden letters: what a small backbone learns sooner when it is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from biotl_core.backbones.encoder import Encoder
from biotl_core.backbones.tokenizer import Tokens

_CLASSES = "HEC"
_UNKNOWN = -100
"""The class number that cross-entropy passes over."""
_HIDDEN_SHARE = 0.05
"""Letters hidden in a lesson too, so that the answer is read from the neighbours."""


class SecondaryStructureLesson:
    """Helix, strand or coil at each resolved residue; the training part of NetSurfP-2.0 as FLIP publishes it."""

    every = 5

    def __init__(self, corpus: Path, width: int, letters_a_step: int = 4096):
        """Args:
        corpus: folder that `pretraining.corpora` wrote.
        width: of the backbone's vectors.
        letters_a_step: residues a lesson.
        """
        table = pd.read_parquet(corpus / "secondary_structure.parquet")
        self.sequences = table["sequence"].tolist()
        self.classes = [
            np.array([_CLASSES.index(c) if m == "R" else _UNKNOWN for c, m in zip(labels, mask, strict=True)])
            for labels, mask in zip(table["labels"], table["mask"], strict=True)
        ]
        self.letters_a_step = letters_a_step
        self.head = nn.Linear(width, len(_CLASSES))
        self.description = (
            f"secondary structure (helix, strand, coil) of the {len(table):,} proteins in the training part of "
            "NetSurfP-2.0 as FLIP publishes it (Academic Free License 3.0), not compared with the tests of "
            "other sets"
        )

    def loss(self, encoder: Encoder, step: int) -> torch.Tensor:
        """Mean cross-entropy over the resolved residues of about `letters_a_step` letters, drawn by the step."""
        generator = np.random.default_rng((11, step))
        ids, answers, total = [], [], 0
        while total < self.letters_a_step:
            i = int(generator.integers(len(self.sequences)))
            length = min(len(self.sequences[i]), 256)
            length = length if length < 64 else length // 32 * 32
            begin = int(generator.integers(len(self.sequences[i]) - length + 1))
            tokens = encoder.tokenizer.encode([self.sequences[i][begin : begin + length]])
            ids.append(self._hidden(tokens, encoder.tokenizer.mask_id, generator))
            ends = [np.full(n, _UNKNOWN) for n in (tokens.n_before, tokens.n_after)]
            answers.append(np.concatenate([ends[0], self.classes[i][begin : begin + length], ends[1]]))
            total += length
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        states = encoder.packed_states([ids[i] for i in order], [len(ids[i]) for i in order])
        wanted = torch.from_numpy(np.concatenate([answers[i] for i in order])).to(states.device)
        return functional.cross_entropy(self.head(states).float(), wanted, ignore_index=_UNKNOWN)

    @staticmethod
    def _hidden(tokens: Tokens, mask_id: int, generator: np.random.Generator) -> np.ndarray:
        ids = tokens.ids[0].copy()
        inner = slice(tokens.n_before, len(ids) - tokens.n_after)
        ids[inner][generator.random(len(ids[inner])) < _HIDDEN_SHARE] = mask_id
        return ids
