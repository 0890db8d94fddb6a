"""How far a prediction can be trusted: ranges that hold the measured value as often as they say, sets of classes.

Split conformal prediction (Papadopoulos et al. 2002, ECML 345; Lei et al. 2018, J. Am. Stat. Assoc. 113:1094): how
strange each sequence of the validation part is, given its prediction, is sorted; of a new one of the same kind, at
least the share `coverage` is no stranger than the value at place ceil((n + 1) coverage). For sequences of another kind
(new families, new scaffolds) nothing is promised, which is why the share is also counted on the test part.

Numbers: strangeness is the miss divided by how hard the sequence is (`neighbourhood`), so hard ones get wide ranges
(normalised: Papadopoulos, Gammerman and Vovk 2008, AIA 64). Classes: probabilities are brought to their word by one
temperature (Guo et al. 2017, ICML 1321); strangeness is what the true class lacks to 1, counted class by class, so
that rare classes are covered as often as common ones (Sadinle, Lei and Wasserman 2019, J. Am. Stat. Assoc. 114:223).
Residues count one by one.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.evaluation.metrics import Arrays, known_residues

COVERAGE = 0.9
"""How often a range or set shall hold the measured value, unless asked otherwise."""
_MOST_KEPT = 2000
"""Of more strangenesses as many quantiles are kept: enough to tell coverage to 0.05 %."""
_FEWEST = 9
"""A class with fewer calibration rows takes the limit of all classes together: 9 are needed to speak of 90 %."""
_TEMPERATURES = (0.2, 5.0)


class Covered(NamedTuple):
    """How often the ranges or sets held what was measured."""

    share: float
    """nan where nothing was measured."""
    n: int
    """Sequences, residues or labels counted."""
    width: float
    """Median width of the ranges in the target's unit, or mean number of classes in a set."""


@dataclass(frozen=True)
class Calibration:
    """What the validation part said about the misses of a model; enough for ranges and sets at any coverage."""

    task_name: TaskName
    classes: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    """Strangenesses in rising order: one list for numbers; for classes and labels one for each outcome (labels: no
    and yes of the first, no and yes of the second, ...), then one of all together."""
    temperature: float = 1.0
    n: int = 0
    """Sequences, residues or labels behind it."""

    def limit(self, place: int, coverage: float) -> float:
        """The largest strangeness that counts as usual, for the list at this place; infinite where there are too few.

        >>> Calibration("regression", (), ((1.0, 2.0, 3.0, 4.0),)).limit(0, 0.6)
        3.0
        """
        scores = self.scores[place]
        k = math.ceil(round((len(scores) + 1) * coverage, 9))
        return scores[k - 1] if 0 < k <= len(scores) else math.inf

    def probabilities(self, predicted: Arrays) -> Arrays:
        """Predictions with their probabilities brought to their word; numbers as they are."""
        task = TASKS[self.task_name]
        if not task.is_class or self.temperature == 1.0:
            return predicted
        if task.is_per_residue:
            return [_tempered(self.task_name, one, self.temperature) for one in predicted]
        return _tempered(self.task_name, np.asarray(predicted, dtype=np.float64), self.temperature)

    def ranges(
        self, predicted: Arrays, difficulty: Arrays, coverage: float = COVERAGE
    ) -> tuple[Arrays, Arrays]:
        """Lower and upper ends for numbers, in the shapes of `predicted`; nan where too little was measured to say.

        Args:
            predicted: numbers `(n,)`, or per residue a list of n arrays `(length,)`.
            difficulty: the same shapes, above 0; see `neighbourhood`.
            coverage: how often the range shall hold the measured value.
        """
        limit = self.limit(0, coverage)
        limit = limit if math.isfinite(limit) else math.nan
        if not TASKS[self.task_name].is_per_residue:
            half = limit * np.asarray(difficulty)
            return predicted - half, predicted + half
        halves = [limit * np.asarray(one) for one in difficulty]
        lower = [one - half for one, half in zip(predicted, halves, strict=True)]
        return lower, [one + half for one, half in zip(predicted, halves, strict=True)]

    def sets(self, probabilities: Arrays, coverage: float = COVERAGE) -> Arrays:
        """Which outcomes are usual enough to be counted with.

        Args:
            probabilities: calibrated, `(n, n_classes)`; per residue a list of `(length, n_classes)`; labels
                `(n, n_labels)`.
            coverage: how often the set shall hold the true outcome.

        Returns:
            bool, as probabilities; for labels `(n, n_labels, 2)`: whether "no" and whether "yes" is counted with.
        """
        if TASKS[self.task_name].is_per_residue:
            return [self._set(one, coverage) for one in probabilities]
        return self._set(np.asarray(probabilities, dtype=np.float64), coverage)

    def _set(self, probabilities: np.ndarray, coverage: float) -> np.ndarray:
        chances = _outcomes(self.task_name, probabilities)
        limits = np.array([self._class_limit(i, coverage) for i in range(len(self.scores) - 1)])
        usual = 1.0 - chances <= limits + 1e-12
        return usual.reshape(*probabilities.shape, 2) if self.task_name == "multilabel" else usual

    def _class_limit(self, i: int, coverage: float) -> float:
        return self.limit(i if len(self.scores[i]) >= _FEWEST else -1, coverage)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Calibration":
        """What `to_dict` gave."""
        scores = tuple(map(tuple, plain["scores"]))
        return cls(**{**plain, "classes": tuple(plain["classes"]), "scores": scores})


