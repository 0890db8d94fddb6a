"""Races: the engine beside the usual ways to run a backbone, in one process, in turn, on the same sequences.

The backbones have the shapes of ESM-2 and random weights made on the spot: speed does not depend on what weights know.
Rivals run as a user would meet them: without this project's switches (see `backbones.matmul`), with the GELU of
transformers, and with its tokenizer. The loop of fair-esm's `extract.py` and that of biotrainer are retold here in
transformers' model: sorted sequences in batches by a budget of padded tokens, the first with attention that is written
out (eager), the second with a budget as large as its rule gives on a machine with 20 GB free.
"""

import math
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import EsmConfig, EsmForMaskedLM, EsmModel, EsmTokenizer
from transformers.models.esm import modeling_esm

from biotl_core.backbones.embeddings import MemoryStore, embed, reads_half
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.backbones.likelihood import letter_log_probabilities, load_masked_model

SHAPES: dict[str, tuple[int, int, int]] = {"8m": (6, 320, 20), "35m": (12, 480, 20), "650m": (33, 1280, 20)}
"""Layers, width and heads of ESM-2; the inner width is four times the width."""
LETTERS = "LAGVSERTIDPKQNFYMHWC"
_VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *LETTERS, *"XBUZO.-", "<null_1>", "<mask>"]
_EXTRACT_TOKENS, _BUDGET_TOKENS = 4096, 16384
OURS = "BioTL"


@dataclass(frozen=True)
class Contestant:
    """One way to do the work, and what it took."""

    name: str
    seconds: tuple[float, ...]
    """Of each repeat; of the processor (user and system), on a graphics card of the clock."""

    @property
    def median(self) -> float:
        """The middle repeat."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Race:
    """A finished race."""

    work: str
    contestants: tuple[Contestant, ...]
    """The engine first."""
    n_tokens: int
    """Real tokens worked through in each repeat."""
    useful_gflop: float
    """That the real tokens need: 10^9 FLOPs."""
    peak_gflops: float
    """Of a large float32 product, 10^9 FLOPs a second and core, made by the quicker of the two libraries."""
    parity: float | None
    """Relative difference of the engine's float32 numbers from transformers'; None where the race has none."""
    peak_memory_gb: float
    """Of the process, all contestants together; on a graphics card what was allotted there."""
    cosine: float | None = None
    """The smallest cosine of the engine's vectors in half precision with transformers'; None where it has none."""

    def rows(self) -> list[dict[str, float | str]]:
        """A row a contestant: seconds, tokens a second, times as long as the engine, share of the peak."""
        own = self.contestants[0].median
        return [
            {
                "way": c.name,
                "seconds": c.median,
                "tokens_per_second": self.n_tokens / c.median,
                "times_as_long": c.median / own,
                "share_of_peak": self.useful_gflop / c.median / self.peak_gflops,
            }
            for c in self.contestants
        ]


def prepare_device(name: str, threads: int) -> None:
    """Threads of the processor and what else is set once a process."""
    torch.set_num_threads(max(1, threads))
    if name.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(name)


def draw_lengths(n: int, seed: int = 0) -> list[int]:
    """Lengths as proteins have them: log-normal with median 300, cut to 50 to 1000."""
    drawn = np.random.default_rng(seed).normal(math.log(300), 0.6, n)
    return np.clip(np.exp(drawn).astype(int), 50, 1000).tolist()


def draw_proteins(lengths: Sequence[int], seed: int = 1) -> list[str]:
    """Random letters."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list(LETTERS), n)) for n in lengths]


def forward_gflop(n_tokens: Sequence[int], layers: int, width: int) -> float:
    """10^9 FLOPs to read sequences of so many tokens: `layers * (24 width^2 n + 4 n^2 width)` each.

    >>> forward_gflop([100], 2, 10)
    0.00128
    """
    n = np.asarray(n_tokens, dtype=np.float64)
    return float(layers * (24 * width**2 * n + 4 * width * n**2).sum()) / 1e9


