"""RawTable and Reading: her table as it lies in the file, and how it is to be read."""

from dataclasses import dataclass, replace

import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.tasks import TASKS, TaskName


@dataclass(frozen=True)
class RawTable:
    """A table of text as read from a file, before anything is checked."""

    table: pd.DataFrame
    """All columns as str, "" where nothing is written, outer blanks removed; index 0..n-1.

    The row shown to a user is the index + 1: her first row of data is row 1, whatever stands above it.
    """
    source: str
    """Where it came from, in words: the file's name."""
    file_format: str
    """What the content turned out to be: CSV, TSV, XLSX, Parquet, FASTA, GenBank, SMILES or SDF."""
    notes: tuple[str, ...] = ()
    """Sentences about what was decided while reading (encoding, header, renamed columns)."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.table.columns)

    def with_notes(self, *notes: str) -> "RawTable":
        """The same table with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Reading:
    """Which column is what, and what is to be predicted: guessed, shown, and open to change."""

    sequence_column: str
    target_columns: tuple[str, ...]
    """One column; several for a multilabel task."""
    name_column: str | None
    part_column: str | None
    """Holds train, validation or test for each row; None where the table has no split, or several."""
    mask_column: str | None
    """Says for each residue whether its target is known."""
    modality: Modality
    task_name: TaskName
    notes: tuple[str, ...] = ()
    """Sentences that say what was chosen and why, to be shown."""
    validation_column: str | None = None
    """A yes/no column beside the parts that marks the validation rows within train."""
    part_candidates: tuple[str, ...] = ()
    """Columns that hold parts, when there are several and none was named."""

    @property
    def sentence(self) -> str:
        """What was understood, in one sentence.

        >>> Reading("seq", ("tm",), None, None, None, "protein", "regression").sentence
        'Proteins in column *seq*; target *tm*: one number per sequence.'
        """
        kinds = {"protein": "Proteins", "dna": "DNA sequences", "molecule": "Molecules"}
        columns = self.target_columns
        target = f"target *{columns[0]}*" if len(columns) == 1 else f"{len(columns)} target columns"
        title = TASKS[self.task_name].title
        return (
            f"{kinds[self.modality]} in column *{self.sequence_column}*; "
            f"{target}: {title[0].lower()}{title[1:]}."
        )
