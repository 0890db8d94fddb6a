"""Products of matrices keep their digits, whichever library makes them."""

import torch

from biotl_core.backbones import matmul


def test_products_of_this_process_are_exact():
    matmul.choose_matmul()
    assert matmul.is_exact()


def test_a_product_that_loses_digits_is_found(monkeypatch):
    exact = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: exact(a.bfloat16(), b.bfloat16()).float())
    assert not matmul.is_exact()


def test_a_library_that_loses_digits_is_not_used(monkeypatch):
    switch = torch.backends.mkldnn.matmul
    was = switch.fp32_precision
    monkeypatch.setattr(matmul, "_is_held_back", lambda: True)
    monkeypatch.setattr(matmul, "is_exact", lambda: False)
    try:
        assert not matmul.choose_matmul.__wrapped__()
        assert switch.fp32_precision == "none"
    finally:
        switch.fp32_precision = was


def test_who_asks_first_in_half_precision_gets_the_same_answer():
    with torch.autocast("cpu", torch.bfloat16):
        assert matmul.choose_matmul.__wrapped__() == matmul.choose_matmul()
