"""A table of molecules, target proteins and what was measured of each pair."""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.column_names import is_set_aside_name, sequence_rank, target_rank
from biotl_core.data.ordered_splits import read_times
from biotl_core.data.parts import PART_NAMES, read_parts
from biotl_core.data.quoting import listed, shown
from biotl_core.data.raw_table import RawTable
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.screening.intake import AssayReading, guess_assay_reading, read_value
from biotl_core.screening.standardising import standardise
from biotl_core.wording import say_count

MIN_PAIRS = 50
_PROTEIN = re.compile(r"[ACDEFGHIKLMNPQRSTVWYBXZUOJ]+")
_NAMES = ("target_name", "protein_name", "target", "gene", "uniprot", "protein", "name")


class PairReading(NamedTuple):
    """Which column is what."""

    assay: AssayReading
    """Molecules, values, their unit."""
    partner_column: str
    """Sequences of the target proteins."""
    partner_name_column: str | None
    part_column: str | None
    time_column: str | None = None
    """Says when each pair was measured or published."""


ADAPTERS = {
    "lokr": (
        "LoKr",
        "Small products of matrices (Kronecker, rank 8); did best on proteins in published tests.",
    ),
    "lora": (
        "LoRA",
        "Two small matrices beside each large one (rank 8); helped on molecules, hurt on proteins.",
    ),
    "ia3": ("IA3", "One factor for each channel: the smallest adjustment."),
}
"""What can be adjusted in a pretrained model under a tower: title and explanation."""
ADAPTED = ("both", "molecule", "protein")
COLD_TARGET_CAUTION = (
    "For new target proteins expect next to nothing: in published tests (BALM on BindingDB) such adjustment raised the "
    "correlation by 0.10 to 0.14 on new pairs and new molecules, but by 0.02 on new targets; LoRA on the protein "
    "side lowered it."
)


class PairInputs(NamedTuple):
    """What the towers are to read."""

    molecule_backbone: str | None = None
    """A pretrained molecule model beside the fingerprints; None for fingerprints alone."""
    protein_backbone: str | None = None
    """A pretrained protein model beside composition and similarity; None for these alone."""
    is_alone: bool = False
    """Where a side has a backbone, leave the simple features of that side out."""
    adapter: str | None = None
    """A name in ADAPTERS: what is adjusted in the pretrained models; None leaves them as they are."""
    adapted: str = "both"
    """Which of them: molecule, protein or both."""

    def check(self) -> None:
        """UserError where the choices do not go together."""
        if self.adapter is None:
            return
        if self.adapter not in ADAPTERS:
            raise UserError(
                f"There is no adjustment '{self.adapter}'; there are {', '.join(ADAPTERS)}. Choose one."
            )
        if self.adapted not in ADAPTED:
            raise UserError(f"'{self.adapted}' cannot be adjusted; {', '.join(ADAPTED)} can. Choose one.")
        if not any(self.is_adapted(side) for side in ("molecule", "protein")):
            raise UserError(
                "There is no pretrained model on the side that shall be adjusted. Choose one for it, or adjust nothing."
            )

    def is_adapted(self, side: str) -> bool:
        """Whether the backbone of the molecule or the protein is adjusted."""
        backbone = self.molecule_backbone if side == "molecule" else self.protein_backbone
        return self.adapter is not None and backbone is not None and self.adapted in (side, "both")


@dataclass(frozen=True)
class Pairs:
    """What was measured, one row a pair of molecule and target protein."""

    molecules: tuple[str, ...]
    """Distinct standard SMILES."""
    proteins: tuple[str, ...]
    """Sequences of the distinct target proteins; two with another name are two, even of one sequence."""
    protein_names: tuple[str, ...]
    table: pd.DataFrame
    """`molecule, protein` (indices), `value, side, part` ("" where the table names none), `n_rows`, `time` (the latest
    of a pair's rows; nan without a column of times)."""
    refused: pd.DataFrame
    """`row, reason` of what could not be used."""
    reading: PairReading
    source: str = ""

    @property
    def kind(self) -> str:
        """ "number" or "active"."""
        return self.reading.assay.kind

    @property
    def sentence(self) -> str:
        """What was understood, in one sentence of plain text."""
        n_sequences = len(set(self.proteins))
        said = (
            f"{say_count(len(self.table), 'pair')} of {say_count(len(self.molecules), 'molecule')} and "
            f"{say_count(len(self.proteins), 'target protein')}"
        )
        if n_sequences < len(self.proteins):
            said += f" with {n_sequences:,} sequences"
        return said + (f"; {len(self.refused):,} rows could not be used." if len(self.refused) else ".")


def guess_pair_reading(raw: RawTable, partner: str, **assay: object) -> PairReading:
    """Say which column is what, with the column of the target proteins given.

    Args:
        raw: the table.
        partner: column of the protein sequences.
        assay: what is known of molecules and values, as for `intake.guess_assay_reading`.

    Raises:
        UserError: a column is not there, or cannot be guessed.
    """
    if partner not in raw.table:
        raise UserError(
            f"There is no column {shown(partner)} for the target proteins; the columns are {listed(raw.columns)}. "
            "Choose one."
        )
    others = RawTable(raw.table.drop(columns=[partner]), raw.source, raw.file_format)
    names = [name for name in others.columns if name.strip().lower() in PART_NAMES]
    part = next((name for name in names if (read_parts(raw.table[name]) != "").mean() > 0.9), None)
    if part is not None:
        others = RawTable(others.table.drop(columns=[part]), raw.source, raw.file_format)
    if assay.get("smiles") is None:
        assay["smiles"] = _find_molecules(others)
    reading = guess_assay_reading(others, **assay)
    used = {partner, part, reading.smiles_column, reading.value_column}
    free = {name.strip().lower(): name for name in raw.columns if name not in used}
    name = next((free[n] for n in _NAMES if n in free), None)
    return PairReading(reading, partner, name, part, reading.time_column)


