"""Matrix products on processors: which library makes them, without giving up a digit.

PyTorch leaves float32 products to Intel's MKL, which on processors of other makers stays with instructions half as
wide as they have. oneDNN, which PyTorch brings along too, uses all of it: measured on an AMD EPYC with AVX-512, 190 to
230 GFLOP a second and core instead of 100, in both directions of training. PyTorch reaches oneDNN through a switch made
for reduced precision; on processors without matrix units for bfloat16 its products are float32 all the same. That is
checked here by computing, and the switch is put back where a product loses digits.
"""

import platform
from functools import cache
from pathlib import Path

import torch

_TOLERANCE = 2e-6
"""Relative error allowed; float32 products have about 3e-7, bfloat16 ones 2e-3."""
_PROBES = ((64, 320, 960), (512, 1280, 320), (33, 17, 5))
"""Rows, inner width and columns of the products that are checked."""


@cache
def choose_matmul() -> bool:
    """Let oneDNN make the float32 products of this process where that is faster and exact; True where it does."""
    if not _is_held_back():
        return False
    with torch.autocast("cpu", enabled=False):  # whoever asks first may be at work in half precision
        return _switch()


def _switch() -> bool:
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    if not is_exact():
        torch.backends.mkldnn.matmul.fp32_precision = "none"
        return False
    return True


@cache
def has_half_products() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself, at least twice as fast as float32 ones."""
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def is_exact() -> bool:
    """Whether float32 products, plain and batched, are made with all their digits."""
    generator = torch.Generator().manual_seed(0)
    for rows, inner, columns in _PROBES:
        a = torch.randn(3, rows, inner, generator=generator)
        b = torch.randn(3, inner, columns, generator=generator)
        exact = a.double() @ b.double()
        for found in (torch.bmm(a, b), torch.stack([x @ y for x, y in zip(a, b, strict=True)])):
            if float((found - exact).norm() / exact.norm()) > _TOLERANCE:
                return False
    return True


def _is_held_back() -> bool:
    """A processor with AVX-512 that MKL does not know as one of Intel's."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
        return False
    information = Path("/proc/cpuinfo")
    text = information.read_text(errors="replace") if information.exists() else platform.processor()
    return "AuthenticAMD" in text
