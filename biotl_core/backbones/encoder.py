"""Encoder: a pretrained backbone that reads sequences without padding.

Sequences are laid end to end in one flat row of tokens (a *pack*); every layer then works on real tokens only, and
attention is computed for each sequence by itself. This is transformers' own model code with one replaced part, the
attention function, so weights, LoRA adapters and gradients are those of the plain library; `tests/test_encoder.py`
holds the parity. Architectures that cannot be packed run as padded batches behind the same interface.
"""

import inspect
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer
from transformers.models.esm import modeling_esm
from transformers.utils import logging as transformers_logging

from biotl_core.backbones.flat_pass import can_read_flat, read_flat
from biotl_core.backbones.matmul import choose_matmul
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

PACKABLE = frozenset({"esm", "bert", "roberta"})
"""Values of `config.model_type` whose packed pass is proved equal to the padded one in the tests."""
PACK_TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 16384}
"""Tokens a pack: small ones stay in the cache of a CPU, large ones keep a graphics card busy."""
_WEIGHTS_AT_ONCE = 2**20
"""Attention weights in memory together on a CPU: four megabytes."""
_LONGEST_EXPLICIT = {"training": 640, "reading": 4096}
"""Tokens of a sequence up to which attention on a CPU is made of plain products; in training their weights are kept."""
_TEST_LETTERS: dict[Modality, str] = {
    "protein": "ACDEFGHIKLMNPQRSTVWY",
    "dna": "ACGT" * 8,  # long enough for a tokenizer of words of six letters to show itself
    "molecule": "CNOPSFIcnosBr()[]=#+-123456@/\\Hl",
}
_ATTENTION_LINEARS = frozenset(
    {"query", "key", "value", "q", "k", "v", "q_proj", "k_proj", "v_proj", "Wqkv", "qkv", "qkv_proj"}
)


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    sequence_lengths: Sequence[int],
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each sequence of a pack.

    Args:
        module: the attention layer (not used; part of transformers' interface).
        query, key, value: `(1, heads, tokens, head_width)`, the sequences laid end to end.
        attention_mask: None in a pack, for there is no padding.
        scaling: factor on the products; None for 1/sqrt(head_width).
        dropout: share of attention weights dropped.
        sequence_lengths: tokens of each sequence; they sum to `tokens`.

    Returns:
        `(1, tokens, heads, head_width)`, and no weights.
    """
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    out = attention_by_sequence(query[0], key[0], value[0], sequence_lengths, scale, dropout)
    return out[None], None


def attention_by_sequence(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lengths: Sequence[int],
    scaling: float,
    dropout: float = 0.0,
) -> torch.Tensor:
    """`(heads, tokens, head_width)` each -> `(tokens, heads, head_width)`; see `packed_attention`."""
    outputs, start = [], 0
    heads, width = query.shape[0], query.shape[2]
    for length, same in groupby(lengths):
        n = len(list(same))
        rows = slice(start, start + n * length)
        # Neighbours of one length share a call: (heads, n * length, width) -> (n, heads, length, width).
        q, k, v = (t[:, rows].unflatten(1, (n, length)).transpose(0, 1) for t in (query, key, value))
        if dropout == 0 and is_explicit(query, length):
            out = explicit_attention(q, k, v, scaling)
        else:
            out = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        outputs.append(out.transpose(1, 2).reshape(n * length, heads, width))
        start = rows.stop
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: Sequence[int]
) -> torch.Tensor:
    """Attention of the flat pass, whose query is scaled already; `(tokens, heads * head_width)`."""
    return attention_by_sequence(query, key, value, lengths, 1.0).flatten(1)


def is_explicit(query: torch.Tensor, length: int) -> bool:
    """Whether attention is quicker as two products and a softmax than as one kernel.

    On a CPU whose products oneDNN makes (see `matmul`), or in bfloat16, it is: the kernel works in blocks too small
    for them. Long sequences keep to the kernel, which does not store their weights.
    """
    is_half = query.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    if query.device.type != "cpu" or not (is_half or choose_matmul()):
        return False
    return length <= _LONGEST_EXPLICIT["training" if query.requires_grad else "reading"]


def explicit_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
    """Softmax of the products, a few heads at a time so that their weights stay near the processor.

    Args:
        q, k, v: `(n, heads, length, width)`.
        scaling: factor on the products.
    """
    n, heads, length, _ = q.shape
    at_once = max(1, min(heads, _WEIGHTS_AT_ONCE // (n * length * length)))
    q = q if scaling == 1.0 else q * scaling
    parts = []
    for first in range(0, heads, at_once):
        own = slice(first, first + at_once)
        weights = (q[:, own] @ k[:, own].transpose(-1, -2)).softmax(dim=-1)
        parts.append(weights @ v[:, own])
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


AttentionInterface.register("biotl_packed", packed_attention)
# The same formula as transformers' four-step version, in one kernel: 1.2 to 1.5 times the speed of whole ESM training
# steps on a CPU. Parity with the four steps is part of the encoder's test.
modeling_esm.gelu = functional.gelu


class Tokens(NamedTuple):
    """Sequences as token numbers, the special tokens included."""

    ids: list[np.ndarray]
    """One int64 array a sequence."""
    n_before: int
    """Special tokens before the first letter."""
    n_after: int
    """Special tokens after the last letter."""

    @property
    def n_letters(self) -> list[int]:
        """Letters of each sequence."""
        return [len(ids) - self.n_before - self.n_after for ids in self.ids]


class Tokenizer:
    """Letters to token numbers: by a table of 256 entries where each letter is a token, else by transformers."""

    def __init__(self, folder: Path, modality: Modality):
        self._slow = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.unknown_id = self._slow.unk_token_id
        self.pad_id = self._slow.pad_token_id or 0
        self.mask_id = self._slow.mask_token_id
        letters = _TEST_LETTERS[modality]
        self._spaced = False
        self._table = self._byte_table(letters)
        first, second = self._encode(letters[0]), self._encode(letters[1])
        self.prefix, self.suffix = _shared_ends(first, second)

    @property
    def is_letterwise(self) -> bool:
        """True where every letter is one token; what tasks per residue need."""
        return self._table is not None

    def encode(self, sequences: Sequence[str], max_length: int | None = None) -> Tokens:
        """Token numbers of each sequence, cut to `max_length` letters."""
        if self._table is None:
            limit = None if max_length is None else max_length + len(self.prefix) + len(self.suffix)
            ids = [np.asarray(self._encode(s, limit), dtype=np.int64) for s in sequences]
        else:
            ids = [self._look_up(s[:max_length]) for s in sequences]
        return Tokens(ids, len(self.prefix), len(self.suffix))

    def _look_up(self, sequence: str) -> np.ndarray:
        letters = self._table[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]
        return np.concatenate([self.prefix, letters, self.suffix])

    def _encode(self, text: str, max_length: int | None = None) -> list[int]:
        text = " ".join(text) if self._spaced else text
        options = {"truncation": True, "max_length": max_length} if max_length else {}
        return self._slow(text, **options)["input_ids"]

    def _byte_table(self, letters: str) -> np.ndarray | None:
        """The table, or None where the tokenizer joins letters into longer tokens."""
        # Spaces are for tokenizers that do not know a word of letters; those that do would be kept from their words.
        self._spaced = self.unknown_id in self._encode(letters)
        n_special = len(self._encode(letters[0])) - 1
        ids = self._encode(letters)
        if len(ids) != len(letters) + n_special or self.unknown_id in ids:
            self._spaced = False
            return None
        self.prefix, self.suffix = _shared_ends(self._encode(letters[0]), self._encode(letters[1]))
        table = np.full(256, self.unknown_id if self.unknown_id is not None else self.pad_id, dtype=np.int64)
        for code in range(33, 127):
            ids = self._encode(chr(code))
            if len(ids) == len(self.prefix) + 1 + len(self.suffix):
                table[code] = ids[len(self.prefix)]
        return table


def _shared_ends(first: list[int], second: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that two encodings begin with and end with alike: the special ones."""
    before = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), len(first))
    pairs = zip(reversed(first), reversed(second), strict=False)
    after = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    return np.array(first[:before], dtype=np.int64), np.array(first[len(first) - after :], dtype=np.int64)


