"""The leak report: how alike test and training are, and whether the test score can be taken at its word."""

from dataclasses import dataclass

import numpy as np

from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.similarity import nearest_identity
from biotl_core.data.variants import find_variants
from biotl_core.progress import Control
from biotl_core.wording import say_count

RELATED_FROM: dict[Modality, float] = {"protein": 0.5, "dna": 0.8, "molecule": 0.6}
"""Identity to training from which a test item is a near relative, whose answer training has all but seen."""
_MUCH = 0.1
"""Share of near relatives in the test part from which a warning is due."""
_NOUNS: dict[Modality, tuple[str, str]] = {
    "protein": ("test protein", "identity"),
    "dna": ("test sequence", "identity"),
    "molecule": ("test molecule", "Tanimoto similarity"),
}
HONEST_SPLITS = ("similarity", "scaffold", "position", "mutations", "value")
"""Splits that hold out on purpose what is unlike training, so that likeness left over is not a leak."""


@dataclass(frozen=True)
class LeakReport:
    """How near the test part is to training."""

    identity: np.ndarray
    """Of each test item that was looked at to its nearest training item `(n,)`, 0..1."""
    modality: Modality
    n_test: int
    """Test items in all; more than were looked at where they are many."""
    is_variant_set: bool
    """All are mutants of one sequence, so all are alike by nature."""
    split_kind: str

    @property
    def highest(self) -> float:
        """The highest identity of a test item to training."""
        return float(self.identity.max(initial=0.0))

    @property
    def related_share(self) -> float:
        """Share of the test items looked at with a near relative in training."""
        return float((self.identity >= RELATED_FROM[self.modality]).mean()) if len(self.identity) else 0.0

    @property
    def sentence(self) -> str:
        """Highest and median identity, in words."""
        if not len(self.identity):
            return "There is no training or no test part yet."
        noun, measure = _NOUNS[self.modality]
        if self.is_variant_set:
            return (
                f"All are mutants of one sequence: the nearest training item of a {noun} has "
                f"{np.median(self.identity):.0%} {measure} (median)."
            )
        looked = (
            f" ({len(self.identity):,} of {self.n_test:,} looked at)"
            if len(self.identity) < self.n_test
            else ""
        )
        related = RELATED_FROM[self.modality]
        return (
            f"The nearest training item of a {noun} has {np.median(self.identity):.0%} {measure} (median), "
            f"{self.highest:.0%} at most; {self.related_share:.0%} have one at {related:.0%} or more{looked}."
        )

    @property
    def warning(self) -> str | None:
        """What to beware of, with the number; None where the split keeps test and training apart as it should."""
        noun, measure = _NOUNS[self.modality]
        is_leak = (
            self.related_share >= _MUCH and not self.is_variant_set and self.split_kind not in HONEST_SPLITS
        )
        if not is_leak:
            return None
        n = round(self.related_share * self.n_test)
        return (
            f"{self.related_share:.0%} of the test part ({say_count(n, noun)}) has a near relative in training "
            f"({RELATED_FROM[self.modality]:.0%} {measure} or more), so the test score tells how well relatives are "
            "predicted and will look better than the score on anything new. Choose a split by similarity to learn that."
        )


def read_leak(
    dataset: Dataset, split_kind: str, control: Control | None = None, most: int = 300
) -> LeakReport:
    """Look for the nearest training item of at most so many test items; takes seconds.

    Args:
        dataset: with its parts.
        split_kind: how these were made; see `splitting.SPLITS`.
        control: told how far it is, and asked whether to stop.
        most: test items looked at, drawn evenly over the test part.
    """
    train, test = dataset.part("train")["sequence"], dataset.part("test")["sequence"]
    if train.empty or test.empty:
        return LeakReport(np.zeros(0), dataset.modality, len(test), False, split_kind)
    step = max(1, -(-len(test) // most))
    nearest = nearest_identity(test.iloc[::step].tolist(), train.tolist(), dataset.modality, control)
    return make_leak_report(dataset, nearest.identity, split_kind)


def make_leak_report(dataset: Dataset, identity: np.ndarray, split_kind: str) -> LeakReport:
    """The report for identities that are known already, of test items in any order."""
    is_variants = (
        dataset.modality != "molecule" and find_variants(dataset.table["sequence"].tolist()) is not None
    )
    n_test = int((dataset.table["part"] == "test").sum())
    return LeakReport(identity, dataset.modality, n_test, is_variants, split_kind)
