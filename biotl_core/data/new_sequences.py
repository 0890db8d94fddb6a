"""New sequences to predict: a table without a target, checked row by row; what cannot be used is told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from biotl_core.data.alphabets import ALPHABETS, first_bad_letter, guess_modality
from biotl_core.data.dataset import Modality
from biotl_core.data.quoting import shown
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_sequences, read_pasted
from biotl_core.errors import UserError

_HEADERS = ("sequence", "sequences", "seq", "smiles", "protein", "dna")


@dataclass(frozen=True)
class NewSequences:
    """What of a table can be predicted, and what not."""

    table: pd.DataFrame
    """Columns `name, sequence`, in the order of the file, as the model reads them (upper case, no blanks)."""
    refused: pd.DataFrame
    """Columns `row` (1-based, as in the file), `name, sequence, reason`: one sentence each."""
    notes: tuple[str, ...] = ()
    """What was decided while reading."""


def read_pasted_sequences(text: str) -> RawTable:
    """Pasted text as a table: FASTA, a table with a header, or bare sequences, one a line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # A header, a table or FASTA has blanks, separators or ">" somewhere; bare sequences have none.
    is_bare = lines and not any(re.search(r"[\s,;|>\"]", line) for line in lines)
    if is_bare and lines[0].lower() not in _HEADERS:
        return RawTable(pd.DataFrame({"sequence": lines}, dtype="str"), "pasted text", "TSV")
    return read_pasted(text)


def check_new_sequences(
    raw: RawTable,
    modality: Modality,
    *,
    sequence: str | None = None,
    name: str | None = None,
    reader: Literal["run", "backbone"] = "run",
) -> NewSequences:
    """Find the sequences in a table and check each against the alphabet of the run's modality.

    Args:
        raw: the table as it lies in the file.
        modality: what the run was trained on.
        sequence: the column of the sequences; guessed when not given.
        name: the column of the names; guessed, and numbered where there is none.
        reader: what the sequences are for; the sentence of an error names it.

    Raises:
        UserError: when no column or several look like sequences, or no row can be used.
    """
    if sequence is None and "sequence" in raw.table:
        sequence = "sequence"  # however few and bad its rows are
    sequence_column, name_column = guess_sequences(raw, sequence=sequence, name=name)
    if name_column is None and "name" in raw.table and sequence_column != "name":
        name_column = "name"  # even where names repeat, they are hers
    written = raw.table[sequence_column]
    names = raw.table[name_column] if name_column else pd.Series("", index=written.index)
    numbered = pd.Series([f"sequence {i + 1}" for i in range(len(written))], index=written.index)
    cleaned = _as_the_model_reads(written, modality)
    reasons = _reasons(cleaned, modality)
    table = pd.DataFrame({"name": names.where(names != "", numbered), "sequence": cleaned})
    is_good = reasons == ""
    if not is_good.any():
        raise UserError(_nothing_usable(raw, written, reasons.iloc[0], modality, reader))
    refused = table[~is_good].assign(sequence=written[~is_good], reason=reasons[~is_good])
    refused.insert(0, "row", refused.index + 1)
    return NewSequences(table[is_good].reset_index(drop=True), refused.reset_index(drop=True), raw.notes)


def _as_the_model_reads(written: pd.Series, modality: Modality) -> pd.Series:
    """Without blanks; proteins and DNA in upper case, a closing stop left out, U of RNA read as T."""
    cleaned = written.str.replace(r"\s+", "", regex=True)
    if modality == "molecule":
        return cleaned
    cleaned = cleaned.str.upper().str.replace(r"\*$", "", regex=True)
    return cleaned.str.replace("U", "T") if modality == "dna" else cleaned


def _reasons(sequences: pd.Series, modality: Modality) -> pd.Series:
    """Why each sequence cannot be used, "" where it can."""
    reasons = pd.Series("", index=sequences.index)
    reasons[sequences == ""] = "There is no sequence in this row."
    pattern = ALPHABETS[modality].bad_letter_pattern
    is_bad = sequences.str.contains(pattern, regex=True)
    reasons[is_bad] = [_bad_letter_sentence(one, modality) for one in sequences[is_bad]]
    if modality == "molecule":
        is_open = (reasons == "") & ~pd.Series(_are_molecules(sequences), index=sequences.index)
        reasons[is_open] = "This is not a SMILES that can be read as a molecule."
    return reasons


def _bad_letter_sentence(sequence: str, modality: Modality) -> str:
    position, letter = first_bad_letter(sequence, modality)
    allowed = ALPHABETS[modality].said
    return f"Letter {position + 1}, {shown(letter)}, is not one of {allowed}."


def _are_molecules(sequences: Iterable[str]) -> list[bool]:
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    return [bool(one) and Chem.MolFromSmiles(one) is not None for one in sequences]


def _nothing_usable(
    raw: RawTable, written: pd.Series, first_reason: str, modality: Modality, reader: str
) -> str:
    found = guess_modality(written.head(1000))
    if found != modality:
        return wrong_kind(raw.source, found, modality, reader)
    return (
        f"{shown(raw.source)}: no row can be used. Row 1: {first_reason} Mend the table and bring it again."
    )


def wrong_kind(source: str, found: Modality, wanted: Modality, reader: str) -> str:
    """The sentence where a file holds another kind of sequence than a run or a backbone reads."""
    reads = {"run": "this run was trained on", "backbone": "this backbone reads"}[reader]
    return (
        f"{shown(source)} seems to hold {ALPHABETS[found].plural}, but {reads} {ALPHABETS[wanted].plural}. "
        f"Choose another {reader} or other sequences."
    )
