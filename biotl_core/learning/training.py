"""train(): pass after pass over the training part, the best on the validation part kept, resumable at every pass."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from biotl_core.backbones.encoder import PACK_TOKENS
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS, evaluate
from biotl_core.learning.examples import Examples
from biotl_core.learning.losses import balancing_weights, loss_sum, target_weight
from biotl_core.learning.model import SequenceModel
from biotl_core.learning.prediction import predict_examples
from biotl_core.learning.settings import TrainingSettings, default_learning_rate
from biotl_core.progress import Control

_CHECKPOINT_SECONDS = 1.0
"""Passes of a frozen backbone take milliseconds; they are not each worth a write."""
_CLIP_NORM = 1.0
_KEPT_SHARE = 0.99
"""Of the running average at a step, once there were enough."""


@dataclass(frozen=True)
class EpochResult:
    """One pass over the training part; one line of `history.jsonl`."""

    epoch: int
    """From 1."""
    epochs: int
    """Passes at most."""
    train_loss: float
    validation_loss: float
    metrics: dict[str, float]
    """On the validation part."""
    learning_rate: float
    elapsed_seconds: float
    """Of training since its first start, interruptions left out."""


@dataclass
class _State:
    """How far a training is; what a checkpoint holds beside weights and optimizer."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: tuple[float, float] = (-math.inf, -math.inf)
    elapsed_seconds: float = 0.0
    is_over: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


