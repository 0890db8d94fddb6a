"""Findings and repairs of targets, for each kind of task; each leaves `target` in the form the Dataset wants."""

import numpy as np
import pandas as pd

from biotl_core.data.quoting import listed, shown
from biotl_core.data.targets import (
    MAX_CLASSES,
    MISSING_WORDS,
    class_names,
    parse_numbers,
    residue_labels,
    residue_numbers,
    yes_no,
)
from biotl_core.data.tasks import UNKNOWN_RESIDUE
from biotl_core.data.worktable import WorkTable
from biotl_core.errors import UserError

_KNOWN, _UNKNOWN = frozenset("R1TY+"), frozenset("uU0FNXx-._")
MAX_RESIDUE_CLASSES = 50
_MANY_CLASSES = 10
"""More classes than this are no classes when most have a single member."""


def check_targets(work: WorkTable) -> tuple[str, ...]:
    """Check and convert the targets; the classes (or names of the labels), empty for numbers."""
    match work.reading.task_name:
        case "regression":
            return _check_numbers(work)
        case "classification":
            return _check_classes(work)
        case "multilabel":
            return _check_labels(work)
        case "residue_classification":
            return _check_residue_classes(work)
        case "residue_regression":
            return _check_residue_numbers(work)


def _check_missing(work: WorkTable) -> None:
    missing = work.rows["target"].str.lower().isin(MISSING_WORDS)
    work.block(missing, "missing_target", "target", "there is no target. Write it in or remove the row.")


def _check_numbers(work: WorkTable) -> tuple[str, ...]:
    _check_missing(work)
    numbers = parse_numbers(work.rows["target"])
    texts = work.rows.loc[numbers.isna(), "target"]
    if len(texts):
        read = _read_number_formats(texts, work)
        _apply_numbers(work, read, "number_format", "Number read")
        texts = texts[texts.index.isin(work.rows.index) & ~texts.index.isin(read.index)]
        bounds = parse_numbers(texts.str.extract(r"^\s*[<>~≤≥]=?\s*(.*)$")[0].str.strip()).dropna()
        _apply_numbers(work, bounds, "bounded_number", "Bound read as the number")
    numbers = parse_numbers(work.rows["target"])
    work.block(
        ~np.isfinite(numbers),
        "not_a_number",
        "target",
        lambda rows: [_not_a_number(text) for text in rows["target"]],
    )
    work.rows = work.rows.assign(target=parse_numbers(work.rows["target"]))
    return ()


def _not_a_number(text: str) -> str:
    plain = text.replace(",", "")
    if "," in text and plain.lstrip("-+").isdigit():
        return f"{shown(text)} may be {text.replace(',', '.')} or {plain}. Write it without the comma."
    return f"{shown(text)} is not a number. Write the measured number or remove the row."


def _apply_numbers(work: WorkTable, read: pd.Series, problem: str, why: str) -> None:
    if read.empty:
        return
    mask = work.rows.index.isin(read.index)
    work.repair_or_set_aside(
        pd.Series(mask, index=work.rows.index),
        problem,
        "target",
        lambda rows: [
            f"{shown(t)} would be read as {n:g}."
            for t, n in zip(rows["target"], read[rows.index], strict=True)
        ],
        lambda values: read[values.index].map(repr),
        why,
    )


