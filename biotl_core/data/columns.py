"""Which column is the sequence, which the target, which the parts: guessed from names and content, and said aloud."""

from collections.abc import Sequence
from dataclasses import replace

from biotl_core.data.alphabets import ALPHABETS, guess_modality, modality_shares
from biotl_core.data.column_names import is_set_aside_name, name_rank, name_words, sequence_rank, target_rank
from biotl_core.data.column_table import Column, ColumnTable
from biotl_core.data.dataset import Modality
from biotl_core.data.parts import PART_NAMES, holds_parts
from biotl_core.data.quoting import listed, shown
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.target_columns import check_targets, check_task, guess_targets, guess_task
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.errors import UserError


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
    table = ColumnTable(raw)
    notes: list[str] = []
    sequence_column = table.find(sequence, "sequences") if sequence else _guess_sequence(table, notes)
    modality = modality or _guess_modality(table.columns[sequence_column])
    part_column, candidates = _guess_part(table, part, notes)
    used = {sequence_column, part_column, *candidates}
    if targets is not None:
        names = [targets] if isinstance(targets, str) else list(targets)
        target_columns = tuple(table.find(target, "target") for target in names)
        check_targets(target_columns, sequence_column)
    else:
        target_columns = guess_targets(table, used, sequence_column, notes)
    task_name = (
        check_task(task, target_columns, notes)
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


def _guess_modality(column: Column) -> Modality:
    """By the letters; a column called SMILES may also hold nothing but chains that could be peptides (CCO, CCN)."""
    if "smiles" in name_words(column.name) and modality_shares(column.sample)["molecule"] > 0.5:
        return "molecule"
    return guess_modality(column.sample)


def guess_sequences(
    raw: RawTable, *, sequence: str | None = None, name: str | None = None
) -> tuple[str, str | None]:
    """The sequence column and the name column (None without one) of a table that needs no target."""
    table = ColumnTable(raw)
    column = table.find(sequence, "sequences") if sequence else _guess_sequence(table, [])
    return column, table.find(name, "names") if name else _guess_name(table, {column})


def _guess_sequence(table: ColumnTable, notes: list[str]) -> str:
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


def _most_varied(table: ColumnTable, names: list[str]) -> list[str]:
    """Of several columns of letters the one with the longest values, when it is much longer than the others."""
    if len(names) < 2:
        return names
    lengths = {name: float(table.columns[name].values.str.len().mean()) for name in names}
    longest = max(lengths, key=lambda name: lengths[name])
    others = [length for name, length in lengths.items() if name != longest]
    return [longest] if lengths[longest] > 3 * max(others) else names


def _guess_part(table: ColumnTable, part: str | None, notes: list[str]) -> tuple[str | None, tuple[str, ...]]:
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


def _guess_validation(table: ColumnTable, part_column: str | None, notes: list[str]) -> str | None:
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


def _guess_name(table: ColumnTable, used: set[str | None]) -> str | None:
    """The column that names the rows: called so, and nearly every value another."""
    ranked = sorted((name for name in table.columns if name_rank(name)), key=name_rank, reverse=True)
    for name in ranked:
        column = table.columns[name]
        if name not in used and column.n_distinct > 0.5 * len(column.sample):
            return name
    return None


def _guess_mask(
    table: ColumnTable, task_name: TaskName, used: set[str | None], sequence_column: str, notes: list[str]
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
