"""The leak report: families on both sides are told with their number, honest splits are left in peace."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.data.leaks import make_leak_report, read_leak

LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def families(parts: tuple[str, ...], n_families: int = 20, n_members: int = 5) -> Dataset:
    """Families of near copies; member i of each family is in part i."""
    random = np.random.default_rng(0)
    rows = []
    for family in range(n_families):
        parent = random.choice(LETTERS, 80 + family)
        for member in range(n_members):
            child = parent.copy()
            child[random.integers(0, len(parent), 8)] = "A"
            rows.append((f"{family}.{member}", "".join(child), float(family), parts[member % len(parts)]))
    return Dataset(
        pd.DataFrame(rows, columns=["name", "sequence", "target", "part"]), "protein", "regression"
    )


def test_a_family_on_both_sides_is_a_leak_and_its_share_is_said():
    leak = read_leak(families(("train", "train", "train", "validation", "test")), "random")
    assert leak.related_share == 1.0
    assert leak.highest > 0.7
    assert "100% of the test part (20 test proteins)" in leak.warning
    assert "100% have one at 50% or more" in leak.sentence


def test_unrelated_parts_are_no_leak():
    dataset = families(("train",))
    last = dataset.table["name"].str.startswith(("18.", "19."))
    apart = dataset.with_parts(pd.Series(np.where(last, "test", "train")))
    leak = read_leak(apart, "random")
    assert leak.related_share == 0.0
    assert leak.warning is None
    assert leak.highest < 0.5


def test_mutants_of_one_protein_are_alike_by_nature():
    random = np.random.default_rng(1)
    parent = random.choice(LETTERS, 100)
    sequences = []
    for _ in range(40):
        child = parent.copy()
        child[random.integers(0, 100)] = "A"
        sequences.append("".join(child))
    table = pd.DataFrame(
        {"name": sequences, "sequence": sequences, "target": 1.0, "part": ["train", "test"] * 20}
    )
    leak = read_leak(Dataset(table, "protein", "regression"), "random")
    assert leak.highest > 0.95
    assert leak.warning is None


def test_at_most_so_many_are_looked_at_and_it_is_said():
    dataset = families(("train", "test"))
    leak = read_leak(dataset, "given", most=10)
    assert len(leak.identity) <= 10
    assert f"({len(leak.identity)} of {leak.n_test} looked at)" in leak.sentence


@pytest.mark.parametrize("kind", ["similarity", "scaffold", "position"])
def test_splits_that_hold_relatives_apart_are_not_warned_of(kind):
    dataset = families(("train", "train", "test"))
    assert make_leak_report(dataset, np.full(20, 0.9), kind).warning is None
    assert make_leak_report(dataset, np.full(20, 0.9), "given").warning is not None
    assert make_leak_report(dataset, np.zeros(0), "given").warning is None
