"""Findings and repairs of protein and DNA letters."""

import pandas as pd

from biotl_core.data.alphabets import ALPHABETS, first_bad_letter
from biotl_core.data.quoting import shown
from biotl_core.data.worktable import WorkTable

_BLANK_WORDS = frozenset({"", "nan", "None", "NULL", "null", "#N/A", "<NA>"})
_DNA_LETTERS = r"[ACGTUN]{20,}"
"""So many bases, all four among them, are no peptide: a random protein of 20 letters is so once in 10^11."""


def check_blank(work: WorkTable) -> None:
    """Set rows without a sequence aside."""
    blank = work.rows["sequence"].isin(_BLANK_WORDS)
    work.block(blank, "blank_sequence", "sequence", "there is no sequence. Write it in or remove the row.")


def check_letters(work: WorkTable) -> None:
    """Repair what is only another way of writing, then set aside what no longer is a sequence."""
    _close_up(work)
    work.repair_or_set_aside(
        work.rows["sequence"].str.contains("[a-z]", regex=True),
        "lower_case",
        "sequence",
        lambda rows: [
            f"lower case letters in {shown(s, 20)}; sequences are written in capitals."
            for s in rows["sequence"]
        ],
        lambda values: values.str.upper(),
        "Written in capitals",
    )
    work.repair_or_set_aside(
        work.rows["sequence"].str.contains(r"[.~\-]", regex=True),
        "gaps",
        "sequence",
        "alignment gaps (- . ~) in the sequence; they name no residue. Remove them.",
        lambda values: values.str.replace(r"[.~\-]", "", regex=True),
        "Gaps removed",
    )
    check_blank(work)
    if work.reading.modality == "dna":
        _check_rna(work)
    else:
        _check_stops(work)
    _check_modality(work)
    _check_alphabet(work)
    _check_ambiguous(work)


def _close_up(work: WorkTable) -> None:
    work.repair_or_set_aside(
        work.rows["sequence"].str.contains(r"\s", regex=True),
        "blanks_inside",
        "sequence",
        "blanks, line breaks or position numbers inside the sequence. Remove them.",
        # Numbers are removed only where they stand alone ("1 MKVL 5 AAG"), so that no SMILES becomes a protein.
        lambda values: values.str.replace(r"\b[0-9]+\b|\s+", "", regex=True),
        "Blanks removed",
    )


def _check_stops(work: WorkTable) -> None:
    sequences = work.rows["sequence"]
    work.repair_or_set_aside(
        sequences.str.fullmatch(r"[^*]+\*+"),
        "stop_at_end",
        "sequence",
        "a stop sign (*) at the end; it names no residue. Remove it.",
        lambda values: values.str.rstrip("*"),
        "Stop sign removed",
    )
    sequences = work.rows["sequence"]
    work.block(
        sequences.str.contains("*", regex=False),
        "stop_inside",
        "sequence",
        lambda rows: [
            f"a stop sign (*) at position {s.index('*') + 1:,}: the protein ends there. "
            "Cut the sequence there or remove the row."
            for s in rows["sequence"]
        ],
    )


def _check_rna(work: WorkTable) -> None:
    is_rna = work.rows["sequence"].str.fullmatch("[ACGUNRYSWKMBDHV]+") & work.rows["sequence"].str.contains(
        "U"
    )
    work.repair_or_set_aside(
        is_rna,
        "rna",
        "sequence",
        "RNA (U); the DNA alphabet has T. Write U as T.",
        lambda values: values.str.replace("U", "T"),
        "U written as T",
    )


def _check_modality(work: WorkTable) -> None:
    """Say once, when most rows are of another kind, and by row when some are."""
    sequences, alphabet = work.rows["sequence"], ALPHABETS[work.reading.modality]
    if sequences.empty:
        return
    if alphabet.modality == "protein":
        other, other_title = _looks_like_dna(sequences), "DNA"
    else:
        is_valid = sequences.str.fullmatch(f"[{alphabet.valid}]+")
        other, other_title = ~is_valid & sequences.str.fullmatch(r"[A-Z]+"), "proteins"
    if other.mean() > 0.5:
        work.note(
            "wrong_modality",
            work.column_name("sequence"),
            f"{int(other.sum()):,} of {len(sequences):,} sequences look like {other_title}, not {alphabet.plural}. "
            f"Choose {'DNA' if other_title == 'DNA' else 'Protein'} as the modality, or another column.",
        )
    instead = "Choose DNA as the modality" if other_title == "DNA" else "Choose Protein as the modality"
    work.block(
        other,
        "wrong_alphabet",
        "sequence",
        lambda rows: [
            (
                f"{shown(s, 20)} looks like DNA in a column of proteins. "
                if other_title == "DNA"
                else _bad_letter(s, "dna")
            )
            + f"{instead}, or remove the row."
            for s in rows["sequence"]
        ],
    )


def _looks_like_dna(sequences: pd.Series) -> pd.Series:
    mask = sequences.str.fullmatch(_DNA_LETTERS)
    for base in ("A", "C", "G", "[TU]"):
        mask &= sequences.str.contains(base, regex=True)
    return mask


def _check_alphabet(work: WorkTable) -> None:
    modality = work.reading.modality
    bad = work.rows["sequence"].str.contains(ALPHABETS[modality].bad_letter_pattern, regex=True)
    work.block(
        bad,
        "wrong_alphabet",
        "sequence",
        lambda rows: [_bad_letter(s, modality) + "Correct it or remove the row." for s in rows["sequence"]],
    )


def _bad_letter(sequence: str, modality: str) -> str:
    found = first_bad_letter(sequence, modality)
    position, letter = found if found else (0, "")
    alphabet = ALPHABETS[modality]
    return (
        f"{shown(letter)} at position {position + 1:,} is not a {alphabet.title} letter ({alphabet.said}). "
    )


def _check_ambiguous(work: WorkTable) -> None:
    letters = ALPHABETS[work.reading.modality].ambiguous
    counts = work.rows["sequence"].str.count(f"[{letters}]")
    mask = counts > 0
    work.find(
        mask,
        "ambiguous",
        "sequence",
        lambda rows: [
            f"{n:,} ambiguous or rare letters ({_which(s, letters)}); the backbone may not know them."
            for n, s in zip(counts[rows.index], rows["sequence"], strict=True)
        ],
    )
    if "ambiguous" in work.repairs:
        work.set_aside(mask, "sequence", "Ambiguous letters")


def _which(sequence: str, letters: str) -> str:
    return ", ".join(letter for letter in letters if letter in sequence)


def check_length(work: WorkTable, max_length: int | None) -> None:
    """Warn of sequences that the backbone would cut."""
    if max_length is None:
        return
    lengths = work.rows["sequence"].str.len()
    work.find(
        lengths > max_length,
        "too_long",
        "sequence",
        lambda rows: [
            f"{n:,} letters; the backbone reads the first {max_length:,}." for n in lengths[rows.index]
        ],
    )


def valid_share(sequences: pd.Series, modality: str) -> float:
    """The share of sequences with valid letters only."""
    return float((~sequences.str.contains(ALPHABETS[modality].bad_letter_pattern, regex=True)).mean())