def _read_number_formats(texts: pd.Series, work: WorkTable) -> pd.Series:
    """Numbers in another notation, for the texts that are: 1,5 · 1 234 · 1,234.5 · 1.234,5 · 85 % · −3.

    A comma with three digits behind it ("1,234") may be either: the other values of the column decide, then whether
    the file separates its cells by semicolons, as spreadsheets with decimal commas do. Undecided ones stay unread.
    """
    plain = texts.str.replace("−", "-").str.replace(r"\s*%$", "", regex=True).str.strip()
    is_decimal = plain.str.fullmatch(r"[-+]?[0-9]+,[0-9]+(?:[eE][-+]?[0-9]+)?")
    is_grouped = plain.str.fullmatch(r"[-+]?[1-9][0-9]{0,2}(?:[,' ][0-9]{3})+(?:\.[0-9]+)?")
    is_dotted = plain.str.fullmatch(r"[-+]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+")
    either = is_decimal & is_grouped
    has_decimal = bool(
        (is_decimal & ~is_grouped).any() or is_dotted.any() or "semicolon" in work.raw.file_format
    )
    has_groups = bool(
        (is_grouped & ~is_decimal).any() or work.rows["target"].str.contains(".", regex=False).any()
    )
    grouped = is_grouped & ~either if has_decimal or not has_groups else is_grouped
    decimal = (is_decimal & ~grouped) if has_decimal else (is_decimal & ~either)
    plain = plain.mask(grouped, plain.str.replace(r"[,' ]", "", regex=True))
    plain = plain.mask(is_dotted, plain.str.replace(".", "", regex=False).str.replace(",", "."))
    plain = plain.mask(decimal, plain.str.replace(",", "."))
    numbers = parse_numbers(plain)
    return numbers[np.isfinite(numbers)]


def _check_classes(work: WorkTable) -> tuple[str, ...]:
    _check_missing(work)
    work.rows = work.rows.assign(target=class_names(work.rows["target"]))
    names = work.rows["target"]
    n_classes = names.nunique()
    if n_classes > MAX_CLASSES or n_classes > max(_MANY_CLASSES, len(names) / 2):
        raise UserError(
            f"Column {shown(work.target_name)} holds {n_classes:,} different classes in {len(names):,} rows; at most "
            f"{MAX_CLASSES}, each with several rows, can be learned. Choose another target, or numbers as the task "
            "(in the shell: --task regression)."
        )
    counts = names.value_counts()
    commonest = counts.groupby(counts.index.str.casefold()).idxmax()
    spelled = names.str.casefold().map(commonest)
    if (differ := spelled != names).any():
        work.find(
            differ,
            "class_spelling",
            "target",
            lambda rows: [
                f"{shown(t)} is also written {shown(s)}."
                for t, s in zip(rows["target"], spelled[rows.index], strict=True)
            ],
        )
        if "class_spelling" in work.repairs:
            work.change("target", spelled[differ], "Commonest spelling taken")
    return sorted_classes(work.rows["target"].unique())


def sorted_classes(names) -> tuple[str, ...]:
    """Classes in order: whole numbers by value, else by letters.

    >>> sorted_classes(["10", "2"]), sorted_classes(["b", "a"])
    (('2', '10'), ('a', 'b'))
    """
    is_number = all(name.lstrip("+-").isdecimal() for name in names)
    return tuple(sorted(names, key=int if is_number else None))


def _check_labels(work: WorkTable) -> tuple[str, ...]:
    """Several yes/no columns become one list a row; what is neither yes nor no counts as not measured."""
    columns = work.reading.target_columns
    table = work.raw.table.loc[work.rows.index, list(columns)]
    labels = table.apply(yes_no)
    for column in columns:
        odd = labels[column].isna() & ~table[column].str.lower().isin(MISSING_WORDS)
        for index in table.index[odd]:
            row, text = int(work.rows.at[index, "row"]), table.at[index, column]
            message = f"{shown(text)} is neither yes (1) nor no (0); taken as not known."
            work.note_row(row, "not_yes_no", column, text, message)
            work.log_value(row, column, text, "", "Neither yes nor no; taken as not known")
    work.rows = work.rows.assign(target=labels.to_numpy(dtype=np.float64).tolist())
    nothing = labels.isna().all(axis=1)
    work.block(nothing, "missing_target", "target", "no label is known. Write one in or remove the row.")
    constant = [column for column in columns if labels.loc[work.rows.index, column].dropna().nunique() < 2]
    if len(work.rows) and len(constant) == len(columns):
        raise UserError(
            f"No label has both yes and no among the usable rows ({listed(constant, most=3)}). "
            "Choose columns that hold both 1 and 0."
        )
    return tuple(columns)


