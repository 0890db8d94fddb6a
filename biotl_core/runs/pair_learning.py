"""Learn molecules and target proteins together, beside simple methods, and choose what to rely on."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from biotl_core.learning.tower_adapters import AdapterSettings
from biotl_core.learning.two_towers import (
    Measured,
    Seen,
    Side,
    TowerGroup,
    TowerSettings,
    predict_pairs,
    seen_in,
    train_towers,
)
from biotl_core.progress import Control
from biotl_core.runs.pair_adjusting import adjust, describe_adjustment
from biotl_core.runs.pair_features import PairReader
from biotl_core.screening.fingerprints import Bits, fingerprints, tanimoto
from biotl_core.screening.pair_baselines import (
    Neighbours,
    PairData,
    predict_biases,
    predict_boosting,
    predict_mean,
    short_description,
)
from biotl_core.screening.pairs import PairInputs, Pairs
from biotl_core.screening.proteins import similarity
from biotl_core.screening.scores import SCORES, per_target, score_interval, scores_of

_MOST_NEIGHBOURS = 12_000
"""Molecules up to which all similarities fit the memory."""
_COVERAGE = 0.9
_SEED_STEP = 10_007
"""Between the members of a group, so that the next seed of a run begins elsewhere."""


class LearnedPairs(NamedTuple):
    """What a pair run has learned and how it did."""

    group: TowerGroup
    reader: PairReader
    molecules: Side
    proteins: Side
    seen: Seen
    test: np.ndarray
    """Rows of the test part."""
    predicted: dict[str, np.ndarray]
    """Of every method on the test part."""
    result: dict[str, Any]


def learn_pairs(
    pairs: Pairs,
    parts: np.ndarray,
    settings: TowerSettings,
    control: Control,
    tell: Any = None,
    own_vectors: bool | None = None,
    inputs: PairInputs | None = None,
) -> LearnedPairs:
    """Learn the towers and the simple methods, choose on the validation part, judge all on the test part.

    Args:
        pairs: the table.
        parts: train, validation or test of each pair.
        settings: of the towers.
        control: progress and stop.
        tell: called with `epoch, epochs, train_loss, validation_loss, metrics` after each look.
        own_vectors: whether molecules and proteins get vectors of their own; None tries both where it can help, and
            the validation part decides.
        inputs: what the towers read beside, or instead of, fingerprints and composition.
    """
    table = pairs.table
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    measured = {part: measured_pairs(table, where) for part, where in rows.items()}
    validation, test = _exact(measured["validation"]), _exact(measured["test"])
    bits, known = (
        fingerprints(pairs.molecules),
        measured_pairs(table, np.r_[rows["train"], rows["validation"]]),
    )
    inputs = inputs or PairInputs()
    reader = learn_reader(pairs, measured["train"], inputs, control)
    sides = reader.molecules(bits, pairs.molecules), reader.proteins(pairs.proteins)
    n_bits = (reader.n_bits, 0)
    if inputs.adapter is not None:
        settings = replace(settings, members=1)  # one pair of towers goes on with its pretrained models
    group, n_steps = _best_towers(*sides, n_bits, measured, settings, own_vectors, control, tell)
    validated = {"towers": _of_pairs(predict_pairs(group, *sides, seen_in(measured["train"])), validation)}
    tried = None
    if inputs.adapter is not None:
        parts_of = measured["train"], measured["validation"]
        tried = adjust(
            group.members[0], reader, sides, pairs, bits, *parts_of, inputs, control, _teller(tell)
        )
        after = predict_pairs(TowerGroup((tried.model,)), *tried.sides, seen_in(measured["train"]))
        before = float(((validated["towers"] - validation.value) ** 2).mean())
        validated["towers"] = _of_pairs(after, validation)
    neighbours = _learn_neighbours(pairs, bits, _exact(measured["train"]), validation, control)
    if neighbours is not None:
        validated["neighbours"] = neighbours.predict(validation)
        validated["both"] = (validated["towers"] + validated["neighbours"]) / 2
    # The validation part has chosen; what is kept learns from it as well.
    group = train_group(*sides, n_bits, known, known, group.settings, control, n_steps)
    everything = predict_pairs(group, *sides, seen_in(known))
    predicted = {"towers": _of_pairs(everything, test)}
    if tried is not None and tried.n_steps:
        first = group.members[0]
        again = adjust(first, reader, sides, pairs, bits, known, known, inputs, control, None, tried.n_steps)
        group, reader, sides = TowerGroup((again.model,)), again.reader, again.sides
        everything = predict_pairs(group, *sides, seen_in(known))
        predicted = {"towers": _of_pairs(everything, test), "unadjusted": predicted["towers"]}
    if neighbours is not None:
        predicted["neighbours"] = neighbours._replace(train=_exact(known)).predict(test)
        predicted["both"] = (predicted["towers"] + predicted["neighbours"]) / 2
    control.step("Simple methods", 0, 0)
    described = reader.description.describe(pairs.proteins)
    predicted |= _simple_methods(_exact(known), test, bits, described, settings.seed)
    result = _choose(validated, validation) | {
        "models": {name: _judged(pairs.kind, test, value) for name, value in predicted.items()},
        "powers": neighbours.powers if neighbours is not None else None,
        "counts": {part: len(where) for part, where in rows.items()},
        "controls": _controls(test, everything, settings.seed),
        "adjustment": None if tried is None else describe_adjustment(inputs, before, tried),
    }
    where = rows["test"][measured["test"].side == 0]
    return LearnedPairs(group, reader, *sides, seen_in(known), where, predicted, result)


def _teller(tell: Any) -> Any:
    """What `adjust` calls after a look, as a line of the run's history."""
    if tell is None:
        return None
    steps = AdapterSettings().steps

    def look(step: int, loss: float, error: float) -> None:
        tell(
            epoch=step, epochs=steps, train_loss=loss, validation_loss=error, metrics={"rmse": float(np.sqrt(error))},
            elapsed_seconds=0.0, learning_rate=AdapterSettings().learning_rate, stage="adjusting",
        )  # fmt: skip

    return look


