"""Tables of mutants on a structure: averaged position by position, aligned by their parent."""

import numpy as np
import pandas as pd
import pytest
from structure_texts import HELIX_TEXT, SEQUENCE

from biotl_core.errors import UserError
from biotl_core.structures.structure import read_structure
from biotl_core.structures.variant_values import find_mutants, mutant_means, values_from_mutants


@pytest.fixture
def helix():
    return read_structure(HELIX_TEXT.encode(), "helix.pdb")


def scan_table(first: int = 101) -> pd.DataFrame:
    """Two mutants a position, numbered from somewhere else; their mean is the place in the chain."""
    rows = []
    for place, letter in enumerate(SEQUENCE):
        news = [new for new in "AGW" if new != letter][:2]
        rows += [
            (f"{letter}{first + place}{new}", place + side) for new, side in zip(news, (-1, 1), strict=True)
        ]
    return pd.DataFrame(rows, columns=["mutant", "fitness"]).astype(str)


def test_mutations_are_averaged_and_aligned_whatever_their_numbering(helix):
    table = scan_table()
    assert find_mutants(table) == "mutant"
    values = values_from_mutants(helix, "A", table, "mutant", "fitness")
    assert values.values.tolist() == pytest.approx(list(range(len(SEQUENCE))))
    assert values.identity == 1 and f"{2 * len(SEQUENCE)} single mutants" in values.sentence


def test_doubles_synonyms_and_blanks_are_left_out():
    table = pd.DataFrame(
        {"variant": ["M1A", "M1G", "K2=", "K2R", "K2*", "M1A:K2R"], "score": ["1", "3", "9", "5", "", "8"]}
    )
    found = mutant_means(table, "variant", "score")
    assert found.parent == "MK" and found.means == [2.0, 5.0]
    assert found.n_single == 3 and found.n_other == 2


def test_whole_sequences_are_mutants_as_well(helix):
    single = [
        SEQUENCE[:k] + ("W" if SEQUENCE[k] != "W" else "A") + SEQUENCE[k + 1 :] for k in range(len(SEQUENCE))
    ]
    double = "WW" + SEQUENCE[2:]
    table = pd.DataFrame(
        {"name": "x", "sequence": [*single, double, SEQUENCE], "y": range(len(SEQUENCE) + 2)}
    )
    assert find_mutants(table) == "sequence"
    values = values_from_mutants(helix, "A", table, "sequence", "y")
    assert values.values.tolist() == pytest.approx(list(range(len(SEQUENCE))))


def test_positions_without_a_mutant_have_no_value(helix):
    table = scan_table().iloc[4:]  # the first two positions are not there
    values = values_from_mutants(helix, "A", table, "mutant", "fitness").values
    assert np.isnan(values.iloc[:2]).all() and values.iloc[2:].notna().all()


def test_what_cannot_be_is_said(helix):
    table = scan_table()
    table.loc[1, "mutant"] = "W101Y"
    with pytest.raises(UserError, match=r"row 2: 'W101Y' says W at position 101"):
        mutant_means(table, "mutant", "fitness")
    with pytest.raises(UserError, match="no numbers beside single mutants"):
        mutant_means(scan_table().assign(fitness="?"), "mutant", "fitness")
    other = pd.DataFrame({"m": [f"W{k}A" for k in range(1, 30)], "y": "1"})
    with pytest.raises(UserError, match="does not fit chain A"):
        values_from_mutants(helix, "A", other, "m", "y")
    assert find_mutants(pd.DataFrame({"position": ["1", "2", "3"], "value": ["0.1", "0.2", "0.3"]})) is None
