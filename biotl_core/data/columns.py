"""Which column is the sequence, which the target, which the parts: guessed from names and content, and said aloud."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from biotl_core.data.alphabets import ALPHABETS, SMILES_PATTERN, guess_modality, modality_shares
from biotl_core.data.column_names import is_set_aside_name, name_words, sequence_rank, target_rank
from biotl_core.data.dataset import Modality
from biotl_core.data.parts import PART_NAMES, holds_parts
from biotl_core.data.quoting import listed, shown
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.targets import (
    MISSING_WORDS,
    is_yes_no,
    label_lengths,
    looks_like_numbers,
    number_counts,
    parse_numbers,
)
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.errors import UserError

_SAMPLE = 4_000
"""Rows that are looked at for guessing, evenly spread over the table."""
_RESIDUE_SAMPLE = 500
"""Rows that are looked at for targets per residue."""
_NAME_COLUMNS = (
    "name",
    "id",
    "seq_id",
    "protein_id",
    "entry",
    "accession",
    "uniprot",
    "variant",
    "mutant",
    "mutation",
    "compound_id",
    "mol_id",
    "identifier",
    "gene",
    "compound",
)
MAX_CLASSES = 200


@dataclass(frozen=True)
class _Column:
    """One column, looked at through a sample of its rows."""

    name: str
    sample: pd.Series
    """The values of the sampled rows, with blanks."""

    @cached_property
    def values(self) -> pd.Series:
        """The values of the sample that are there."""
        return self.sample[~self.sample.str.lower().isin(MISSING_WORDS)]

    @cached_property
    def n_distinct(self) -> int:
        return self.values.nunique()

    @cached_property
    def is_sequence_like(self) -> bool:
        """Mostly words of letters, or SMILES, many of them different."""
        values = self.sample[self.sample != ""]
        if len(values) == 0 or (len(values) > 3 and values.nunique() < max(2, 0.05 * len(values))):
            return False
        shares = modality_shares(values)
        long_enough = values.str.len().median() >= 4 or values.str.fullmatch(SMILES_PATTERN).mean() > 0.9
        has_upper = values.str.contains("[A-Z]", regex=True).mean() > 0.5 or shares["dna"] > 0.9
        return max(shares["protein"], shares["molecule"]) > 0.6 and bool(long_enough and has_upper)


class _Table:
    """The columns of a raw table, with a sample of its rows."""

    def __init__(self, raw: RawTable) -> None:
        self.raw = raw
        step = max(1, len(raw.table) // _SAMPLE)
        rows = raw.table.iloc[::step]
        self.columns = {str(name): _Column(str(name), rows[name]) for name in raw.table.columns}

    def find(self, name: str, what: str) -> str:
        """The column of that name (upper and lower case alike); UserError that lists the columns."""
        if name in self.columns:
            return name
        same = [column for column in self.columns if column.lower() == name.strip().lower()]
        if len(same) == 1:
            return same[0]
        raise UserError(
            f"There is no column {shown(name)} for the {what}; the columns are {listed(self.columns)}. "
            "Choose one of these."
        )


def guess_reading(
    raw: RawTable,
    *,
    sequence: str | None = None,
    targets: Sequence[str] | str | None = None,
    name: str | None = None,
    part: str | None = None,
    modality: Modality | None = None,
    task: TaskName | None = None,
) -> Reading:
    """Say which column is what. What is given is kept and checked; the rest is guessed.

    Raises:
        UserError: when a named column is not there, or several columns fit equally well (they are listed).
    """
    table = _Table(raw)
    notes: list[str] = []
    sequence_column = table.find(sequence, "sequences") if sequence else _guess_sequence(table, notes)
    modality = modality or _guess_modality(table.columns[sequence_column])
    part_column, candidates = _guess_part(table, part, notes)
    used = {sequence_column, part_column, *candidates}
    if targets is not None:
        names = [targets] if isinstance(targets, str) else list(targets)
        target_columns = tuple(table.find(target, "target") for target in names)
        _check_targets(target_columns, sequence_column)
    else:
        target_columns = _guess_targets(table, used, sequence_column, modality, notes)
    task_name = (
        _check_task(task, target_columns, notes)
        if task
        else guess_task(table, target_columns, sequence_column, notes)
    )
    return Reading(
        sequence_column=sequence_column,
        target_columns=target_columns,
        name_column=table.find(name, "names") if name else _guess_name(table, used | set(target_columns)),
        part_column=part_column,
        mask_column=_guess_mask(table, task_name, used | set(target_columns), sequence_column, notes),
        modality=modality,
        task_name=task_name,
        notes=tuple(notes),
        validation_column=_guess_validation(table, part_column, notes),
        part_candidates=candidates,
    )


def _guess_modality(column: _Column) -> Modality:
    """By the letters; a column called SMILES may also hold nothing but chains that could be peptides (CCO, CCN)."""
    if "smiles" in name_words(column.name) and modality_shares(column.sample)["molecule"] > 0.5:
        return "molecule"
    return guess_modality(column.sample)


def guess_sequences(
    raw: RawTable, *, sequence: str | None = None, name: str | None = None
) -> tuple[str, str | None]:
    """The sequence column and the name column (None without one) of a table that needs no target."""
    table = _Table(raw)
    column = table.find(sequence, "sequences") if sequence else _guess_sequence(table, [])
    return column, table.find(name, "names") if name else _guess_name(table, {column})


def _guess_sequence(table: _Table, notes: list[str]) -> str:
    ranks = {name: sequence_rank(name) for name in table.columns}
    likely = [name for name, column in table.columns.items() if column.is_sequence_like]
    named = [name for name in likely if ranks[name] > 0]
    unnamed = [name for name in likely if not is_set_aside_name(name) and target_rank(name) == 0]
    best = [name for name in named if ranks[name] == max(ranks[n] for n in named)] or _most_varied(
        table, unnamed
    )
    if len(best) == 1:
        return best[0]
    # A column that is called so may hold nothing but bad sequences; the findings tell her better than we can here.
    called = [name for name, rank in ranks.items() if rank >= 3 and rank == max(ranks.values())]
    if not best and len(called) == 1:
        return called[0]
    if not best and len(table.columns) == 1:
        raise UserError(
            f"{shown(table.raw.source)} has a single column, {listed(table.columns)}, which holds no sequences. "
            "Columns are separated by commas, tabs, semicolons or vertical bars; save the table again."
        )
    if not best:
        raise UserError(
            f"{shown(table.raw.source)}: no column looks like sequences or SMILES; the columns are "
            f"{listed(table.columns)}. Name the sequence column (in the shell: --sequence NAME)."
        )
    raise UserError(
        f"{shown(table.raw.source)}: several columns may hold the sequences: {listed(best)}. "
        "Name one of them (in the shell: --sequence NAME)."
    )


def _most_varied(table: _Table, names: list[str]) -> list[str]:
    """Of several columns of letters the one with the longest values, when it is much longer than the others."""
    if len(names) < 2:
        return names
    lengths = {name: float(table.columns[name].values.str.len().mean()) for name in names}
    longest = max(lengths, key=lambda name: lengths[name])
    others = [length for name, length in lengths.items() if name != longest]
    return [longest] if lengths[longest] > 3 * max(others) else names


def _guess_part(table: _Table, part: str | None, notes: list[str]) -> tuple[str | None, tuple[str, ...]]:
    if part:
        column = table.find(part, "parts")
        if not holds_parts(table.raw.table[column], at_least=0.01):
            found = listed(map(shown, table.columns[column].values.unique()), most=4)
            raise UserError(
                f"Column {shown(column)} holds {found or 'nothing'}; a part is one of train, validation, test. "
                "Choose another column, or let the parts be made."
            )
        return column, ()
    found = [name for name, column in table.columns.items() if holds_parts(column.sample)]
    exact = [name for name in found if name.strip().lower() in PART_NAMES]
    if len(exact) == 1 or len(found) == 1:
        column = (exact if len(exact) == 1 else found)[0]
        others = [name for name in found if name != column]
        also = f" (also possible: {listed(others)})" if others else ""
        notes.append(f"Parts are taken from column *{column}*{also}.")
        return column, tuple(others)
    if found:
        notes.append(
            f"{len(found)} columns hold parts ({listed(found)}); none was taken. Name one to use its parts "
            "(in the shell: --part NAME)."
        )
    return None, tuple(found)


def _guess_validation(table: _Table, part_column: str | None, notes: list[str]) -> str | None:
    """A true/false column called validation beside parts without validation rows (the files of FLIP)."""
    name = next(
        (name for name in table.columns if name.lower() in ("validation", "is_validation", "valid")), None
    )
    if name is None or part_column is None or name == part_column:
        return None
    values = set(table.columns[name].values.str.lower())
    if values and values <= {"true", "false", "1", "0"}:
        notes.append(f"Rows with a yes in column *{name}* are the validation part.")
        return name
    return None


def _guess_targets(
    table: _Table, used: set[str | None], sequence_column: str, modality: Modality, notes: list[str]
) -> tuple[str, ...]:
    free = {name: column for name, column in table.columns.items() if name not in used and len(column.values)}
    candidates = {name: target_rank(name) for name, column in free.items() if not is_set_aside_name(name)}
    plausible = {
        n: rank for n, rank in candidates.items() if rank > 0 or _is_plausible(table, n, sequence_column)
    }
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


def _is_plausible(table: _Table, name: str, sequence_column: str) -> bool:
    """Whether the content of a column could be a target: numbers, few classes, or one value a residue."""
    column = table.columns[name]
    if column.is_sequence_like and _residue_task(table, name, sequence_column) is None:
        return False
    numbers = looks_like_numbers(column.values)
    is_index = numbers and column.n_distinct == len(column.values) and _counts_up(column.values)
    few = 2 <= column.n_distinct <= max(2, min(MAX_CLASSES, len(column.values) // 3))
    return (numbers and not is_index) or few or _residue_task(table, name, sequence_column) is not None


def _counts_up(values: pd.Series) -> bool:
    numbers = parse_numbers(values)
    return (
        bool((numbers.diff().iloc[1:] == numbers.diff().iloc[1:].median()).all())
        if len(numbers) > 2
        else False
    )


def _check_targets(target_columns: tuple[str, ...], sequence_column: str) -> None:
    if not target_columns or len(set(target_columns)) < len(target_columns):
        raise UserError("Name at least one target column, each only once.")
    if sequence_column in target_columns:
        raise UserError(
            f"Column {shown(sequence_column)} cannot be both the sequence and the target. Choose another."
        )


def _check_task(task: TaskName, target_columns: tuple[str, ...], notes: list[str]) -> TaskName:
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


def guess_task(
    table: _Table, target_columns: tuple[str, ...], sequence_column: str, notes: list[str]
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
    residue_task = _residue_task(table, name, sequence_column)
    if residue_task:
        return residue_task
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


def _is_mostly_unreadable(column: _Column) -> bool:
    """A target of mostly different texts is no class; as a number its rows are told one by one."""
    return column.n_distinct > max(2, len(column.values) / 2)


def _residue_task(table: _Table, name: str, sequence_column: str) -> TaskName | None:
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


def _guess_name(table: _Table, used: set[str | None]) -> str | None:
    for name in (n for wanted in _NAME_COLUMNS for n in table.columns if n.strip().lower() == wanted):
        column = table.columns[name]
        if name not in used and column.n_distinct > 0.5 * len(column.sample):
            return name
    return None


def _guess_mask(
    table: _Table, task_name: TaskName, used: set[str | None], sequence_column: str, notes: list[str]
) -> str | None:
    if not TASKS[task_name].is_per_residue:
        return None
    name = next((n for n in table.columns if "mask" in name_words(n) or n.lower() == "resolved"), None)
    if name is None or name in used:
        return None
    notes.append(f"Residues that column *{name}* marks as not known are left out.")
    return name


def with_modality(reading: Reading, modality: Modality) -> Reading:
    """The same reading of another modality."""
    if modality not in ALPHABETS:
        raise UserError(
            f"There is no modality {shown(modality)}; there are {', '.join(ALPHABETS)}. Choose one."
        )
    return replace(reading, modality=modality)