def learn_reader(pairs: Pairs, train: Measured, inputs: PairInputs, control: Control) -> PairReader:
    """How molecules and target proteins are read, from those of the training pairs."""
    smiles = [pairs.molecules[i] for i in np.unique(train.molecule)]
    return PairReader.learn(inputs, smiles, [pairs.proteins[i] for i in np.unique(train.protein)], control)


def _of_pairs(everything: np.ndarray, pairs: PairData) -> np.ndarray:
    return everything[pairs.molecule, pairs.protein].astype(np.float64)


def _learn_neighbours(
    pairs: Pairs, bits: Bits, train: PairData, validation: PairData, control: Control
) -> Neighbours | None:
    """Similar pairs with their powers; None where all similarities would not fit the memory."""
    if len(pairs.molecules) > _MOST_NEIGHBOURS:
        return None
    matrix = bits.matrix()
    likeness = tanimoto(matrix, matrix), similarity(pairs.proteins, pairs.proteins)
    return Neighbours.learn(train, validation, *likeness, control)


def _simple_methods(
    known: PairData, test: PairData, bits: Bits, proteins: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    described = _short_descriptions(bits.matrix(), proteins, known)
    return {
        "mean": predict_mean(known, test),
        "biases": predict_biases(known, test),
        "boosting": predict_boosting(known, test, *described, seed),
    }


def _choose(validated: dict[str, np.ndarray], validation: PairData) -> dict[str, Any]:
    """The method with the least error on the validation part, and the interval that its misses there give."""
    errors = {name: float(((value - validation.value) ** 2).mean()) for name, value in validated.items()}
    chosen = min(errors, key=errors.get)
    misses = np.sort(np.abs(validated[chosen] - validation.value))
    place = min(len(misses) - 1, int(np.ceil(_COVERAGE * (len(misses) + 1))) - 1)
    return {"chosen": chosen, "validation_mse": errors, "half_width": float(misses[place])}


def _best_towers(
    molecules: Side, proteins: Side, n_bits: tuple[int, int], measured: dict[str, Measured], settings: TowerSettings,
    own: bool | None, control: Control, tell: Any,
) -> tuple[TowerGroup, int]:  # fmt: skip
    """The best towers, and after how many steps they were best.

    Tried without own vectors, and with them where the validation part has the molecules and targets of training. The
    first pair of towers tells both; the other members of the group learn as it did.
    """
    train, validation = measured["train"], measured["validation"]
    is_known = np.isin(validation.molecule, train.molecule).mean() > 0.5
    is_known &= np.isin(validation.protein, train.protein).mean() > 0.5
    tries = (own,) if own is not None else (False, True) if is_known else (False,)
    best, kept, n_steps = np.inf, None, 0
    for number, has_own in enumerate(tries):
        errors: list[float] = []

        def look(step: int, loss: float, error: float, number: int = number, errors: list = errors) -> None:
            errors.append(error)
            if tell is not None:
                total = len(tries) * settings.steps
                tell(
                    epoch=number * settings.steps + step, epochs=total, train_loss=loss, validation_loss=error,
                    metrics={"rmse": float(np.sqrt(error))}, elapsed_seconds=0.0, learning_rate=settings.learning_rate,
                )  # fmt: skip

        chosen = replace(settings, own_vectors=has_own)
        model = train_towers(molecules, proteins, n_bits, train, validation, chosen, control, look)
        if min(errors) < best:
            best, kept = min(errors), model
            n_steps = min((1 + int(np.argmin(errors))) * settings.check_every, settings.steps)
    others = train_group(
        molecules, proteins, n_bits, train, validation, kept.settings, control, n_steps, first=1
    )
    return TowerGroup((kept, *others.members)), n_steps


def train_group(
    molecules: Side, proteins: Side, n_bits: tuple[int, int], train: Measured, validation: Measured,
    settings: TowerSettings, control: Control, n_steps: int, first: int = 0,
) -> TowerGroup:  # fmt: skip
    """The members from `first` on, each learned for so many steps from its own beginning."""
    members = []
    for number in range(first, settings.members):
        own = replace(settings, seed=settings.seed + _SEED_STEP * number)
        members.append(
            train_towers(molecules, proteins, n_bits, train, validation, own, control, stop_after=n_steps)
        )
    return TowerGroup(tuple(members))


def _short_descriptions(
    bits: sparse.csr_array, proteins: np.ndarray, known: PairData
) -> tuple[np.ndarray, np.ndarray]:
    """What boosted trees see of each side: main directions of its description, and the mean of its known pairs."""
    first, second = short_description(bits), short_description(sparse.csr_array(proteins))
    overall = known.value.mean()
    described = []
    for table, index in ((first, known.molecule), (second, known.protein)):
        counts = np.bincount(index, minlength=len(table))
        means = (np.bincount(index, known.value, len(table)) + overall) / (counts + 1)
        described.append(np.hstack([table, means[:, None]]))
    return described[0], described[1]


def measured_pairs(table: pd.DataFrame, rows: np.ndarray) -> Measured:
    """Rows of the table of pairs as the towers learn from them."""
    own = table.iloc[rows]
    return Measured(*(own[c].to_numpy() for c in ("molecule", "protein", "value", "side")))


def _exact(measured: Measured) -> PairData:
    where = measured.side == 0
    return PairData(
        measured.molecule[where], measured.protein[where], measured.value[where].astype(np.float64)
    )


def _judged(kind: str, test: PairData, predicted: np.ndarray) -> dict[str, Any]:
    scores = scores_of(kind, test.value, predicted)
    scores["per_target"] = per_target(test.protein, test.value, predicted)
    headline = "auroc" if kind == "active" else "pearson"
    return {"test": scores, "test_interval": {headline: score_interval(headline, test.value, predicted, 100)}}


def _controls(test: PairData, everything: np.ndarray, seed: int) -> dict[str, float]:
    """How well the towers do when the molecule or the target protein of each test pair is swapped for another's."""
    rng, score = np.random.default_rng(seed), SCORES["pearson"].formula
    swapped = {
        "as they are": (test.molecule, test.protein),
        "another target": (test.molecule, rng.permutation(test.protein)),
        "another molecule": (rng.permutation(test.molecule), test.protein),
    }
    return {name: score(test.value, everything[pair].astype(np.float64)) for name, pair in swapped.items()}
