"""Mutations as a biologist writes them (`A24G`: letter, position from 1, new letter), and what they lead to."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from biotl_core.data.quoting import shown
from biotl_core.errors import UserError

_MUTATION = re.compile(r"([A-Z])(\d+)([A-Z])")


class Mutation(NamedTuple):
    """One substitution."""

    position: int
    """From 1."""
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.old}{self.position}{self.new}"


def read_mutations(text: str, parent: str) -> list[Mutation]:
    """Mutations as they are typed: `A24G, K30R`, with commas, blanks, slashes, colons or plus signs between.

    Args:
        text: what was typed.
        parent: the sequence they belong to.

    Raises:
        UserError: one is not written so, lies outside the parent, names another letter than stands there, or a
            position is named twice.

    >>> [str(one) for one in read_mutations("k2r:V3L", "MKV")]
    ['K2R', 'V3L']
    """
    found: dict[int, Mutation] = {}
    for word in re.split(r"[\s,;:/+]+", text.strip().upper()):
        match = _MUTATION.fullmatch(word)
        if not match:
            raise UserError(
                f"{shown(word)} is not a mutation; write the letter, the position and the new letter: A24G."
            )
        one = Mutation(int(match[2]), match[1], match[3])
        if not 1 <= one.position <= len(parent):
            raise UserError(
                f"{one}: position {one.position} lies outside the sequence, which has {len(parent)} letters."
            )
        if parent[one.position - 1] != one.old:
            raise UserError(
                f"{one}: at position {one.position} stands {parent[one.position - 1]} and not {one.old}. Positions are "
                "counted from 1 at the first letter of the sequence that was scanned."
            )
        if one.position in found:
            raise UserError(
                f"Position {one.position} is named twice ({found[one.position]} and {one}); keep one of them."
            )
        found[one.position] = one
    return list(found.values())


def mutated(parent: str, mutations: Sequence[Mutation]) -> str:
    """The parent with its mutations.

    >>> mutated("MKV", [Mutation(2, "K", "R")])
    'MRV'
    """
    letters = list(parent)
    for one in mutations:
        letters[one.position - 1] = one.new
    return "".join(letters)


def single_mutations(parent: str, letters: str) -> Iterator[Mutation]:
    """Every exchange of one letter of the parent for another of `letters`, position by position."""
    for position, old in enumerate(parent, 1):
        yield from (Mutation(position, old, new) for new in letters if new != old)


def mutations_between(parent: str, variant: str) -> list[Mutation] | None:
    """What leads from the parent to a variant; None where lengths differ.

    >>> [str(one) for one in mutations_between("MKV", "MRL")]
    ['K2R', 'V3L']
    """
    if len(parent) != len(variant):
        return None
    pairs = enumerate(zip(parent, variant, strict=True), 1)
    return [Mutation(position, old, new) for position, (old, new) in pairs if old != new]


def say_mutations(parent: str | None, variant: str) -> str:
    """A variant in the words of its mutations: "K2R, V3L", "as the parent", or "" where that cannot be said."""
    mutations = None if parent is None else mutations_between(parent, variant)
    if mutations is None:
        return ""
    return ", ".join(map(str, mutations)) or "as the parent"


def sum_of_effects(effects: np.ndarray, sequences: Sequence[str], letters: str) -> np.ndarray:
    """The single effects of each variant's letters added up, `(n,)`: what it would be if mutations were independent.

    Args:
        effects: of each letter at each position `(length, n_letters)`, 0 for the parent's own letters.
        sequences: n variants of the parent's length.
        letters: the order of the columns; any other letter counts nothing.
    """
    column = np.full(256, -1)
    column[np.frombuffer(letters.encode(), dtype=np.uint8)] = np.arange(len(letters))
    matrix = np.frombuffer("".join(sequences).encode("latin-1", "replace"), dtype=np.uint8)
    codes = column[matrix.reshape(len(sequences), len(effects))]
    picked = effects[np.arange(len(effects)), np.maximum(codes, 0)]
    return np.where(codes >= 0, picked, 0.0).sum(axis=1)
