"""Where the sequence of a target protein comes from: pasted letters, a FASTA file, or a chain of a structure."""

import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from biotl_core.data.quoting import listed, shown
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.runs.folder import read_config
from biotl_core.structures.chains import read_chains
from biotl_core.structures.parsing import read_text

FORMATS = "FASTA, PDB or mmCIF, plain or gzipped."
_LETTERS = re.compile(r"[ACDEFGHIKLMNPQRSTVWYBXZUOJ]+")
_STRUCTURE = re.compile(r"(?m)^(ATOM  |HETATM|HEADER|CRYST1|\s*(#[^\n]*\n\s*)*data_)")
_HEAD = 200_000
"""Letters by which a structure is told; a header with its remarks may be long."""


class TargetProtein(NamedTuple):
    """A target protein, with its structure where it came from one."""

    name: str
    sequence: str
    structure: Path | None = None
    """The PDB or mmCIF file."""
    chain: str = ""
    """Which of its chains."""


def read_target_proteins(path: Path, source: str | None = None) -> list[TargetProtein]:
    """All proteins of a FASTA file, or all protein chains of a PDB or mmCIF file; the content tells which it is.

    Raises:
        UserError: the file cannot be read or holds no protein.
    """
    source = source or path.name
    if not path.is_file():
        raise UserError(f"There is no file {shown(source)}. Choose one in {FORMATS}")
    text = read_text(path.read_bytes(), source)
    if _STRUCTURE.search(text[:_HEAD]):
        chains = read_chains(path, source)
        return [TargetProtein(one.name, one.sequence, path, str(one.atoms.chain_id[0])) for one in chains]
    table = read_file(path, source).table
    if "sequence" not in table or table.empty:
        raise UserError(f"{shown(source)} holds no sequence. Choose a file in {FORMATS}")
    names = table["name"] if "name" in table else [f"protein {i + 1}" for i in range(len(table))]
    pairs = zip(names, table["sequence"], strict=True)
    return [TargetProtein(str(name), read_sequence(sequence)) for name, sequence in pairs]


def pick_target(found: list[TargetProtein], chain: str | None, source: str) -> TargetProtein:
    """The protein or chain of that name; without one the first, which is the only one or the first of several alike.

    Raises:
        UserError: there is no such one, or several differ and none is named.
    """
    if chain:
        match = next((one for one in found if chain in (one.chain, one.name)), None)
        if match is None:
            raise UserError(
                f"{shown(source)} has no chain {shown(chain)}; there are "
                f"{listed([one.chain or one.name for one in found])}. Choose one."
            )
        return match
    if found[0].structure is not None and len({one.sequence for one in found}) > 1:
        raise UserError(
            f"{shown(source)} has several chains ({listed([one.chain for one in found])}). Say which is the target "
            "(in the shell: --chain NAME)."
        )
    return found[0]


def read_sequence(text: str) -> str:
    """Pasted letters or FASTA to capital letters; "" for nothing.

    >>> read_sequence(">a name\\nmkt\\nAYI*\\n")
    'MKTAYI'

    Raises:
        UserError: something is no amino acid.
    """
    lines = [line for line in text.splitlines() if not line.startswith(">")]
    sequence = re.sub(r"[\s*]", "", "".join(lines)).upper()
    if sequence and not _LETTERS.fullmatch(sequence):
        bad = next(letter for letter in sequence if not _LETTERS.fullmatch(letter))
        raise UserError(f"{shown(bad)} is no amino acid in the sequence of the target protein. Correct it.")
    return sequence


def describe_structure(target: TargetProtein | None) -> dict[str, Any]:
    """What the config of a run says of a target protein's structure; {} where there is none."""
    if target is None or target.structure is None:
        return {}
    return {"file": f"target-{safe_name(target.structure.name, 'structure')}", "chain": target.chain}


def keep_structure(target: TargetProtein | None, folder: Path) -> None:
    """Copy the structure of a target protein into a run folder, under the name that `describe_structure` gives."""
    if about := describe_structure(target):
        shutil.copyfile(target.structure, folder / about["file"])


def kept_structure(folder: Path) -> tuple[Path, str] | None:
    """File and chain of the target's structure that a run keeps, or the run that it ranks with; None without one."""
    config = read_config(folder)
    about = config.get("structure") or {}
    if about and (folder / about["file"]).is_file():
        return folder / about["file"], about["chain"]
    if config["kind"] == "screen" and (Path(config["run"]) / "config.json").exists():
        return kept_structure(Path(config["run"]))
    return None
