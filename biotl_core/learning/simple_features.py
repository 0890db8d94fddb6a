"""SimpleFeatures: what a head reads beside the backbone's features; which letter stands where, how often which word."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from biotl_core.backbones.encoder import Encoder
from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.dataset import Modality
from biotl_core.learning.letters import VariedLetters
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.words import WordCounts

_COUNTS_FILE = "counts.npz"


@dataclass(frozen=True)
class SimpleFeatures:
    """The kinds that stand beside, each possibly none; learned from the training part alone."""

    letters: VariedLetters | None = None
    counts: WordCounts | None = None

    @classmethod
    def of(
        cls, sequences: Sequence[str], encoder: Encoder, modality: Modality, settings: TrainingSettings
    ) -> "SimpleFeatures":
        """What the setting `simple_features` asks for, as far as the sequences have it.

        Args:
            sequences: of the training part.
            encoder: says which letters a token number stands for.
            modality: of the sequences.
            settings: resolved; "auto" is none, since nothing has chosen.
        """
        wanted, sequences = settings.simple_features, list(sequences)
        if wanted not in ("letters", "counts", "both") or not sequences:
            return cls()
        letters = counts = None
        if wanted != "counts" and encoder.tokenizer.is_letterwise and len(set(map(len, sequences))) == 1:
            letters = VariedLetters.of(encoder.encode(sequences))
        if wanted != "letters":
            others = [reverse_complement(one) for one in sequences] if settings.both_strands else []
            counts = WordCounts.of(sequences + others, modality)
        return cls(letters, counts)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each kind that there is, in the order of `read`."""
        return tuple(kind.width for kind in (self.letters, self.counts) if kind is not None)

    @property
    def kind(self) -> str:
        """As the setting `simple_features` names it."""
        if self.letters and self.counts:
            return "both"
        return "letters" if self.letters else "counts" if self.counts else "none"

    def read(
        self, sequences: Sequence[str], encoder: Encoder, both_strands: bool = False
    ) -> torch.Tensor | None:
        """The columns of some sequences, float32 `(n, sum(widths))`; None where there are no kinds."""
        kinds = []
        if self.letters is not None:
            kinds.append(self.letters.one_hot(encoder.encode(sequences)))
        if self.counts is not None:
            counts = self.counts.read(sequences)
            if both_strands:
                counts = (counts + self.counts.read([reverse_complement(one) for one in sequences])) / 2
            kinds.append(counts)
        return torch.cat(kinds, dim=1) if kinds else None

    def save(self, folder: Path) -> dict[str, Any]:
        """Write what is large; what is small, for the model's JSON."""
        if self.counts is not None:
            self.counts.save(folder / _COUNTS_FILE)
        letters = None if self.letters is None else asdict(self.letters)
        return {"letters": letters, "counts": None if self.counts is None else _COUNTS_FILE}

    @classmethod
    def load(cls, about: dict[str, Any], folder: Path) -> "SimpleFeatures":
        """What `save` wrote and gave."""
        letters = VariedLetters(**about["letters"]) if about.get("letters") else None
        counts = WordCounts.load(folder / about["counts"]) if about.get("counts") else None
        return cls(letters, counts)
