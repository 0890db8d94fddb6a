"""Reading with an ESM backbone in one flat pass: the formulas of transformers' model with fewer trips through memory.

Query, key and value come from one product; rotary positions are one complex multiplication, for which the rows of the
query and key weights are ordered so that the two halves of each turned pair lie side by side (a product of query and
key does not depend on that order); oneDNN adds biases, sums and activations as it writes a product. The weights are the
model's own at each call, nothing is kept, so a model that learns between two readings is read as it is.
`tests/test_encoder.py` holds the parity.
"""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import EsmModel

from biotl_core.backbones.attention import attention_by_sequence
from biotl_core.backbones.matmul import choose_matmul, has_half_products


def can_read_flat(model: nn.Module) -> bool:
    """A model that `is_flat`, nobody who asks for gradients, and a processor whose products oneDNN makes.

    Under autocast to bfloat16 the products are made in it, where the processor has them.
    """
    if torch.is_grad_enabled():
        return False
    is_quick = has_half_products() if torch.is_autocast_enabled("cpu") else choose_matmul()
    return is_quick and is_flat(model)


def is_flat(model: nn.Module) -> bool:
    """An ESM-2-like model on the processor as transformers made it: rotary positions, plain linear layers (no
    adapters), no dropout at work."""
    if not isinstance(model, EsmModel):
        return False
    weight = model.embeddings.word_embeddings.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    config = model.config
    drops = config.hidden_dropout_prob or config.attention_probs_dropout_prob
    is_plain = all(type(layer.attention.self.query) is nn.Linear for layer in model.encoder.layer)
    return config.position_embedding_type == "rotary" and is_plain and not (model.training and drops)


def read_flat(
    model: EsmModel,
    ids: torch.Tensor,
    positions: torch.Tensor,
    lengths: Sequence[int],
    layers: Sequence[int] = (),
) -> torch.Tensor:
    """The last hidden states of sequences laid end to end, float32; under autocast their products are of bfloat16.

    Args:
        model: see `can_read_flat`.
        ids: token numbers `(tokens,)`.
        positions: place of each token in its sequence, `(tokens,)`.
        lengths: tokens of each sequence; they sum to `tokens`.
        layers: those to give beside the last, before it; 0 is the embedding of the letters.

    Returns:
        `(tokens, width * (len(layers) + 1))`.
    """
    kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
    with torch.autocast("cpu", enabled=False):  # which number is of which kind is said here
        states = model.embeddings(input_ids=ids[None], position_ids=positions[None])[0]
        turns = _turns(model, positions)
        seen = [states]
        for layer in model.encoder.layer:
            states = _read_layer(layer, states, turns, lengths, kind)
            seen.append(states if layers else None)
        final = model.encoder.emb_layer_norm_after
        seen[-1] = states if final is None else final(states)
        return torch.cat([seen[i] for i in (*layers, -1)], dim=-1) if layers else seen[-1]


def _turns(model: EsmModel, positions: torch.Tensor) -> torch.Tensor:
    """Rotary turns as complex numbers, `(1, tokens, 1, head_width / 2)`."""
    frequencies = model.rotary_embeddings.inv_freq.float()
    angles = positions[:, None].float() * frequencies
    return torch.polar(torch.ones_like(angles), angles)[None]


def _read_layer(
    layer: nn.Module, states: torch.Tensor, turns: torch.Tensor, lengths: Sequence[int], kind: torch.dtype
) -> torch.Tensor:
    own = layer.attention.self
    heads, width = own.num_attention_heads, own.attention_head_size
    both = _product(layer.attention.LayerNorm(states).to(kind), *_joined(own, heads, width))
    by_head = both.view(len(states), 3 * heads, width).transpose(0, 1)
    # Complex numbers are of float32.
    pairs = by_head[: 2 * heads].float().reshape(2 * heads, len(states), width // 2, 2)
    turned = torch.view_as_complex(pairs).mul_(turns)
    query_key = torch.view_as_real(turned).view(2 * heads, len(states), width).to(kind)
    found = attention_by_sequence(
        query_key[:heads], query_key[heads:], by_head[2 * heads :], lengths, scaling=1.0
    )  # the query is scaled already
    states = _sum(found.flatten(1), layer.attention.output.dense, states)
    first = layer.intermediate.dense
    inner = _product(layer.LayerNorm(states).to(kind), first.weight, first.bias, "gelu")
    return _sum(inner, layer.output.dense, states)


def _product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, activation: str = "none"
) -> torch.Tensor:
    """`activation(x @ weight.T + bias)` in one call, of the kind of `x`; the exact GELU."""
    weight, bias = weight.to(x.dtype), bias.to(x.dtype)
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "none")


def _sum(x: torch.Tensor, linear: nn.Linear, other: torch.Tensor) -> torch.Tensor:
    """`linear(x) + other`, of the kind of `other`; in one call where both are of one kind."""
    if x.dtype != other.dtype:
        return other + _product(x, linear.weight, linear.bias)
    return torch.ops.mkldnn._linear_pointwise.binary(x, other, linear.weight, linear.bias, "add")


def _joined(own: nn.Module, heads: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Query, key and value weights one below the other, the query scaled, turned pairs side by side."""
    scale = width**-0.5
    parts = (own.query.weight * scale, own.key.weight), (own.query.bias * scale, own.key.bias)
    weights, biases = (
        [part.view(heads, 2, width // 2, -1).transpose(1, 2).reshape(part.shape) for part in kind]
        for kind in parts
    )
    return torch.cat([*weights, own.value.weight]), torch.cat([*biases, own.value.bias])
