"""Lessons beside the hidden letters: what is known of the sequences, which a small backbone learns sooner when told."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from biotl_core.backbones.tokenizer import Tokenizer
from biotl_core.data.dataset import Modality
from biotl_core.learning.adaptation import Crop, SideTask
from pretraining.corpora import Corpus
from pretraining.descriptors import N_ATOM_VALUES, N_DESCRIPTORS, N_SUBSTRUCTURES, describe, describe_atoms
from pretraining.relatives import AMINO_ACIDS, Letters, Relatives

_UNKNOWN = -100
"""The class number that cross-entropy passes over."""
_MOST_DESCRIBED = 64
"""Molecules of a step that are described: RDKit takes a millisecond for each."""
_HALF_TRUST = 4
"""Relatives of which half the weight of a place is reached: few say little of what a family allows."""


Head = Callable[[torch.Tensor], torch.Tensor]


class Lesson(SideTask, Protocol):
    """A lesson that a model card tells of."""

    description: str
    """What is taught, in words."""


class Lessons:
    """Several lessons at once: their losses are added."""

    def __init__(self, lessons: Sequence[Lesson]):
        self.lessons = tuple(lessons)
        self.head = nn.ModuleList(lesson.head for lesson in self.lessons)

    def loss(self, states: torch.Tensor, crops: Sequence[Crop], name: Head) -> torch.Tensor:
        """See `SideTask`."""
        return torch.stack([lesson.loss(states, crops, name) for lesson in self.lessons]).sum()


def lessons_of(corpus: Corpus, folder: Path, start: Path, modality: Modality) -> Lessons:
    """What is known of a corpus that `pretraining.corpora` wrote to a folder, for the backbone in `start`."""
    width = json.loads((start / "config.json").read_text())["hidden_size"]
    lessons: list[Lesson] = []
    if corpus.labels:
        lessons.append(LetterClasses(corpus, width))
    if modality == "protein":
        lessons.append(Families(corpus.sequences, Relatives.read(folder), Tokenizer(start, modality)))
    if modality == "molecule":
        lessons += [Chemistry(corpus.sequences, width), AtomChemistry(corpus.sequences, width)]
    return Lessons(lessons)


class LetterClasses:
    """The class of each letter whose class is known."""

    def __init__(self, corpus: Corpus, width: int):
        self._labels, self._classes = corpus.labels, corpus.classes
        self.description = corpus.labels_from
        self.head = nn.Linear(width, len(corpus.classes))

    def loss(self, states: torch.Tensor, crops: Sequence[Crop], name: Head) -> torch.Tensor:
        """Mean cross-entropy over the letters whose class is known; 0 where none is."""
        wanted = torch.from_numpy(np.concatenate([self._numbers(crop) for crop in crops])).to(states.device)
        known = wanted != _UNKNOWN
        if not known.any():
            return states.new_zeros(())
        return functional.cross_entropy(self.head(states[known]).float(), wanted[known])

    def _numbers(self, crop: Crop) -> np.ndarray:
        labels = self._labels[crop.index]
        if not labels:
            return np.full(len(crop.letters), _UNKNOWN)
        # `find` gives -1 for what is no class
        found = np.array([self._classes.find(c) for c in labels[crop.begin : crop.begin + len(crop.letters)]])
        return np.where(found < 0, _UNKNOWN, found)


class Families:
    """Which amino acids the relatives of a protein have at each place.

    (Profile prediction: Sturmfels et al. 2020, arXiv:2012.00195.) A hidden letter teaches at one place in seven; a
    family teaches at each. The head that names hidden letters tells it, which thereby learns what a mutation does to
    a protein where nothing is hidden.
    """

    description = (
        "the amino acids that relatives of a protein have at each place (alignments within the corpus)"
    )

    def __init__(self, sequences: list[str], relatives: Relatives, tokenizer: Tokenizer):
        self._relatives, self._letters = relatives, Letters(sequences)
        tokens = tokenizer.encode([AMINO_ACIDS])
        self._ids = torch.from_numpy(tokens.ids[0][tokens.n_before :][: len(AMINO_ACIDS)]).long()
        self.head = nn.Identity()

    def loss(self, states: torch.Tensor, crops: Sequence[Crop], name: Head) -> torch.Tensor:
        """Cross-entropy to the shares of the amino acids, a place weighed by how many relatives speak of it."""
        counts = np.concatenate(
            [self._relatives.counts(c.index, c.begin, len(c.letters), self._letters) for c in crops]
        )
        totals = counts.sum(axis=1)
        places = np.flatnonzero(totals)
        if not len(places):
            return states.new_zeros(())
        shares = torch.from_numpy((counts[places] / totals[places, None]).astype(np.float32)).to(
            states.device
        )
        weights = torch.from_numpy((totals[places] / (totals[places] + _HALF_TRUST)).astype(np.float32)).to(
            states.device
        )
        rows = name(states[torch.from_numpy(places).to(states.device)])[
            :, self._ids.to(states.device)
        ].float()
        losses = functional.cross_entropy(rows, shares, reduction="none")
        return (weights * losses).sum() / weights.sum()


class _Scale(NamedTuple):
    """What brings each computed property to mean 0 and spread 1."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "_Scale":
        """From some rows `(n, n_properties)`."""
        return cls(values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3))

    def bring(self, values: np.ndarray) -> np.ndarray:
        """Rows on this scale, what lies far out drawn in: `(n, n_properties)` in single precision."""
        return ((values - self.mean) / self.spread).clip(-6, 6).astype(np.float32)


