"""Parts, and the same sequence more than once: in two parts, with the same target, or with another one."""

from collections import Counter

import numpy as np
import pandas as pd

from biotl_core.data.parts import PART_NAMES, read_parts
from biotl_core.data.quoting import shown
from biotl_core.data.targets import yes_no
from biotl_core.data.tasks import UNKNOWN_RESIDUE
from biotl_core.data.worktable import WorkTable

__all__ = ["PART_NAMES", "check_parts", "check_replicates"]

# Who keeps a sequence that is in two parts: the test stays as it is published.
_PART_RANK = {"test": 0, "validation": 1, "train": 2, "": 3}


def check_parts(work: WorkTable) -> None:
    """Read the given parts; rows with another word are set aside."""
    if work.reading.part_column is None:
        return
    parts = read_parts(work.rows["part"])
    work.block(
        parts == "",
        "unknown_part",
        "part",
        lambda rows: [
            f"{shown(p) if p else 'nothing'} is no part; parts are train, validation and test. "
            "Correct it, or let the parts be made."
            for p in rows["part"]
        ],
    )
    parts = parts[work.rows.index]
    if (column := work.reading.validation_column) is not None:
        is_validation = yes_no(work.raw.table.loc[work.rows.index, column]) == 1.0
        parts = parts.mask(is_validation & (parts == "train"), "validation")
    work.rows = work.rows.assign(part=parts)


def check_replicates(work: WorkTable) -> None:
    """Find the same sequence twice and do what is wanted: one part only, one of equal rows, replicates merged."""
    if "key" not in work.rows:
        work.rows = work.rows.assign(key=work.rows["sequence"])
    _check_leaks(work)
    twice = work.rows.duplicated(["key", "part"], keep=False)
    if not twice.any():
        return
    rows = work.rows[twice]
    comparable = rows["target"].map(repr) if rows["target"].dtype == object else rows["target"]
    groups = rows.assign(comparable=comparable).groupby(["key", "part"], sort=False)
    n_targets = groups["comparable"].transform("nunique")
    first_row = groups["row"].transform("first")
    _check_conflicts(work, rows[n_targets > 1], first_row)
    _check_duplicates(work, rows[n_targets == 1], first_row)


def _check_leaks(work: WorkTable) -> None:
    if work.reading.part_column is None:
        return
    rank = work.rows["part"].map(_PART_RANK)
    best = rank.groupby(work.rows["key"]).transform("min")
    names = {rank: part for part, rank in _PART_RANK.items()}
    leaks = rank > best
    work.find(
        leaks,
        "leak",
        "sequence",
        lambda rows: [
            f"this sequence is in {part} and also in {names[b]}."
            for part, b in zip(rows["part"], best[rows.index], strict=True)
        ],
    )
    if "leak" in work.repairs:
        why = [f"Also in {names[b]}; kept there only" for b in best[leaks]]
        work.set_aside(leaks, "sequence", why)


def _check_duplicates(work: WorkTable, rows: pd.DataFrame, first_row: pd.Series) -> None:
    extra = rows[rows["row"] != first_row[rows.index]]
    mask = pd.Series(work.rows.index.isin(extra.index), index=work.rows.index)
    work.find(
        mask,
        "duplicate",
        "sequence",
        lambda found: [f"the same sequence and target as row {r:,}." for r in first_row[found.index]],
    )
    if "duplicate" in work.repairs:
        work.set_aside(mask, "sequence", [f"The same as row {r:,}" for r in first_row[work.rows.index[mask]]])


def _check_conflicts(work: WorkTable, rows: pd.DataFrame, first_row: pd.Series) -> None:
    if rows.empty:
        return
    extra = rows[rows["row"] != first_row[rows.index]]
    firsts = rows.set_index("row")["target"]
    mask = pd.Series(work.rows.index.isin(extra.index), index=work.rows.index)
    work.find(
        mask,
        "conflict",
        "target",
        lambda found: [
            f"the same sequence as row {r:,} with another target ({_short(t)}, there {_short(firsts[r])})."
            for r, t in zip(first_row[found.index], found["target"], strict=True)
        ],
    )
    if "conflict" in work.repairs:
        _merge(work, rows, first_row)


def _merge(work: WorkTable, rows: pd.DataFrame, first_row: pd.Series) -> None:
    merge = {
        "regression": lambda targets: float(np.median(targets)),
        "classification": _majority,
        "multilabel": _merge_labels,
        "residue_classification": _merge_residue_classes,
        "residue_regression": _merge_residue_numbers,
    }[work.reading.task_name]
    heads = first_row[rows.index]
    merged = {head: merge(group.tolist()) for head, group in rows["target"].groupby(heads, sort=False)}
    counts = heads.value_counts()
    tied = pd.Series(
        work.rows.index.isin(rows.index[heads.map(lambda h: merged[h] is None)]), index=work.rows.index
    )
    work.set_aside(tied, "target", "Replicates with different classes, none the commonest")
    kept = rows[rows["row"] == heads]
    kept = kept[kept["row"].map(lambda r: merged[r] is not None)]
    if len(kept):
        values = pd.Series(
            [merged[r] for r in kept["row"]], index=kept.index, dtype=work.rows["target"].dtype
        )
        work.change("target", values, [f"Merged from {counts[r]} replicates" for r in kept["row"]])
    others = pd.Series(work.rows.index.isin(rows.index[rows["row"] != heads]), index=work.rows.index)
    work.set_aside(others, "target", [f"Merged into row {r:,}" for r in first_row[work.rows.index[others]]])


def _majority(targets: list[str]) -> str | None:
    """The commonest class, None where two are equally common.

    >>> _majority(["a", "b", "a"]), _majority(["a", "b"])
    ('a', None)
    """
    counts = Counter(targets).most_common(2)
    return counts[0][0] if len(counts) == 1 or counts[0][1] > counts[1][1] else None


def _merge_labels(targets: list[list[float]]) -> list[float] | None:
    """Each label by majority of what was measured, nan where it is a tie."""
    array = np.array(targets, dtype=np.float64)
    n_yes, n_no = (array == 1.0).sum(axis=0), (array == 0.0).sum(axis=0)
    merged = np.where(n_yes > n_no, 1.0, np.where(n_no > n_yes, 0.0, np.nan))
    return None if np.isnan(merged).all() else merged.tolist()


def _merge_residue_classes(targets: list[str]) -> str | None:
    """Each residue's class where all that know it agree, else unknown."""
    merged = "".join(
        known.pop() if len(known := set(letters) - {UNKNOWN_RESIDUE}) == 1 else UNKNOWN_RESIDUE
        for letters in zip(*targets, strict=True)
    )
    return None if set(merged) == {UNKNOWN_RESIDUE} else merged


def _merge_residue_numbers(targets: list[list[float]]) -> list[float]:
    """The mean of what is known of each residue, nan where nothing is."""
    array = np.array(targets, dtype=np.float64)
    known = np.isfinite(array)
    total, n_known = np.where(known, array, 0.0).sum(axis=0), known.sum(axis=0)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan).tolist()


def _short(target: object) -> str:
    if isinstance(target, float):
        return f"{target:.4g}"
    if isinstance(target, list):
        return "other values"
    return shown(target, 20)
