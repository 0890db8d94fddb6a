"""What a head reads of variants beside letters at places: kinds of exchange, and how likely a backbone finds them.

A letter at its place was seen in few variants, or in none. What it has in common with other letters there and with the
same exchange elsewhere, and how likely a model of protein families finds it (Hsu et al. 2022, Nat Biotechnol 40:1114),
can be learned from far fewer measurements.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from biotl_core.backbones.likelihood import letter_log_probabilities, load_masked_model, substitution_scores
from biotl_core.data.dataset import Modality
from biotl_core.data.mutations import sum_of_effects
from biotl_core.data.variants import Variants, letter_matrix
from biotl_core.errors import UserError
from biotl_core.evaluation.exchanges import N_KINDS, N_TRAITS, Exchanges, letter_traits

_MOST_COLUMNS = 4096


@dataclass(frozen=True)
class VariantExchanges:
    """Two kinds of columns: the step from the parent's amino acid at each place, and the kinds of exchange anywhere."""

    parent: str
    """The commonest letters of the training part."""
    places: np.ndarray
    """That vary in training, int64 `(n_places,)`."""
    mean: np.ndarray
    """Of all columns in training, float32: what is said of sequences of another length, and says nothing either way."""
    spread: np.ndarray
    """Standard deviation of each column of the second kind in training, 1 where it has none: float32 `(N_KINDS,)`."""

    @property
    def widths(self) -> tuple[int, int]:
        """Columns of either kind."""
        return len(self.mean) - N_KINDS, N_KINDS

    @classmethod
    def of(cls, variants: Variants) -> "VariantExchanges | None":
        """Those of the training part, variants of one protein; None where too many places vary to learn from."""
        places = np.flatnonzero(variants.is_mutated.any(axis=0))
        if not 0 < len(places) * (N_TRAITS + 1) <= _MOST_COLUMNS:
            return None
        found = cls(variants.parent, places, np.zeros(0, np.float32), np.ones(N_KINDS, np.float32))
        columns = found._columns(variants.letters)
        spread = columns[:, -N_KINDS:].std(axis=0)
        spread = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
        columns[:, -N_KINDS:] /= spread
        return cls(variants.parent, places, columns.mean(axis=0), spread)

    def read(self, sequences: Sequence[str]) -> torch.Tensor:
        """Float32 `(n, sum(widths))`."""
        found = np.tile(self.mean, (len(sequences), 1))
        alike = [i for i, sequence in enumerate(sequences) if len(sequence) == len(self.parent)]
        if alike:
            columns = self._columns(letter_matrix([sequences[i] for i in alike]))
            columns[:, -N_KINDS:] /= self.spread
            found[alike] = columns
        return torch.from_numpy(found)

    def _columns(self, letters: np.ndarray) -> np.ndarray:
        exchanges = Exchanges.of(letters, letter_matrix([self.parent])[0])
        n = len(letters)
        steps = exchanges.steps()[:, (self.places[:, None] * N_TRAITS + np.arange(N_TRAITS)).ravel()]
        # That a place is changed at all counts as much as one trait does.
        is_changed = exchanges.places()[:, self.places] * letter_traits().std(axis=0).mean()
        # In single precision before they are full: tens of thousands of variants have a thousand columns.
        full = [part.astype(np.float32).toarray().reshape(n, -1) for part in (steps, is_changed)]
        return np.hstack([*full, exchanges.kinds().astype(np.float32)])

    def save(self, path: Path) -> None:
        """Write as `.npz`."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "VariantExchanges":
        """What `save` wrote."""
        with np.load(path) as saved:
            return cls(**{name: saved[name] for name in saved.files} | {"parent": str(saved["parent"])})


@dataclass(frozen=True)
class ParentLikelihood:
    """One column: how much likelier a backbone finds a variant than its parent, summed over the changed places."""

    parent: str
    letters: str
    """Those that are judged."""
    odds: np.ndarray
    """Logarithm of how much likelier each letter is than the parent's, float32 `(length, n_letters)`."""
    mean: float
    """Of the training part: what is said of sequences of another length."""

    @classmethod
    def of(
        cls, sequences: Sequence[str], parent: str, letters: str, odds: np.ndarray
    ) -> "ParentLikelihood | None":
        """As `backbones.likelihood` judges the parent; None where all training sequences are found equally likely."""
        odds = np.nan_to_num(odds).astype(np.float32)
        scores = sum_of_effects(odds, sequences, letters)
        return cls(parent, letters, odds, float(scores.mean())) if np.ptp(scores) > 0 else None

    def read(self, sequences: Sequence[str]) -> torch.Tensor:
        """Float32 `(n, 1)`."""
        found = np.full((len(sequences), 1), self.mean, np.float32)
        alike = [i for i, sequence in enumerate(sequences) if len(sequence) == len(self.parent)]
        if alike:
            found[alike, 0] = sum_of_effects(self.odds, [sequences[i] for i in alike], self.letters)
        return torch.from_numpy(found)

    def save(self, path: Path) -> None:
        """Write as `.npz`."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "ParentLikelihood":
        """What `save` wrote."""
        with np.load(path) as saved:
            return cls(str(saved["parent"]), str(saved["letters"]), saved["odds"], float(saved["mean"]))


@lru_cache(maxsize=8)
def judge_letters(
    weights_folder: Path, modality: Modality, is_random: bool, seed: int, device: str, parent: str
) -> tuple[str, np.ndarray] | None:
    """What a backbone says of the letters of a parent (see `simple_features.Judge`).

    It is asked once with all letters in sight, not once a place: nearly as good (Meier et al. 2021), and as cheap as
    reading one variant. Kept, since a run asks anew for each way that it tries.
    """
    try:
        model = load_masked_model(weights_folder, modality, random_weights=is_random, seed=seed)
    except UserError:  # it has not learned to name letters; then there is no such column
        return None
    model.encoder.to(device)
    model.head.to(device)
    [answer] = letter_log_probabilities(model, [parent], "wild_type")
    return model.letters, substitution_scores(answer, parent, model.letters)
