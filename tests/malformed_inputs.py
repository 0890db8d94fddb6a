"""Malformed inputs, made by code: what people upload by mistake, each of which must end in one clear sentence.

`malformed_inputs(folder)` writes them all; tests of the core, the shell and the pages share them.
"""

import gzip
import io
import json
import random
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
Expect = Literal["error", "ok"]


@dataclass(frozen=True)
class Malformed:
    """One malformed input."""

    name: str
    path: Path
    expect: Expect
    """`error`: no Dataset can come of it. `ok`: the sound rows make one."""
    part: str | None = None
    """The part column to name, where the input is about it."""


def _proteins(n: int, seed: int = 0, length: int = 30) -> list[str]:
    rng = random.Random(seed)
    return ["M" + "".join(rng.choices(AMINO_ACIDS, k=length - 1)) for _ in range(n)]


def _dna(n: int, seed: int = 0, length: int = 40) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("ACGT", k=length)) for _ in range(n)]


def _rows(n: int = 20) -> list[tuple[str, str]]:
    return [(sequence, f"{i * 0.37 - 2:.2f}") for i, sequence in enumerate(_proteins(n))]


def _table(rows, header: str = "sequence,target", separator: str = ",") -> str:
    return "\n".join([header, *(separator.join(row) for row in rows)]) + "\n"


GOOD = _table(_rows())


