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
from biotl_core.backbones.matmul import choose_matmul


def can_read_flat(model: nn.Module) -> bool:
    """An ESM-2-like model as transformers made it: rotary positions, plain linear layers (no adapters), no dropout
    at work, nobody who asks for gradients or mixed precision, on a processor whose products oneDNN makes."""
    if torch.is_grad_enabled() or not isinstance(model, EsmModel) or not choose_matmul():
        return False
    if torch.is_autocast_enabled("cpu"):  # numbers of two kinds, which the joined operations do not take
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
    """The last hidden states of sequences laid end to end.

    Args:
        model: see `can_read_flat`.
        ids: token numbers `(tokens,)`.
        positions: place of each token in its sequence, `(tokens,)`.
        lengths: tokens of each sequence; they sum to `tokens`.
        layers: those to give beside the last, before it; 0 is the embedding of the letters.

    Returns:
        `(tokens, width * (len(layers) + 1))`.
    """
    states = model.embeddings(input_ids=ids[None], position_ids=positions[None])[0]
    turns = _turns(model, positions)
    seen = [states]
    for layer in model.encoder.layer:
        states = _read_layer(layer, states, turns, lengths)
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
    layer: nn.Module, states: torch.Tensor, turns: torch.Tensor, lengths: Sequence[int]
) -> torch.Tensor:
    own = layer.attention.self
    heads, width = own.num_attention_heads, own.attention_head_size
    weight, bias = _joined(own, heads, width)
    both = _product(layer.attention.LayerNorm(states), weight, bias)
    by_head = both.view(len(states), 3 * heads, width).transpose(0, 1)
    turned = torch.view_as_complex(by_head[: 2 * heads].reshape(2 * heads, len(states), width // 2, 2))
    turned.mul_(turns)
    query_key = torch.view_as_real(turned).view(2 * heads, len(states), width)
    found = attention_by_sequence(
        query_key[:heads], query_key[heads:], by_head[2 * heads :], lengths, scaling=1.0
    )  # the query is scaled already
    states = _sum(found.flatten(1), layer.attention.output.dense, states)
    first = layer.intermediate.dense
    inner = _product(layer.LayerNorm(states), first.weight, first.bias, "gelu")
    return _sum(inner, layer.output.dense, states)


def _product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, activation: str = "none"
) -> torch.Tensor:
    """`activation(x @ weight.T + bias)` in one call; the exact GELU."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "none")


def _sum(x: torch.Tensor, linear: nn.Linear, other: torch.Tensor) -> torch.Tensor:
    """`linear(x) + other` in one call."""
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
