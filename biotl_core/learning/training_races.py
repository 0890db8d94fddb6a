"""Races of training: passes over sequences beside PEFT and transformers, and how soon an equal score is reached.

See `rivals` for the rules. The race to a score is run on real sequences with real weights: the rival tunes all of the
backbone for ten passes as the defaults of transformers' `Trainer` have it, and this engine climbs its ladder until it
is as good on the same validation part.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModel, AutoTokenizer, EsmTokenizer

from biotl_core.backbones.embeddings import MemoryStore
from biotl_core.backbones.encoder import load_encoder
from biotl_core.data.dataset import Dataset
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import METRICS, evaluate
from biotl_core.learning.examples import Examples
from biotl_core.learning.losses import loss_sum
from biotl_core.learning.model import Outputs, SequenceModel, build_model
from biotl_core.learning.prediction import keep_lower_states, make_examples
from biotl_core.learning.rivals import (
    OURS,
    SHAPES,
    Race,
    as_released,
    draw_proteins,
    forward_gflop,
    in_order,
    make_backbone,
    mean_vectors,
    measure_peak,
    memory_gb,
    plain_model,
    processor_seconds,
    run_in_turn,
)
from biotl_core.learning.scaling import fit_head
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.training import Training, make_accelerator
from biotl_core.progress import Control

_STEP_SEQUENCES = 8
_NAIVE_PASSES, _NAIVE_RATE = 10, 5e-5
"""Passes, and the step size that `Trainer` takes where none is given; it falls in a line to zero."""


def race_training(shape: str, method: str, lengths: Sequence[int], repeats: int, device_name: str) -> Race:
    """One pass of LoRA or full tuning with 8 sequences a step: this engine, and PEFT or transformers with padding.

    This engine also with only the upper third of the layers learning, which goes on from kept states; to read those
    once is a way of its own.
    """
    device = torch.device(device_name)
    with tempfile.TemporaryDirectory() as name:
        folder = make_backbone(Path(name), SHAPES[shape])
        sequences = draw_proteins(lengths)
        targets = torch.from_numpy(np.random.default_rng(2).normal(size=len(sequences))).float()
        upper = max(1, SHAPES[shape][0] // 3)
        title = "PEFT, padded batches of 8" if method == "lora" else "transformers, padded batches of 8"
        kept = _Own(folder, method, sequences, targets, device, upper)
        ways = {
            OURS: _Own(folder, method, sequences, targets, device).one_pass,
            f"{OURS}, {upper} of {SHAPES[shape][0]} layers learn, the lower ones kept": kept.one_pass,
            f"{OURS}, to read and keep the lower layers, once": kept.keep,
            title: _rival_pass(folder, method, sequences, targets, device),
        }
        kept.keep()
        contestants = run_in_turn(ways, repeats, device)
        tokens = [n + 2 for n in lengths]
        # The backward pass costs two forward passes, or one where the weights of the backbone stay.
        work = (2.0 if method == "lora" else 3.0) * forward_gflop(tokens, *SHAPES[shape][:2])
        peak, memory = measure_peak(device), memory_gb(device)
        return Race(f"train {shape} {method}", contestants, sum(tokens), work, peak, None, memory)


class _Own:
    """A model of this engine that makes passes over the sequences."""

    def __init__(
        self,
        folder: Path,
        method: str,
        sequences: list[str],
        targets: torch.Tensor,
        device: torch.device,
        tuned_layers: int | None = None,
    ):
        settings = TrainingSettings(
            method=method, pooling="mean", head="linear", dropout=0.0, tuned_layers=tuned_layers
        ).resolved(TASKS["regression"])
        self.model = build_model(folder, Outputs("regression", (), "protein"), settings).to(device)
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-5)
        self.sequences, self.targets, self.device = sequences, targets, device
        self.examples = Examples(self.model.encoder.encode(sequences), targets.numpy())

    def keep(self) -> None:
        """Read the layers that do not learn."""
        self.model.eval()
        self.examples = keep_lower_states(self.model, self.examples, self.sequences, MemoryStore(), Control())

    def one_pass(self) -> None:
        """A change of the weights for every 8 sequences."""
        model = self.model.train()
        for batch in in_order(len(self.targets), _STEP_SEQUENCES):
            for piece in self.examples.pieces(batch, self.device):
                found = self.examples.outputs(model, model.head, piece, self.device)[:, 0]
                ((found - self.targets[piece].to(self.device)) ** 2).sum().div(len(batch)).backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)


def _rival_pass(
    folder: Path, method: str, sequences: list[str], targets: torch.Tensor, device: torch.device
) -> Callable[[], None]:
    model = plain_model(folder, "sdpa").to(device).train()
    if method == "lora":
        model = get_peft_model(
            model, LoraConfig(r=8, lora_alpha=16, target_modules=["query", "key", "value"])
        )
    head = nn.Linear(model.config.hidden_size, 1).to(device)
    learning = [p for p in (*model.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-5)
    tokenizer = EsmTokenizer.from_pretrained(folder)

    def one_pass() -> None:
        for batch in in_order(len(sequences), _STEP_SEQUENCES):
            found = head(mean_vectors(model, tokenizer, [sequences[i] for i in batch]))[:, 0]
            ((found - targets[batch].to(device)) ** 2).mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return one_pass


@dataclass(frozen=True)
class Reached:
    """How far a way of learning had come after some seconds."""

    way: str
    seconds: float
    """Of the processor since the way began (on a graphics card of the clock), all that came before it included."""
    score: float
    """The best so far on the validation part, larger is better."""


@dataclass(frozen=True)
class ScoreRace:
    """Who was as good as the rival, and when."""

    metric: str
    naive: tuple[Reached, ...]
    """After each of ten passes of full tuning with padded batches."""
    own: tuple[Reached, ...]
    """After each pass of the rungs, up to the first that is as good as the best of the rival."""

    @property
    def target(self) -> float:
        """The rival's best score."""
        return max(one.score for one in self.naive)

    @property
    def reached(self) -> Reached | None:
        """Where the engine was as good; None where it never was."""
        return next((one for one in self.own if one.score >= self.target), None)

    @property
    def times_as_long(self) -> float | None:
        """Seconds of the rival's ten passes for each second of the engine."""
        return self.naive[-1].seconds / self.reached.seconds if self.reached else None


