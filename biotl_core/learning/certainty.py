"""How hard sequences are for a model: what it sees of them beside what it saw in training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from biotl_core.backbones.embeddings import EmbeddingStore, MemoryStore
from biotl_core.evaluation.metrics import Arrays
from biotl_core.evaluation.neighbourhood import Neighbourhood, settle
from biotl_core.learning.examples import Examples
from biotl_core.learning.model import SequenceModel
from biotl_core.learning.prediction import lengthened, make_examples, predict_examples
from biotl_core.progress import Control

_MOST_SEQUENCES = 5000
_MOST_RESIDUE_SEQUENCES = 500
"""Of more training sequences as many are drawn: residues of 500 proteins are more than are kept."""


@contextmanager
def _features_of(model: SequenceModel) -> Iterator[list[torch.Tensor]]:
    """What the head read, call by call, while the model predicts."""
    read: list[torch.Tensor] = []
    hook = model.head.register_forward_pre_hook(lambda head, inputs: read.append(inputs[0]))
    try:
        yield read
    finally:
        hook.remove()


def settle_training(model: SequenceModel, training: Examples, control: Control) -> Neighbourhood | None:
    """The neighbourhood of the training part, as the trained model sees it; None where nothing was measured."""
    most = _MOST_RESIDUE_SEQUENCES if model.is_per_residue else _MOST_SEQUENCES
    sample = training.subset(np.sort(np.random.default_rng(0).permutation(len(training))[:most]))
    features, targets = [], []
    with _features_of(model) as read:

        def look(piece: list[int], outputs: torch.Tensor) -> None:
            own = sample.piece_targets(piece)
            known = np.isfinite(own)
            features.append(_as_numbers(read.pop())[known])
            targets.append(own[known])

        predict_examples(model, sample, control, look)
    if not sum(map(len, targets)):
        return None
    return settle(np.concatenate(features), np.concatenate(targets))


def predict_with_difficulty(
    model: SequenceModel,
    examples: Examples,
    neighbourhood: Neighbourhood | None,
    control: Control | None = None,
) -> tuple[Arrays, Arrays | None]:
    """Predictions as from `predict_examples`, and how hard each is in the same shapes (None without neighbourhood)."""
    if neighbourhood is None:
        return predict_examples(model, examples, control), None
    hardness: list[np.ndarray] = [np.zeros(0)] * len(examples)
    with _features_of(model) as read:

        def look(piece: list[int], outputs: torch.Tensor) -> None:
            found = neighbourhood.difficulty(neighbourhood.place(_as_numbers(read.pop())))
            n_rows = [examples.n_letters(i) if model.is_per_residue else 1 for i in piece]
            for i, own in zip(piece, np.split(found, np.cumsum(n_rows)[:-1]), strict=True):
                hardness[i] = own

        predicted = predict_examples(model, examples, control, look)
    if not model.is_per_residue:
        return predicted, np.array(hardness).reshape(len(examples))
    # Beyond a cut nothing is predicted, so nothing is said about how hard it would be.
    return predicted, [lengthened(own, len(one)) for own, one in zip(hardness, predicted, strict=True)]


def predict_sequences_with_difficulty(
    model: SequenceModel,
    sequences: Sequence[str],
    neighbourhood: Neighbourhood | None,
    store: EmbeddingStore | MemoryStore | None = None,
    control: Control | None = None,
) -> tuple[Arrays, Arrays | None]:
    """For new sequences, as `prediction.predict_sequences`: per residue as long as each, nan beyond what is read."""
    examples = make_examples(model, sequences, None, store, control)
    predicted, difficulty = predict_with_difficulty(model, examples, neighbourhood, control)
    if model.is_per_residue:
        predicted = [lengthened(own, len(s)) for own, s in zip(predicted, sequences, strict=True)]
        if difficulty is not None:
            difficulty = [lengthened(own, len(s)) for own, s in zip(difficulty, sequences, strict=True)]
    return predicted, difficulty


def _as_numbers(features: torch.Tensor) -> np.ndarray:
    return features.float().cpu().numpy()