def calibrate(
    task_name: TaskName,
    classes: Sequence[str],
    true: Arrays,
    predicted: Arrays,
    difficulty: Arrays | None = None,
) -> Calibration | None:
    """Learn from sequences that did not train the model how far off it is; None where nothing was measured.

    Args:
        task_name, classes, true, predicted: as in `metrics.evaluate`.
        difficulty: for numbers, how hard each is, in the shapes of `predicted`; all alike when None.
    """
    task = TASKS[task_name]
    if not task.is_class:
        rest = _misses(task_name, true, predicted, difficulty)
        return Calibration(task_name, (), (_kept(rest),), n=len(rest)) if len(rest) else None
    truth, chances = _known_outcomes(task_name, true, predicted)
    if not len(truth):
        return None
    temperature = _fit_temperature(task_name, truth, chances)
    chances = _tempered(task_name, chances, temperature)
    strange = [
        _strangeness(task_name, truth, chances, outcome) for outcome in range(_n_outcomes(task_name, classes))
    ]
    everything = np.concatenate(strange)
    scores = tuple(map(_kept, (*strange, everything)))
    return Calibration(task_name, tuple(classes), scores, temperature, len(everything))


def count_covered_ranges(task_name: TaskName, true: Arrays, lower: Arrays, upper: Arrays) -> Covered:
    """How often a range held the measured number."""
    low, high = (_flat(one) for one in (lower, upper))
    truth = _flat(true)
    known = np.isfinite(truth) & ~np.isnan(low)
    if not known.any():
        return Covered(math.nan, 0, math.nan)
    inside = (truth[known] >= low[known]) & (truth[known] <= high[known])
    return Covered(float(inside.mean()), int(known.sum()), float(np.median(high[known] - low[known])))


def count_covered_sets(task_name: TaskName, true: Arrays, sets: Arrays) -> Covered:
    """How often a set held the true class (or outcome of a label), and how many outcomes it names on average."""
    if task_name == "multilabel":
        known = np.isfinite(true)
        chosen = np.asarray(sets)[known]
        held = chosen[np.arange(len(chosen)), (true[known] > 0.5).astype(int)]
    else:
        truth = (
            np.concatenate([np.asarray(one) for one in true]) if isinstance(true, list) else np.asarray(true)
        )
        chosen = np.concatenate(sets) if isinstance(sets, list) else np.asarray(sets)
        known = truth >= 0
        chosen = chosen[known]
        held = chosen[np.arange(len(chosen)), truth[known]]
    if not len(held):
        return Covered(math.nan, 0, math.nan)
    return Covered(float(held.mean()), len(held), float(chosen.sum(axis=1).mean()))


