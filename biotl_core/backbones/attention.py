"""Attention within each sequence of a pack, as transformers' models call it under the name "biotl_packed"."""

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface

from biotl_core.backbones.matmul import choose_matmul

_WEIGHTS_AT_ONCE = 2**20
"""Attention weights in memory together on a CPU: four megabytes."""
_LONGEST_EXPLICIT = {"training": 640, "reading": 4096}
"""Tokens of a sequence up to which attention on a CPU is made of plain products; in training their weights are kept."""

_SMALLEST_SUM, _LARGEST_SUM = 1e-30, 1e30
"""Of the weights before they are brought to 1; beyond these digits are lost."""


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
    if dropout == 0 and has_varlen(query):
        return varlen_attention(query, key, value, lengths, scaling)
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


def has_varlen(query: torch.Tensor) -> bool:
    """Whether the graphics card has torch's kernel for sequences of many lengths (Ampere and later, half precision)."""
    if query.device.type != "cuda" or query.dtype not in (torch.bfloat16, torch.float16):
        return False
    return query.shape[2] % 8 == 0 and torch.cuda.get_device_capability(query.device) >= (8, 0)


def varlen_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: Sequence[int], scaling: float
) -> torch.Tensor:
    """All sequences of a pack in one call, whatever their lengths; shapes as in `attention_by_sequence`."""
    ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=query.device)
    q, k, v = (t.transpose(0, 1).contiguous() for t in (query, key, value))
    return varlen_attn(q, k, v, ends, ends, max(lengths), max(lengths), scale=scaling)


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
        parts.append(_weighed(q[:, own], k[:, own].transpose(-1, -2), v[:, own]))
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _weighed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """`softmax(q @ k) @ v`.

    torch finds the largest of bfloat16 numbers slower than it raises e to them. Where nobody learns it is taken off
    only in the rows where a sum of weights, which comes out of the same product as one column more, says that it must
    be; a row never depends on what else is in the pack.
    """
    if q.dtype != torch.bfloat16 or torch.is_grad_enabled():
        return (q @ k).softmax(dim=-1) @ v
    found = (q @ k).exp_() @ torch.cat([v, v.new_ones(*v.shape[:-1], 1)], dim=-1)
    sums = found[..., -1:]
    quick = found[..., :-1] / sums
    is_safe = (sums > _SMALLEST_SUM) & (sums < _LARGEST_SUM)
    return quick if is_safe.all() else torch.where(is_safe, quick, (q @ k).softmax(dim=-1) @ v)


AttentionInterface.register("biotl_packed", packed_attention)