class Pack(NamedTuple):
    """Vectors of the letters of several sequences, end to end, without special tokens."""

    states: torch.Tensor
    """`(letters, width)`; of several layers side by side, `(letters, n_layers * width)`."""
    lengths: torch.Tensor
    """Letters of each sequence, `(n,)` int64; they sum to `letters`."""
    first: torch.Tensor
    """`(n, width)`, or as `states`: the first token of each sequence, which some backbones use as a summary."""


class Encoder(nn.Module):
    """A backbone with its tokenizer, from sequences to a vector for each letter."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, max_length: int | None):
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        """Letters read at most; None for no limit."""
        self.config = model.config

    @property
    def width(self) -> int:
        """Size of the vector at each letter."""
        return self.config.hidden_size

    @property
    def n_layers(self) -> int:
        """Layers above the embedding of the letters."""
        return self.config.num_hidden_layers

    @property
    def is_packed(self) -> bool:
        """True where the unpadded pass is used."""
        return self.config._attn_implementation == "biotl_packed"

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.model.parameters()).device

    def encode(self, sequences: Sequence[str]) -> Tokens:
        """Token numbers, cut to the backbone's `max_length`."""
        return self.tokenizer.encode(sequences, self.max_length)

    def forward(self, tokens: Tokens, layers: Sequence[int] = ()) -> Pack:
        """Vectors of all letters of the sequences, in the order given.

        `layers` are those to read beside the last, which stands at the end: 0 is the embedding of the letters, 1 what
        the first layer gives, and so on.
        """
        lengths = [len(ids) for ids in tokens.ids]
        run = self.packed_states if self.is_packed else self._padded
        flat = run(tokens.ids, lengths, layers)
        ends = np.cumsum(lengths)
        is_letter = np.ones(ends[-1], dtype=bool)
        starts = ends - lengths
        for i in range(tokens.n_before):
            is_letter[starts + i] = False
        for i in range(tokens.n_after):
            is_letter[ends - 1 - i] = False
        n_letters = torch.tensor(lengths, device=flat.device) - tokens.n_before - tokens.n_after
        keep = torch.from_numpy(np.flatnonzero(is_letter)).to(flat.device)
        return Pack(flat[keep], n_letters, flat[torch.from_numpy(starts).to(flat.device)])

    def packed_states(
        self, ids: Sequence[np.ndarray], lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> torch.Tensor:
        """States of all tokens, special ones included, `(tokens, width)`; `ids` end to end have those lengths."""
        flat = torch.from_numpy(np.concatenate(ids))[None].to(self.device)
        places = np.concatenate([np.arange(n) for n in lengths]) + self._first_position
        positions = torch.from_numpy(places)[None].to(self.device)
        if can_read_flat(self.model):
            return read_flat(self.model, flat[0], positions[0], lengths, _attend, layers)
        out = self.model(
            input_ids=flat,
            position_ids=positions,
            sequence_lengths=tuple(lengths),
            **_wish_for(layers),
        )
        return _side_by_side(out, layers)[0]

    def _padded(self, ids: list[np.ndarray], lengths: list[int], layers: Sequence[int]) -> torch.Tensor:
        padded = np.full((len(ids), max(lengths)), self.tokenizer.pad_id, dtype=np.int64)
        for row, tokens in zip(padded, ids, strict=True):
            row[: len(tokens)] = tokens
        is_token = torch.from_numpy(np.arange(max(lengths)) < np.array(lengths)[:, None]).to(self.device)
        batch = torch.from_numpy(padded).to(self.device)
        out = self.model(input_ids=batch, attention_mask=is_token.long(), **_wish_for(layers))
        return _side_by_side(out, layers)[is_token]

    @property
    def _first_position(self) -> int:
        """ESM-1b-like and RoBERTa models count absolute positions from `pad_token_id + 1`."""
        absolute = getattr(self.config, "position_embedding_type", "absolute") == "absolute"
        return (
            self.config.pad_token_id + 1 if absolute and self.config.model_type in ("esm", "roberta") else 0
        )


def _wish_for(layers: Sequence[int]) -> dict[str, bool]:
    return {"output_hidden_states": True} if layers else {}


def _side_by_side(out: Any, layers: Sequence[int]) -> torch.Tensor:
    """The states of the layers and the last, `(batch, tokens, (len(layers) + 1) * width)`."""
    if not layers:
        return out.last_hidden_state
    return torch.cat([*(out.hidden_states[i] for i in layers), out.last_hidden_state], dim=-1)


def load_encoder(
    folder: Path,
    modality: Modality,
    *,
    random_weights: bool = False,
    seed: int = 0,
    max_length: int | None = None,
) -> Encoder:
    """Load a backbone from a Hugging Face folder, in float32 and evaluation mode.

    Args:
        folder: config, tokenizer and safetensors; nothing is fetched.
        modality: what its letters mean.
        random_weights: the same architecture with fresh random weights, never to be called pretrained.
        seed: of the random weights.
        max_length: letters to read at most; None takes the backbone's own limit.

    Raises:
        UserError: the folder holds no backbone that transformers loads without custom code.
    """
    choose_matmul()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        model = _load_model(folder, config, random_weights, seed)
        tokenizer = Tokenizer(folder, modality)
    except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"The folder '{Path(folder).name}' could not be loaded as a backbone ({first_line}). "
            "Choose a folder with config.json, tokenizer files and safetensors of a model that transformers knows."
        ) from error
    built_for = own_limit(config, len(tokenizer.prefix) + len(tokenizer.suffix))
    limits = [limit for limit in (built_for, max_length) if limit is not None]
    return Encoder(model.eval(), tokenizer, min(limits) if limits else None)