def _check_residue_classes(work: WorkTable) -> tuple[str, ...]:
    _check_missing(work)
    labels = residue_labels(work.rows["target"])
    _check_residue_length(work, labels.str.len())
    known = _known_residues(work)
    labels = labels[work.rows.index]
    masked = [
        "".join(c if k else UNKNOWN_RESIDUE for c, k in zip(label, mask, strict=True))
        if mask is not None
        else label
        for label, mask in zip(labels, known, strict=True)
    ]
    work.rows = work.rows.assign(target=pd.Series(masked, index=work.rows.index, dtype="str"))
    nothing = work.rows["target"].str.fullmatch(rf"\{UNKNOWN_RESIDUE}*")
    work.block(nothing, "missing_target", "target", "no residue has a known class. Remove the row.")
    classes = _letters(work.rows["target"]) - {UNKNOWN_RESIDUE}
    odd = sorted(letter for letter in classes if ord(letter) > 255 or not letter.isprintable())
    if odd or len(classes) > MAX_RESIDUE_CLASSES:
        raise UserError(
            f"Column {shown(work.target_name)} holds {len(classes)} different residue classes"
            + (f", among them {shown(odd[0])}" if odd else "")
            + f"; at most {MAX_RESIDUE_CLASSES} plain letters or digits are possible. Choose another target."
        )
    return sorted_classes(classes)


def _letters(texts: pd.Series) -> set[str]:
    """All letters of some texts."""
    return set().union(*map(set, texts)) if len(texts) else set()


def _check_residue_length(work: WorkTable, counts: pd.Series) -> None:
    lengths = work.rows["sequence"].str.len()
    wrong = counts != lengths
    work.block(
        wrong,
        "residue_length",
        "target",
        lambda rows: [
            f"{c:,} residue targets for {n:,} residues; there must be one for each."
            for c, n in zip(counts[rows.index], lengths[rows.index], strict=True)
        ],
    )


def _known_residues(work: WorkTable) -> list[np.ndarray | None]:
    """For each row, which residues are known (bool `(length,)`), or None where there is no mask."""
    column = work.reading.mask_column
    if column is None:
        return [None] * len(work.rows)
    masks = residue_labels(work.raw.table.loc[work.rows.index, column])
    letters = _letters(masks)
    if not letters <= _KNOWN | _UNKNOWN:
        odd = listed(sorted(letters - _KNOWN - _UNKNOWN), most=5)
        raise UserError(
            f"Column {shown(column)} holds {odd}; a mask says R or 1 for a known residue, u or 0 for another. "
            "Correct it or remove the column."
        )
    wrong = masks.str.len() != work.rows["sequence"].str.len()
    work.block(
        wrong,
        "mask_length",
        "sequence",
        f"the mask in column *{column}* has another length than the sequence.",
    )
    is_known = "".join(_KNOWN)
    return [np.array([letter in is_known for letter in mask]) for mask in masks[work.rows.index]]


def _check_residue_numbers(work: WorkTable) -> tuple[str, ...]:
    _check_missing(work)
    parsed = pd.Series(
        [residue_numbers(text) for text in work.rows["target"]], index=work.rows.index, dtype=object
    )
    work.block(
        parsed.isna(),
        "not_a_number",
        "target",
        lambda rows: [
            f"{shown(t, 20)} holds something that is not a number. Correct it or remove the row."
            for t in rows["target"]
        ],
    )
    parsed = parsed[work.rows.index]
    _check_residue_length(work, parsed.map(len).astype("int64"))
    known = _known_residues(work)
    parsed = parsed[work.rows.index]
    values = [
        np.where(np.isfinite(numbers) & (True if mask is None else mask), numbers, np.nan).tolist()
        for numbers, mask in zip(parsed, known, strict=True)
    ]
    work.rows = work.rows.assign(target=pd.Series(values, index=work.rows.index, dtype=object))
    nothing = pd.Series([bool(np.isnan(v).all()) for v in values], index=work.rows.index, dtype=bool)
    work.block(nothing, "missing_target", "target", "no residue has a number. Remove the row.")
    return ()
