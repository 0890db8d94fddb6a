"""Which column is the target, and what kind of target it is: guessed from names and content."""

import pandas as pd

from biotl_core.data.column_names import is_set_aside_name, name_words, sequence_rank, target_rank
from biotl_core.data.column_table import Column, ColumnTable
from biotl_core.data.quoting import listed, shown
from biotl_core.data.targets import (
    MAX_CLASSES,
    is_yes_no,
    label_lengths,
    looks_like_numbers,
    number_counts,
    parse_numbers,
)
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.errors import UserError

_RESIDUE_SAMPLE = 500
"""Rows that are looked at for targets per residue."""


def guess_targets(
    table: ColumnTable, used: set[str | None], sequence_column: str, notes: list[str]
) -> tuple[str, ...]:
    """The target column, or the columns of several labels; UserError that lists what may be meant."""
    free = {name: column for name, column in table.columns.items() if name not in used and len(column.values)}
    candidates = {name: target_rank(name) for name, column in free.items() if not is_set_aside_name(name)}
    plausible = {
        n: rank for n, rank in candidates.items() if rank > 0 or _is_plausible(table, n, sequence_column)
    }
    if not plausible:
        plausible = _last_resort(table, free, sequence_column, notes)
    if not plausible:
        others = [name for name in free if not (table.columns[name].is_sequence_like and sequence_rank(name))]
        hint = f"the other columns are {listed(others)}" if others else "there is no other column with values"
        raise UserError(
            f"{shown(table.raw.source)}: no column beside the sequences looks like a target; {hint}. "
            "Add a column with what was measured, or name it (in the shell: --target NAME)."
        )
    best_rank = max(plausible.values())
    best = [name for name, rank in plausible.items() if rank == best_rank]
    if len(best) > 1 and all(is_yes_no(table.columns[name].values) for name in best):
        notes.append(f"{len(best)} yes/no columns are taken as labels: {listed(best)}.")
        return tuple(best)
    if len(best) > 1:
        raise UserError(
            f"{shown(table.raw.source)}: several columns may be the target: {listed(best)}. "
            "Name one of them (in the shell: --target NAME)."
        )
    others = [name for name in plausible if name != best[0]]
    notes.append(f"Target: column *{best[0]}*" + (f" (not {listed(others, most=5)})." if others else "."))
    return (best[0],)


def _last_resort(
    table: ColumnTable, free: dict[str, Column], sequence_column: str, notes: list[str]
) -> dict[str, int]:
    """The single column whose name tells nothing of a target (family, count, ...) but whose content could be one."""
    names = [
        name for name in free if sequence_rank(name) == 0 and _is_plausible(table, name, sequence_column)
    ]
    if len(names) != 1:
        return {}
    notes.append(f"Nothing but column *{names[0]}* could be a target, though its name does not say so.")
    return {names[0]: 0}


def _is_plausible(table: ColumnTable, name: str, sequence_column: str) -> bool:
    """Whether the content of a column could be a target: numbers, few classes, or one value a residue."""
    column = table.columns[name]
    if column.is_sequence_like and residue_task(table, name, sequence_column) is None:
        return False
    numbers = looks_like_numbers(column.values)
    is_index = numbers and column.n_distinct == len(column.values) and _counts_up(column.values)
    few = 2 <= column.n_distinct <= max(2, min(MAX_CLASSES, len(column.values) // 3))
    return (numbers and not is_index) or few or residue_task(table, name, sequence_column) is not None


def _counts_up(values: pd.Series) -> bool:
    numbers = parse_numbers(values)
    return (
        bool((numbers.diff().iloc[1:] == numbers.diff().iloc[1:].median()).all())
        if len(numbers) > 2
        else False
    )


def guess_task(
    table: ColumnTable, target_columns: tuple[str, ...], sequence_column: str, notes: list[str]
) -> TaskName:
    """The kind of target, from its values."""
    if len(target_columns) > 1:
        wrong = [name for name in target_columns if not is_yes_no(table.columns[name].values)]
        if wrong:
            raise UserError(
                f"Several target columns must all hold yes/no labels (1 and 0); {listed(wrong, most=3)} do not. "
                "Name a single target column."
            )
        return "multilabel"
    name = target_columns[0]
    if per_residue := residue_task(table, name, sequence_column):
        return per_residue
    column = table.columns[name]
    if not looks_like_numbers(column.values):
        return "regression" if _is_mostly_unreadable(column) else "classification"
    numbers = parse_numbers(column.values).dropna()
    distinct = sorted(numbers.unique())
    are_whole = bool(distinct) and all(float(value).is_integer() for value in distinct[:50])
    is_class_name = bool(
        name_words(name) & {"label", "labels", "class", "classes", "category", "type", "stage", "group"}
    )
    are_classes = are_whole and (
        len(distinct) == 2
        or (len(distinct) <= 10 and distinct[0] in (0, 1) and _is_run(distinct) and is_class_name)
    )
    if are_classes:
        notes.append(f"Column *{name}* holds {len(distinct)} whole numbers, taken as classes.")
    return "classification" if are_classes else "regression"


def _is_run(distinct: list[float]) -> bool:
    return distinct == [distinct[0] + i for i in range(len(distinct))]


def _is_mostly_unreadable(column: Column) -> bool:
    """A target of mostly different texts is no class; as a number its rows are told one by one."""
    return column.n_distinct > max(2, len(column.values) / 2)


def residue_task(table: ColumnTable, name: str, sequence_column: str) -> TaskName | None:
    """Whether a column gives one class or one number for each residue: as many as the sequence has letters."""
    sequences = table.columns[sequence_column].sample
    values = table.columns[name].sample
    is_there = (sequences != "") & (values != "")
    sequences, values = sequences[is_there].head(_RESIDUE_SAMPLE), values[is_there].head(_RESIDUE_SAMPLE)
    sequences, values = sequences.str.replace(r"\s", "", regex=True), values
    if len(values) == 0 or sequences.str.len().median() < 6:
        return None
    lengths = sequences.str.rstrip("*").str.len()
    if ((label_lengths(values) == lengths) & (values != sequences)).mean() > 0.5:
        return "residue_classification"
    return "residue_regression" if (number_counts(values) == lengths).mean() > 0.5 else None


def check_targets(target_columns: tuple[str, ...], sequence_column: str) -> None:
    """UserError when the named targets cannot be targets."""
    if not target_columns or len(set(target_columns)) < len(target_columns):
        raise UserError("Name at least one target column, each only once.")
    if sequence_column in target_columns:
        raise UserError(
            f"Column {shown(sequence_column)} cannot be both the sequence and the target. Choose another."
        )


def check_task(task: TaskName, target_columns: tuple[str, ...], notes: list[str]) -> TaskName:
    """The named task; UserError when there is none of that name, or it does not fit the columns."""
    if task not in TASKS:
        raise UserError(
            f"There is no task {shown(task)}; the tasks are {', '.join(TASKS)}. Choose one of these."
        )
    if len(target_columns) > 1 and task != "multilabel":
        raise UserError(
            f"{len(target_columns)} target columns fit only several yes/no labels (multilabel), not {task}. "
            "Name a single target column."
        )
    return task
