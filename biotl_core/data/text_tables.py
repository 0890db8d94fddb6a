"""Tables in text: which separator, whether there is a header, and the cells."""

import csv
import io
from collections import Counter

import pandas as pd

from biotl_core.data.alphabets import DNA_PATTERN, SMILES_PATTERN, guess_modality
from biotl_core.data.quoting import cut, shown
from biotl_core.errors import UserError

SEPARATORS = {"\t": "tab", ";": "semicolon", "|": "vertical bar", ",": "comma"}
"""In order of preference where several fit: a comma may also be a decimal mark."""
MAX_COLUMNS = 2_000
MAX_NAME_LENGTH = 80
# A cell may hold a genome; the reader's own limit is 131,072 letters.
csv.field_size_limit(2**31 - 1)


def read_text_table(text: str, source: str) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """A separated text as a table of str, its format, and notes; UserError when it is none."""
    notes: list[str] = []
    text = _without_comments(text, notes)
    separator = find_separator(text)
    rows = _split_rows(text, separator, source, notes)
    if not rows:
        raise UserError(f"{shown(source)} holds no rows. Choose a table with a header and rows below it.")
    if len(max(rows, key=len)) > MAX_COLUMNS:
        raise UserError(
            f"{shown(source)} would have {len(max(rows, key=len)):,} columns; at most {MAX_COLUMNS:,} are read. "
            "Check that rows and columns are not swapped and that each row ends with a line break."
        )
    rows, header = _header(rows, notes)
    if not rows:
        raise UserError(f"{shown(source)} has only one line. Choose a table with a header and rows below it.")
    rows = _even_rows(rows, len(header), source, notes)
    table = pd.DataFrame(dict(enumerate(zip(*rows, strict=True))), dtype="str")
    return finish_table(table, header, notes), _format_name(separator, table), tuple(notes)


def find_separator(text: str) -> str | None:
    """The character between cells, " " for any blanks, None for a single column.

    A separator fits when the first rows all have the same number of cells, and more than one.
    """
    sample = "\n".join(text.split("\n", 201)[:200])
    best, best_score = None, (0.0, 0)
    for separator in SEPARATORS:
        counts = [len(row) for row in csv.reader(io.StringIO(sample), delimiter=separator) if any(row)]
        score = _evenness(counts)
        if score[1] > 1 and score[0] >= 0.7 and score[0] > best_score[0] + 0.05:
            best, best_score = separator, score
    if best is None:
        counts = [len(line.split()) for line in sample.split("\n") if line.strip()]
        share, n_cells = _evenness(counts)
        first_cells = pd.Series([line.split()[0] for line in sample.split("\n") if line.strip()], dtype="str")
        is_smiles_file = n_cells > 1 and first_cells.str.fullmatch(SMILES_PATTERN).mean() > 0.9
        if n_cells > 1 and (share > 0.95 or is_smiles_file):
            best = " "
    return best


def _evenness(counts: list[int]) -> tuple[float, int]:
    """Share of the rows that have the commonest number of cells, and that number."""
    if not counts:
        return 0.0, 0
    n_cells, n_rows = Counter(counts).most_common(1)[0]
    # A header with another number of cells speaks against the separator, but for a missing corner cell.
    fits_header = (counts[0] in (n_cells, n_cells - 1) and counts[0] > 1) or (n_cells == 2 and counts[0] == 2)
    return (n_rows / len(counts) if fits_header else 0.0), n_cells


def _without_comments(text: str, notes: list[str]) -> str:
    """The text without leading lines that start with `#`, but a header may be written that way."""
    lines = text.split("\n", 100)
    n_comments = next((i for i, line in enumerate(lines) if not line.startswith("#")), 0)
    if n_comments == 0 or n_comments >= len(lines) - 1:
        return text
    body = "\n".join(lines[n_comments:])
    last = lines[n_comments - 1]
    separator = find_separator(body)
    if separator not in (None, " ") and last.count(separator) == lines[n_comments].count(separator):
        return last.lstrip("# ") + "\n" + body
    notes.append(f"{n_comments} comment lines (#) above the table were left out.")
    return body


def _split_rows(text: str, separator: str | None, source: str, notes: list[str]) -> list[list[str]]:
    if separator is None:
        return [[line.strip().strip('"')] for line in text.split("\n") if line.strip()]
    if separator == " ":
        lines = [line for line in text.split("\n") if line.strip()]
        n_cells, n_lines = Counter(len(line.split()) for line in lines).most_common(1)[0]
        # Names of several words behind a SMILES make the rows uneven: then all of the rest is the name.
        n_cells = n_cells if n_lines > 0.95 * len(lines) else 2
        return [line.split(None, n_cells - 1) for line in lines]
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE))
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        if len({len(row) for row in rows}) > 1:
            raise UserError(
                f"{shown(source)}: a quotation mark is opened and not closed. "
                "Close or remove it; a quotation mark inside a quoted value is written twice."
            ) from error
        notes.append("Quotation marks do not pair up, so they were read as ordinary characters.")
    return [row for row in rows if any(cell.strip() for cell in row)]


