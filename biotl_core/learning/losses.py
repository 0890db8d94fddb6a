"""What training makes small. Each loss gives a sum and a weight, so that pieces of a batch add up exactly."""

import numpy as np
import torch
from torch.nn import functional

FOCAL_GAMMA = 2.0
"""How strongly focal loss turns to what is still wrong (Lin et al. 2017)."""


def loss_sum(
    name: str, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Summed loss over the known targets.

    Args:
        name: one of `settings.LOSSES`.
        outputs: `(n, n_outputs)`, logits or standardised numbers.
        targets: numbers `(n,)` with nan unknown, in the same units; classes `(n,)` int64 with -1 unknown; or labels
            `(n, n_outputs)` of 0, 1 and nan.
        class_weights: `(n_outputs,)`: of each class, or of the positive side of each label.
    """
    if name in ("mse", "huber", "mae"):
        return _number_loss(name, outputs[:, 0], targets)
    if targets.ndim == 2:
        return _label_loss(name, outputs, targets, class_weights)
    return _class_loss(name, outputs, targets, class_weights)


def _number_loss(name: str, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    known = torch.isfinite(targets)
    function = {"mse": functional.mse_loss, "huber": functional.huber_loss, "mae": functional.l1_loss}[name]
    return function(outputs[known].float(), targets[known].float(), reduction="sum")


def _class_loss(
    name: str, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None
) -> torch.Tensor:
    known = targets >= 0
    logits, targets = outputs[known].float(), targets[known]
    each = functional.cross_entropy(logits, targets, weight=class_weights, reduction="none")
    if name == "focal":
        probability = logits.softmax(dim=1).gather(1, targets[:, None])[:, 0]
        each = each * (1 - probability) ** FOCAL_GAMMA
    return each.sum()


def _label_loss(
    name: str, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None
) -> torch.Tensor:
    known = torch.isfinite(targets)
    filled = torch.where(known, targets, 0.0).float()
    each = functional.binary_cross_entropy_with_logits(
        outputs.float(), filled, pos_weight=class_weights, reduction="none"
    )
    if name == "focal":
        probability = outputs.float().sigmoid()
        of_truth = torch.where(filled > 0.5, probability, 1 - probability)
        each = each * (1 - of_truth) ** FOCAL_GAMMA
    return each[known].sum()


def target_weight(targets: np.ndarray, class_weights: np.ndarray | None = None) -> float:
    """What the summed loss of these targets is divided by: known targets, each class by its weight."""
    if targets.dtype.kind == "i":
        known = targets[targets >= 0]
        return float(len(known) if class_weights is None else class_weights[known].sum())
    return float(np.isfinite(targets).sum())


def balancing_weights(targets: np.ndarray, n_outputs: int) -> np.ndarray:
    """Weights that make every class count the same in all.

    For classes `n / (n_classes * count)`, as scikit-learn's "balanced"; for labels negatives per positive, at most 100.
    """
    if targets.dtype.kind == "i":
        counts = np.bincount(targets[targets >= 0], minlength=n_outputs)
        return np.where(counts > 0, counts.sum() / (n_outputs * np.maximum(counts, 1)), 1.0).astype(
            np.float32
        )
    positive, negative = np.nansum(targets, axis=0), np.nansum(1 - targets, axis=0)
    return np.clip(negative / np.maximum(positive, 1), 1e-2, 100).astype(np.float32)
