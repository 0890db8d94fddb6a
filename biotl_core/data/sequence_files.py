"""FASTA, GenBank and SDF: each record a row, what its header says as columns."""

import io
import re
import warnings

import pandas as pd

from biotl_core.data.quoting import shown
from biotl_core.errors import UserError

MAX_HEADER = 5_000
"""Letters of a FASTA header that are looked at."""
# "target=0.5 set=train" in a header; a value lasts until the next key ("OS=Homo sapiens OX=9606").
_KEY_VALUE = re.compile(r"([A-Za-z_][\w.\-]*)\s*=\s*([^=]*?)(?=[\s,;]+[A-Za-z_][\w.\-]*\s*=|[\s,;]*$)")
# Headers of databases: which of their | fields is the name.
_DATABASES = {"sp": 1, "tr": 1, "ref": 1, "gb": 1, "emb": 1, "dbj": 1, "pdb": 1, "gi": 1, "lcl": 1}


def read_fasta(text: str, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Records of a FASTA text as a table: `name`, `sequence`, and what the headers hold.

    `>name key=value key=value` gives a column a key; `>name|0.5|train` gives `field 2`, `field 3`; text left over
    becomes `description`. Headers of the databases (`>sp|P12345|NAME_HUMAN ...`) give the accession as name.
    """
    rows, n_without_name = [], 0
    for block in re.split(r"(?m)^>", text)[1:]:
        header, _, body = block.partition("\n")
        row = _read_header(header[:MAX_HEADER].strip())
        if not row["name"]:
            n_without_name += 1
            row["name"] = f"sequence {len(rows) + 1}"
        row["sequence"] = "".join(body.split("\n")).strip()
        rows.append(row)
    if not any(row["sequence"] for row in rows):
        raise UserError(
            f"{shown(source)} is FASTA without any sequence below its headers. "
            "Each header (>name) needs its sequence on the next lines."
        )
    notes = [f"{n_without_name:,} headers have no name; they were numbered."] if n_without_name else []
    return _as_table(rows), tuple(notes)


def _read_header(header: str) -> dict[str, str]:
    fields = [field.strip() for field in header.split("|")]
    if len(fields) > 1 and fields[0].lower() in _DATABASES:
        name = fields[_DATABASES[fields[0].lower()]]
        return {"name": name, **_key_values(fields[-1])}
    first, _, rest = fields[0].partition(" ")
    if "=" in first:
        first, rest = "", fields[0]
    row = {"name": first, "sequence": "", **_key_values(rest)}
    for i, field in enumerate(fields[1:]):
        if "=" in field:
            row.update({key: value for key, value in _key_values(field).items() if key != "description"})
        else:
            row[f"field {i + 2}"] = field
    return row


def _key_values(text: str) -> dict[str, str]:
    """`key=value` pairs of a text, and what stands before them as `description`."""
    text = text[:MAX_HEADER].strip().strip("[]")
    first_key = re.search(r"[\w.\-]+\s*=", text) if "=" in text else None
    values = {"description": text[: first_key.start()].strip(" ,;[") if first_key else text}
    if first_key:
        for key, value in _KEY_VALUE.findall(text[first_key.start() :]):
            key = key.strip()
            values[f"{key} (header)" if key in ("name", "sequence") else key] = value.strip(" ,;[]\"'")
    return {key: value for key, value in values.items() if value or key != "description"}


def _as_table(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, dtype="str").fillna("")


def read_genbank(text: str, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Records of a GenBank text: `name`, `sequence`, `organism`, `description`, and `key=value` of the comment.

    Qualifiers of the `source` feature that are not in every record the same become columns too.
    """
    from Bio import SeqIO

    rows, notes = [], []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for record in SeqIO.parse(io.StringIO(text), "genbank"):
                rows.append(_genbank_row(record))
    except (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError) as error:
        if not rows:
            raise UserError(
                f"{shown(source)} is a damaged or incomplete GenBank file. Download it again."
            ) from error
        notes.append(f"The file is damaged after record {len(rows):,}; the records before it were read.")
    if not any(row["sequence"] for row in rows):
        raise UserError(
            f"{shown(source)} is a GenBank file without sequences. Download it again with its sequence (full record)."
        )
    return _as_table(rows), tuple(notes)


def _genbank_row(record) -> dict[str, str]:
    from Bio.Seq import UndefinedSequenceError

    try:
        sequence = str(record.seq)
    except UndefinedSequenceError:
        sequence = ""
    comment = str(record.annotations.get("comment", "")).replace("\n", " ")
    row = {
        "name": record.id or record.name,
        "sequence": sequence,
        "description": record.description,
        "organism": str(record.annotations.get("organism", "")),
    }
    row.update({key: value for key, value in _key_values(comment).items() if key not in row})
    for feature in record.features:
        for note in feature.qualifiers.get("note", []):
            row.update({key: value for key, value in _key_values(note).items() if key not in row})
        if feature.type == "source":
            for key, values in feature.qualifiers.items():
                row.setdefault(key, str(values[0]))
    return row


def read_sdf(text: str, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Molecules of an SDF text: `name`, `smiles` (canonical, "" where a block cannot be read), and its properties."""
    from rdkit import Chem, rdBase

    rows, n_broken = [], 0
    with rdBase.BlockLogs():
        supplier = Chem.SDMolSupplier()
        supplier.SetData(text if text.rstrip().endswith("$$$$") else text.rstrip("\n") + "\n$$$$\n")
        for i in range(len(supplier)):
            block = supplier.GetItemText(i)
            if not block.strip(" \n$"):
                continue
            molecule = supplier[i]
            row = {"name": block.split("\n", 1)[0].strip() or f"molecule {len(rows) + 1}", "smiles": ""}
            row.update(_sdf_properties(block))
            if molecule is not None and molecule.GetNumAtoms():
                row["smiles"] = Chem.MolToSmiles(molecule)
            else:
                n_broken += 1
            rows.append(row)
    if not any(row["smiles"] for row in rows):
        raise UserError(f"{shown(source)} is an SDF file without a readable molecule. Export it again.")
    notes = [f"{n_broken:,} blocks hold no readable molecule; their SMILES are blank."] if n_broken else []
    return _as_table(rows), tuple(notes)


def _sdf_properties(block: str) -> dict[str, str]:
    """The `> <name>` data items of an SDF block; the first line of each value."""
    items = re.findall(r"(?m)^>[^\n]*?<([^\n>]+)>[^\n]*\n([^\n]*)", block)
    return {
        name if name not in ("name", "smiles") else f"{name} (property)": value.strip()
        for name, value in items
    }
