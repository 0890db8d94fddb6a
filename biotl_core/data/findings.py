"""What can be wrong with a table, what can be done about it, and the list of what was found."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd

from biotl_core.wording import say_count

Severity = Literal["blocks", "warns"]


@dataclass(frozen=True)
class Problem:
    """A kind of finding."""

    title: str
    severity: Severity
    """`blocks`: the row cannot be used unless it is repaired. `warns`: it can, but she should know."""
    repair: str | None = None
    """Name in REPAIRS; None where only she can mend it."""


@dataclass(frozen=True)
class Repair:
    """A change that one click makes, row by row and logged."""

    title: str
    explanation: str
    is_safe: bool = True
    """Made without being asked for, since it does not change what was meant."""


PROBLEMS: dict[str, Problem] = {
    "blank_sequence": Problem("No sequence", "blocks"),
    "blanks_inside": Problem("Blanks or numbers inside the sequence", "blocks", "blanks_inside"),
    "lower_case": Problem("Lower case letters", "blocks", "lower_case"),
    "gaps": Problem("Alignment gaps", "blocks", "gaps"),
    "stop_at_end": Problem("Stop sign at the end", "blocks", "stop_at_end"),
    "stop_inside": Problem("Stop sign inside", "blocks"),
    "rna": Problem("RNA letters", "blocks", "rna"),
    "wrong_alphabet": Problem("Letters of another alphabet", "blocks"),
    "wrong_modality": Problem("Sequences of another kind", "blocks"),
    "ambiguous": Problem("Ambiguous letters", "warns", "ambiguous"),
    "too_long": Problem("Longer than the backbone reads", "warns"),
    "unreadable_smiles": Problem("Unreadable SMILES", "blocks"),
    "salt": Problem("Salt or mixture", "warns", "salt"),
    "missing_target": Problem("No target", "blocks"),
    "number_format": Problem("Number in another notation", "blocks", "number_format"),
    "bounded_number": Problem("Only a bound was measured", "blocks", "bounded_number"),
    "not_a_number": Problem("Target is not a number", "blocks"),
    "not_yes_no": Problem("Label is neither yes nor no", "warns"),
    "class_spelling": Problem("Class written in several ways", "warns", "class_spelling"),
    "residue_length": Problem("Another number of residue targets than residues", "blocks"),
    "mask_length": Problem("Another length of the mask than of the sequence", "blocks"),
    "unknown_part": Problem("Part not known", "blocks"),
    "duplicate": Problem("Same sequence and target twice", "warns", "duplicate"),
    "conflict": Problem("Replicates with different targets", "warns", "conflict"),
    "leak": Problem("Same sequence in two parts", "warns", "leak"),
    "same_name": Problem("Same name twice", "warns"),
    "extreme": Problem("Extreme value", "warns", "extreme"),
    "rare_class": Problem("Class with very few members", "warns", "rare_class"),
    "imbalance": Problem("Very unequal classes", "warns"),
    "constant_target": Problem("All targets are the same", "blocks"),
}

REPAIRS: dict[str, Repair] = {
    "blanks_inside": Repair(
        "Close up sequences", "Removes blanks, line breaks and position numbers inside sequences."
    ),
    "lower_case": Repair(
        "Write in capitals", "Lower case marks repeats or uncertain ends; the letters stay the same."
    ),
    "gaps": Repair("Remove gaps", "Takes the alignment signs - . ~ out of sequences."),
    "stop_at_end": Repair("Remove the stop sign", "Takes the * at the end of translated proteins away."),
    "rna": Repair("Write U as T", "The DNA backbones read T where RNA has U."),
    "salt": Repair(
        "Keep the largest part", "Of a salt or mixture (parts joined by a dot) only the largest is kept."
    ),
    "number_format": Repair(
        "Read the numbers", "Reads 1,5 as 1.5, 1 234 or 1,234.5 without separators, 85 % as 85."
    ),
    "class_spelling": Repair(
        "One spelling a class", "Takes the commonest spelling where only upper and lower case differ."
    ),
    "leak": Repair(
        "Keep a sequence in one part only",
        "A sequence that is also in the test part is taken out of training, so that the test stays honest.",
    ),
    "duplicate": Repair(
        "Keep one of equal rows", "The first of rows with the same sequence and target is kept."
    ),
    "conflict": Repair(
        "Merge replicates",
        "Takes the median of numbers and the majority of classes for the same sequence; a tie is set aside.",
    ),
    "bounded_number": Repair(
        "Read bounds as numbers", "Reads >100 as 100; the true value is larger.", is_safe=False
    ),
    "ambiguous": Repair(
        "Set ambiguous sequences aside", "Leaves out rows whose letters have several meanings.", False
    ),
    "extreme": Repair(
        "Set extreme values aside", "Leaves out rows whose target lies far from all others.", False
    ),
    "rare_class": Repair(
        "Set rare classes aside", "Leaves out classes with fewer than three members.", False
    ),
}
SAFE_REPAIRS = frozenset(name for name, repair in REPAIRS.items() if repair.is_safe)

FINDING_COLUMNS = ("row", "column", "problem", "severity", "found", "message", "repair")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing."""

    problem: str
    """Name in PROBLEMS."""
    severity: Severity
    row: int | None
    """Counted from 1 below the header; None where it is about the whole table."""
    column: str
    found: str
    """What stands there, shortened."""
    message: str
    """The sentence to show."""
    repair: str | None
    """Name in REPAIRS."""


@dataclass(frozen=True)
class Findings:
    """All findings of a table."""

    table: pd.DataFrame
    """Columns `row, column, problem, severity, found, message, repair`, one row a finding; `row` is a nullable
    integer (missing: about the whole table), `repair` is "" where there is none."""
    n_rows: int
    """Rows of the raw table."""

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Finding]:
        for row in self.table.itertuples(index=False):
            number = None if pd.isna(row.row) else int(row.row)
            yield Finding(
                row.problem, row.severity, number, row.column, row.found, row.message, row.repair or None
            )

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each problem was found, in the order of PROBLEMS."""
        counts = self.table["problem"].value_counts()
        return {name: int(counts[name]) for name in PROBLEMS if name in counts}

    @cached_property
    def n_blocked(self) -> int:
        """Rows that will be set aside after all safe repairs."""
        blocks = self.table[(self.table["severity"] == "blocks") & ~self.table["repair"].isin(SAFE_REPAIRS)]
        return int(blocks["row"].dropna().nunique())

    @property
    def repairs(self) -> tuple[str, ...]:
        """The repairs that would change something, safe ones first."""
        wanted = set(self.table["repair"]) - {""}
        return tuple(name for name in REPAIRS if name in wanted)

    @property
    def sentence(self) -> str:
        """How many findings there are, and how many rows cannot be used.

        >>> Findings(pd.DataFrame(columns=FINDING_COLUMNS), 10).sentence
        'Nothing to repair in 10 rows.'
        """
        if not len(self.table):
            return f"Nothing to repair in {say_count(self.n_rows, 'row')}."
        aside = (
            f"{say_count(self.n_blocked, 'row')} cannot be used"
            if self.n_blocked
            else "every row can be used"
        )
        return f"{say_count(len(self.table), 'finding')} in {say_count(self.n_rows, 'row')}; after the repairs {aside}."
