"""WorkTable: rows on their way from raw text to a Dataset, with all that was found, changed and set aside."""

from collections.abc import Callable, Collection

import pandas as pd

from biotl_core.data.findings import FINDING_COLUMNS, PROBLEMS, Findings
from biotl_core.data.quoting import cut
from biotl_core.data.raw_table import RawTable, Reading

CHANGE_COLUMNS = ("row", "column", "before", "after", "why")
SET_ASIDE = "(row set aside)"
"""What the change log shows in column `after` for a row that is not used."""

Messages = Callable[[pd.DataFrame], list[str]]
"""From the rows with a problem to what is said about each, without "Row n, column c:"."""


class WorkTable:
    """The rows that are still in use; each step of cleaning works on them.

    `rows` has the columns `row` (1-based), `name`, `sequence`, `target`, `part`, and the index of the raw table.
    """

    def __init__(self, raw: RawTable, reading: Reading, repairs: Collection[str]) -> None:
        self.raw = raw
        self.reading = reading
        self.repairs = frozenset(repairs)
        table = raw.table
        self.rows = pd.DataFrame(
            {
                "row": range(1, len(table) + 1),
                "name": table[reading.name_column] if reading.name_column else "",
                "sequence": table[reading.sequence_column],
                "target": table[reading.target_columns[0]] if reading.target_columns else "",
                "part": table[reading.part_column] if reading.part_column else "",
            },
            index=table.index,
        )
        self.rows["name"] = self.rows["name"].where(
            self.rows["name"] != "", "row " + self.rows["row"].astype("str")
        )
        self._findings: list[pd.DataFrame] = []
        self._changes: list[pd.DataFrame] = []

    @property
    def target_name(self) -> str:
        """The column of the target, or of the first label."""
        return self.reading.target_columns[0]

    def column_name(self, field: str) -> str:
        """What she calls the column behind `sequence`, `target` or `part`."""
        reading = self.reading
        names = {
            "sequence": reading.sequence_column,
            "part": reading.part_column,
            "name": reading.name_column,
        }
        return names.get(field) or (self.target_name if field == "target" else field)

    def note(self, problem: str, column: str, message: str, found: str = "") -> None:
        """A finding about the whole table."""
        self._add_findings(problem, column, [None], [found], [message])

    def note_row(self, row: int, problem: str, column: str, found: str, message: str) -> None:
        """A finding about one row in a column of its own (one label of several)."""
        self._add_findings(
            problem, column, [row], [cut(found, 60)], [f"Row {row:,}, column *{column}*: {message}"]
        )

    def log_value(self, row: int, column: str, before: str, after: str, why: str) -> None:
        """Log one changed value that has no field of its own (one label of several)."""
        values = {"row": [row], "column": column, "before": before, "after": after, "why": why}
        self._changes.append(pd.DataFrame(values))

    def find(self, mask: pd.Series, problem: str, field: str, messages: str | Messages) -> None:
        """A finding for every row of the mask."""
        affected = self.rows[mask]
        if affected.empty:
            return
        texts = [messages] * len(affected) if isinstance(messages, str) else messages(affected)
        column = self.column_name(field)
        found = [cut(value, 60) for value in affected[field]] if field in affected else [""] * len(affected)
        said = [
            f"Row {row:,}, column *{column}*: {text}"
            for row, text in zip(affected["row"], texts, strict=True)
        ]
        self._add_findings(problem, column, affected["row"].tolist(), found, said)

    def _add_findings(
        self, problem: str, column: str, rows: list, found: list[str], messages: list[str]
    ) -> None:
        about = PROBLEMS[problem]
        frame = pd.DataFrame({"row": pd.array(rows, dtype="Int64"), "column": column, "problem": problem})
        frame = frame.assign(
            severity=about.severity, found=found, message=messages, repair=about.repair or ""
        )
        self._findings.append(frame)

    def change(self, field: str, after: pd.Series, why: str | list[str]) -> None:
        """Write new values into a field (`after` has the index of the rows it changes) and log them."""
        before = self.rows.loc[after.index]
        self._log(before["row"], field, before[field], after, why)
        self.rows[field] = after.reindex(self.rows.index).where(
            self.rows.index.isin(after.index), self.rows[field]
        )

    def set_aside(self, mask: pd.Series, field: str, why: str | list[str]) -> None:
        """Take the rows of the mask out of use and log why."""
        affected = self.rows[mask]
        if affected.empty:
            return
        before = affected[field] if field in affected else pd.Series("", index=affected.index)
        self._log(affected["row"], field, before, pd.Series(SET_ASIDE, index=affected.index), why)
        self.rows = self.rows[~mask]

    def repair_or_set_aside(
        self, mask: pd.Series, problem: str, field: str, messages: str | Messages, after: Callable, why: str
    ) -> None:
        """Report the rows of the mask; repair them where this repair is wanted, else set them aside.

        `after` maps the old values (a Series) to the new ones.
        """
        if not mask.any():
            return
        self.find(mask, problem, field, messages)
        if PROBLEMS[problem].repair in self.repairs:
            self.change(field, after(self.rows.loc[mask, field]), why)
        else:
            self.set_aside(mask, field, f"{PROBLEMS[problem].title}; not repaired")

    def block(self, mask: pd.Series, problem: str, field: str, messages: str | Messages) -> None:
        """Report the rows of the mask and set them aside."""
        self.find(mask, problem, field, messages)
        self.set_aside(mask, field, PROBLEMS[problem].title)

    def _log(
        self, row: pd.Series, field: str, before: pd.Series, after: pd.Series, why: str | list[str]
    ) -> None:
        frame = pd.DataFrame({"row": row, "column": self.column_name(field), "before": before.map(_written)})
        self._changes.append(frame.assign(after=after.map(_written), why=why))

    @property
    def findings(self) -> Findings:
        """All findings so far, by problem in the order of PROBLEMS, then by row."""
        if not self._findings:
            return Findings(pd.DataFrame(columns=list(FINDING_COLUMNS)), len(self.raw.table))
        table = pd.concat(self._findings, ignore_index=True)[list(FINDING_COLUMNS)]
        order = table["problem"].map({name: i for i, name in enumerate(PROBLEMS)})
        table = table.assign(order=order).sort_values(["order", "row"], kind="stable", na_position="first")
        return Findings(table.drop(columns="order").reset_index(drop=True), len(self.raw.table))

    @property
    def changes(self) -> pd.DataFrame:
        """The change log: columns `row, column, before, after, why`, by row."""
        if not self._changes:
            return pd.DataFrame(columns=list(CHANGE_COLUMNS))
        table = pd.concat(self._changes, ignore_index=True)[list(CHANGE_COLUMNS)]
        return table.sort_values("row", kind="stable").reset_index(drop=True)


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " ".join(f"{item:.6g}" for item in value)
    return str(value)