class Training:
    """One training of a model in a folder; `epochs()` is the loop, `restore_best()` its result."""

    def __init__(
        self,
        model: SequenceModel,
        training: Examples,
        validation: Examples,
        settings: TrainingSettings,
        folder: Path,
        accelerator: Accelerator,
    ):
        """Args:
        model: built by `model.build_model`, its head fitted to features and targets.
        training, validation: the parts; validation may be empty, then the training loss chooses the best pass.
        settings: resolved.
        folder: for the checkpoint and the best weights.
        accelerator: device, precision and number of processes.
        """
        self.model, self.settings, self.folder, self.accelerator = model, settings, folder, accelerator
        self.training, self.validation = training, validation
        self.state = _State()
        self._pack_tokens = PACK_TOKENS[accelerator.device.type]
        self.class_weights = _class_weights(training, model.outputs.n) if settings.class_weights else None
        trained = model.head if training.is_ready else model
        self.trained = trained
        self.wrapped = accelerator.prepare(trained)
        self.is_solved = model.head.is_solved
        self.optimizer = None if self.is_solved else _optimizer(trained, settings)
        # Of a backbone that learns it would be a second copy.
        self.average = _RunningAverage(trained) if training.is_ready and not self.is_solved else None
        self._resume()

    @property
    def best_epoch(self) -> int:
        """The pass whose weights are kept."""
        return self.state.best_epoch

    @property
    def history(self) -> list[dict[str, Any]]:
        """The passes that the checkpoint knows."""
        return self.state.history

    def epochs(self, control: Control) -> Iterator[EpochResult]:
        """Train until the passes are over or the validation part no longer improves; yields after each pass."""
        saved = 0.0
        while not self.state.is_over:
            result = self._epoch(control)
            self.state.history.append(vars(result))
            improved = self._note_best(result)
            waited = self.state.epoch - self.state.best_epoch
            patience = self.settings.patience
            self.state.is_over = self.state.epoch >= self.settings.epochs or (0 < patience <= waited)
            if self.accelerator.is_main_process:
                if improved:
                    with self._averaged():
                        self._write("best.pt", self._weights())
                if self.state.is_over or time.monotonic() - saved > _CHECKPOINT_SECONDS:
                    self._save_checkpoint()
                    saved = time.monotonic()
            yield result

    def restore_best(self) -> None:
        """Put the weights of the best pass back into the model."""
        best = torch.load(self.folder / "best.pt", weights_only=True, map_location="cpu")
        self.trained.load_state_dict(best, strict=False)
        self.model.eval()

    def _epoch(self, control: Control) -> EpochResult:
        began = time.monotonic()
        epoch = self.state.epoch + 1
        # Shuffling and dropout depend on seed and pass alone, so a resumed training equals an uninterrupted one.
        torch.manual_seed(self.settings.seed * 1_000_003 + epoch)
        order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.training))
        batch_size = len(order) if self.settings.optimizer == "gradient_descent" else self.settings.batch_size
        batches = [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]
        self.model.train()
        total, weight, rate = 0.0, 0.0, 0.0
        if self.is_solved:  # there are no steps to take
            batches, total, weight = [], float(self.model.head.layers.left_out_loss), 1.0
        for batch in batches:
            control.step("Learning", self.state.step, len(batches) * self.settings.epochs)
            rate = self._set_learning_rate(self.state.step / (len(batches) * self.settings.epochs))
            batch_loss, batch_weight = self._step(batch)
            total, weight = total + batch_loss, weight + batch_weight
            self.state.step += 1
        self.state.epoch = epoch
        validation_loss, metrics = self._validate()
        self.state.elapsed_seconds += time.monotonic() - began
        train_loss = total / max(weight, 1e-12)
        return EpochResult(
            epoch,
            self.settings.epochs,
            train_loss,
            validation_loss,
            metrics,
            rate,
            self.state.elapsed_seconds,
        )

    def _step(self, batch: list[int]) -> tuple[float, float]:
        """One change of the weights; the summed loss of the batch and its weight."""
        accelerator = self.accelerator
        weight = target_weight(self.training.piece_targets(batch), self.class_weights)
        summed = self._add_gradients(batch, weight)
        accelerator.clip_grad_norm_(self.trained.parameters(), _CLIP_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.add(self.trained)
        if accelerator.num_processes > 1:
            summed = float(accelerator.reduce(torch.tensor(summed, device=accelerator.device)))
        return summed, weight

    def _add_gradients(self, batch: list[int], weight: float) -> float:
        """The gradients of a batch, pack after pack; its summed loss. Packs that do not fit the memory are halved."""
        accelerator = self.accelerator
        own = batch[accelerator.process_index :: accelerator.num_processes] or batch[:1]
        while True:
            pieces = list(self.training.pieces(own, accelerator.device, self._pack_tokens))
            try:
                return self._gradients_of(pieces, weight, is_idle=len(batch) <= accelerator.process_index)
            except torch.OutOfMemoryError:
                # Several processes wait for one another at each step; one cannot begin it again alone.
                if accelerator.num_processes > 1 or all(len(piece) == 1 for piece in pieces):
                    raise
            self.optimizer.zero_grad(set_to_none=True)
            if accelerator.device.type == "cuda":
                torch.cuda.empty_cache()
            self._pack_tokens //= 2

    def _gradients_of(self, pieces: list[list[int]], weight: float, is_idle: bool) -> float:
        accelerator, summed = self.accelerator, 0.0
        for piece in pieces:
            is_last = piece is pieces[-1]
            with nullcontext() if is_last else accelerator.no_sync(self.wrapped), accelerator.autocast():
                outputs = self._outputs(piece)
            loss = self._loss(self.training, piece, outputs)
            if is_idle:  # more processes than sequences: take part in the exchange, say nothing
                loss = loss * 0.0
            summed += float(loss.detach())
            # Gradients are averaged over processes, but this is a sum over the batch.
            accelerator.backward(loss * accelerator.num_processes / max(weight, 1e-12))
        return summed

    def _outputs(self, piece: list[int]) -> torch.Tensor:
        is_head = self.trained is self.model.head
        head = self.wrapped if is_head else self.model.head
        return self.training.outputs(self.wrapped, head, piece, self.accelerator.device)

    def _loss(self, examples: Examples, piece: list[int], outputs: torch.Tensor) -> torch.Tensor:
        targets = torch.from_numpy(examples.piece_targets(piece))
        targets = (targets.float() if targets.is_floating_point() else targets).to(outputs.device)
        if self.settings.loss in ("mse", "huber", "mae"):
            targets = (targets - self.model.head.target_mean) / self.model.head.target_scale
        weights = None
        if self.class_weights is not None:
            weights = torch.from_numpy(self.class_weights).to(outputs.device)
        return loss_sum(self.settings.loss, outputs, targets, weights)

    def _validate(self) -> tuple[float, dict[str, float]]:
        """Loss and metrics on the validation part, which is read once."""
        if len(self.validation) == 0:
            return math.nan, {}
        losses: list[float] = []
        with self._averaged():
            predicted = predict_examples(
                self.model,
                self.validation,
                look=lambda piece, outputs: losses.append(float(self._loss(self.validation, piece, outputs))),
            )
        outputs = self.model.outputs
        weight = target_weight(self.validation.piece_targets(range(len(self.validation))), self.class_weights)
        metrics = evaluate(outputs.task_name, outputs.classes, self.validation.targets, predicted)
        return sum(losses) / max(weight, 1e-12), metrics

    def _averaged(self) -> AbstractContextManager[None]:
        """The weights that are judged and kept in the place of those that learn, where they are not the same."""
        return self.average.in_place(self.trained) if self.average else nullcontext()

    def _set_learning_rate(self, done: float) -> float:
        rate = self.settings.learning_rate * _schedule_factor(self.settings, done)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["haste"]
        return rate

    def _note_best(self, result: EpochResult) -> bool:
        """True where this pass is the best so far: by the headline metric, equal ones by the loss."""
        loss = result.validation_loss if math.isfinite(result.validation_loss) else result.train_loss
        outputs = self.model.outputs
        headline = TASKS[outputs.task_name].headline_metric(len(outputs.classes))
        value = result.metrics.get(headline, math.nan)
        sign = 1 if METRICS[headline].higher_is_better else -1
        found = (sign * value if value is not None and math.isfinite(value) else -math.inf, -loss)
        if self.state.best_epoch and not found > tuple(self.state.best_score):
            return False
        self.state.best_score, self.state.best_epoch = found, result.epoch
        return True

    def _weights(self) -> dict[str, torch.Tensor]:
        """What training changes, and the head's scales."""
        learning = {name for name, p in self.trained.named_parameters() if p.requires_grad}
        scales = ("feature_mean", "feature_scale", "feature_turn", "target_mean", "target_scale")
        scales += ("anchors", "coefficients", "spans", "shares", "slope", "offsets", "left_out_loss")
        state = self.trained.state_dict()
        return {k: v.detach().cpu() for k, v in state.items() if k in learning or k.endswith(scales)}

    def _save_checkpoint(self) -> None:
        state = {**vars(self.state), "best_score": list(self.state.best_score)}
        optimizer = {} if self.is_solved else self.optimizer.state_dict()
        average = self.average.state() if self.average else {}
        self._write(
            "last.pt",
            {"state": state, "weights": self._weights(), "optimizer": optimizer, "average": average},
        )

    def _write(self, name: str, content: Any) -> None:
        """Write aside, then put in place: a kill in the middle leaves the former file whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"{name}.new"
        torch.save(content, aside)
        aside.replace(self.folder / name)

    def _resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True, map_location="cpu")
        self.state = _State(**{**saved["state"], "best_score": tuple(saved["state"]["best_score"])})
        self.trained.load_state_dict(saved["weights"], strict=False)
        if not self.is_solved:
            self.optimizer.load_state_dict(saved["optimizer"])
        if self.average:
            self.average = _RunningAverage(self.trained, **saved.get("average", {}))


class _RunningAverage:
    """Of the weights that learn, over about the last hundred steps; it is judged and kept instead of where they stand.

    A last step is one of many that would have done as well; their mean lies nearer to what they turn about (Polyak and
    Juditsky 1992, doi:10.1137/0330046).
    """

    def __init__(
        self, module: nn.Module, weights: dict[str, torch.Tensor] | None = None, n_steps: int = 0
    ) -> None:
        learning = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
        self._weights = {name: (weights or learning)[name].to(p, copy=True) for name, p in learning.items()}
        self._n_steps = n_steps

    def add(self, module: nn.Module) -> None:
        """Take in the weights after a step; the first ones, far from where they go, are soon forgotten."""
        self._n_steps += 1
        kept = min(_KEPT_SHARE, (1 + self._n_steps) / (10 + self._n_steps))
        for name, parameter in module.named_parameters():
            if name in self._weights:
                self._weights[name].lerp_(parameter.detach(), 1 - kept)

    @contextmanager
    def in_place(self, module: nn.Module) -> Iterator[None]:
        """Have the average in the module while this lasts."""
        learning = {name: p.data for name, p in module.named_parameters() if name in self._weights}
        own = {name: data.clone() for name, data in learning.items()}
        for name, data in learning.items():
            data.copy_(self._weights[name])
        try:
            yield
        finally:
            for name, data in learning.items():
                data.copy_(own[name])

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the arguments that bring it back."""
        return {
            "weights": {name: tensor.cpu() for name, tensor in self._weights.items()},
            "n_steps": self._n_steps,
        }


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Device and number format of a training: half precision only where a graphics card has it, unless asked for."""
    use_cpu = device == "cpu"
    half = precision == "bfloat16" or (precision == "auto" and device.startswith("cuda") and _has_bfloat16())
    return Accelerator(cpu=use_cpu, mixed_precision="bf16" if half else "no")


def _has_bfloat16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _class_weights(training: Examples, n_outputs: int) -> np.ndarray | None:
    targets = training.targets
    flat = np.concatenate(targets) if isinstance(targets, list) else targets
    is_number = flat.dtype.kind == "f" and flat.ndim == 1
    return None if is_number else balancing_weights(flat, n_outputs)


def _optimizer(module: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The chosen rule over what learns; biases and norms are not pulled towards zero, and the head goes ahead.

    The head begins from random numbers beside a backbone that needs small steps: steps of that size would leave it
    where it began.
    """
    learning = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    groups = []
    for haste, is_head in ((1.0, False), (_head_haste(settings), True)):
        own = [p for name, p in learning if name.startswith("head.") == is_head]
        for decay, chosen in (
            (settings.weight_decay, [p for p in own if p.ndim > 1]),
            (0.0, [p for p in own if p.ndim <= 1]),
        ):
            groups.append({"params": chosen, "weight_decay": decay, "haste": haste})
    groups = [group for group in groups if group["params"]]
    rate = settings.learning_rate
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate)
        case "nesterov":
            return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
        case _:
            return torch.optim.SGD(groups, lr=rate)


def _head_haste(settings: TrainingSettings) -> float:
    """How many times as large the steps of the head are as those of the rest: as large as on a frozen backbone."""
    return max(1.0, default_learning_rate("frozen", settings.optimizer) / settings.learning_rate)


def _schedule_factor(settings: TrainingSettings, done: float) -> float:
    """Share of the step size after a share of the training."""
    if done < settings.warmup:
        return max(done / settings.warmup, 0.01)
    left = (1 - done) / max(1 - settings.warmup, 1e-9)
    match settings.schedule:
        case "linear":
            return left
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * (1 - left)))
        case _:
            return 1.0
