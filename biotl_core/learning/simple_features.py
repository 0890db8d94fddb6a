"""SimpleFeatures: what a head reads beside the backbone's features; which letter stands where, how often which word."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biotl_core.backbones.encoder import Encoder
from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.dataset import Modality
from biotl_core.data.variants import find_variants
from biotl_core.learning.examples import Beside
from biotl_core.learning.exchanges import ParentLikelihood, VariantExchanges
from biotl_core.learning.letters import OwnLetter, VariedLetters
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.words import WordCounts

Judge = Callable[[str], tuple[str, np.ndarray] | None]
"""From a parent to the letters a backbone judges and its log-odds of each at each place `(length, n_letters)`; None
where the backbone cannot say."""
_FILES = {"exchanges": VariantExchanges, "likelihood": ParentLikelihood, "counts": WordCounts}


@dataclass(frozen=True)
class SimpleFeatures:
    """The kinds that stand beside, each possibly none; learned from the training part alone."""

    letters: VariedLetters | None = None
    exchanges: VariantExchanges | None = None
    """Where sequences are variants of one protein; goes with the letters."""
    likelihood: ParentLikelihood | None = None
    """Where they are variants of one sequence, and the backbone has learned to name hidden letters; likewise."""
    counts: WordCounts | None = None
    own_letter: OwnLetter | None = None
    """For a value at each position; goes with no other kind."""

    @classmethod
    def of(
        cls,
        sequences: Sequence[str],
        encoder: Encoder,
        modality: Modality,
        settings: TrainingSettings,
        judge: Judge | None = None,
        *,
        is_per_residue: bool = False,
    ) -> "SimpleFeatures":
        """What the setting `simple_features` asks for, as far as the sequences have it.

        Args:
            sequences: of the training part.
            encoder: says which letters a token number stands for.
            modality: of the sequences.
            settings: resolved; "auto" is none, since nothing has chosen.
            judge: what the backbone finds likely; None where it is not asked.
            is_per_residue: whether a row is a position, not a sequence.
        """
        wanted, sequences = settings.simple_features, list(sequences)
        if wanted not in ("letters", "counts", "both") or not sequences:
            return cls()
        if is_per_residue:
            return cls(own_letter=OwnLetter.of(encoder.encode(sequences)))
        letters = exchanges = likelihood = counts = None
        if wanted != "counts" and encoder.tokenizer.is_letterwise and len(set(map(len, sequences))) == 1:
            letters = VariedLetters.of(encoder.encode(sequences))
        if letters is not None and (variants := find_variants(sequences)) is not None:
            exchanges = VariantExchanges.of(variants) if modality == "protein" else None
            judged = judge(variants.parent) if judge is not None else None
            likelihood = ParentLikelihood.of(sequences, variants.parent, *judged) if judged else None
        if wanted != "letters":
            others = [reverse_complement(one) for one in sequences] if settings.both_strands else []
            counts = WordCounts.of(sequences + others, modality)
        return cls(letters, exchanges, likelihood, counts)

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Name and number of columns of each kind that there is, in the order of `read`; exchanges are two kinds."""
        found = [("letters", one.width) for one in (self.letters, self.own_letter) if one is not None]
        if self.exchanges is not None:
            found += [("exchanges", width) for width in self.exchanges.widths]
        if self.likelihood is not None:
            found.append(("likelihood", 1))
        if self.counts is not None:
            found.append(("counts", self.counts.width))
        return tuple(found)

    @property
    def names(self) -> list[str]:
        """The kinds that there are, each once."""
        return list(dict.fromkeys(name for name, _ in self.columns))

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each kind that there is, in the order of `read`."""
        return tuple(width for _, width in self.columns)

    @property
    def kind(self) -> str:
        """As the setting `simple_features` names it."""
        if self.letters and self.counts:
            return "both"
        return "letters" if self.letters or self.own_letter else "counts" if self.counts else "none"

    def read(self, sequences: Sequence[str], encoder: Encoder, both_strands: bool = False) -> Beside:
        """The columns of some sequences, float32 `(n, sum(widths))`, or those of all their positions; None where there
        are no kinds."""
        if self.own_letter is not None:
            return self.own_letter.one_hot(encoder.encode(sequences))
        kinds = []
        if self.letters is not None:
            kinds.append(self.letters.one_hot(encoder.encode(sequences)))
        kinds += [kind.read(sequences) for kind in (self.exchanges, self.likelihood) if kind is not None]
        if self.counts is not None:
            counts = self.counts.read(sequences)
            if both_strands:
                counts = (counts + self.counts.read([reverse_complement(one) for one in sequences])) / 2
            kinds.append(counts)
        return torch.cat(kinds, dim=1) if kinds else None

    def save(self, folder: Path) -> dict[str, Any]:
        """Write what is large; what is small, for the model's JSON."""
        small = {"letters": self.letters, "own_letter": self.own_letter}
        about: dict[str, Any] = {name: None if kind is None else asdict(kind) for name, kind in small.items()}
        for name in _FILES:
            kind = getattr(self, name)
            if kind is not None:
                kind.save(folder / f"{name}.npz")
            about[name] = None if kind is None else f"{name}.npz"
        return about

    @classmethod
    def load(cls, about: dict[str, Any], folder: Path) -> "SimpleFeatures":
        """What `save` wrote and gave; former versions knew fewer kinds."""
        letters = VariedLetters(**about["letters"]) if about.get("letters") else None
        files = {name: kind.load(folder / about[name]) for name, kind in _FILES.items() if about.get(name)}
        own_letter = OwnLetter(**about["own_letter"]) if about.get("own_letter") else None
        return cls(letters, **files, own_letter=own_letter)
