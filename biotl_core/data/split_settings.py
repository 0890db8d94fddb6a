"""How the parts are made: the kinds of split, and the choices of one."""

from dataclasses import dataclass
from typing import Literal, get_args

from biotl_core.data.clusters import COVERAGE
from biotl_core.data.dealing import Fractions
from biotl_core.data.quoting import shown
from biotl_core.errors import UserError

SplitKind = Literal[
    "given", "random", "similarity", "scaffold", "position", "mutations", "value", "group", "time"
]

SPLITS: dict[SplitKind, tuple[str, str]] = {
    "given": ("As in the table", "The parts that the table names, for comparing with published results."),
    "random": (
        "Random",
        "Every part is a fair sample. Right for predicting more variants of the same kind; too easy for new families.",
    ),
    "similarity": (
        "Unlike the training set",
        "Groups of similar sequences stay together, so the test holds none with a near relative in training.",
    ),
    "scaffold": (
        "New scaffolds",
        "Molecules with the same ring system stay together, so the test holds other chemistry (Bemis-Murcko scaffold).",
    ),
    "position": (
        "New positions",
        "For mutants of one protein: the test holds mutations at positions that are never mutated in training.",
    ),
    "mutations": (
        "More mutations",
        "For mutants of one protein: training has those with few mutations, the test those with more.",
    ),
    "value": (
        "Higher values",
        "Training has the lower measured values, the test the highest: can it find what is better than all it saw?",
    ),
    "group": (
        "By a column of groups",
        "Rows with the same value in a column (a family, a lab) stay together.",
    ),
    "time": ("By a column of times", "Training has the earlier rows, the test the later ones."),
}
DEFAULT_FRACTIONS: Fractions = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class SplitSettings:
    """How the parts are made."""

    kind: SplitKind = "random"
    fractions: Fractions = DEFAULT_FRACTIONS
    """Shares of train, validation and test; they sum to 1. Not used for given parts."""
    seed: int = 0
    identity: float = 0.5
    """Sequences at or above this identity stay together (similarity only); for molecules the Tanimoto similarity."""
    coverage: float = COVERAGE
    """Share of both sequences that an alignment must cover to count (similarity only, not for molecules)."""
    column: str | None = None
    """The column of groups or of times."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(SplitKind):
            kinds = ", ".join(get_args(SplitKind))
            raise UserError(f"There is no split {shown(self.kind)}; there are {kinds}. Choose one of these.")
        if len(self.fractions) != 3 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 0.01:
            said = ", ".join(f"{fraction:g}" for fraction in self.fractions)
            raise UserError(
                f"The shares of the parts are {said}; three shares above 0 that sum to 1 are needed."
            )
        if not 0.1 <= self.identity <= 1.0:
            raise UserError(
                f"The identity is {self.identity:g}; allowed is 0.1 to 1. Choose a value in this range."
            )
        if not 0 <= self.coverage <= 1.0:
            raise UserError(
                f"The coverage is {self.coverage:g}; allowed is 0 to 1. Choose a value in this range."
            )
        if self.kind in ("group", "time") and not self.column:
            raise UserError(f"A split by {self.kind} needs a column. Name the one that holds it.")
