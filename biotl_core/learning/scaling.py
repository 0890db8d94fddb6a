"""What a head takes from the training part before it learns: the scale of the features and that of the targets."""

import numpy as np
import torch

from biotl_core.data.tasks import TASKS
from biotl_core.learning.examples import Examples
from biotl_core.learning.model import SequenceModel
from biotl_core.progress import Control

_SCALE_SAMPLE = 512
"""Training sequences from which the head of a tuned model takes the mean and spread of its features."""


def fit_head(model: SequenceModel, train: Examples, control: Control) -> None:
    """Give the head the scale of features and targets, both from the training part alone."""
    if isinstance(train.inputs, torch.Tensor):
        features = train.inputs
    else:
        sample = train.subset(np.random.default_rng(0).permutation(len(train))[:_SCALE_SAMPLE])
        features = _features(model, sample, control)
    model.head.fit_features(features.to(model.encoder.device))
    if not TASKS[model.outputs.task_name].is_class:
        targets = train.targets
        model.head.fit_targets(np.concatenate(targets) if isinstance(targets, list) else targets)
    if model.head.is_solved:
        control.step("Learning", 0, 0)
        model.head.solve(features.to(model.encoder.device), train.targets, model.settings.loss)


@torch.inference_mode()
def _features(model: SequenceModel, examples: Examples, control: Control) -> torch.Tensor:
    if examples.is_ready:
        return examples.ready_rows(range(len(examples)))
    found, done = [], 0
    for piece in examples.pieces(range(len(examples)), model.encoder.device):
        beside = examples.beside_of(piece, model.encoder.device)
        found.append(model.features(examples.inputs.at(piece), beside).cpu())
        done += len(piece)
        control.step("Looking at the features", done, len(examples))
    return torch.cat(found)