def _flat(values: Arrays) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return np.asarray(values, dtype=np.float64)
    return np.concatenate([np.zeros(0), *(np.asarray(one, dtype=np.float64) for one in values)])


def _misses(task_name: TaskName, true: Arrays, predicted: Arrays, difficulty: Arrays | None) -> np.ndarray:
    """Distance of prediction and measurement in units of the difficulty, of all that was measured."""
    misses = np.abs(_flat(true) - _flat(predicted))
    if difficulty is not None:
        misses = misses / _flat(difficulty)
    return misses[np.isfinite(misses)]


def _known_outcomes(task_name: TaskName, true: Arrays, predicted: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Class indices `(n,)` and probabilities `(n, n_classes)`; labels stay `(n, n_labels)` with nan."""
    if TASKS[task_name].is_per_residue:
        truth, chances, _ = known_residues(true, predicted, is_class=True)
        return truth, chances
    truth, chances = np.asarray(true), np.asarray(predicted, dtype=np.float64)
    return (
        (truth[np.isfinite(truth).any(axis=1)], chances[np.isfinite(truth).any(axis=1)])
        if (task_name == "multilabel")
        else (truth, chances)
    )


def _n_outcomes(task_name: TaskName, classes: Sequence[str]) -> int:
    return 2 * len(classes) if task_name == "multilabel" else len(classes)


def _outcomes(task_name: TaskName, probabilities: np.ndarray) -> np.ndarray:
    """The probability of each outcome `(n, n_outcomes)`; for labels no and yes of each, side by side."""
    if task_name != "multilabel":
        return probabilities
    return np.stack([1 - probabilities, probabilities], axis=-1).reshape(len(probabilities), -1)


def _strangeness(task_name: TaskName, truth: np.ndarray, chances: np.ndarray, outcome: int) -> np.ndarray:
    """What the true outcome lacks to 1, of those rows whose true outcome this is."""
    if task_name == "multilabel":
        label, is_yes = divmod(outcome, 2)
        rows = truth[:, label] == is_yes
    else:
        rows = truth == outcome
    return 1.0 - _outcomes(task_name, chances)[rows, outcome]


def _kept(scores: np.ndarray) -> tuple[float, ...]:
    ordered = np.sort(scores)
    if len(ordered) > _MOST_KEPT:
        ordered = np.quantile(ordered, np.arange(1, _MOST_KEPT + 1) / (_MOST_KEPT + 1), method="higher")
    return tuple(float(score) for score in ordered)


def _tempered(task_name: TaskName, probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose log odds are divided by the temperature; nan stays nan."""
    if task_name == "multilabel":
        odds = _log(probabilities) - _log(1 - probabilities)
        return 1.0 / (1.0 + np.exp(-odds / temperature))
    powers = _log(probabilities) / temperature
    shares = np.exp(powers - powers.max(axis=1, keepdims=True, initial=-np.inf))
    return shares / shares.sum(axis=1, keepdims=True)


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-12))


def _fit_temperature(task_name: TaskName, truth: np.ndarray, chances: np.ndarray) -> float:
    """The temperature under which what came true was least surprising (smallest mean negative log-likelihood)."""
    from scipy.optimize import minimize_scalar

    def surprise(log_temperature: float) -> float:
        tempered = _tempered(task_name, chances, math.exp(log_temperature))
        if task_name == "multilabel":
            known = np.isfinite(truth)
            given = np.where(truth > 0.5, tempered, 1 - tempered)[known]
        else:
            given = tempered[np.arange(len(truth)), truth]
        return -float(_log(given).mean())

    found = minimize_scalar(surprise, bounds=tuple(map(math.log, _TEMPERATURES)), method="bounded")
    return float(math.exp(found.x))