def _find_molecules(raw: RawTable) -> str | None:
    """The column of SMILES: the one whose different values RDKit can read, however often each occurs."""
    for name in raw.columns:
        cells = raw.table[name].drop_duplicates().head(60)
        cells = cells[cells.str.len() > 3]
        if len(cells) > 1 and sum(standardise(cell).smiles != "" for cell in cells) > 0.7 * len(cells):
            return name
    return None


def read_pairs(raw: RawTable, reading: PairReading, control: Control | None = None) -> Pairs:
    """Read every row, standardise molecules, check sequences, turn values into pX, merge repeats by their median.

    Raises:
        UserError: fewer than MIN_PAIRS pairs can be used.
    """
    control, assay = control or Control(), reading.assay
    table, found, refused = raw.table, [], []
    parts = read_parts(table[reading.part_column]) if reading.part_column else None
    names = table[reading.partner_name_column] if reading.partner_name_column else None
    columns = (table[assay.smiles_column], table[reading.partner_column], table[assay.value_column])
    times = np.full(len(table), np.nan)
    if reading.time_column:
        times = read_times(table[reading.time_column], reading.time_column)
    for i, (written, protein, cell) in enumerate(zip(*columns, strict=True)):
        if i % 2_000 == 0:
            control.step("Reading pairs", i, len(table))
        molecule = standardise(written)
        sequence = re.sub(r"\s|\*$", "", protein).upper()
        value, side, why = read_value(cell, 0, assay)
        reason = molecule.reason or _why_no_protein(sequence) or why
        if reason:
            refused.append((i + 1, reason))
            continue
        name = str(names.iloc[i]) if names is not None else ""
        part = "" if parts is None else parts.iloc[i]
        found.append((molecule.smiles, sequence, name, value, side, part, times[i]))
    rows = pd.DataFrame(found, columns=["smiles", "sequence", "name", "value", "side", "part", "time"])
    if len(rows) < MIN_PAIRS:
        example = f" Row {refused[0][0]}: {refused[0][1]}" if refused else ""
        raise UserError(
            f"{shown(raw.source)} has {say_count(len(rows), 'usable pair')}; at least {MIN_PAIRS} are needed.{example}"
        )
    return _merged(rows, pd.DataFrame(refused, columns=["row", "reason"]), reading, raw.source)


def _why_no_protein(sequence: str) -> str:
    if not sequence:
        return "There is no target protein in this row."
    if not _PROTEIN.fullmatch(sequence):
        bad = next(letter for letter in sequence if not _PROTEIN.fullmatch(letter))
        return f"{shown(bad)} is no amino acid in the sequence of the target protein. Correct it."
    return ""


def _merged(rows: pd.DataFrame, refused: pd.DataFrame, reading: PairReading, source: str) -> Pairs:
    smiles = list(dict.fromkeys(rows["smiles"]))
    targets = list(dict.fromkeys(zip(rows["sequence"], rows["name"], strict=True)))
    place, target_place = {s: i for i, s in enumerate(smiles)}, {t: i for i, t in enumerate(targets)}
    rows = rows.assign(
        molecule=rows["smiles"].map(place),
        protein=[target_place[t] for t in zip(rows["sequence"], rows["name"], strict=True)],
        is_limit=rows["side"] != 0,
    )
    # Exact values go before limits: of a pair that has both, only the exact ones count.
    keys = ["molecule", "protein", "part"]
    has_exact = ~rows.groupby(keys)["is_limit"].transform("all")
    rows = rows[~(rows["is_limit"] & has_exact)]
    groups = rows.groupby(keys, sort=False)
    merged = groups.agg(
        value=("value", "median"), side=("side", "first"), n_rows=("value", "size"), time=("time", "max")
    ).reset_index()
    return Pairs(
        tuple(smiles),
        tuple(s for s, _ in targets),
        tuple(n for _, n in targets),
        merged,
        refused,
        reading,
        source,
    )


def guess_partner_column(raw: RawTable) -> str | None:
    """The column that holds protein sequences beside one of molecules; None where there is none."""
    for name in raw.columns:
        cells = raw.table[name].head(200)
        cells = cells[cells != ""]
        letters = cells.str.fullmatch(r"[ACDEFGHIKLMNPQRSTVWYBXZUOJ]{25,}")
        likely = sequence_rank(name) or not (target_rank(name) or is_set_aside_name(name))
        if likely and len(cells) and letters.mean() > 0.8:
            return name
    return None


class PairColumns(NamedTuple):
    """The two columns that make a table one of pairs."""

    molecules: str
    proteins: str


def find_pair_columns(raw: RawTable) -> PairColumns | None:
    """Molecules beside protein sequences that vary; None for any other table."""
    partner = guess_partner_column(raw)
    if partner is None or raw.table[partner].nunique() < 2:
        return None
    others = RawTable(raw.table.drop(columns=[partner]), raw.source, raw.file_format)
    molecules = _find_molecules(others)
    return None if molecules is None else PairColumns(molecules, partner)
