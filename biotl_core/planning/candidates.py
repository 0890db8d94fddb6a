"""Candidates: what could be measured next, from a list or as all mutants of a parent; what is measured is left out."""

from collections.abc import Iterable
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.data.mutations import Mutation, mutated, single_mutations
from biotl_core.errors import UserError

CandidateKind = Literal["list", "singles", "doubles"]
MOST_CANDIDATES = 100_000
MOST_DOUBLES = 20_000
"""Doubles are made of the most promising singles, so many of them."""


def listed(table: pd.DataFrame, measured: Iterable[str]) -> pd.DataFrame:
    """A list of her own, without doubles and without what is measured already; columns `name, sequence`.

    Raises:
        UserError: nothing is left, or there are too many.
    """
    kept = table[~table["sequence"].isin(set(measured))].drop_duplicates("sequence").reset_index(drop=True)
    return _checked(kept, "All candidates in the list have been measured already; bring others.")


def changes(parent: str, letters: str) -> list[Mutation]:
    """Single mutations worth considering: all but those of a protein's first methionine, where translation starts."""
    is_start = parent[:1] == "M" and len(letters) > 4
    return [one for one in single_mutations(parent, letters) if not (is_start and one.position == 1)]


def single_mutants(parent: str, letters: str, measured: Iterable[str]) -> pd.DataFrame:
    """All single mutants of a parent that have not been measured; columns `name` (the mutation), `sequence`."""
    return _mutants(parent, ([one] for one in changes(parent, letters)), measured)


def double_mutants(
    parent: str, letters: str, measured: Iterable[str], promise: np.ndarray, most: int = MOST_DOUBLES
) -> pd.DataFrame:
    """Double mutants of a parent made of its most promising singles, that have not been measured.

    All doubles of a protein of 100 residues are 1.8 million; those of poor singles are not worth a look.

    Args:
        parent: the sequence.
        letters: what may be put in.
        measured: sequences to leave out.
        promise: how good each of `changes(parent, letters)` looks, higher is better.
        most: so many doubles at most.
    """
    singles = changes(parent, letters)
    n_singles = int((1 + np.sqrt(1 + 8 * most)) / 2)  # n (n - 1) / 2 pairs
    best = [singles[i] for i in np.argsort(-promise, kind="stable")[:n_singles]]
    pairs = (sorted(pair) for pair in combinations(best, 2) if pair[0].position != pair[1].position)
    return _mutants(parent, pairs, measured)


def _mutants(parent: str, all_mutations: Iterable[list[Mutation]], measured: Iterable[str]) -> pd.DataFrame:
    known = {*measured, parent}
    rows = [(", ".join(map(str, mutations)), mutated(parent, mutations)) for mutations in all_mutations]
    kept = pd.DataFrame([row for row in rows if row[1] not in known], columns=["name", "sequence"])
    return _checked(
        kept, "All mutants of this kind have been measured already; choose doubles, or bring a list."
    )


def _checked(table: pd.DataFrame, nothing_left: str) -> pd.DataFrame:
    if table.empty:
        raise UserError(nothing_left)
    if len(table) > MOST_CANDIDATES:
        raise UserError(
            f"These are {len(table):,} candidates; at most {MOST_CANDIDATES:,} can be ranked at once. Bring fewer."
        )
    return table