def _text_inputs() -> dict[str, tuple[str, Expect]]:
    """Inputs that are text, in UTF-8."""
    rows = _rows()
    long_name = "target_" + "x" * 5_000
    return {
        "one_column": (_table([(s,) for s, _ in rows], "sequence"), "error"),
        "one_column_without_header": ("\n".join(s for s, _ in rows), "error"),
        "one_row": (_table(rows[:1]), "error"),
        "two_rows": (_table(rows[:2]), "error"),
        "header_only": ("sequence,target\n", "error"),
        "blank_lines_only": ("\n \n\t\n", "error"),
        "wrong_delimiter": (_table(rows, "sequence^target", "^"), "error"),
        "semicolons_and_decimal_commas": (
            _table([(s, t.replace(".", ",")) for s, t in rows], "sequence;target", ";"),
            "ok",
        ),
        "bars": (_table(rows, "sequence|target", "|"), "ok"),
        "duplicate_headers": (_table([(s, t, t) for s, t in rows], "sequence,target,target"), "ok"),
        "duplicate_sequence_headers": (
            _table([(s, s, t) for s, t in rows], "sequence,sequence,target"),
            "ok",
        ),
        "blank_headers": (_table([(s, t) for s, t in rows], ","), "ok"),
        "blank_header_for_the_index": (
            _table([(str(i), *row) for i, row in enumerate(rows)], ",sequence,target"),
            "ok",
        ),
        "no_header": (_table(rows[1:], ",".join(rows[0])), "ok"),
        "nan_targets": (_table([(s, "NaN" if i % 3 else t) for i, (s, t) in enumerate(rows)]), "ok"),
        "all_targets_missing": (_table([(s, "") for s, _ in rows]), "error"),
        "infinite_targets": (_table([(s, "inf" if i < 4 else t) for i, (s, t) in enumerate(rows)]), "ok"),
        "all_targets_equal": (_table([(s, "1.5") for s, _ in rows]), "error"),
        "text_in_every_target": (
            _table([(s, f"see notebook page {i}") for i, (s, _) in enumerate(rows)]),
            "error",
        ),
        "words_among_targets": (
            _table([(s, ("n.d.", ">100", "<0.1")[i] if i < 3 else t) for i, (s, t) in enumerate(rows)]),
            "ok",
        ),
        "thousand_separators": (_table([(s, f'"1,{i:03d}.5"') for i, (s, _) in enumerate(rows)]), "ok"),
        "ambiguous_commas": (_table([(s, f'"{i + 1},{i:03d}"') for i, (s, _) in enumerate(rows)]), "error"),
        "html_in_names": (
            _table(
                [(f"<script>alert({i})</script><b>x</b>", s, t) for i, (s, t) in enumerate(rows)],
                "name,sequence,target",
            ),
            "ok",
        ),
        "html_in_header": (_table(rows, "sequence,<img src=x onerror=alert(1)>"), "ok"),
        "emoji": (
            _table([(f"\U0001f9ec {i}", s, t) for i, (s, t) in enumerate(rows)], "name,sequence,target"),
            "ok",
        ),
        "formula_injection": (
            _table([(f"=cmd|'/c calc'!A{i}", s, t) for i, (s, t) in enumerate(rows)], "name,sequence,target"),
            "ok",
        ),
        "emoji_in_sequences": (
            _table([(s + "\U0001f9ec" if i < 5 else s, t) for i, (s, t) in enumerate(rows)]),
            "ok",
        ),
        "null_bytes": (GOOD.replace("target\n", "target\n\x00", 1), "ok"),
        "ragged_short": (GOOD + f"{rows[0][0]}A\n{rows[1][0]}A\n", "ok"),
        "ragged_long": (GOOD + f"{rows[0][0]}A,1.0,extra,more\n", "error"),
        "unclosed_quote": (GOOD.replace(rows[5][0], '"' + rows[5][0]), "ok"),
        "unclosed_quote_around_commas": (
            GOOD + f'{rows[0][0]}A,"1.0, or so, says A.\n{rows[1][0]}A,2.0\n',
            "error",
        ),
        "sequences_all_blank": (_table([("", t) for _, t in rows]), "error"),
        "sequences_are_numbers": (_table([(str(i * 7), t) for i, (_, t) in enumerate(rows)]), "error"),
        "sequences_are_sentences": (
            _table([(f"the {i}th sample of monday!", t) for i, (_, t) in enumerate(rows)]),
            "error",
        ),
        "stops_inside": (_table([(s[:10] + "*" + s[10:], t) for s, t in rows]), "error"),
        "gaps_only": (_table([("-" * 10 if i < 3 else s, t) for i, (s, t) in enumerate(rows)]), "ok"),
        "lower_case_with_blanks": (
            _table([(f"{s[:10].lower()} 11 {s[10:].lower()}", t) for s, t in rows]),
            "ok",
        ),
        "mixed_proteins_and_dna": (_table([*rows, *((s, "1.0") for s in _dna(6))]), "ok"),
        "two_sequence_columns": (_table([(s, s[::-1], t) for s, t in rows], "seq1,seq2,target"), "error"),
        "two_targets": (_table([(s, t, f"-{t}") for s, t in rows], "sequence,first,second"), "error"),
        "class_with_one_member": (
            _table(
                [(s, "rare" if i == 0 else "ab"[i % 2]) for i, (s, _) in enumerate(rows)], "sequence,label"
            ),
            "ok",
        ),
        "every_row_its_own_class": (
            _table([(s, f"class {i}") for i, (s, _) in enumerate(_rows(250))], "sequence,label"),
            "error",
        ),
        "unknown_part_word": (
            _table(
                [
                    (s, t, "train" if i % 4 else "trian" if i == 4 else "test")
                    for i, (s, t) in enumerate(rows)
                ],
                "sequence,target,part",
            ),
            "ok",
        ),
        "all_rows_in_test": (_table([(s, t, "test") for s, t in rows], "sequence,target,part"), "error"),
        "residues_of_wrong_length": (
            _table(
                [
                    (s, "H" * (len(s) - (i < 5))) if i % 2 else (s, "C" * len(s))
                    for i, (s, _) in enumerate(rows)
                ],
                "sequence,labels",
            ),
            "ok",
        ),
        "mask_of_wrong_length": (
            _table(
                [(s, "HC" * (len(s) // 2), "R" * (len(s) - (i < 5))) for i, (s, _) in enumerate(rows)],
                "sequence,labels,mask",
            ),
            "ok",
        ),
        "mask_of_other_letters": (
            _table([(s, "HC" * (len(s) // 2), "Q" * len(s)) for s, _ in rows], "sequence,labels,mask"),
            "error",
        ),
        "residue_numbers_with_words": (
            _table(
                [
                    (s, " ".join(["0.5"] * len(s)) if i else " ".join(["0.5"] * (len(s) - 1) + ["high"]))
                    for i, (s, _) in enumerate(rows)
                ],
                "sequence,labels",
            ),
            "ok",
        ),
        "endless_column_name": (_table(rows, f"sequence,{long_name}"), "ok"),
        "endless_cell": (_table([*rows, ("M" + "A" * 200_000, "1.0")]), "ok"),
        "smiles_all_broken": (
            _table([(f"c1ccc{'(' * (i + 1)}C#", str(i)) for i in range(20)], "smiles,value"),
            "error",
        ),
        "smiles_some_broken": (
            _table([(f"{'C' * (i + 1)}O" if i % 5 else "c1cc(", str(i)) for i in range(20)], "smiles,value"),
            "ok",
        ),
        "fasta_without_sequences": ("".join(f">p{i} target={i}\n" for i in range(9)), "error"),
        "fasta_with_duplicate_names": ("".join(f">p target={t}\n{s}\n" for s, t in rows), "ok"),
        "fasta_with_missing_values": (
            "".join(f">p{i}{f' target={t}' if i % 4 else ''}\n{s}\n" for i, (s, t) in enumerate(rows)),
            "ok",
        ),
        "fasta_without_values": ("".join(f">p{i}\n{s}\n" for i, (s, _) in enumerate(rows)), "error"),
        "fasta_cut_in_the_header": (
            "".join(f">p{i} target={t}\n{s}\n" for i, (s, t) in enumerate(rows)) + ">p99 targ",
            "ok",
        ),
        "sdf_with_empty_blocks": ("$$$$\n" * 5, "error"),
        "sdf_with_broken_blocks": (
            "name\n  junk\n\n  3  2  0  0  0  0 V2000\n  not an atom line\nM  END\n$$$$\n" * 4,
            "error",
        ),
        "genbank_truncated": (
            "LOCUS       AB000001   100 bp    DNA     linear   BCT 01-JAN-2020\nDEFINITION  cut off\n",
            "error",
        ),
        "web_page": (
            "<!DOCTYPE html><html><body><table><tr><td>sequence</td></tr></table></body></html>",
            "error",
        ),
        "json": (json.dumps([{"sequence": s, "target": t} for s, t in rows]), "error"),
        "fastq": ("".join(f"@r{i}\n{s}\n+\n{'I' * len(s)}\n" for i, s in enumerate(_dna(9))), "error"),
        "pdb_structure": ("HEADER    HYDROLASE\nATOM      1  N   MET A   1      11.1  22.2  33.3\n", "error"),
        "prose": (
            "Dear all,\nplease find the results of last week below. They look promising.\nBest, A.\n",
            "error",
        ),
        "source_code": ("import numpy as np\n\ndef f(x):\n    return x + 1\n\nprint(f(3))\n", "error"),
        "commas_only": ("," * 300 + "\n" + "," * 300 + "\n", "error"),
    }


def _binary_inputs() -> dict[str, tuple[bytes, Expect]]:
    """Inputs that are bytes."""
    rng = random.Random(1)
    text = GOOD.encode()
    packed = gzip.compress(text, mtime=0)
    corrupt = bytearray(packed)
    corrupt[len(corrupt) // 2] ^= 0xFF
    bomb = gzip.compress(b"\0" * (80 * 1024 * 1024), 9, mtime=0)
    latin = _table([(f"Größe {i}", s, t) for i, (s, t) in enumerate(_rows())], "name,sequence,target").encode(
        "latin-1"
    )
    return {
        "empty_file": (b"", "error"),
        "binary_junk": (rng.randbytes(20_000), "error"),
        "latin_1": (latin, "ok"),
        "utf_16": (GOOD.encode("utf-16"), "ok"),
        "utf_16_without_mark": (GOOD.encode("utf-16-le"), "ok"),
        "utf_16_cut": (GOOD.encode("utf-16")[:-1], "error"),
        "utf_8_with_mark": (b"\xef\xbb\xbf" + text, "ok"),
        "old_mac_line_ends": (text.replace(b"\n", b"\r"), "ok"),
        "zip_renamed_csv": (_zip({"table.csv": text}), "error"),
        "zip_cut": (_zip({"xl/workbook.xml": text})[:60], "error"),
        "zip_like_xlsx": (_zip({"xl/workbook.xml": b"<workbook/>", "[Content_Types].xml": b"<x"}), "error"),
        "docx_renamed": (_zip({"word/document.xml": b"<w:document/>"}), "error"),
        "gzip_cut": (packed[: len(packed) // 2], "error"),
        "gzip_corrupt": (bytes(corrupt), "error"),
        "gzip_of_nothing": (gzip.compress(b"", mtime=0), "error"),
        "gzip_twice": (gzip.compress(packed, mtime=0), "ok"),
        "gzip_bomb": (bomb, "error"),
        "long_single_line": (b"MKVLAAGIV" * 1_100_000, "error"),
        "parquet_corrupt": (b"PAR1" + rng.randbytes(2_000) + b"PAR1", "error"),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\n", "error"),
        "png": (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + rng.randbytes(300), "error"),
        "password_protected_xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + rng.randbytes(2_000), "error"),
        "bzip2": (b"BZh91AY&SY" + rng.randbytes(200), "error"),
        "xlsx_formulas_without_values": (_workbook(_formula_rows()), "error"),
        "xlsx_empty_sheet": (_workbook([]), "error"),
        "xlsx_header_only": (_workbook([["sequence", "target"]]), "error"),
        "xlsx_with_error_cells": (
            _workbook(
                [
                    ["sequence", "target"],
                    *([s, "#DIV/0!" if i < 3 else float(t)] for i, (s, t) in enumerate(_rows())),
                ]
            ),
            "ok",
        ),
        "xlsx_with_title_rows": (
            _workbook([[], ["sequence", "target"], [], *([s, float(t)] for s, t in _rows())]),
            "ok",
        ),
        "parquet_with_nested_columns": (_parquet(nested=True), "ok"),
        "parquet_without_rows": (_parquet(n=0), "error"),
    }


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _formula_rows() -> list[list]:
    return [["sequence", "target"], *([s, f"={i}*2"] for i, (s, _) in enumerate(_rows()))]


def _workbook(rows: list[list]) -> bytes:
    from openpyxl import Workbook

    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _parquet(n: int = 20, nested: bool = False) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = _rows(20)[:n]
    columns = {
        "sequence": pa.array([s for s, _ in rows], pa.string()),
        "target": pa.array([float(t) for _, t in rows], pa.float64()),
    }
    if nested:
        columns["details"] = pa.array([{"plate": 1, "well": "A1"}] * n)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


# File names that try something; their content is sound.
_NAMES = {
    "path_trick": "..%2f..%2fetc%2fpasswd.csv",
    "html_file_name": "<img src=x onerror=alert(1)>.csv",
    "emoji_file_name": "\U0001f9ec\U0001f600.csv",
    "option_like_name": "--repair.csv",
    "endless_file_name": "x" * 200 + ".csv",
    "quotes_in_file_name": "a'b\"c`$(d).csv",
}


def malformed_inputs(folder: Path) -> list[Malformed]:
    """Write all malformed inputs into a folder (under the names users give them) and list them."""
    inputs = []
    for name, (text, expect) in _text_inputs().items():
        inputs.append(_write(folder, name, f"{name}.csv", text.encode(), expect))
    for name, (content, expect) in _binary_inputs().items():
        inputs.append(_write(folder, name, f"{name}.csv", content, expect))
    for name, file_name in _NAMES.items():
        inputs.append(_write(folder, name, file_name.replace("/", "_"), GOOD.encode(), "ok"))
    (folder / "a_folder.csv").mkdir()
    inputs.append(Malformed("folder", folder / "a_folder.csv", "error"))
    inputs.append(Malformed("missing_file", folder / "not_there.csv", "error"))
    inputs.append(Malformed("part_column_without_parts", folder / "bars.csv", "error", part="target"))
    return inputs


def _write(folder: Path, name: str, file_name: str, content: bytes, expect: Expect) -> Malformed:
    path = folder / file_name
    path.write_bytes(content)
    return Malformed(name, path, expect)