def make_backbone(folder: Path, shape: tuple[int, int, int], seed: int = 0) -> Path:
    """A Hugging Face folder of an ESM-2 with random weights."""
    layers, width, heads = shape
    (folder / "vocab.txt").write_text("\n".join(_VOCABULARY))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = EsmConfig(
        vocab_size=len(_VOCABULARY), hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * width, max_position_embeddings=1026, position_embedding_type="rotary",
        token_dropout=True, pad_token_id=1, mask_token_id=len(_VOCABULARY) - 1, layer_norm_eps=1e-5,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, emb_layer_norm_before=False,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        EsmForMaskedLM(config).save_pretrained(folder)
    return folder


@contextmanager
def as_released() -> Iterator[None]:
    """transformers and torch as they come, without what this project changes in this process."""
    switch, own = torch.backends.mkldnn.matmul, modeling_esm.gelu
    was = switch.fp32_precision
    modeling_esm.gelu = lambda x: x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))
    switch.fp32_precision = "none"
    try:
        yield
    finally:
        modeling_esm.gelu, switch.fp32_precision = own, was


def run_in_turn(
    ways: dict[str, Callable[[], object]], repeats: int, device: torch.device
) -> tuple[Contestant, ...]:
    """All ways in turn, `repeats` times; whoever is not `OURS` runs as released."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            began = processor_seconds(device)
            if name.startswith(OURS):
                way()
            else:
                with as_released():
                    way()
            seconds[name].append(processor_seconds(device) - began)
    return tuple(Contestant(name, tuple(taken)) for name, taken in seconds.items())


def processor_seconds(device: torch.device) -> float:
    """Seconds of the processor so far, user and system; of the clock where a graphics card works."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_peak(device: torch.device) -> float:
    """10^9 FLOPs a second of large float32 products `(2048, 1280) @ (1280, 5120)`, the best of three."""
    a, b = torch.randn(2048, 1280, device=device), torch.randn(1280, 5120, device=device)
    best = math.inf
    for _ in range(4):
        began = processor_seconds(device)
        a @ b
        best = min(best, max(processor_seconds(device) - began, 1e-9))
    return 2 * 2048 * 1280 * 5120 / best / 1e9


def race_embedding(shape: str, lengths: Sequence[int], repeats: int, device_name: str) -> Race:
    """Mean vectors of sequences: this engine, and five ways of others."""
    device = torch.device(device_name)
    with tempfile.TemporaryDirectory() as name:
        folder = make_backbone(Path(name), SHAPES[shape])
        sequences = draw_proteins(lengths)
        encoder, whole = (load_encoder(folder, "protein").to(device) for _ in range(2))
        whole.allows_half = False
        has_half = reads_half(encoder, "sequence")
        plain, eager = (plain_model(folder, kind).to(device) for kind in ("sdpa", "eager"))
        tokenizer = EsmTokenizer.from_pretrained(folder)

        def padded(model: nn.Module, batches: list[list[int]]) -> list[torch.Tensor]:
            with torch.inference_mode():
                found = {
                    i: row
                    for b in batches
                    for i, row in zip(
                        b, mean_vectors(model, tokenizer, [sequences[i] for i in b]), strict=True
                    )
                }
            return [found[i] for i in range(len(sequences))]

        alone = [[i] for i in range(len(sequences))]
        ways = {
            f"{OURS}, bfloat16" if has_half else OURS: lambda: _own_means(encoder, sequences),
            **({f"{OURS}, float32": lambda: _own_means(whole, sequences)} if has_half else {}),
            "transformers, padded batches of 8": lambda: padded(plain, in_order(len(sequences), 8)),
            "transformers, one at a time": lambda: padded(plain, alone),
            "transformers, sorted, 4,096 tokens": lambda: padded(plain, _budgeted(lengths, _EXTRACT_TOKENS)),
            "loop of fair-esm (sorted, 4,096 tokens, eager)": lambda: padded(
                eager, _budgeted(lengths, _EXTRACT_TOKENS)
            ),
            "loop of biotrainer (sorted, 16,384 tokens)": lambda: padded(
                plain, _budgeted(lengths, _BUDGET_TOKENS)
            ),
        }
        few = sequences[:4]
        with torch.inference_mode(), as_released():
            expected = torch.cat([mean_vectors(plain, tokenizer, [s]) for s in few]).cpu().numpy()
        parity = float(np.linalg.norm(_own_means(whole, few) - expected) / np.linalg.norm(expected))
        cosine = _smallest_cosine(_own_means(encoder, few), expected) if has_half else None
        tokens = [n + 2 for n in lengths]
        contestants = run_in_turn(ways, repeats, device)
        work = forward_gflop(tokens, *SHAPES[shape][:2])
        return Race(
            f"embed {shape}",
            contestants,
            sum(tokens),
            work,
            measure_peak(device),
            parity,
            memory_gb(device),
            cosine,
        )