def race_to_score(dataset: Dataset, weights_folder: Path, device_name: str, seed: int = 0) -> ScoreRace:
    """Ten passes of naive full tuning, and the ladder of this engine until it is as good.

    Args:
        dataset: a number, class or labels for each sequence, with training and validation parts.
        weights_folder: a backbone.
        device_name: where both run, one thread on a processor.
        seed: of the order of the sequences and of the heads.
    """
    device = torch.device(device_name)
    headline = dataset.task.headline_metric(len(dataset.classes))
    with as_released():
        naive = tuple(_naive_tuning(dataset, weights_folder, device, headline, seed))
    target, own = max(one.score for one in naive), []
    for reached in _own_ladder(dataset, weights_folder, device, headline, seed):
        own.append(reached)
        if reached.score >= target:
            break
    return ScoreRace(headline, naive, tuple(own))


def _own_ladder(
    dataset: Dataset, folder: Path, device: torch.device, headline: str, seed: int
) -> Iterator[Reached]:
    """Rung after rung, each with the seconds of those before it."""
    rungs = {
        f"{OURS}, the last layer": TrainingSettings(seed=seed),
        f"{OURS}, LoRA on the uppermost layer, the lower ones kept": TrainingSettings(
            method="lora", tuned_layers=1, seed=seed
        ),
        f"{OURS}, LoRA": TrainingSettings(method="lora", seed=seed),
        f"{OURS}, full tuning": TrainingSettings(method="full", seed=seed),
    }
    began, best = processor_seconds(device), -np.inf
    for name, settings in rungs.items():
        for metrics in _own_training(dataset, folder, device, settings):
            best = max(best, _larger_is_better(headline, metrics[headline]))
            yield Reached(name, processor_seconds(device) - began, best)


