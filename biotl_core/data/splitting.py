"""Train, validation and test: given, random, or so that the test holds what training has not seen the like of."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from biotl_core.data.clusters import cluster_scaffolds, cluster_sequences
from biotl_core.data.dataset import PARTS, Dataset
from biotl_core.data.dealing import Fractions, as_parts, deal, target_strata
from biotl_core.data.grouping import find_groups, is_too_alike, keep_apart, same_sequence
from biotl_core.data.ordered_splits import deal_in_order, read_times
from biotl_core.data.quoting import shown
from biotl_core.data.split_settings import DEFAULT_FRACTIONS, SPLITS, SplitKind, SplitSettings
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.wording import say_count

__all__ = [
    "DEFAULT_FRACTIONS",
    "SPLITS",
    "SplitKind",
    "SplitResult",
    "SplitSettings",
    "propose_split",
    "split",
    "split_or_random",
]

_VALIDATION_SHARE = 0.1
"""Share of training that becomes validation (or test) where the given parts lack it."""
_LOOKED_AT = 1_000
"""Rows that are looked at before a split by groups is proposed."""
_MAX_PROPOSED = 30_000
"""More sequences than this are grouped only when asked for: it takes minutes."""


@dataclass(frozen=True)
class SplitResult:
    """A dataset with its parts, and what to say about them."""

    dataset: Dataset
    kind: SplitKind
    counts: dict[str, int]
    """Rows of each part."""
    sentence: str
    """How the parts were made and how large they are."""
    notes: tuple[str, ...] = ()
    """What is worth knowing: parts that had to be made, groups too large to fit, classes missing from the test."""


def propose_split(dataset: Dataset) -> SplitSettings:
    """The split that answers the likely question honestly.

    Given parts where there are any. New scaffolds for molecules; unlike the training set for proteins and DNA. Random
    where a look at some rows shows that they would form one group (mutants of one protein, short pieces, molecules
    without rings), and for more sequences than can be grouped while one waits.
    """
    if (dataset.table["part"] != "").any():
        return SplitSettings("given")
    sequences = dataset.table["sequence"].tolist()
    sample = sequences[:: max(1, len(sequences) // _LOOKED_AT)]
    if dataset.modality == "molecule":
        return SplitSettings("scaffold" if _forms_groups(cluster_scaffolds(sample)) else "random")
    if len(sequences) > _MAX_PROPOSED or is_too_alike(sequences):
        return SplitSettings("random")
    # Unrelated DNA reaches higher identities than unrelated proteins: four letters instead of twenty.
    identity = 0.8 if dataset.modality == "dna" else 0.5
    forms_groups = _forms_groups(cluster_sequences(sample, dataset.modality, identity))
    return SplitSettings("similarity", identity=identity) if forms_groups else SplitSettings("random")


def _forms_groups(groups: np.ndarray) -> bool:
    """Whether there are several groups and none holds most rows."""
    return int(groups.max()) >= 2 and int(np.bincount(groups).max()) <= 0.6 * len(groups)


def split_or_random(
    dataset: Dataset,
    proposed: SplitSettings,
    control: Control | None = None,
    column: pd.Series | None = None,
) -> SplitResult:
    """Split as proposed; where that is not possible for these data, at random, with the reason among the notes."""
    try:
        return split(dataset, proposed, control, column)
    except UserError as error:
        if proposed.kind in ("given", "random"):
            raise
        result = split(dataset, replace(proposed, kind="random"), control)
        return replace(result, notes=(f"Parts at random: {error}", *result.notes))


def split(
    dataset: Dataset,
    settings: SplitSettings,
    control: Control | None = None,
    column: pd.Series | None = None,
) -> SplitResult:
    """Give every row a part.

    Args:
        dataset: without parts, or with those that the table gives.
        settings: how.
        control: told how far it is, and asked whether to stop.
        column: for a split by group or time, the value of `settings.column` of each row, as text.

    Identical sequences (for molecules: however they are written) are always in the same part, but for given parts,
    which are kept as they are. The same dataset, settings and seed give the same parts.

    Raises:
        UserError: when this split is not possible for these data; it says which is.
    """
    control = control or Control()
    if len(dataset.table) < 3:
        raise UserError(f"{say_count(len(dataset.table), 'row')} cannot be split into three parts. Add rows.")
    match settings.kind:
        case "given":
            parts, how, notes = _given_parts(dataset, settings, control)
        case "position":
            parts, how, notes = _position_parts(dataset, settings)
        case "mutations" | "value" | "time":
            parts, how, notes = _ordered_parts(dataset, settings, column, control)
        case _:
            groups, how = find_groups(dataset, settings, control, column)
            parts, notes = _deal_rows(dataset, groups, settings), []
            if settings.kind == "similarity":
                parts, notes = keep_apart(dataset, parts, settings, control)
    return _result(dataset, settings, parts, how, notes)


def _result(
    dataset: Dataset, settings: SplitSettings, parts: pd.Series, how: str, notes: list[str]
) -> SplitResult:
    counts = {part: int((parts == part).sum()) for part in PARTS}
    if empty := [part for part in PARTS if not counts[part]]:
        raise UserError(
            f"The split leaves no row for {' and '.join(empty)}. Choose another split, such as random, or add rows."
        )
    if settings.kind != "given":
        notes = [*notes, *_share_notes(counts, settings.fractions)]
    with_parts = dataset.with_parts(parts)
    said = ", ".join(f"{counts[part]:,} {part}" for part in PARTS)
    sentence = f"Parts {how}: {said}."
    return SplitResult(with_parts, settings.kind, counts, sentence, (*notes, *_class_notes(with_parts)))


def _share_notes(counts: dict[str, int], fractions: Fractions) -> list[str]:
    n = sum(counts.values())
    off = [
        f"{part} {counts[part] / n:.0%} instead of {fraction:.0%}"
        for part, fraction in zip(PARTS, fractions, strict=True)
        if abs(counts[part] - fraction * n) > max(2.0, 0.05 * n)
    ]
    return [f"Whole groups could not be dealt out exactly: {', '.join(off)}."] if off else []


def _class_notes(dataset: Dataset) -> list[str]:
    """Classes that the test has and training has not, or the other way round."""
    if dataset.task_name != "classification":
        return []
    train, test = set(dataset.part("train")["target"]), set(dataset.part("test")["target"])
    notes = []
    if unseen := sorted(test - train):
        notes.append(f"Training has no member of {', '.join(map(shown, unseen[:5]))}, which the test has.")
    if untested := sorted(train - test):
        notes.append(f"The test has no member of {', '.join(map(shown, untested[:5]))}.")
    return notes


def _deal_rows(dataset: Dataset, groups: np.ndarray, settings: SplitSettings) -> pd.Series:
    strata = target_strata(dataset, dataset.table)
    is_class = dataset.task_name == "classification"
    return as_parts(deal(groups, strata, settings.fractions, settings.seed, rare_to_train=is_class))


def _given_parts(
    dataset: Dataset, settings: SplitSettings, control: Control
) -> tuple[pd.Series, str, list[str]]:
    parts = dataset.table["part"].astype("str").reset_index(drop=True)
    there = set(parts) & set(PARTS)
    if not there:
        raise UserError("The table names no parts. Choose another split, or name the column that holds them.")
    if len(there) < len(set(parts)):
        n_blank = int((~parts.isin(PARTS)).sum())
        raise UserError(
            f"{say_count(n_blank, 'row')} have no part. Give each row one, or choose another split."
        )
    notes: list[str] = []
    if "train" not in there:
        parts = _make_training(parts, there, notes)
    groups = same_sequence(dataset, control)
    for part, name in (("validation", "a validation part"), ("test", "a test part")):
        if part not in there:
            taken = _take_from_training(dataset, parts, groups, settings.seed)
            parts = parts.mask(taken, part)
            notes.append(
                f"The table has no {part} part: {int(taken.sum()):,} training rows ({_VALIDATION_SHARE:.0%}) became "
                f"{name}, drawn evenly over the targets (seed {settings.seed})."
            )
    return parts, "as in the table", notes


def _make_training(parts: pd.Series, there: set[str], notes: list[str]) -> pd.Series:
    if "validation" not in there or "test" not in there:
        only = ", ".join(sorted(there))
        raise UserError(
            f"All rows are {only}; none is for training. Choose another split or correct the column."
        )
    n = int((parts == "validation").sum())
    notes.append(f"The table has no training part: its {n:,} validation rows became training.")
    there.discard("validation")
    return parts.mask(parts == "validation", "train")


def _take_from_training(dataset: Dataset, parts: pd.Series, groups: np.ndarray, seed: int) -> pd.Series:
    """Which rows leave training: a tenth of it, evenly over the targets; bool, index as parts."""
    rows = np.flatnonzero(parts == "train")
    if len(rows) < 2:
        raise UserError(
            "There are too few training rows to make another part of. Choose another split or add rows."
        )
    strata = target_strata(dataset, dataset.table.iloc[rows])
    shares = (1 - 2 * _VALIDATION_SHARE, _VALIDATION_SHARE, _VALIDATION_SHARE)
    dealt = deal(groups[rows], strata, shares, seed, dataset.task_name == "classification")
    # Three parts were dealt; the tenth dealt as validation leaves, the rest stays training.
    leaves = dealt == (1 if (dealt == 1).any() else 2)
    mask = np.zeros(len(parts), dtype=bool)
    mask[rows[leaves]] = True
    return pd.Series(mask, index=parts.index)


def _ordered_parts(
    dataset: Dataset, settings: SplitSettings, column: pd.Series | None, control: Control
) -> tuple[pd.Series, str, list[str]]:
    """Few to many mutations, low to high values, early to late."""
    groups = same_sequence(dataset, control)
    match settings.kind:
        case "mutations":
            keys = _mutation_counts(dataset)
            unit = "mutations"
        case "value":
            if dataset.task_name != "regression":
                raise UserError("A split by value needs one number per sequence. Choose another split.")
            keys, unit = dataset.target_values(), shown(dataset.target_name)
        case _:
            if column is None:
                raise UserError(f"Column {shown(settings.column)} is not at hand here. Choose another split.")
            keys, unit = read_times(column, settings.column), shown(settings.column)
    dealt = deal_in_order(keys, groups, settings.fractions, settings.seed)
    if not (dealt == 2).any():
        raise UserError(f"All rows are alike in {unit}, so they have no order. Choose another split.")
    if settings.kind == "time":
        how = f"in the order of {unit}: the test has the latest"
    else:
        how = f"in the order of {unit} (training up to {keys[dealt < 2].max():.4g}, the test above)"
    return as_parts(dealt), how, []


def _mutation_counts(dataset: Dataset) -> np.ndarray:
    variants = None if dataset.modality == "molecule" else find_variants(dataset.table["sequence"].tolist())
    if variants is None:
        raise UserError(
            "A split by number of mutations needs mutants of one sequence, all of the same length. "
            "Choose similarity or random."
        )
    return variants.is_mutated.sum(axis=1)


def _position_parts(dataset: Dataset, settings: SplitSettings) -> tuple[pd.Series, str, list[str]]:
    """Positions are drawn for test, then for validation, until these hold their share of the mutants.

    A mutant with any test position is test, else with any validation position validation, so that no test position
    is ever mutated in training.
    """
    variants = None if dataset.modality == "molecule" else find_variants(dataset.table["sequence"].tolist())
    if variants is None:
        raise UserError(
            "A split by position needs mutants of one sequence, all of the same length. Choose similarity or random."
        )
    is_mutated = variants.is_mutated
    rng = np.random.default_rng(settings.seed)
    free = rng.permutation(np.flatnonzero(is_mutated.any(axis=0)))
    parts = np.zeros(len(is_mutated), dtype=np.int64)
    drawn: dict[int, list[int]] = {1: [], 2: []}
    for part in (2, 1):
        for position in free:
            hit = is_mutated[:, position] & (parts == 0)
            size = int((parts == part).sum())
            wanted = settings.fractions[part] * len(parts)
            if size < wanted and size + hit.sum() <= max(1.5 * wanted, 1.0):
                parts[hit] = part
                drawn[part].append(int(position))
        free = free[~np.isin(free, drawn[part])]
    if not all(drawn.values()) or min(np.bincount(parts, minlength=3)) == 0:
        n_positions = int(is_mutated.any(axis=0).sum())
        raise UserError(
            f"The mutants differ at {say_count(n_positions, 'position')} only, most of them at several at once, so no "
            "positions can be held out. Choose a random split."
        )
    how = f"by position ({len(drawn[2])} positions only in the test, {len(drawn[1])} only in validation and test)"
    return as_parts(parts), how, []
