"""Controls of the search by embedding: pairs that are known are hidden, and each way of seeing has to find them.

The truth is where two independent signs agree: a pair is best both ways by alignment, and lies in a block of gene
order. The least alike of such pairs are hidden among genes without a partner, since they stand nearest to what is
searched for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.genomes.function_transfer import wilson_interval
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.orthologs import SURE_EVALUE
from biotl_core.genomes.pair import Pair
from biotl_core.wording import say_seconds

VIEWS: dict[str, str] = {
    "composition": "How often each amino acid occurs, and nothing else. What does not beat it has learned nothing.",
    "random weights": "The same model before any training (average of its vectors).",
    "model alone": "The trained model as it is (average of its vectors).",
    "model and head": "The trained model with its head for relatives: what the search by embedding uses.",
    "alignment": "Smith-Waterman, the best classical way. The truth comes from alignment in part, so it is a ceiling.",
}
"""What each way of seeing relatives is, from the floor to the ceiling."""
SEARCHES_WITH = "model and head"
MOST_HIDDEN, LEAST_HIDDEN = 100, 20
"""Known pairs that are hidden at most; with fewer than the least, a share would say nothing."""
_TOO_EASY = 0.9
"""Share found by composition alone above which the pairs are too alike to tell the ways apart."""
MOST_STRANGERS = 100
"""Genes without a partner that stand among them, of each genome."""


class Hidden(NamedTuple):
    """Genes of two genomes in which known pairs are hidden: the first `n_pairs` of each belong together in turn."""

    ranks_a: np.ndarray
    """int64 `(n_pairs + strangers,)`."""
    ranks_b: np.ndarray
    n_pairs: int


@dataclass(frozen=True)
class ViewScore:
    """How many of the hidden pairs one way of seeing found."""

    view: str
    recall: float
    """Share of the hidden pairs that it found."""
    low: float
    """95 % interval of the recall (Wilson 1927)."""
    high: float
    precision: float
    """Share of right ones among the pairs it made with a hidden gene; nan where it made none."""


@dataclass(frozen=True)
class Controls:
    """Every way of seeing on the same hidden pairs of one pair of genomes."""

    a: int
    b: int
    n_hidden: int
    n_strangers: int
    """Of both genomes together."""
    identity: float
    """Mean identity of the hidden pairs, 0..1."""
    scores: tuple[ViewScore, ...]

    def as_plain(self) -> dict[str, Any]:
        """As plain values, with the sentence, for `result.json`."""
        return asdict(self) | {"sentence": say_controls(self)}


def hide_pairs(first: Genome, second: Genome, pair: Pair) -> Hidden | None:
    """Known pairs among strangers; None where too few are known."""
    known = _known(pair)
    if len(known) < LEAST_HIDDEN:
        return None
    hidden = known.nsmallest(MOST_HIDDEN, "identity")
    sides = [
        np.concatenate([hidden[ranks].to_numpy(np.int64), _strangers(genome, pair.orthologs[ranks])])
        for genome, ranks in ((first, "rank_a"), (second, "rank_b"))
    ]
    return Hidden(sides[0], sides[1], len(hidden))


def _known(pair: Pair) -> pd.DataFrame:
    """Pairs that alignment and gene order agree on."""
    table = pair.orthologs
    return table[
        (table["tier"] == "best both ways") & (table["block"] >= 0) & (table["evalue"] <= SURE_EVALUE)
    ]


def _strangers(genome: Genome, paired: pd.Series) -> np.ndarray:
    """Genes without a partner, evenly over the genome, int64."""
    alone = np.setdiff1d(np.arange(len(genome.coding)), paired)
    return alone[evenly(len(alone), MOST_STRANGERS)]


def evenly(n: int, most: int) -> np.ndarray:
    """Numbers of at most so many of `n` things, at even distances, int64.

    >>> evenly(10, 4).tolist(), evenly(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return (
        np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
        if n
        else np.zeros(0, np.int64)
    )


def hardest_pair(pairs: dict[tuple[int, int], Pair]) -> tuple[int, int] | None:
    """The numbers of the two genomes that are least alike among those with enough known pairs; None without any."""
    known = {numbers: _known(pair)["identity"] for numbers, pair in pairs.items()}
    enough = {numbers: one.median() for numbers, one in known.items() if len(one) >= LEAST_HIDDEN}
    return min(enough, key=enough.__getitem__) if enough else None


def score_view(view: str, rows: np.ndarray, columns: np.ndarray, n_hidden: int) -> ViewScore:
    """How well the pairs `rows`, `columns` that one way made (places in `Hidden`) find the hidden ones."""
    n_right = int(((rows == columns) & (rows < n_hidden)).sum())
    n_touched = int(((rows < n_hidden) | (columns < n_hidden)).sum())
    recall, precision = n_right / n_hidden, n_right / n_touched if n_touched else float("nan")
    low, high = wilson_interval(np.array([float(n_right)]), np.array([float(n_hidden)]))
    # Rounding may put an end a hair on the wrong side of 0, of 1, or of the share itself.
    return ViewScore(
        view, recall, max(0.0, min(float(low[0]), recall)), min(1.0, max(float(high[0]), recall)), precision
    )


def say_controls(controls: Controls) -> str:
    """What the controls say, in plain words."""
    of = {score.view: score for score in controls.scores}
    found = {view: round(score.recall * controls.n_hidden) for view, score in of.items()}
    verdict = _judge(of[SEARCHES_WITH], of["composition"])
    return (
        f"Of {controls.n_hidden} known pairs ({controls.identity:.0%} identical), hidden among genes without a "
        f"partner, the protein model with its head finds {found[SEARCHES_WITH]}, the same model with random weights "
        f"{found['random weights']}, composition alone {found['composition']}, and alignment {found['alignment']}: "
        f"{verdict}."
    )


def _judge(used: ViewScore, floor: ViewScore) -> str:
    """What the search's score means beside the floor."""
    if floor.recall >= _TOO_EASY:
        return "such close pairs are found by any way, so they say nothing about the distant relatives it searches for"
    if used.low > floor.recall:
        return "the model sees more than composition"
    return "that is not clearly more than composition sees, so take its pairs here as hints"


def say_trust(result: dict[str, Any]) -> list[str]:
    """What the controls of a finished comparison say, and what its embedding cost; sentences from `result.json`."""
    if "controls" not in result:
        return []
    controls = result["controls"]
    said = controls["sentence"] if controls else (
        f"The search by embedding could not be checked here: fewer than {LEAST_HIDDEN} pairs are best both ways and in "
        "a block of gene order."
    )  # fmt: skip
    embedding = sum(
        result["seconds"].get(stage, 0.0)
        for stage in ("loading the protein model", "search by embedding", "controls", "map of proteins")
    )
    cost = (
        f"All took {say_seconds(result['cpu_seconds'])} of computing, {say_seconds(embedding)} of it for the "
    )
    return [said, f"{cost}protein model."]


def control_table(scores: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The scores of `result.json` as a table: `view, recall, low, high, precision, what`."""
    table = pd.DataFrame(list(scores))
    return table.assign(what=table["view"].map(VIEWS))
