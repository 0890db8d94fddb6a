"""Encoder: a pretrained backbone that reads sequences without padding.

Sequences are laid end to end in one flat row of tokens (a *pack*); every layer then works on real tokens only, and
attention is computed for each sequence by itself. This is transformers' own model code with one replaced part, the
attention function, so weights, LoRA adapters and gradients are those of the plain library; `tests/test_encoder.py`
holds the parity. Architectures that cannot be packed run as padded batches behind the same interface.
"""

import inspect
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from peft import PeftModel
from torch import nn
from torch.nn import functional
from transformers import (
    AttentionInterface,
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    BitsAndBytesConfig,
)
from transformers.models.esm import modeling_esm
from transformers.utils import logging as transformers_logging

from biotl_core.backbones.attention import packed_attention
from biotl_core.backbones.flat_pass import can_read_flat, read_flat
from biotl_core.backbones.matmul import choose_matmul
from biotl_core.backbones.tokenizer import Tokenizer, Tokens
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

PACKABLE = frozenset({"esm", "bert", "roberta"})
"""Values of `config.model_type` whose packed pass is proved equal to the padded one in the tests."""
PACK_TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 16384}
"""Tokens a pack: small ones stay in the cache of a CPU, large ones keep a graphics card busy."""
_ATTENTION_LINEARS = frozenset(
    {"query", "key", "value", "q", "k", "v", "q_proj", "k_proj", "v_proj", "Wqkv", "qkv", "qkv_proj"}
)

AttentionInterface.register("biotl_packed", packed_attention)
# The same formula as transformers' four-step version, in one kernel: 1.2 to 1.5 times the speed of whole ESM training
# steps on a CPU. Parity with the four steps is part of the encoder's test.
modeling_esm.gelu = functional.gelu


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
        self.fixed_layers = 0
        """Layers, from the lowest, that do not learn: what they make of a sequence can be kept."""
        self.bits: int | None = None
        """Bits of each weight of the linear layers where they were loaded in few; None for whole numbers."""
        self.allows_half = True
        """Whether reading may be in half precision where the device has it."""
        self.agrees_in_half: bool | None = None
        """Whether its vectors in half precision are as good; None before anyone asked (see `embeddings.reads_half`)."""

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
        if tokens.kept is not None:
            flat = self._upper_states(tokens.kept, lengths, layers)
        else:
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
        positions = self._positions(lengths)
        if can_read_flat(self.model):
            return read_flat(self.model, flat[0], positions[0], lengths, layers)
        out = self.model(
            input_ids=flat,
            position_ids=positions,
            sequence_lengths=tuple(lengths),
            **_wish_for(layers),
        )
        return _side_by_side(out, layers)[0]

    def kept_layers(self, layers: Sequence[int] = ()) -> tuple[int, ...]:
        """Layers whose states are enough to go on from: the highest that does not learn, and those read below it."""
        return (*(i for i in layers if i < self.fixed_layers), self.fixed_layers)

    def lower_states(self, tokens: Tokens, layers: Sequence[int] = ()) -> torch.Tensor:
        """States of the `kept_layers` of all tokens, special ones included: `(tokens, n_kept * width)`.

        They are what `Tokens.kept` holds; `forward` goes on from there when asked for the same `layers`.
        """
        lengths = [len(ids) for ids in tokens.ids]
        return self.packed_states(tokens.ids, lengths, self.kept_layers(layers))[:, : -self.width]

    def _upper_states(
        self, kept: Sequence[np.ndarray], lengths: Sequence[int], layers: Sequence[int]
    ) -> torch.Tensor:
        """What `packed_states` gives, from the kept states of the lower layers."""
        below = torch.from_numpy(np.concatenate(kept)).to(self.device)
        seen = dict(zip(self.kept_layers(layers), below.split(self.width, dim=1), strict=True))
        # Adapters sit within the layers, so the model below a wrapping of peft is the adapted one.
        model = self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
        states, options = seen[self.fixed_layers][None], {"sequence_lengths": tuple(lengths)}
        if getattr(self.config, "position_embedding_type", None) == "rotary":
            options["position_embeddings"] = model.rotary_embeddings(states, self._positions(lengths))
        for i, layer in enumerate(model.encoder.layer[self.fixed_layers :], self.fixed_layers + 1):
            states = layer(states, attention_mask=None, **options)
            seen[i] = states[0]
        final = getattr(model.encoder, "emb_layer_norm_after", None)
        last = states[0] if final is None else final(states[0])
        return torch.cat([*(seen[i] for i in layers), last], dim=-1)

    def _positions(self, lengths: Sequence[int]) -> torch.Tensor:
        """The place of each token in its sequence, as the backbone counts: `(1, tokens)`."""
        places = np.concatenate([np.arange(n) for n in lengths]) + self._first_position
        return torch.from_numpy(places)[None].to(self.device)

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
    bits: int | None = None,
    device: torch.device | str = "cpu",
) -> Encoder:
    """Load a backbone from a Hugging Face folder, in float32 and evaluation mode.

    Args:
        folder: config, tokenizer and safetensors; nothing is fetched.
        modality: what its letters mean.
        random_weights: the same architecture with fresh random weights, never to be called pretrained.
        seed: of the random weights.
        max_length: letters to read at most; None takes the backbone's own limit.
        bits: 8 or 4 for linear layers whose weights are kept in so few (bitsandbytes); None for whole numbers.
        device: where weights of few bits go, since they are made there; others stay on the processor.

    Raises:
        UserError: the folder holds no backbone that transformers loads without custom code.
    """
    choose_matmul()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        quantized = None if bits is None or random_weights else _few_bits(bits, device)
        model = _load_model(folder, config, random_weights, seed, quantized)
        tokenizer = Tokenizer(folder, modality)
    except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"The folder '{Path(folder).name}' could not be loaded as a backbone ({first_line}). "
            "Choose a folder with config.json, tokenizer files and safetensors of a model that transformers knows."
        ) from error
    built_for = own_limit(config, len(tokenizer.prefix) + len(tokenizer.suffix))
    limits = [limit for limit in (built_for, max_length) if limit is not None]
    encoder = Encoder(model.eval(), tokenizer, min(limits) if limits else None)
    encoder.bits = None if quantized is None else bits  # random weights are made whole
    return encoder


def _few_bits(bits: int, device: torch.device | str) -> dict[str, Any]:
    """Options that make transformers load linear layers in few bits."""
    if find_spec("bitsandbytes") is None:
        raise UserError(
            f"Weights of {bits} bits need the package bitsandbytes, which is not installed. Install it with "
            "'pip install -r requirements-quantized.txt', or choose weights 'full'."
        )
    half = torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16
    if bits == 8:  # a threshold would make what a sequence becomes depend on its company in the pack
        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)
    else:
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=half)
    return {"quantization_config": config, "device_map": {"": str(device)}}


def _load_model(
    folder: Path, config: Any, random_weights: bool, seed: int, quantized: dict[str, Any] | None
) -> nn.Module:
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
        options |= {"local_files_only": True, "use_safetensors": True, **(quantized or {})}
        return architecture.from_pretrained(folder, config=config, dtype=torch.float32, **options)
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


def below_layer(model: nn.Module, n_layers: int) -> list[str]:
    """Names of the weights of the lowest layers and of the embedding of the letters below them."""

    def is_below(name: str) -> bool:
        place = next((int(part) for part in name.split(".") if part.isdigit()), None)
        return "embed" in name or "shared" in name if place is None else place < n_layers

    return [name for name, _ in model.named_parameters() if is_below(name)]


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
