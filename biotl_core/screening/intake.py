"""Her assay table becomes an Assay: one row a molecule with its potency, and the fate of every row she brought."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.column_names import is_set_aside_name, is_time_name, target_rank
from biotl_core.data.ordered_splits import read_times
from biotl_core.data.quoting import listed, shown
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_sequences
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.screening.standardising import standardise
from biotl_core.screening.units import UNITS, as_potency, guess_unit, read_activity, read_measurement
from biotl_core.wording import say_count

AssayKind = Literal["number", "active"]
MIN_MOLECULES = 20
"""Fewer measured molecules teach nothing that could be judged."""
CONTRADICTION = 1.0
"""Replicates further apart than so many log units contradict each other."""
_RELATIONS = {"<": -1, "<=": -1, "≤": -1, "<<": -1, ">": 1, ">=": 1, "≥": 1, ">>": 1}


class AssayReading(NamedTuple):
    """Which column is what, and in which unit."""

    smiles_column: str
    value_column: str
    name_column: str | None
    relation_column: str | None
    """Holds <, > or = where the table keeps the relation apart from the number."""
    unit: str
    """A name in UNITS."""
    concentration_molar: float | None = None
    """For % inhibition: at which concentration; without it the percentage itself is learned."""
    time_column: str | None = None
    """Says when each value was measured or published: a date, a year or a number."""

    @property
    def kind(self) -> AssayKind:
        """Whether molecules have a number or are active or not."""
        return "active" if self.unit == "active" else "number"

    @property
    def value_name(self) -> str:
        """What the learned number is called."""
        if self.unit == "active":
            return "activity"
        if UNITS[self.unit].molar is not None:
            return f"p{_without_unit(self.value_column)}"
        if self.unit == "percent" and self.concentration_molar is not None:
            return "pIC50 from inhibition"
        return self.value_column


@dataclass(frozen=True)
class Assay:
    """What was measured, one row a molecule, and what became of each row of the table."""

    molecules: pd.DataFrame
    """`name, smiles, written, value, side, n_rows, spread, time`: standard SMILES and one of hers, the median, on which
    side of it the truth lies (0 where it is exact), rows merged, their range, and the latest of their times (nan
    without a column of times)."""
    rows: pd.DataFrame
    """`row, name, written, cell, smiles, value, side, change, reason`: every row of her table; `reason` is "" where
    the row is used."""
    reading: AssayReading
    source: str = ""

    @property
    def kind(self) -> AssayKind:
        """Whether molecules have a number or are active or not."""
        return self.reading.kind

    @property
    def n_left_out(self) -> int:
        """Rows that could not be used."""
        return int((self.rows["reason"] != "").sum())

    @property
    def sentence(self) -> str:
        """What was understood, in one sentence of plain text."""
        n, censored = len(self.molecules), int((self.molecules["side"] != 0).sum())
        said = f"{say_count(n, 'molecule')} from {say_count(len(self.rows), 'row')}"
        if self.kind == "active":
            said += f", {int(self.molecules['value'].sum()):,} of them active"
        elif n:
            low, high = self.molecules["value"].min(), self.molecules["value"].max()
            said += f", {self.reading.value_name} from {low:.3g} to {high:.3g}"
        if censored:
            said += f", {censored:,} known only as a limit"
        return said + (f"; {self.n_left_out:,} rows could not be used." if self.n_left_out else ".")


def _without_unit(column: str) -> str:
    """A column's name without a unit behind it.

    >>> _without_unit("IC50 (nM)"), _without_unit("kd_nM"), _without_unit("Ki")
    ('IC50', 'kd', 'Ki')
    """
    return re.sub(r"[\s_(\[]+(p|n|u|µ|μ|m)?(M|mol/l)[)\]]*$", "", column) or column


def guess_assay_reading(
    raw: RawTable,
    *,
    smiles: str | None = None,
    value: str | None = None,
    name: str | None = None,
    unit: str | None = None,
    concentration_molar: float | None = None,
    time: str | None = None,
) -> AssayReading:
    """Say which column holds what. What is given is kept and checked; the rest is guessed.

    Raises:
        UserError: a named column or unit is not there, or none can be guessed (the columns are listed).
    """
    if unit is not None and unit not in UNITS:
        raise UserError(f"There is no unit {shown(unit)}; there are {', '.join(UNITS)}. Choose one of these.")
    smiles_column, guessed_name = guess_sequences(raw, sequence=smiles, name=name)
    value_column = value or _guess_value_column(raw, smiles_column)
    if value_column not in raw.table:
        raise UserError(
            f"There is no column {shown(value_column)}; the columns are {listed(raw.columns)}. Choose one."
        )
    if time is not None and time not in raw.table:
        raise UserError(
            f"There is no column {shown(time)}; the columns are {listed(raw.columns)}. Choose one."
        )
    if value_column == smiles_column:
        raise UserError(f"Column {shown(value_column)} cannot be both molecule and value. Choose another.")
    cells = raw.table[value_column].tolist()
    return AssayReading(
        smiles_column,
        value_column,
        _find_name_column(raw, guessed_name, {smiles_column, value_column}),
        _find_relation_column(raw),
        unit or guess_unit(value_column, cells[:2000]),
        concentration_molar,
        time or find_time_column(raw),
    )


def find_time_column(raw: RawTable) -> str | None:
    """The first column that by its name and by all its cells says when something was measured; None without one."""
    for name in filter(is_time_name, raw.columns):
        try:
            times = read_times(raw.table[name], name)
        except UserError:
            continue
        if len(np.unique(times)) > 1:
            return name
    return None


def _guess_value_column(raw: RawTable, smiles_column: str) -> str:
    """The column that is most surely a potency: by its name, among those whose cells can be read as one."""
    ranks = {}
    for name in raw.columns:
        cells = [cell for cell in raw.table[name].head(2000) if cell.strip()]
        if name == smiles_column or is_set_aside_name(name) or not cells:
            continue
        readable = [read_measurement(cell) is not None or read_activity(cell) is not None for cell in cells]
        if sum(readable) > 0.5 * len(cells):
            ranks[name] = target_rank(name)
    best = [name for name in ranks if ranks[name] == max(ranks.values())]
    if len(best) == 1:
        return best[0]
    found = f"several columns may: {listed(best)}" if best else f"the columns are {listed(raw.columns)}"
    raise UserError(
        f"{shown(raw.source)}: which column holds what was measured? {found[0].upper()}{found[1:]}. "
        "Name one of them (in the shell: --value NAME)."
    )


def _find_name_column(raw: RawTable, guessed: str | None, used: set[str]) -> str | None:
    """The guessed one, else a column called as chemists call their molecules."""
    if guessed is not None and guessed not in used:
        return guessed
    words = ("compound", "compound_id", "molecule", "ligand", "code", "title", "cpd")
    return next((name for name in raw.columns if name.strip().lower() in words and name not in used), None)


def _find_relation_column(raw: RawTable) -> str | None:
    for name in raw.columns:
        values = raw.table[name]
        filled = values[values != ""]
        if len(filled) and filled.isin([*_RELATIONS, "=", "~", "'='", "'<'", "'>'"]).mean() > 0.95:
            return name
    return None


def read_assay(raw: RawTable, reading: AssayReading, control: Control | None = None) -> Assay:
    """Read every row, standardise its molecule, turn its value into pX, and merge the rows of one molecule.

    Raises:
        UserError: fewer than MIN_MOLECULES can be used, or all values are the same.
    """
    rows = _read_rows(raw, reading, control or Control())
    molecules = _merge(rows, reading.kind)
    assay = Assay(molecules, rows, reading, raw.source)
    _check_usable(assay)
    return assay


def _read_rows(raw: RawTable, reading: AssayReading, control: Control) -> pd.DataFrame:
    table = raw.table
    written, cells = table[reading.smiles_column].tolist(), table[reading.value_column].tolist()
    sides = [0] * len(table)
    if reading.relation_column:
        sides = [_RELATIONS.get(cell.strip("'"), 0) for cell in table[reading.relation_column]]
    found = []
    for i, (text, cell, side) in enumerate(zip(written, cells, sides, strict=True)):
        if i % 1_000 == 0:
            control.step("Reading molecules", i, len(table))
        molecule = standardise(text)
        value, value_side, why = read_value(cell, side, reading)
        found.append((molecule.smiles, value, value_side, molecule.change, molecule.reason or why))
    rows = pd.DataFrame(found, columns=["smiles", "value", "side", "change", "reason"])
    names = table[reading.name_column].tolist() if reading.name_column else [""] * len(table)
    rows.insert(0, "row", range(1, len(rows) + 1))
    rows.insert(1, "name", [name or f"row {i}" for i, name in enumerate(names, 1)])
    rows.insert(2, "written", written)
    rows.insert(3, "cell", cells)
    rows["time"] = (
        read_times(table[reading.time_column], reading.time_column) if reading.time_column else np.nan
    )
    return rows


def read_value(cell: str, side: int, reading: AssayReading) -> tuple[float, int, str]:
    """Value, side of it on which the truth lies, and why there is none ("" where there is one)."""
    if not cell.strip():
        return np.nan, 0, f"Column *{reading.value_column}* is blank. Fill it in or remove the row."
    if reading.kind == "active":
        value = read_activity(cell)
        if value is None:
            return np.nan, 0, f"{shown(cell, 30)} says neither active nor inactive (1 or 0). Correct it."
        return value, 0, ""
    measured = read_measurement(cell)
    if measured is None:
        return np.nan, 0, f"{shown(cell, 30)} is not a number with a known unit. Correct it."
    if measured.side == 0 and side:
        measured = measured._replace(side=side)
    potency = as_potency(measured, reading.unit, reading.concentration_molar)
    if isinstance(potency, str):
        return np.nan, 0, potency
    return potency[0], potency[1], ""


def _merge(rows: pd.DataFrame, kind: AssayKind) -> pd.DataFrame:
    """One row a molecule. Exact values go before limits; classes go by majority, and a tie is inactive."""
    good = rows[rows["reason"] == ""]
    merged = []
    for smiles, group in good.groupby("smiles", sort=False):
        value, side = _merged_value(group, kind)
        exact = group.loc[group["side"] == 0, "value"]
        first = group.iloc[0]
        spread = float(np.ptp(exact)) if len(exact) else 0.0
        time = group["time"].max()
        merged.append((first["name"], smiles, first["written"], value, side, len(group), spread, time))
    columns = ["name", "smiles", "written", "value", "side", "n_rows", "spread", "time"]
    return pd.DataFrame(merged, columns=columns).astype({"value": float, "spread": float, "time": float})


def _merged_value(group: pd.DataFrame, kind: AssayKind) -> tuple[float, int]:
    if kind == "active":
        return float(group["value"].mean() > 0.5), 0
    exact = group.loc[group["side"] == 0, "value"]
    if len(exact):
        return float(exact.median()), 0
    # Of several limits the one that says most: the lowest upper one, the highest lower one.
    below, above = group.loc[group["side"] < 0, "value"], group.loc[group["side"] > 0, "value"]
    return (float(below.min()), -1) if len(below) else (float(above.max()), 1)


def contradictions(assay: Assay) -> pd.DataFrame:
    """Molecules whose rows disagree by more than CONTRADICTION (or about being active), the worst first."""
    molecules = assay.molecules
    limit = 0.5 if assay.kind == "active" else CONTRADICTION
    worst = molecules[molecules["spread"] > limit].sort_values("spread", ascending=False, kind="stable")
    good = assay.rows[assay.rows["reason"] == ""]
    cells = good.groupby("smiles")["cell"].agg(lambda values: ", ".join(values.head(6)))
    rows = good.groupby("smiles")["row"].agg(lambda values: ", ".join(map(str, values.head(6))))
    return worst[["name", "smiles", "spread"]].assign(
        rows=worst["smiles"].map(rows), values=worst["smiles"].map(cells)
    )


def _check_usable(assay: Assay) -> None:
    n, reading = len(assay.molecules), assay.reading
    if n < MIN_MOLECULES:
        reasons = assay.rows.loc[assay.rows["reason"] != ""]
        example = f" Row {reasons['row'].iloc[0]}: {reasons['reason'].iloc[0]}" if len(reasons) else ""
        raise UserError(
            f"{shown(assay.source)} has {say_count(n, 'molecule')} with a value in column "
            f"*{reading.value_column}*; at least {MIN_MOLECULES} are needed to learn and to judge.{example}"
        )
    if assay.molecules["value"].nunique() < 2:
        raise UserError(
            f"All values in column *{reading.value_column}* are the same, so there is nothing to learn. "
            "Choose another column."
        )
