"""Simple methods beside every result: what a tuned model must beat to be worth its trouble.

They see the same parts as the model: they learn from the training part, take their one setting (strength,
number of neighbours) from the validation part, and are judged once on the test part.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from scipy import sparse

from biotl_core.data.dataset import PARTS, Dataset, Modality, Part
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.evaluation import features as describe
from biotl_core.evaluation.exchanges import describe_exchanges
from biotl_core.evaluation.intervals import bootstrap_intervals
from biotl_core.evaluation.metrics import Arrays, evaluate
from biotl_core.evaluation.simple_models import (
    FOREST_ROWS,
    Question,
    Split,
    Tell,
    commonest,
    forest,
    logistic,
    nearest,
    ridge,
)
from biotl_core.progress import Control

MOST_ROWS = (20_000, 5_000)
"""Of more training and validation sequences as many are sampled: simple methods gain little from more."""
MOST_RESIDUES = 300_000
"""The same for residues of either part."""
_FOREST_SIZES = (1, 2)
"""A forest sees short words only: it looks at columns one by one, and long words are too many and too rare."""
_SHARED_KMER_SIZE: dict[Modality, int] = {"protein": 4, "dna": 8}
"""Long enough that two unrelated sequences rarely share a word."""
_WHAT: dict[Modality, str] = {"protein": "protein", "dna": "sequence", "molecule": "molecule"}


@dataclass(frozen=True)
class Baseline:
    """A simple method and how well it does on the test part."""

    title: str
    """A few words for tables and figures."""
    explanation: str
    """What it does, in plain words."""
    predicted_test: Arrays
    """Predictions in the order of `dataset.part("test")`, shapes as in `metrics.evaluate`."""
    scores: dict[str, float]
    """Test metrics; nan where one has no value (the same number for all has no correlation)."""
    intervals: dict[str, tuple[float, float]]
    """Bootstrap intervals of the scores."""


@dataclass(frozen=True)
class _Method:
    title: str
    explanation: str
    predict: Callable[[Tell], np.ndarray]
    """Predictions of the test part; of all its residues, one after the other, in per-residue tasks."""


@dataclass(frozen=True)
class _Description:
    """A way to describe sequences by numbers, for a straight line to use."""

    title: str
    explanation: str
    make: Callable[[], sparse.csr_array]
    is_even: bool = False
    """Whether rare columns are lifted (see `features.scaled`)."""


def run_baselines(dataset: Dataset, control: Control | None = None, *, seed: int = 0) -> dict[str, Baseline]:
    """Learn and judge every simple method that fits the dataset, the simplest first.

    Keys: `mean` or `majority`; `one_hot_`, `exchange_` (variants of one protein), `kmer_`, `fingerprint_` or
    `window_` with `ridge` for numbers and
    `logistic` for classes and labels; `random_forest` and `nearest_neighbour` (not for residues).

    Raises:
        UserError: when the training part has no target to learn from.
    """
    control = control or Control()
    methods = (_residue_methods if dataset.task.is_per_residue else _methods)(dataset, seed)
    baselines = {}
    for done, (name, method) in enumerate(methods.items()):

        def tell(step: int, steps: int, done: int = done, title: str = method.title) -> None:
            control.step(f"Simple methods: {title}", 100 * done + 100 * step // steps, 100 * len(methods))

        tell(0, 1)
        baselines[name] = _judged(dataset, method, method.predict(tell), seed)
    control.step("Simple methods", 100 * len(methods), 100 * len(methods))
    return baselines


def _judged(dataset: Dataset, method: _Method, predicted: Arrays, seed: int) -> Baseline:
    rows = dataset.part("test")
    if dataset.task.is_per_residue:
        lengths = describe.lengths_of(rows["sequence"].tolist())
        predicted = np.split(predicted, np.cumsum(lengths)[:-1]) if len(lengths) else []
    given = (dataset.task_name, dataset.classes, dataset.target_values(rows), predicted)
    scores, intervals = evaluate(*given), bootstrap_intervals(*given, seed=seed)
    return Baseline(method.title, method.explanation, predicted, scores, intervals)


# ---- one target a sequence ------------------------------------------------------------


def _methods(dataset: Dataset, seed: int) -> dict[str, _Method]:
    rows = Split(*(np.flatnonzero(dataset.table["part"] == part) for part in PARTS))
    n_train = len(rows.train)
    _check_has_targets(n_train)
    rows = Split(*(_sampled(*one, seed) for one in zip(rows[:2], MOST_ROWS, strict=True)), rows.test)
    note = _sample_note(len(rows.train), n_train, f"{_WHAT[dataset.modality]}s")
    dataset, rows = _gathered(dataset, rows)
    targets = Split(*(dataset.target_values(dataset.table.iloc[chosen]) for chosen in rows))
    question = Question(dataset.task_name, dataset.classes, targets)
    methods = _commonest(question, len(rows.test))
    kind = "logistic" if dataset.task.is_class else "ridge"
    descriptions = _descriptions(dataset)
    for name, description in descriptions.items():
        methods[f"{name}_{kind}"] = _linear(question, description, rows, note)
    methods["random_forest"] = _forest(question, dataset, descriptions, rows, n_train)
    methods["nearest_neighbour"] = _nearest(question, dataset, descriptions, rows, note)
    return methods


def _gathered(dataset: Dataset, rows: Split) -> tuple[Dataset, Split]:
    """The dataset with these rows only, and where each part now is in it."""
    kept = np.concatenate(rows)
    edges = np.cumsum([0, *map(len, rows)])
    places = Split(*(np.arange(low, high) for low, high in pairwise(edges)))
    return replace(dataset, table=dataset.table.iloc[kept].reset_index(drop=True)), places


def _sampled(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _check_has_targets(n_train: int) -> None:
    if n_train == 0:
        raise UserError(
            "Part *train*: found no known target; at least one is needed to learn from. Choose another split."
        )


def _sample_note(used: int, total: int, things: str) -> str:
    return "" if used == total else f" Learned from {used:,} of {total:,} training {things}, drawn at random."


def _commonest(question: Question, n_test: int) -> dict[str, _Method]:
    name, title, explanation = {
        "regression": ("mean", "Always the mean", "Predicts the mean of the training part every time."),
        "classification": (
            "majority",
            "Always the commonest class",
            "Predicts the commonest class of the training part every time.",
        ),
        "multilabel": (
            "majority",
            "Always the share of yes",
            "Predicts for each label its share of yes in the training part every time.",
        ),
    }[question.task_name]
    return {name: _Method(title, explanation, lambda tell: commonest(question, n_test))}


def _descriptions(dataset: Dataset) -> dict[str, _Description]:
    sequences = dataset.table["sequence"].tolist()
    if dataset.modality == "molecule":
        explanation = "how often each group of neighbouring atoms occurs (Morgan fingerprint, radius 2)"
        make = cache(lambda: describe.fingerprints(sequences))
        return {"fingerprint": _Description("atom groups", explanation, make)}
    sizes = describe.WORD_SIZES[dataset.modality]
    descriptions = {}
    if _has_one_length(dataset):
        descriptions["one_hot"] = _Description(
            "letters by position",
            "which letter stands where (one-hot encoding)",
            cache(lambda: describe.one_hot(sequences)),
        )
    if dataset.modality == "protein" and (variants := find_variants(sequences)) is not None:
        descriptions["exchange"] = _Description(
            "exchanges",
            "which amino acid comes in where and which goes, and how unlike the two are (BLOSUM62 directions)",
            lambda: describe_exchanges(variants),
        )
    descriptions["kmer"] = _Description(
        "short words",
        f"how often each word of 1 to {sizes[-1]} letters occurs (k-mer composition)",
        lambda: describe.kmers(sequences, sizes),
        is_even=True,
    )
    return descriptions


def _has_one_length(dataset: Dataset) -> bool:
    return dataset.table["sequence"].str.len().nunique() == 1


def _linear(question: Question, description: _Description, rows: Split, note: str) -> _Method:
    model, kind = (ridge, "Ridge") if question.task_name == "regression" else (logistic, "Logistic")

    def predict(tell: Tell) -> np.ndarray:
        features = describe.scaled(description.make(), rows.train, description.is_even)
        return model(question, _parted(features, rows), tell)

    return _Method(
        f"{kind} on {description.title}",
        f"{kind} regression on {description.explanation}; its strength is chosen on the validation part.{note}",
        predict,
    )


def _parted(features: sparse.csr_array, rows: Split) -> Split:
    return Split(*(features[chosen] for chosen in rows))


def _forest(
    question: Question, dataset: Dataset, descriptions: dict[str, _Description], rows: Split, n_train: int
) -> _Method:
    """On letters by position or atom groups; on words of one and two letters where sequences differ in length."""
    described = descriptions.get("one_hot") or descriptions.get("fingerprint")
    sequences = dataset.table["sequence"].tolist()
    make = described.make if described else lambda: describe.kmers(sequences, _FOREST_SIZES)
    title = described.title if described else "letters and pairs of letters"
    what = described.explanation if described else "how often each letter and pair of letters occurs"
    note = _sample_note(min(len(rows.train), FOREST_ROWS), n_train, f"{_WHAT[dataset.modality]}s")
    return _Method(
        f"Random forest on {title}",
        f"Random forest of 100 trees on {what}.{note}",
        lambda tell: forest(question, _parted(make(), rows), tell),
    )


def _nearest(
    question: Question, dataset: Dataset, descriptions: dict[str, _Description], rows: Split, note: str
) -> _Method:
    what = _WHAT[dataset.modality]
    words, make = _similarity(dataset, descriptions)
    return _Method(
        f"Most similar training {what}s",
        f"Takes the mean target of the 1, 3 or 5 training {what}s that share most {words}; how many is chosen on "
        f"the validation part (nearest neighbours).{note}",
        lambda tell: nearest(question, _parted(make(), rows), tell),
    )


def _similarity(
    dataset: Dataset, descriptions: dict[str, _Description]
) -> tuple[str, Callable[[], sparse.csr_array]]:
    """What two sequences share when they are alike, and the features whose cosine says how much."""
    if "fingerprint" in descriptions:
        return "atom groups", descriptions["fingerprint"].make
    if "one_hot" in descriptions:
        return "letters at the same place", descriptions["one_hot"].make
    size = _SHARED_KMER_SIZE[dataset.modality]
    sequences = dataset.table["sequence"].tolist()
    return f"words of {size} letters", lambda: describe.kmers(sequences, (size,))


# ---- one target a residue ------------------------------------------------------------


@dataclass(frozen=True)
class _Residues:
    """Residues of one part."""

    sequences: list[str]
    chosen: np.ndarray
    """Which residues, counted over all sequences one after the other: sampled known ones; all in the test part."""
    targets: np.ndarray
    """Their targets `(n_chosen,)`."""
    n_known: int
    """Residues with a known target before sampling."""


def _residue_methods(dataset: Dataset, seed: int) -> dict[str, _Method]:
    parts = Split(*(_residues(dataset, part, seed) for part in PARTS))
    _check_has_targets(parts.train.n_known)
    task_name = "classification" if dataset.task.is_class else "regression"
    question = Question(task_name, dataset.classes, Split(*(part.targets for part in parts)))
    letters = describe.Letters(dataset.table["sequence"].tolist())
    model, kind = (logistic, "Logistic") if dataset.task.is_class else (ridge, "Ridge")

    def predict(tell: Tell) -> np.ndarray:
        windows = (describe.residue_windows(part.sequences, letters, part.chosen) for part in parts)
        return model(question, Split(*windows), tell)

    width = 2 * describe.WINDOW + 1
    note = _sample_note(len(parts.train.chosen), parts.train.n_known, "residues")
    explanation = (
        f"{kind} regression on the {width} letters around each residue and its place in the sequence; its "
        f"strength is chosen on the validation part.{note}"
    )
    window = _Method(f"{kind} on the {width} letters around", explanation, predict)
    return {**_commonest(question, len(parts.test.chosen)), f"window_{kind.lower()}": window}


def _residues(dataset: Dataset, part: Part, seed: int) -> _Residues:
    rows = dataset.part(part)
    values = dataset.target_values(rows)
    dtype = np.int64 if dataset.task.is_class else np.float64
    targets = np.concatenate(values) if len(values) else np.zeros(0, dtype=dtype)
    known = np.flatnonzero(targets >= 0 if dataset.task.is_class else np.isfinite(targets))
    chosen = np.arange(len(targets)) if part == "test" else _sampled(known, MOST_RESIDUES, seed)
    return _Residues(rows["sequence"].tolist(), chosen, targets[chosen], len(known))
