"""Findings and repairs: from the raw table to a Dataset, with a log of every change."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from biotl_core.data.dataset import COLUMNS, Dataset
from biotl_core.data.findings import PROBLEMS, REPAIRS, SAFE_REPAIRS, Finding, Findings, Repair
from biotl_core.data.molecules import check_molecules
from biotl_core.data.quoting import cut, listed, shown
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.replicates import check_parts, check_replicates
from biotl_core.data.sequence_checks import check_blank, check_length, check_letters
from biotl_core.data.split_settings import SplitSettings
from biotl_core.data.target_checks import check_targets
from biotl_core.data.worktable import WorkTable
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.wording import say_count

__all__ = [
    "PROBLEMS",
    "REPAIRS",
    "SAFE_REPAIRS",
    "Cleaned",
    "Finding",
    "Findings",
    "Repair",
    "check",
    "clean",
]

MIN_ROWS = 3
"""Fewer rows cannot be split into three parts."""
EXTREME_Z = 8.0
"""Targets so many robust standard deviations from the median are called extreme."""
RARE_CLASS = 3
"""Classes with fewer members cannot be in every part."""
IMBALANCE = 20.0
"""A commonest class so many times the rarest is called very unequal."""


@dataclass(frozen=True)
class Cleaned:
    """A Dataset, and how it came to be."""

    dataset: Dataset
    changes: pd.DataFrame
    """Columns `row, column, before, after, why`; rows set aside have `(row set aside)` in `after`."""
    findings: Findings
    """What was found on the way."""
    rows: np.ndarray
    """Which row of the raw table, from 0, each row of the dataset is; int64 `(n,)`."""

    @property
    def n_set_aside(self) -> int:
        """Rows of the raw table that are not in the dataset."""
        return self.findings.n_rows - len(self.dataset.table)


def split_column(raw: RawTable, cleaned: Cleaned, settings: SplitSettings) -> pd.Series | None:
    """The column of groups or times that a split asks for, a value a row of the dataset; None where it asks for none.

    Raises:
        UserError: the table has no such column.
    """
    if settings.kind not in ("group", "time"):
        return None
    if settings.column not in raw.table:
        raise UserError(
            f"{shown(raw.source)} has no column {shown(settings.column)}; it has {listed(raw.columns)}. "
            "Choose one of these."
        )
    return raw.table[settings.column].iloc[cleaned.rows].reset_index(drop=True)


def check(
    raw: RawTable, reading: Reading, max_length: int | None = None, control: Control | None = None
) -> Findings:
    """All findings, row by row, as they are after the safe repairs before them.

    Args:
        raw: The table as read.
        reading: Which column is what.
        max_length: Letters the backbone reads; longer sequences are reported.
        control: Told how far the reading of molecules is.

    Raises:
        UserError: when the columns cannot be a target of this task at all.
    """
    work, _ = _run_checks(raw, reading, SAFE_REPAIRS, max_length, control or Control())
    return work.findings


def clean(
    raw: RawTable, reading: Reading, repairs: Collection[str] | None = None, control: Control | None = None
) -> Cleaned:
    """Make the repairs (all safe ones by default), set aside what still cannot be used, and say so in the log.

    Raises:
        UserError: when nothing usable remains, all targets are the same, or a repair is not known.
    """
    wanted = SAFE_REPAIRS if repairs is None else frozenset(repairs)
    if unknown := sorted(wanted - REPAIRS.keys()):
        raise UserError(
            f"There is no repair {shown(unknown[0])}; the repairs are {', '.join(REPAIRS)}. Choose of these."
        )
    work, classes = _run_checks(raw, reading, wanted, None, control or Control())
    _check_usable(work)
    classes = _remaining_classes(work, classes)
    _check_not_constant(work, classes)
    table = work.rows[list(COLUMNS)].reset_index(drop=True)
    columns = reading.target_columns
    target_name = cut(columns[0] if len(columns) == 1 else f"{len(columns)} labels", 80)
    dataset = Dataset(table, reading.modality, reading.task_name, classes, raw.source, target_name)
    return Cleaned(dataset, work.changes, work.findings, work.rows["row"].to_numpy(dtype=np.int64) - 1)


def _run_checks(
    raw: RawTable, reading: Reading, repairs: Collection[str], max_length: int | None, control: Control
) -> tuple[WorkTable, tuple[str, ...]]:
    work = WorkTable(raw, reading, repairs)
    control.step("Checking the table", 0, 0)
    check_parts(work)
    _check_sequences(work, max_length, control)
    classes = check_targets(work)
    check_replicates(work)
    _check_names(work)
    _check_distribution(work)
    return work, classes


def _check_sequences(work: WorkTable, max_length: int | None, control: Control) -> None:
    check_blank(work)
    if work.reading.modality == "molecule":
        check_molecules(work, control)
    else:
        check_letters(work)
    check_length(work, max_length)


def _check_names(work: WorkTable) -> None:
    if work.reading.name_column is None:
        return
    names = work.rows["name"]
    work.find(
        names.duplicated(keep="first"),
        "same_name",
        "name",
        lambda rows: [f"{shown(n)} is also the name of a row above." for n in rows["name"]],
    )


def _check_distribution(work: WorkTable) -> None:
    """What only the whole column shows: extreme numbers, rare and very unequal classes, a single value."""
    targets, task_name = work.rows["target"], work.reading.task_name
    if targets.empty:
        return
    if task_name == "regression":
        _check_extremes(work)
    elif task_name == "classification":
        _check_class_sizes(work)
    if task_name in ("regression", "classification") and work.rows["target"].nunique() == 1:
        work.note(
            "constant_target", work.target_name, "All targets are the same, so there is nothing to learn."
        )


def _check_extremes(work: WorkTable) -> None:
    targets = work.rows["target"].astype(np.float64)
    median = targets.median()
    # 1.4826 x the median absolute deviation is the standard deviation of a normal distribution.
    spread = 1.4826 * (targets - median).abs().median()
    if spread == 0:
        return
    z = (targets - median).abs() / spread
    extreme = z > EXTREME_Z
    work.find(
        extreme,
        "extreme",
        "target",
        lambda rows: [
            f"{t:.4g} lies {d:.0f} times the usual spread from the median ({median:.4g}). Check it."
            for t, d in zip(rows["target"], z[rows.index], strict=True)
        ],
    )
    if "extreme" in work.repairs:
        work.set_aside(extreme, "target", "Extreme value")


def _check_class_sizes(work: WorkTable) -> None:
    counts = work.rows["target"].value_counts()
    rare = counts[counts < RARE_CLASS]
    for name, n in rare.items():
        work.note(
            "rare_class",
            work.target_name,
            f"Class {shown(name)} has only {say_count(int(n), 'member')}; it cannot be learned and tested.",
            str(name),
        )
    if len(counts) > 1 and counts.iloc[0] >= IMBALANCE * counts.iloc[-1]:
        work.note(
            "imbalance",
            work.target_name,
            f"The commonest class {shown(counts.index[0])} has {int(counts.iloc[0]):,} members, the rarest "
            f"{shown(counts.index[-1])} only {int(counts.iloc[-1]):,}. Let rare classes count more in training.",
        )
    if "rare_class" in work.repairs:
        work.set_aside(work.rows["target"].isin(rare.index), "target", "Class with very few members")


def _check_usable(work: WorkTable) -> None:
    if len(work.rows) >= MIN_ROWS:
        return
    if work.findings.n_blocked or work.rows.empty:
        raise _nothing_usable(work)
    raise UserError(
        f"{shown(work.raw.source)} has only {say_count(len(work.rows), 'usable row')}; at least {MIN_ROWS} are needed, "
        "and some dozens to learn anything. Add rows."
    )


def _nothing_usable(work: WorkTable) -> UserError:
    """Says how many rows are left and what stands most in the way, with its first row as an example."""
    left = "No row" if work.rows.empty else f"Only {say_count(len(work.rows), 'row')}"
    findings = work.findings.table
    whole = findings[findings["row"].isna() & (findings["severity"] == "blocks")]
    if len(whole):
        return UserError(f"{left} of {shown(work.raw.source)} can be used. {whole['message'].iloc[0]}")
    blocks = findings[(findings["severity"] == "blocks") & ~findings["repair"].isin(work.repairs)]
    if blocks.empty:
        return UserError(
            f"{left} of {shown(work.raw.source)} is left after the chosen repairs. Choose fewer of them."
        )
    commonest = blocks["problem"].value_counts().index[0]
    example = blocks[blocks["problem"] == commonest]
    title = PROBLEMS[commonest].title
    return UserError(
        f"{left} of {shown(work.raw.source)} can be used; {title[0].lower()}{title[1:]} in "
        f"{say_count(len(example), 'row')}. {example['message'].iloc[0]}"
    )


def _remaining_classes(work: WorkTable, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that still have a row after everything was set aside."""
    if work.reading.task_name != "classification":
        return classes
    there = set(work.rows["target"])
    return tuple(name for name in classes if name in there)


def _check_not_constant(work: WorkTable, classes: tuple[str, ...]) -> None:
    task_name = work.reading.task_name
    if task_name == "regression":
        is_constant = work.rows["target"].nunique() < 2
    elif task_name in ("classification", "residue_classification"):
        is_constant = len(classes) < 2
    else:
        is_constant = False
    if is_constant:
        value = work.rows["target"].iloc[0] if task_name != "residue_classification" else listed(classes)
        raise UserError(
            f"All targets in column {shown(work.target_name)} are the same ({shown(value)}): there is nothing to "
            "learn. Choose another target or add rows."
        )
