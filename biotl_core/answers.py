"""What the shell prints: results as sentences and plain tables."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from biotl_core.backbones.entries import Backbone
from biotl_core.data.cleaning import Cleaned
from biotl_core.data.dataset import Dataset
from biotl_core.data.findings import PROBLEMS, REPAIRS, Findings
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.wording import say_bytes, say_count, say_interval, say_number

_SHOWN_ROWS = 20
_WIDEST_CELL = 60


def format_table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns side by side, each as wide as its longest cell; cells that are too long are cut."""
    cells = [[_cell(value) for value in row] for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)


def format_backbones(found: Sequence[tuple[Backbone, str]]) -> str:
    """The catalogue, one table a modality."""
    tables = []
    for modality in dict.fromkeys(backbone.modality for backbone, _ in found):
        rows = [_backbone_row(backbone, state) for backbone, state in found if backbone.modality == modality]
        tables.append(f"{modality}\n{format_table(('name', 'parameters', 'licence', 'state'), rows)}")
    return "\n\n".join(tables)


def format_check(raw: RawTable, reading: Reading, findings: Findings) -> str:
    """How a table was read, and for each problem how often, the first rows that have it, and what mends it."""
    lines = [f"{raw.source}: {raw.file_format}, {say_count(len(raw.table), 'row')}. {reading.sentence}"]
    lines += [*raw.notes, *reading.notes, findings.sentence]
    n_shown = max(2, _SHOWN_ROWS // max(1, len(findings.counts)))
    for problem, n in findings.counts.items():
        found = findings.table[findings.table["problem"] == problem]
        repair = REPAIRS.get(PROBLEMS[problem].repair)
        mends = (
            ""
            if repair is None
            else f" Repair: {repair.title}{'' if repair.is_safe else ' (not made by itself)'}."
        )
        lines += ["", f"{PROBLEMS[problem].title}: {n:,}.{mends}"]
        lines += [f"  {message}" for message in found["message"].head(n_shown)]
        lines += ["  ..."] * (n > n_shown)
    return "\n".join(lines)


def check_answer(raw: RawTable, reading: Reading, cleaned: Cleaned) -> dict[str, Any]:
    """What `check --json` prints."""
    table = cleaned.findings.table
    return {
        "source": raw.source,
        "format": raw.file_format,
        "rows": len(raw.table),
        "sequence_column": reading.sequence_column,
        "target_columns": list(reading.target_columns),
        "name_column": reading.name_column,
        "part_column": reading.part_column,
        "modality": reading.modality,
        "task": reading.task_name,
        "notes": [*raw.notes, *reading.notes],
        "counts": cleaned.findings.counts,
        "findings": table.astype(object).where(table.notna(), None).to_dict("records"),
        "usable": len(cleaned.dataset.table),
        "changes": len(cleaned.changes),
    }


def format_scores(result: dict[str, Any]) -> str:
    """Test scores of the run with their intervals, beside those of the simple methods."""
    baselines = result.get("baselines") or {}
    titles = [result.get("baseline_titles", {}).get(name, name) for name in baselines]
    rows = []
    for metric, value in (result.get("test") or {}).items():
        interval = (result.get("test_interval") or {}).get(metric)
        own = say_number(value) + (f" {say_interval(*interval)}" if interval else "")
        rows.append([metric, own, *(say_number(scores.get(metric)) for scores in baselines.values())])
    return format_table(["test part", "this run", *titles], rows)


def format_refused(refused: pd.DataFrame) -> str:
    """Rows that could not be predicted, each with its reason."""
    lines = [f"Left out row {row.row}: {row.reason}" for row in refused.head(_SHOWN_ROWS).itertuples()]
    if len(refused) > _SHOWN_ROWS:
        lines.append(f"Left out {len(refused) - _SHOWN_ROWS:,} more rows.")
    return "\n".join(lines)


def dataset_as_table(dataset: Dataset) -> pd.DataFrame:
    """A dataset as a table that can be read again: one column a label, blanks between numbers of residues."""
    table = dataset.table[["name", "sequence"]].copy()
    targets = dataset.table["target"]
    if dataset.task_name == "multilabel":
        for i, label in enumerate(dataset.classes):
            table[label] = [row[i] for row in targets]
    elif dataset.task_name == "residue_regression":
        table[dataset.target_name] = [" ".join(f"{value:g}" for value in row) for row in targets]
    else:
        table[dataset.target_name] = targets
    if (dataset.table["part"] != "").any():
        table["part"] = dataset.table["part"]
    return table


def _backbone_row(backbone: Backbone, state: str) -> tuple[str, ...]:
    size = f"{say_number(backbone.parameters_millions)} M" if backbone.parameters_millions else ""
    download = f"needs a download of {say_bytes(backbone.download_megabytes * 1e6)}"
    said = {"embedded": "comes with BioTL", "here": "on this computer", "download": download}[state]
    return backbone.name, size, backbone.licence, said


def _cell(value: Any) -> str:
    text = "" if value is None or value is pd.NA else " ".join(str(value).split())
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 3] + "..."