def _header(rows: list[list[str]], notes: list[str]) -> tuple[list[list[str]], list[str]]:
    """The rows below the header, and the names of the columns (made up where there is no header)."""
    first, rest = rows[0], rows[1:]
    if rest and len(first) > 0 and all(len(row) == len(first) + 1 for row in rest):
        notes.append("The header names one column less than the rows have; the first was taken as row names.")
        return rest, ["name", *first]
    sample = [row for row in rest[:200] if len(row) == len(first)]
    if not sample or not any(
        _is_data(cell, column) for cell, column in zip(first, zip(*sample, strict=True), strict=True)
    ):
        return rest, first
    names = [f"column {i + 1}" for i in range(len(first))]
    columns = [pd.Series(column, dtype="str") for column in zip(*sample, strict=True)]
    for i, column in enumerate(columns):
        if _holds_sequences(column) and "sequence" not in names:
            names[i] = "sequence"
        elif _is_number(first[i]) and "value" not in names:
            names[i] = "value"
    notes.append("There is no header; the columns were named " + ", ".join(names) + ".")
    return rows, names


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _is_data(cell: str, below: tuple[str, ...]) -> bool:
    """Whether the first cell of a column is of the kind of those below it, so that it cannot be a header."""
    below_it = [value for value in below if value]
    if not cell or not below_it:
        return False
    if _is_number(cell):
        is_index = cell.isdigit() and int(cell) < MAX_COLUMNS
        return not is_index and sum(map(_is_number, below_it)) > 0.8 * len(below_it)
    column = pd.Series(below_it, dtype="str")
    if not _holds_sequences(column):
        return False
    first = pd.Series([cell], dtype="str")
    if guess_modality(column) == "molecule":
        return bool(first.str.fullmatch(SMILES_PATTERN).iloc[0])
    is_dna = bool(first.str.fullmatch(DNA_PATTERN).iloc[0])
    return (is_dna and len(cell) >= 5) or (len(cell) >= 15 and cell.isalpha() and cell.isupper())


def _holds_sequences(column: pd.Series) -> bool:
    """Whether a column is mostly long strings of letters, or SMILES."""
    is_word = column.str.fullmatch(r"[A-Za-z.*\-]{5,}")
    varied = column.nunique() > 0.5 * len(column)
    is_molecule = column.str.fullmatch(SMILES_PATTERN).mean() > 0.9 and guess_modality(column) == "molecule"
    return bool(varied and (is_molecule or (is_word.mean() > 0.9 and column.str.isupper().mean() > 0.5)))


def _even_rows(rows: list[list[str]], n_columns: int, source: str, notes: list[str]) -> list[list[str]]:
    """All rows with the same number of cells; UserError by row where one has more values than columns."""
    n_short, first_short = 0, 0
    for i, row in enumerate(rows):
        if len(row) < n_columns:
            n_short, first_short = n_short + 1, first_short or i + 1
            row.extend([""] * (n_columns - len(row)))
        elif len(row) > n_columns:
            if any(cell.strip() for cell in row[n_columns:]):
                raise UserError(
                    f"{shown(source)}, row {i + 1:,}: found {len(row):,} values where the header names "
                    f"{n_columns:,} columns. Put quotation marks around a value that holds the separator."
                )
            del row[n_columns:]
    if n_short:
        notes.append(
            f"{n_short:,} rows are shorter than the header (first: row {first_short:,}); "
            "what is missing at their end is blank."
        )
    return rows


def _format_name(separator: str | None, table: pd.DataFrame) -> str:
    if (
        separator == " "
        and table[0].str.fullmatch(SMILES_PATTERN).mean() > 0.9
        and guess_modality(table[0]) == "molecule"
    ):
        return "SMILES"
    return {"\t": "TSV", ",": "CSV", ";": "CSV (semicolons)", "|": "CSV (vertical bars)"}.get(
        separator or "", "text"
    )


def finish_table(table: pd.DataFrame, header: list[str], notes: list[str]) -> pd.DataFrame:
    """Outer blanks off, names unique and short, columns without name and content left out."""
    table = table.apply(lambda column: column.str.strip())
    names = unique_names([name.strip() for name in header], notes)
    is_kept = [bool(name.strip()) or bool((table.iloc[:, i] != "").any()) for i, name in enumerate(header)]
    table.columns = pd.Index(names, dtype=object)
    return table.loc[:, is_kept].reset_index(drop=True)


def unique_names(header: list[str], notes: list[str]) -> list[str]:
    """Names of columns: none blank, none twice, none endless.

    >>> unique_names(["a", "", "a"], [])
    ['a', 'column 2', 'a (2)']
    """
    names: list[str] = []
    for i, name in enumerate(header):
        name = cut(name, MAX_NAME_LENGTH) or f"column {i + 1}"
        n_same, candidate = 1, name
        while candidate in names:
            n_same += 1
            candidate = f"{name} ({n_same})"
        if n_same > 1:
            notes.append(
                f"Several columns are called {shown(name)}; the further one was named {shown(candidate)}."
            )
        names.append(candidate)
    if any(len(name.strip()) > MAX_NAME_LENGTH for name in header):
        notes.append(f"Column names were cut to {MAX_NAME_LENGTH} letters.")
    return names
