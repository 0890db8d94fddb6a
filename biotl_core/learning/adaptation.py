"""Masked-language-model training: continue a backbone on one's own unlabelled sequences, or start a new one.

The model sees sequences in which some letters are hidden and learns to name them (masked language modelling, BERT:
Devlin et al. 2019; ESM: Rives et al. 2021). Quality is told as perplexity on sequences held out: of how many letters
it is choosing, on average; 20 would be a guess among all amino acids.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from biotl_core.backbones.encoder import PACKABLE, Encoder, Tokenizer
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.progress import Control

MASKED_SHARE = 0.15
"""Share of letters hidden; of these 80 % become the mask, 10 % another letter, 10 % stay (Devlin et al. 2019)."""
CHECKPOINT_SECONDS = 60


@dataclass(frozen=True)
class AdaptationSettings:
    """Choices of a masked-language-model training."""

    tokens: int
    """Letters to learn from, repeats counted."""
    batch_tokens: int = 8192
    """Letters a step."""
    learning_rate: float = 1e-3
    """Peak step size; it grows over the first twentieth and falls as a cosine."""
    weight_decay: float = 0.01
    crop_length: int = 256
    """Longer sequences are cut to a random stretch of this many letters."""
    seed: int = 0


@dataclass(frozen=True)
class AdaptationResult:
    """What the training reached."""

    perplexity_before: float
    perplexity_after: float
    tokens: int
    steps: int
    seconds: float
    """Of work, interruptions left out."""


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
        control: progress and stop.

    Raises:
        UserError: the backbone has no mask token, or nothing to learn from.
    """
    control = control or Control()
    if not sequences or not held_out:
        raise UserError("No sequences to learn from or none to hold out; give at least 20 sequences.")
    torch.manual_seed(settings.seed)
    model = _load_masked_model(start, from_scratch)
    tokenizer = Tokenizer(start, modality)
    if tokenizer.mask_id is None:
        raise UserError(
            f"The backbone '{start.name}' has no mask token and cannot be adapted; choose another one."
        )
    encoder = Encoder(getattr(model, model.base_model_prefix), tokenizer, None)
    trainer = _Trainer(model, encoder, settings, folder)
    before = trainer.resume() or trainer.perplexity(held_out)
    trainer.perplexity_before = before
    trainer.run(sequences, control)
    after = trainer.perplexity(held_out)
    result = AdaptationResult(before, after, trainer.tokens, trainer.steps, trainer.seconds)
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

    def __init__(self, model: torch.nn.Module, encoder: Encoder, settings: AdaptationSettings, folder: Path):
        self.model, self.encoder, self.settings = model, encoder, settings
        self.checkpoint = folder / "checkpoint" / "last.pt"
        self.optimizer = torch.optim.AdamW(_decayed_groups(model, settings.weight_decay), betas=(0.9, 0.98))
        self.tokens = self.steps = 0
        self.seconds = 0.0
        self.perplexity_before = math.nan

    def run(self, sequences: Sequence[str], control: Control) -> None:
        """Train until `settings.tokens` letters are seen."""
        self.model.train()
        batches = _batches(sequences, self.settings, self.steps)
        began, saved = time.monotonic() - self.seconds, time.monotonic()
        while self.tokens < self.settings.tokens:
            control.step("Learning from unlabelled sequences", self.tokens, self.settings.tokens)
            batch = next(batches)
            loss = self._step(batch)
            self.steps += 1
            self.tokens += sum(map(len, batch))
            self.seconds = time.monotonic() - began
            if self.steps % 50 == 0:
                print(
                    f"step {self.steps} tokens {self.tokens} loss {loss:.4f} seconds {self.seconds:.0f}",
                    flush=True,
                )
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        self.model.eval()

    def _step(self, batch: list[str]) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _schedule(self.tokens / self.settings.tokens)
        generator = np.random.default_rng((self.settings.seed, self.steps))
        loss = self._loss(batch, generator)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _loss(self, batch: list[str], generator: np.random.Generator) -> torch.Tensor:
        """Mean cross-entropy at the hidden letters."""
        batch = sorted(batch, key=len)
        tokens = self.encoder.tokenizer.encode(batch)
        letters = np.unique(
            np.concatenate([ids[tokens.n_before : len(ids) - tokens.n_after] for ids in tokens.ids])
        )
        hidden, answers, where = [], [], []
        offset = 0
        for ids in tokens.ids:
            masked, chosen = _hide(ids, tokens, letters, self.encoder.tokenizer.mask_id, generator)
            hidden.append(masked)
            answers.append(ids[chosen])
            where.append(chosen + offset)
            offset += len(ids)
        out = self.encoder._packed(hidden, [len(ids) for ids in hidden])
        device = out.device
        states = out[torch.from_numpy(np.concatenate(where)).to(device)]
        logits = _language_head(self.model)(states)
        return functional.cross_entropy(logits, torch.from_numpy(np.concatenate(answers)).to(device))

    @torch.no_grad()
    def perplexity(self, sequences: Sequence[str]) -> float:
        """exp of the mean loss at letters hidden by a fixed rule, the same before and after."""
        self.model.eval()
        losses = []
        batches = _batches(sequences, AdaptationSettings(tokens=1, crop_length=self.settings.crop_length), 0)
        for i in range(min(16, max(1, len(sequences) // 8))):
            losses.append(float(self._loss(next(batches), np.random.default_rng((7, i)))))
        return math.exp(float(np.mean(losses)))

    def save(self) -> None:
        """Write the checkpoint aside, then put it in place."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "tokens": self.tokens,
            "steps": self.steps,
            "seconds": self.seconds,
            "perplexity_before": self.perplexity_before,
        }
        aside = self.checkpoint.with_suffix(".new")
        torch.save(state, aside)
        aside.replace(self.checkpoint)

    def resume(self) -> float | None:
        """Go on from the checkpoint, if there is one; its perplexity before training."""
        if not self.checkpoint.exists():
            return None
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.tokens, self.steps, self.seconds = state["tokens"], state["steps"], state["seconds"]
        return state["perplexity_before"]


def _hide(
    ids: np.ndarray, tokens: Any, letters: np.ndarray, mask_id: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Token numbers with some letters hidden, and the positions of these."""
    inner = np.arange(tokens.n_before, len(ids) - tokens.n_after)
    chosen = inner[generator.random(len(inner)) < MASKED_SHARE]
    if len(chosen) == 0 and len(inner):
        chosen = generator.choice(inner, 1)
    masked = ids.copy()
    fate = generator.random(len(chosen))
    masked[chosen[fate < 0.8]] = mask_id
    others = chosen[(fate >= 0.8) & (fate < 0.9)]
    masked[others] = generator.choice(letters, len(others))
    return masked, chosen


def _batches(sequences: Sequence[str], settings: AdaptationSettings, skip: int) -> Iterator[list[str]]:
    """Endless batches of about `batch_tokens` letters, shuffled anew each pass; the first `skip` are passed over."""
    n_made, epoch = 0, 0
    while True:
        generator = np.random.default_rng((settings.seed, epoch))
        batch: list[str] = []
        total = 0
        for i in generator.permutation(len(sequences)):
            sequence = sequences[i]
            spare = len(sequence) - settings.crop_length
            begin = int(generator.integers(spare + 1)) if spare > 0 else 0
            batch.append(sequence[begin : begin + settings.crop_length])
            total += len(batch[-1])
            if total >= settings.batch_tokens:
                n_made += 1
                if n_made > skip:
                    yield batch
                batch, total = [], 0
        if batch:
            n_made += 1
            if n_made > skip:
                yield batch
        epoch += 1


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