def _load_model(folder: Path, config: Any, random_weights: bool, seed: int) -> nn.Module:
    # Of encoder-decoder families such as T5, only the encoder reads.
    encoders = AutoModelForTextEncoding._model_mapping
    architecture = (encoders if type(config) in encoders else AutoModel._model_mapping)[type(config)]
    options: dict[str, Any] = {
        "attn_implementation": "biotl_packed" if config.model_type in PACKABLE else "sdpa"
    }
    if isinstance(architecture, tuple):
        architecture = architecture[0]
    if "add_pooling_layer" in inspect.signature(architecture.__init__).parameters:
        options["add_pooling_layer"] = False
    if not architecture._supports_sdpa:
        options["attn_implementation"] = "eager"
    if not random_weights:
        return architecture.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, use_safetensors=True, **options
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config._attn_implementation = options.pop("attn_implementation")
        return architecture(config, **options)


def own_limit(config: Any, n_special: int) -> int | None:
    """Letters the backbone was built for: its position table, or for rotary and relative models what it declares."""
    longest = getattr(config, "max_position_embeddings", None)
    if longest is None:
        return None
    offset = config.pad_token_id + 1 if config.model_type in ("esm", "roberta") else 0
    return longest - offset - n_special


def attention_linears(model: nn.Module, everywhere: bool = False) -> list[str]:
    """Full names of the linear layers that LoRA is added to: those of attention, or all within the layers."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    in_layers = [name for name in linear if any(part.isdigit() for part in name.split("."))]
    if everywhere:
        return in_layers
    return [name for name in in_layers if name.rsplit(".", 1)[-1] in _ATTENTION_LINEARS]


def packs_of(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices of sequences, longest first, in groups of at most `max_tokens` tokens (one sequence at the least)."""
    pack: list[int] = []
    total = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if pack and total + lengths[i] > max_tokens:
            yield pack
            pack, total = [], 0
        pack.append(i)
        total += lengths[i]
    if pack:
        yield pack