class Chemistry:
    """What a molecule is like as a whole: descriptors and substructures that RDKit computes from it.

    (Multi-task regression on computed properties: Ahmad et al. 2022, ChemBERTa-2, arXiv:2209.01712.)
    """

    description = f"{N_DESCRIPTORS} descriptors and {N_SUBSTRUCTURES:,} substructures of molecules (RDKit)"

    def __init__(self, sequences: Sequence[str], width: int, n_seen_first: int = 2000):
        """Args:
        sequences: the corpus; the spread of each descriptor is taken from the first `n_seen_first`.
        width: of the backbone's vectors.
        """
        found = [one for s in sequences[:n_seen_first] if (one := describe(s)) is not None]
        values = np.stack([one.descriptors for one in found])
        self._scale = _Scale.of(values)
        # Of a bag of letters the mean and the largest are what a head reads later.
        self.head = nn.Linear(2 * width, N_DESCRIPTORS + N_SUBSTRUCTURES)

    def loss(self, states: torch.Tensor, crops: Sequence[Crop], name: Head) -> torch.Tensor:
        """Huber loss of the standardised descriptors and cross-entropy of the substructures."""
        stride = math.ceil(len(crops) / _MOST_DESCRIBED)
        each = states.split([len(crop.letters) for crop in crops])[::stride]
        pooled = torch.stack([torch.cat([s.mean(dim=0), s.amax(dim=0)]) for s in each])
        found = [describe(crop.letters) for crop in crops[::stride]]
        known = [i for i, one in enumerate(found) if one is not None]  # a long molecule that was cut is none
        if not known:
            return states.new_zeros(())
        out = self.head(pooled[known]).float()
        descriptors, substructures = out.split([N_DESCRIPTORS, N_SUBSTRUCTURES], dim=1)
        wanted = self._scale.bring(np.stack([found[i].descriptors for i in known]))
        there = np.stack([found[i].substructures for i in known])
        return functional.smooth_l1_loss(
            descriptors, torch.from_numpy(wanted).to(out.device)
        ) + functional.binary_cross_entropy_with_logits(
            substructures, torch.from_numpy(there.astype(np.float32)).to(out.device)
        )


class AtomChemistry:
    """What each atom of a molecule is like, from the vector of its first letter."""

    description = f"{N_ATOM_VALUES} properties of each atom (RDKit)"

    def __init__(self, sequences: Sequence[str], width: int, n_seen_first: int = 2000):
        """Args:
        sequences: the corpus; the spread of each property is taken from the first `n_seen_first`.
        width: of the backbone's vectors.
        """
        found = [one for s in sequences[:n_seen_first] if (one := describe_atoms(s)) is not None]
        values = np.concatenate([one.values for one in found])
        self._scale = _Scale.of(values)
        self.head = nn.Linear(width, N_ATOM_VALUES)

    def loss(self, states: torch.Tensor, crops: Sequence[Crop], name: Head) -> torch.Tensor:
        """Huber loss of the standardised properties."""
        begins = np.cumsum([0, *(len(crop.letters) for crop in crops[:-1])])
        stride = math.ceil(len(crops) / _MOST_DESCRIBED)
        found = [
            (begin, one)
            for begin, crop in zip(begins[::stride], crops[::stride], strict=True)
            if (one := describe_atoms(crop.letters)) is not None
        ]
        if not found:
            return states.new_zeros(())
        places = np.concatenate([begin + one.places for begin, one in found])
        wanted = self._scale.bring(np.concatenate([one.values for _, one in found]))
        out = self.head(states[torch.from_numpy(places).to(states.device)]).float()
        return functional.smooth_l1_loss(out, torch.from_numpy(wanted).to(out.device))