def race_scanning(shape: str, length: int, repeats: int, device_name: str) -> Race:
    """Every substitution of one protein by masked marginals: this engine, one masked copy at a time, and eight."""
    device = torch.device(device_name)
    with tempfile.TemporaryDirectory() as name:
        folder = make_backbone(Path(name), SHAPES[shape])
        sequence = draw_proteins([length])[0]
        own = load_masked_model(folder, "protein")
        own.encoder.to(device), own.head.to(device)
        model = EsmForMaskedLM.from_pretrained(folder, attn_implementation="sdpa").eval().to(device)
        tokenizer = EsmTokenizer.from_pretrained(folder)
        letters = tokenizer.convert_tokens_to_ids(list(own.letters))

        def masked(at_once: int) -> np.ndarray:
            ids = tokenizer([sequence], return_tensors="pt")["input_ids"].to(device)
            rows = []
            with torch.inference_mode():
                for places in in_order(length, at_once):
                    copies, at = ids.repeat(len(places), 1), torch.tensor(places) + 1
                    copies[torch.arange(len(places)), at] = tokenizer.mask_token_id
                    logits = model(input_ids=copies, attention_mask=torch.ones_like(copies)).logits
                    rows.append(
                        logits[torch.arange(len(places)), at][:, letters].double().log_softmax(1).cpu()
                    )
            return torch.cat(rows).numpy()

        ways = {
            OURS: lambda: letter_log_probabilities(own, [sequence], "masked"),
            "transformers, one masked copy at a time": lambda: masked(1),
            "transformers, 8 masked copies at a time": lambda: masked(8),
            f"{OURS}, wild-type marginals (another, quicker answer)": lambda: letter_log_probabilities(
                own, [sequence], "wild_type"
            ),
        }
        with as_released():
            expected = masked(8)
        found = letter_log_probabilities(own, [sequence], "masked")[0]
        parity = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
        contestants = run_in_turn(ways, repeats, device)
        work = forward_gflop([length + 2] * length, *SHAPES[shape][:2])
        n_tokens = length * (length + 2)
        return Race(
            f"scan {shape}", contestants, n_tokens, work, measure_peak(device), parity, memory_gb(device)
        )


def _smallest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).min())


def _own_means(encoder: Encoder, sequences: list[str]) -> np.ndarray:
    return np.concatenate(embed(encoder, sequences, "sequence", MemoryStore()))[:, : encoder.width]


def plain_model(folder: Path, attention: str) -> nn.Module:
    """The ESM of a folder as transformers runs it, with that kind of attention."""
    return EsmModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation=attention).eval()


def mean_vectors(model: nn.Module, tokenizer: EsmTokenizer, sequences: list[str]) -> torch.Tensor:
    """Mean vectors of the letters, `(n, width)`, from one padded batch."""
    batch = tokenizer(sequences, padding=True, return_tensors="pt").to(model.device)
    states = model(**batch).last_hidden_state
    is_letter = batch["attention_mask"].clone()
    is_letter[:, 0] = 0
    is_letter[torch.arange(len(sequences)), batch["attention_mask"].sum(1) - 1] = 0
    return (states * is_letter[..., None]).sum(1) / is_letter.sum(1, keepdim=True)


def in_order(n: int, at_once: int) -> list[list[int]]:
    """Indices in batches, as they come."""
    return [list(range(i, min(i + at_once, n))) for i in range(0, n, at_once)]


def _budgeted(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Longest first, in batches of at most so many tokens, padding included."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and (lengths[batches[-1][0]] + 2) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def memory_gb(device: torch.device) -> float:
    """The peak of the process so far, or of what was allotted on a graphics card."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
