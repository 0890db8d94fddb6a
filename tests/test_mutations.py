"""Mutations in words, and what they make of a sequence."""

import numpy as np
import pytest

from biotl_core.data.mutations import (
    Mutation,
    mutated,
    mutations_between,
    read_mutations,
    say_mutations,
    single_mutations,
    sum_of_effects,
)
from biotl_core.errors import UserError

PARENT = "MKVLA"


def test_what_is_read_makes_the_variant_and_is_found_again_in_it():
    found = read_mutations("K2R, l4w", PARENT)
    assert mutated(PARENT, found) == "MRVWA"
    assert mutations_between(PARENT, "MRVWA") == found
    assert say_mutations(PARENT, "MRVWA") == "K2R, L4W"
    assert say_mutations(PARENT, PARENT) == "as the parent"
    assert say_mutations(PARENT, "MK") == ""


@pytest.mark.parametrize(
    "text, part",
    [
        ("K2", "is not a mutation"),
        ("K9R", "lies outside"),
        ("A2R", "stands K and not A"),
        ("K2R K2W", "named twice"),
        ("", "is not"),
    ],
)
def test_what_cannot_be_is_told(text, part):
    with pytest.raises(UserError, match=part):
        read_mutations(text, PARENT)


def test_every_single_mutation_once():
    found = list(single_mutations("MX", "ACM"))
    assert found == [Mutation(1, "M", "A"), Mutation(1, "M", "C"), *(Mutation(2, "X", new) for new in "ACM")]


def test_effects_add_up():
    effects = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert sum_of_effects(effects, ["AC", "CA", "CX", "AA"], "AC").tolist() == [0.0, 3.0, 1.0, 2.0]
