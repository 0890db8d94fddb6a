"""Masked-language-model training: continue a backbone on one's own unlabelled sequences, or start a new one.

The model sees sequences in which some letters are hidden and learns to name them (masked language modelling, BERT:
Devlin et al. 2019; ESM: Rives et al. 2021). Quality is told as perplexity on sequences held out: of how many letters
it is choosing, on average; 20 would be a guess among all amino acids.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from biotl_core.backbones.encoder import PACKABLE, Encoder
from biotl_core.backbones.matmul import has_half_products
from biotl_core.backbones.tokenizer import Tokenizer, Tokens
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.learning.adaptation_settings import (
    FEWEST_SEQUENCES,
    AdaptationPoint,
    AdaptationResult,
    AdaptationSettings,
    judge_losses,
    look_at,
)
from biotl_core.progress import Control, Stopped

__all__ = ["AdaptationPoint", "AdaptationResult", "AdaptationSettings", "adapt"]

_GRID = 32
"""Stretches of 64 letters and more are cut to a multiple of this, so that many share one call of attention."""
MASKED_SHARE = 0.15
"""Share of letters hidden; of these 80 % become the mask, 10 % another letter, 10 % stay (Devlin et al. 2019)."""
CHECKPOINT_SECONDS = 60
SAVING_SHARE = 10
"""A checkpoint of many gigabytes is written less often: learning takes at least this many times as long as saving."""


HELD_OUT_BATCH = 1024
"""Letters that are judged together; these batches are what the interval of the gain is drawn from."""
MOST_HELD_OUT = 131_072
"""Held-out letters that are judged at most: more would cost time and tell nothing new."""
ENOUGH_JUDGED = 40_000
"""Where fewer letters are held out, each sequence is judged several times, with other letters hidden."""
MOST_MASKINGS = 8


class Crop(NamedTuple):
    """A stretch of one of the sequences."""

    index: int
    """Which sequence."""
    begin: int
    """Its first letter, from 0."""
    letters: str


class SideTask(Protocol):
    """A lesson beside the hidden letters: something known of the sequences, told from the same vectors."""

    head: torch.nn.Module
    """What reads the backbone's vectors; learned with it and thrown away afterwards."""

    def loss(
        self, states: torch.Tensor, crops: Sequence[Crop], name: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """The loss, added to that of the hidden letters.

        Args:
            states: of the letters of all crops end to end, some of them hidden: `(letters, width)`.
            crops: which letters these are.
            name: the head that names hidden letters: from states `(n, width)` to logits `(n, vocabulary)`.
        """


def adapt(
    start: Path,
    sequences: Sequence[str],
    held_out: Sequence[str],
    modality: Modality,
    folder: Path,
    settings: AdaptationSettings,
    *,
    from_scratch: bool = False,
    control: Control | None = None,
    device: str = "cpu",
    follow: Callable[[Sequence[AdaptationPoint]], None] = lambda points: None,
    side_task: SideTask | None = None,
) -> AdaptationResult:
    """Train on `sequences`, write a Hugging Face folder, and tell the held-out perplexity before and after.

    Args:
        start: folder of the backbone to continue; with `from_scratch` only its config and tokenizer are used.
        sequences: what to learn from.
        held_out: sequences the perplexity is measured on; not learned from.
        modality: what the letters mean.
        folder: result; its `checkpoint` subfolder lets an interrupted training go on.
        settings: see AdaptationSettings.
        from_scratch: begin with random weights.
        control: progress and stop; what is learned until a stop is saved.
        device: as torch calls it.
        follow: given all points reached so far (see AdaptationPoint) whenever there is a new one; the same points
            come out whether the training was interrupted or not.
        side_task: a lesson with labels beside the hidden letters.

    Raises:
        UserError: the backbone has no mask token, or nothing to learn from.
    """
    control = control or Control()
    if not sequences or not held_out:
        raise UserError(
            f"No sequences to learn from or none to hold out; give at least {FEWEST_SEQUENCES} sequences."
        )
    torch.manual_seed(settings.seed)
    model = _load_masked_model(start, from_scratch)
    tokenizer = Tokenizer(start, modality)
    if tokenizer.mask_id is None:
        raise UserError(
            f"The backbone '{start.name}' has no mask token and cannot be adapted; choose another one."
        )
    encoder = Encoder(getattr(model.to(device), model.base_model_prefix), tokenizer, None)
    trainer = _Trainer(model, encoder, settings, folder, held_out, follow, side_task)
    if not trainer.resume():
        control.step("Judging the backbone as it is", 0, settings.tokens)
        trainer.look()
    trainer.run(sequences, control)
    trainer.save()
    result = judge_losses(
        trainer.losses_before, trainer.held_out_losses(), trainer.tokens, trainer.steps, trainer.seconds
    )
    _save(model, start, folder, result, settings)
    return result


def _load_masked_model(start: Path, from_scratch: bool) -> torch.nn.Module:
    config = AutoConfig.from_pretrained(start, local_files_only=True)
    if config.model_type not in PACKABLE:
        allowed = ", ".join(sorted(PACKABLE))
        raise UserError(
            f"'{start.name}' is a {config.model_type} model; adapting works for {allowed}. Choose one of these."
        )
    if from_scratch:
        config._attn_implementation = "biotl_packed"
        return AutoModelForMaskedLM._model_mapping[type(config)](config)
    return AutoModelForMaskedLM.from_pretrained(
        start, dtype=torch.float32, attn_implementation="biotl_packed", local_files_only=True
    )


class _Trainer:
    """One masked-language-model training and what it has reached so far."""

    def __init__(
        self,
        model: torch.nn.Module,
        encoder: Encoder,
        settings: AdaptationSettings,
        folder: Path,
        held_out: Sequence[str],
        follow: Callable[[Sequence[AdaptationPoint]], None],
        side_task: SideTask | None = None,
    ):
        self.side_task = side_task
        self.learned = torch.nn.ModuleList([model, *([side_task.head] if side_task else [])])
        self.model, self.encoder, self.settings = model, encoder, settings
        self.held_out = list(_held_out_batches(held_out, settings.crop_length))
        self.follow = follow
        judged = sum(len(s) for batch in self.held_out for s in batch)
        self.n_maskings = max(1, min(MOST_MASKINGS, ENOUGH_JUDGED // max(1, judged)))
        self.looks = look_at(settings.tokens, self.n_maskings * judged)
        self.checkpoint = folder / "checkpoint" / "last.pt"
        self.optimizer = torch.optim.AdamW(
            _decayed_groups(self.learned, settings.weight_decay), betas=(0.9, 0.98)
        )
        self.tokens = self.steps = 0
        self.seconds = 0.0
        self.points: list[AdaptationPoint] = []
        self.recent: list[float] = []
        """Loss of each step since the last point."""
        self.losses_before: list[float] = []

    def run(self, sequences: Sequence[str], control: Control) -> None:
        """Train until `settings.tokens` letters are seen."""
        self.model.train()
        batches = _batches(sequences, self.settings, self.steps)
        began, saved, pause = time.monotonic() - self.seconds, time.monotonic(), CHECKPOINT_SECONDS
        while self.tokens < self.settings.tokens:
            self._ask(control)
            batch = next(batches)
            # Dropout draws from torch's generator: a step has its own seed, so that a resumed training repeats it.
            torch.manual_seed(self.settings.seed * 1_000_003 + self.steps)
            loss = self._step(batch)
            self.steps += 1
            self.tokens += sum(len(crop.letters) for crop in batch)
            self.seconds = time.monotonic() - began
            self.recent.append(loss)
            if self.tokens >= next(due for due in self.looks if due > self.points[-1].tokens):
                self.look()
                self.model.train()
            if self.steps % 50 == 0:
                print(
                    f"step {self.steps} tokens {self.tokens} loss {loss:.4f} seconds {self.seconds:.0f}",
                    flush=True,
                )
            if time.monotonic() - saved > pause:
                saving = time.monotonic()
                self.save()
                saved = time.monotonic()
                pause = max(CHECKPOINT_SECONDS, SAVING_SHARE * (saved - saving))
        self.model.eval()

    def _ask(self, control: Control) -> None:
        """Tell how far it is; what was learned until a stop is kept."""
        try:
            control.step("Learning from unlabelled sequences", self.tokens, self.settings.tokens)
        except Stopped:
            self.save()
            raise

    def look(self) -> None:
        """Judge the held-out sequences and note a point; the first is taken before anything was learned."""
        losses = self.held_out_losses()
        self.losses_before = self.losses_before or losses
        loss = float(np.mean(self.recent)) if self.recent else None
        self.points.append(AdaptationPoint(self.steps, self.tokens, loss, math.exp(float(np.mean(losses)))))
        self.recent = []
        self.follow(tuple(self.points))

    def _step(self, batch: list[Crop]) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _schedule(self.tokens / self.settings.tokens)
        generator = np.random.default_rng((self.settings.seed, self.steps))
        with _fast_numbers(self.encoder.device):
            loss, states = self._loss([crop.letters for crop in batch], generator)
            name = _language_head(self.model)
            side = self.side_task.loss(states, batch, name) if self.side_task else 0.0
        (loss + side).backward()
        torch.nn.utils.clip_grad_norm_(self.learned.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _loss(
        self, batch: Sequence[str], generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean cross-entropy at the hidden letters, and the states of all letters `(letters, width)`."""
        tokens = self.encoder.tokenizer.encode(batch)
        hidden, chosen, answers = _hide(tokens, self.encoder.tokenizer.mask_id, generator)
        states = self.encoder.packed_states([hidden], [len(ids) for ids in tokens.ids])
        logits = _language_head(self.model)(states[torch.from_numpy(chosen).to(states.device)]).float()
        loss = functional.cross_entropy(logits, torch.from_numpy(answers).to(states.device))
        return loss, states[torch.from_numpy(_is_letter(tokens)).to(states.device)]

    @torch.no_grad()
    def held_out_losses(self) -> list[float]:
        """The mean loss of each held-out batch, at letters hidden by a fixed rule, the same at every look."""
        self.model.eval()
        maskings = range(self.n_maskings)
        with _fast_numbers(self.encoder.device):
            return [
                float(
                    np.mean([float(self._loss(batch, np.random.default_rng((7, i, m)))[0]) for m in maskings])
                )
                for i, batch in enumerate(self.held_out)
            ]

    def save(self) -> None:
        """Write the checkpoint aside, then put it in place."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.learned.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "tokens": self.tokens,
            "steps": self.steps,
            "seconds": self.seconds,
            "points": [tuple(point) for point in self.points],
            "recent": self.recent,
            "losses_before": self.losses_before,
        }
        aside = self.checkpoint.with_suffix(".new")
        torch.save(state, aside)
        aside.replace(self.checkpoint)

    def resume(self) -> bool:
        """Go on from the checkpoint; False where there is none."""
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.encoder.device)
        self.learned.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.tokens, self.steps, self.seconds = state["tokens"], state["steps"], state["seconds"]
        self.points = [AdaptationPoint(*point) for point in state["points"]]
        self.recent, self.losses_before = state["recent"], state["losses_before"]
        self.follow(tuple(self.points))
        return True


def _hide(
    tokens: Tokens, mask_id: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All token numbers end to end with some letters hidden, the positions of these, and what was there."""
    flat, is_letter = np.concatenate(tokens.ids), _is_letter(tokens)
    chosen = np.flatnonzero(is_letter & (generator.random(len(flat)) < MASKED_SHARE))
    if len(chosen) == 0:
        chosen = generator.choice(np.flatnonzero(is_letter), 1)
    hidden = flat.copy()
    fate = generator.random(len(chosen))
    hidden[chosen[fate < 0.8]] = mask_id
    others = chosen[(fate >= 0.8) & (fate < 0.9)]
    hidden[others] = generator.choice(np.unique(flat[is_letter]), len(others))
    return hidden, chosen, flat[chosen]


def _is_letter(tokens: Tokens) -> np.ndarray:
    """Which of all tokens end to end are letters, not special."""
    ends = np.cumsum([len(ids) for ids in tokens.ids])
    starts = np.concatenate([[0], ends[:-1]])
    found = np.ones(ends[-1], dtype=bool)
    found[(starts[:, None] + np.arange(tokens.n_before)).ravel()] = False
    found[(ends[:, None] - 1 - np.arange(tokens.n_after)).ravel()] = False
    return found


def _batches(sequences: Sequence[str], settings: AdaptationSettings, skip: int) -> Iterator[list[Crop]]:
    """Endless batches of about `batch_tokens` letters, shuffled anew each pass; the first `skip` are passed over.

    Within a batch the short ones come first, so that those of one length lie together.
    """
    n_made, epoch = 0, 0
    while True:
        generator = np.random.default_rng((settings.seed, epoch))
        batch: list[Crop] = []
        total = 0
        for i in generator.permutation(len(sequences)):
            sequence = sequences[i]
            length = _cut(len(sequence), settings.crop_length)
            begin = int(generator.integers(len(sequence) - length + 1))
            batch.append(Crop(int(i), begin, sequence[begin : begin + length]))
            total += length
            if total >= settings.batch_tokens:
                n_made += 1
                if n_made > skip:
                    yield sorted(batch, key=_length)
                batch, total = [], 0
        if batch:
            n_made += 1
            if n_made > skip:
                yield sorted(batch, key=_length)
        epoch += 1


def _length(crop: Crop) -> int:
    return len(crop.letters)


def _cut(length: int, crop_length: int) -> int:
    """Letters to learn from of a sequence: all of a short one, else a multiple of `_GRID`."""
    return min(length if length < 2 * _GRID else length // _GRID * _GRID, crop_length)


def _fast_numbers(device: torch.device) -> AbstractContextManager:
    """bfloat16 for products where the machine computes in it (three times the speed of float32 on such a CPU)."""
    is_there = has_half_products() if device.type == "cpu" else torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16) if is_there else nullcontext()


def _held_out_batches(sequences: Sequence[str], crop_length: int) -> Iterator[list[str]]:
    """Each held-out sequence once, in the order given and cut by a fixed rule, a few hundred letters together."""
    generator = np.random.default_rng(7)
    # Few sequences make small batches, for the interval needs several.
    at_once = min(HELD_OUT_BATCH, sum(min(len(s), crop_length) for s in sequences) / FEWEST_SEQUENCES)
    batch: list[str] = []
    total = judged = 0
    for sequence in sequences:
        begin = int(generator.integers(max(0, len(sequence) - crop_length) + 1))
        batch.append(sequence[begin : begin + crop_length])
        total += len(batch[-1])
        if total >= at_once:
            yield sorted(batch, key=len)
            judged += total
            batch, total = [], 0
        if judged >= MOST_HELD_OUT:
            return
    if batch:
        yield sorted(batch, key=len)


def _schedule(done: float) -> float:
    """Share of the peak step size after a share of the training: warm-up over 5 %, then a cosine to a twentieth."""
    if done < 0.05:
        return max(done, 0.002) / 0.05
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - 0.05) / 0.95)))


def _decayed_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight matrices are pulled towards zero, biases and norms are not."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay, "lr": 0.0},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "lr": 0.0},
    ]


def _language_head(model: torch.nn.Module) -> torch.nn.Module:
    """The part that names the hidden letter."""
    return model.cls if hasattr(model, "cls") else model.lm_head


def _save(
    model: torch.nn.Module, start: Path, folder: Path, result: AdaptationResult, settings: AdaptationSettings
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    AutoTokenizer.from_pretrained(start, local_files_only=True).save_pretrained(folder)
    about = {"result": asdict(result), "settings": asdict(settings)}
    (folder / "adaptation.json").write_text(json.dumps(about, indent=1))
