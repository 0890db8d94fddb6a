"""From a model and sequences to predictions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from biotl_core.backbones.embeddings import N_POOLED, EmbeddingStore, MemoryStore, embed, open_store
from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import Arrays
from biotl_core.learning.examples import Examples, Targets, side_by_side
from biotl_core.learning.model import SequenceModel
from biotl_core.progress import Control


def make_examples(
    model: SequenceModel,
    sequences: Sequence[str],
    targets: Targets | None = None,
    store: EmbeddingStore | MemoryStore | None = None,
    control: Control | None = None,
) -> Examples:
    """Sequences as the model reads them: token numbers, or for a frozen backbone ready features.

    Args:
        model: says how.
        sequences: letters.
        targets: as from `Dataset.target_values`, or None.
        store: where the features of a frozen backbone are kept; None keeps them in memory only.
        control: progress and stop.
    """
    sequences = list(sequences)
    both_strands = model.settings.both_strands
    beside = model.simple.read(sequences, model.encoder, both_strands)
    if model.settings.method != "frozen":
        return Examples(model.encoder.encode(sequences), targets, beside)
    level = "residue" if model.is_per_residue else "sequence"
    store = store if store is not None else MemoryStore()
    arrays = embed(model.encoder, sequences, level, store, control, model.layers)
    if both_strands:
        others = [reverse_complement(sequence) for sequence in sequences]
        turned = embed(model.encoder, others, level, store, control, model.layers)
        arrays = [(one + other) / 2 for one, other in zip(arrays, turned, strict=True)]
    if model.is_per_residue:
        return Examples(arrays, targets, beside)
    pooled = torch.from_numpy(np.concatenate(arrays)) if arrays else torch.zeros(0, N_POOLED * model.width)
    return Examples(side_by_side(model.select(pooled), beside), targets)


def model_store(model: SequenceModel, weights_folder: Path) -> EmbeddingStore | None:
    """Where the features that a frozen model reads are kept on disk; None for models of which more was tuned."""
    if model.settings.method != "frozen":
        return None
    level = "residue" if model.is_per_residue else "sequence"
    return open_store(weights_folder, model.encoder, level, model.layers)


def keep_lower_states(
    model: SequenceModel,
    examples: Examples,
    sequences: Sequence[str],
    store: EmbeddingStore | MemoryStore,
    control: Control,
) -> Examples:
    """The same examples with what the layers that do not learn make of them, read once (see `Encoder.lower_states`).

    Args:
        model: not yet trained.
        examples: the token numbers of the sequences.
        sequences: their letters, by which the states are found in the store.
        store: at level "token".
        control: progress and stop.
    """
    kept = embed(model.encoder, sequences, "token", store, control, model.layers)
    return replace(examples, inputs=examples.inputs._replace(kept=kept))


def predict_examples(
    model: SequenceModel,
    examples: Examples,
    control: Control | None = None,
    look: Callable[[list[int], torch.Tensor], None] | None = None,
) -> Arrays:
    """Predictions in the order of the examples, in the target's unit or as probabilities.

    Args:
        model: put into evaluation mode.
        examples: what to predict.
        control: progress and stop.
        look: called with each piece's indices and head outputs, as the loss wants them.

    Returns:
        Numbers `(n,)` or probabilities `(n, n_outputs)`; per residue a list of n such arrays, one row a letter that
        was read; where the examples have targets as long as these, nan beyond a cut.
    """
    control, device = control or Control(), model.encoder.device
    model.eval()
    found: list[np.ndarray] = [np.zeros(0)] * len(examples)
    done = 0
    with torch.inference_mode():
        for piece in examples.pieces(range(len(examples)), device):
            raw = examples.outputs(model, model.head, piece, device)
            if look is not None:
                look(piece, raw)
            outputs = model.readable(raw).float().cpu().numpy()
            n_rows = [examples.n_letters(i) if model.is_per_residue else 1 for i in piece]
            for i, own in zip(piece, np.split(outputs, np.cumsum(n_rows)[:-1]), strict=True):
                found[i] = own if model.is_per_residue else own[0]
            done += len(piece)
            control.step("Predicting", done, len(examples))
    if not model.is_per_residue:
        return np.array(found).reshape(len(examples), *outputs_shape(model))
    if isinstance(examples.targets, list):
        return [lengthened(own, len(target)) for own, target in zip(found, examples.targets, strict=True)]
    return found


def outputs_shape(model: SequenceModel) -> tuple[int, ...]:
    """Shape of one prediction: nothing for a number, else one entry a class or label."""
    return (model.outputs.n,) if TASKS[model.outputs.task_name].is_class else ()


def predict_sequences(
    model: SequenceModel,
    sequences: Sequence[str],
    store: EmbeddingStore | MemoryStore | None = None,
    control: Control | None = None,
) -> Arrays:
    """Predictions for new sequences; per residue as long as each sequence, nan beyond what the backbone reads."""
    examples = make_examples(model, sequences, None, store, control)
    predicted = predict_examples(model, examples, control)
    if model.is_per_residue:
        return [lengthened(own, len(s)) for own, s in zip(predicted, sequences, strict=True)]
    return predicted


def lengthened(rows: np.ndarray, length: int) -> np.ndarray:
    """Rows followed by nan up to a length."""
    missing = length - len(rows)
    return rows if missing <= 0 else np.concatenate([rows, np.full((missing, *rows.shape[1:]), np.nan)])


def largest_difference(first: Arrays, second: Arrays) -> float:
    """The largest absolute difference of two predictions of the same sequences; nan where both are nan counts as 0."""
    pairs = zip(first, second, strict=True)
    return max(
        (float(np.nanmax(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0)) for a, b in pairs), default=0.0
    )