def _own_training(
    dataset: Dataset, folder: Path, device: torch.device, settings: TrainingSettings
) -> Iterator[dict[str, float]]:
    """Validation metrics after each pass, with nothing read before."""
    settings = replace(settings, device=str(device)).resolved(dataset.task)
    model: SequenceModel = build_model(folder, Outputs.of(dataset), settings).to(device)
    rows = dataset.table["part"].isin(("train", "validation"))
    sequences = dataset.table.loc[rows, "sequence"].tolist()
    targets = dataset.target_values(dataset.table[rows])
    everything = make_examples(model, sequences, targets, MemoryStore())
    if model.encoder.fixed_layers and model.encoder.is_packed:
        everything = keep_lower_states(model, everything, sequences, MemoryStore(), Control())
    parts = dataset.table.loc[rows, "part"].to_numpy()
    train, validation = (everything.subset(np.flatnonzero(parts == part)) for part in ("train", "validation"))
    fit_head(model, train, Control())
    with tempfile.TemporaryDirectory() as name:
        accelerator = make_accelerator(str(device), settings.precision)
        training = Training(model, train, validation, settings, Path(name), accelerator)
        yield from (result.metrics for result in training.epochs(Control()))


def _naive_tuning(
    dataset: Dataset, folder: Path, device: torch.device, headline: str, seed: int
) -> Iterator[Reached]:
    """Full tuning as a first notebook has it: padded batches of 8 as they come, a linear layer on the mean vector."""
    torch.manual_seed(seed)
    model = AutoModel.from_pretrained(
        folder, attn_implementation="sdpa", add_pooling_layer=False, dtype=torch.float32
    ).to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    outputs, loss = Outputs.of(dataset), dataset.task.losses[0]
    head = nn.Linear(model.config.hidden_size, outputs.n).to(device)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=_NAIVE_RATE)
    train, validation = dataset.part("train"), dataset.part("validation")
    targets = torch.from_numpy(dataset.target_values(train))
    is_number = targets.is_floating_point() and targets.ndim == 1
    middle, spread = (targets.mean(), targets.std()) if is_number else (0.0, 1.0)
    limit = load_encoder(folder, dataset.modality).max_length
    sequences, aside = ([s[:limit] for s in part["sequence"]] for part in (train, validation))
    began = processor_seconds(device)
    steps = _NAIVE_PASSES * -(-len(sequences) // _STEP_SEQUENCES)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    best = -np.inf
    for epoch in range(_NAIVE_PASSES):
        order = np.random.default_rng((seed, epoch)).permutation(len(sequences))
        model.train()
        for batch in in_order(len(order), _STEP_SEQUENCES):
            chosen = order[batch]
            found = head(mean_vectors(model, tokenizer, [sequences[i] for i in chosen]))
            aims = targets[chosen].to(device)
            aims = ((aims - middle) / spread).float() if is_number else aims
            (loss_sum(loss, found, aims) / len(batch)).backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        predicted = _naive_predictions(model, head, tokenizer, aside)
        said = _readable(predicted, dataset.task_name, middle, spread)
        metrics = evaluate(dataset.task_name, dataset.classes, dataset.target_values(validation), said)
        best = max(best, _larger_is_better(headline, metrics[headline]))
        yield Reached("full tuning, padded batches of 8", processor_seconds(device) - began, best)


@torch.inference_mode()
def _naive_predictions(
    model: nn.Module, head: nn.Module, tokenizer: object, sequences: list[str]
) -> torch.Tensor:
    model.eval()
    batches = in_order(len(sequences), _STEP_SEQUENCES)
    return torch.cat([head(mean_vectors(model, tokenizer, [sequences[i] for i in b])) for b in batches]).cpu()


def _readable(outputs: torch.Tensor, task_name: str, middle: float, spread: float) -> np.ndarray:
    match task_name:
        case "regression":
            return (outputs[:, 0] * spread + middle).numpy()
        case "multilabel":
            return outputs.sigmoid().numpy()
        case _:
            return outputs.softmax(dim=1).numpy()


def _larger_is_better(metric: str, value: float) -> float:
    return value if METRICS[metric].higher_is_better else -value
