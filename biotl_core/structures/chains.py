"""ProteinChain: one protein chain of a file, letter by letter, with what is missing left as a gap."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biotl_core.errors import UserError
from biotl_core.structures.confidence import CONFIDENCES, ConfidenceKind, read_b_column
from biotl_core.structures.letters import one_letter
from biotl_core.structures.parsing import ParsedFile, parse, pick_alternates, read_text
from biotl_core.structures.residues import classify

if TYPE_CHECKING:
    from biotite.structure import AtomArray

BACKBONE = ("N", "CA", "C", "O", "CB")
"""The atoms of `ProteinChain.backbone`, in its order."""
N, CA, C, O, CB = range(5)  # noqa: E741
SHORTEST = 10
"""Chains with fewer resolved residues are peptides, and left out."""
_ENDINGS = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz")
MAX_FILES = 5_000
"""Files of a folder that are read at most."""


@dataclass(frozen=True)
class ProteinChain:
    """One protein chain; made by `read_chains`."""

    name: str
    """File and chain, such as `1abc_A`."""
    sequence: str
    """Deposited letters (SEQRES) where the file tells them, else those of the resolved residues."""
    backbone: np.ndarray
    """Positions of N, CA, C, O, CB in Å, shape (length, 5, 3); nan where not resolved."""
    b_factor: np.ndarray
    """B column of the alpha carbons, shape (length,); nan where not resolved."""
    b_kind: ConfidenceKind
    """What that column holds."""
    atoms: "AtomArray"
    """All resolved heavy atoms, one alternate location each; `res_id` is the place in `sequence`, from 1."""
    has_whole_sequence: bool
    """The file tells what is missing, so that a gap is a residue without a position."""

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def ca(self) -> np.ndarray:
        """Positions of the alpha carbons in Å, shape (length, 3); nan where not resolved."""
        return self.backbone[:, CA]

    @property
    def is_resolved(self) -> np.ndarray:
        """Which residues have an alpha carbon, shape (length,)."""
        return ~np.isnan(self.ca).any(axis=1)

    def cut(self, start: int, stop: int) -> "ProteinChain":
        """The residues from start up to stop, counted from 0."""
        places = self.atoms.res_id - 1
        atoms = self.atoms[(places >= start) & (places < stop)]
        atoms.res_id = atoms.res_id - start
        return ProteinChain(
            self.name,
            self.sequence[start:stop],
            self.backbone[start:stop],
            self.b_factor[start:stop],
            self.b_kind,
            atoms,
            self.has_whole_sequence,
        )


def read_chains(
    source: Path | bytes, name: str | None = None, model: int = 1, shortest: int = SHORTEST
) -> list[ProteinChain]:
    """All protein chains of one model of a PDB or mmCIF file, plain or gzipped, in the order of the file.

    Alternate locations: the one with the highest occupancy. Modified residues read as their parents. Hydrogens,
    water and ligands are left out. Residues that the file names without a position (SEQRES) are gaps.

    Raises:
        UserError: one sentence, whatever is wrong with the file, or that it holds no protein chain.
    """
    if isinstance(source, Path):
        name = name or source.name
        if not source.is_file():
            raise UserError(f"{name} is not there any more. Open the file again.")
        source = source.read_bytes()
    name = name or "The structure"
    parsed = parse(read_text(source, name), name, model)
    atoms, _ = pick_alternates(parsed.atoms)
    atoms = atoms[~np.isin(atoms.element, ("H", "D"))]
    atoms = atoms[classify(atoms) == "protein"]
    stem = name.removesuffix(".gz").rsplit(".", 1)[0]
    found = []
    for chain in dict.fromkeys(atoms.chain_id):
        made = _make_chain(atoms[atoms.chain_id == chain], chain, stem, parsed)
        if int(made.is_resolved.sum()) >= shortest:
            found.append(made)
    if not found:
        raise UserError(
            f"{name} holds no protein chain of at least {shortest} residues with alpha carbons. Choose a file "
            "with a protein."
        )
    return found


def read_folder(folder: Path) -> tuple[list[ProteinChain], list[str]]:
    """All protein chains of the structure files in a folder, and a sentence for each file that was left out.

    Raises:
        UserError: no such folder, or nothing readable in it.
    """
    return read_files(structure_files(folder))


def structure_files(folder: Path) -> list[Path]:
    """The PDB and mmCIF files of a folder by their endings; UserError when there is no such folder or file."""
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}'. Name a folder with PDB or mmCIF files.")
    files = sorted(file for file in folder.iterdir() if file.name.lower().endswith(_ENDINGS))
    if not files:
        raise UserError(
            f"The folder '{folder.name}' holds no PDB or mmCIF files ({', '.join(_ENDINGS[:4])})."
        )
    return files


def read_files(files: Iterable[Path]) -> tuple[list[ProteinChain], list[str]]:
    """All protein chains of some files, identical copies once, and a sentence for each file left out.

    Raises:
        UserError: nothing readable among them, or too many.
    """
    files = list(files)
    if len(files) > MAX_FILES:
        raise UserError(
            f"{len(files):,} structure files are too many; up to {MAX_FILES:,} can be read at once."
        )
    chains: dict[tuple[str, bytes], ProteinChain] = {}
    problems = []
    for file in files:
        try:
            for chain in read_chains(file):
                chains.setdefault((chain.sequence, np.nan_to_num(chain.ca).tobytes()), chain)
        except UserError as error:
            problems.append(str(error))
    if not chains:
        raise UserError(problems[0] if problems else "No structure file was given.")
    return list(chains.values()), problems


def _make_chain(atoms: "AtomArray", chain: str, stem: str, parsed: ParsedFile) -> ProteinChain:
    from biotite.structure import get_residue_starts

    edges = get_residue_starts(atoms, add_exclusive_stop=True)
    starts = edges[:-1]
    resolved = "".join(one_letter(name) for name in atoms.res_name[starts])
    whole = parsed.deposited.get(chain.strip(), "")
    places = place_in_sequence(whole, resolved, atoms.res_id[starts]) if whole else None
    sequence = whole if places is not None else resolved
    places = np.arange(len(resolved)) if places is None else places
    place_of_atom = np.repeat(places, np.diff(edges))
    atoms = atoms.copy()
    reading = read_b_column(parsed.header, atoms.b_factor, np.repeat(np.arange(len(starts)), np.diff(edges)))
    backbone = np.full((len(sequence), len(BACKBONE), 3), np.nan)
    for k, atom in enumerate(BACKBONE):
        rows = atoms.atom_name == atom
        backbone[place_of_atom[rows], k] = atoms.coord[rows]
    b_factor = np.full(len(sequence), np.nan)
    is_alpha = atoms.atom_name == "CA"
    b_factor[place_of_atom[is_alpha]] = atoms.b_factor[is_alpha] * (
        reading.scale if reading.kind in CONFIDENCES else 1.0
    )
    atoms.res_id = place_of_atom + 1
    atoms.ins_code[:] = ""
    atoms.hetero[:] = False
    label = f"{stem}_{chain.strip()}" if chain.strip() else stem
    return ProteinChain(
        label, sequence, backbone, b_factor, reading.kind, atoms, places is not None and bool(whole)
    )


def place_in_sequence(whole: str, resolved: str, numbers: np.ndarray) -> np.ndarray | None:
    """Where each resolved residue stands in the deposited sequence, shape (n_resolved,); None if it does not fit.

    The file's own numbers tell where they count the sequence through; else the alignment with the fewest gaps.

    >>> place_in_sequence("MKTAYIAK", "TAYAK", np.array([3, 4, 5, 7, 8])).tolist()
    [2, 3, 4, 6, 7]
    """
    numbers = np.asarray(numbers, dtype=int)
    letters = np.array(list(resolved))
    if len(resolved) <= len(whole) and (np.diff(numbers) > 0).all():
        known = np.array(list(whole))
        for offset in dict.fromkeys(
            (1, int(numbers[0]), *range(int(numbers[-1]) - len(whole) + 1, int(numbers[0]) + 1))
        ):
            places = numbers - offset
            if places[0] >= 0 and places[-1] < len(whole) and (known[places] == letters).mean() >= 0.98:
                return places
    if len(resolved) > len(whole):
        return None
    places = _aligned_places(whole, resolved)
    return places if places is not None and _share_alike(whole, letters, places) >= 0.9 else None


def _share_alike(whole: str, letters: np.ndarray, places: np.ndarray) -> float:
    return float((np.array(list(whole))[places] == letters).mean())


def _aligned_places(whole: str, resolved: str) -> np.ndarray | None:
    """Every resolved letter placed in order, as alike and with as few gaps as possible."""
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(match_score=2, mismatch_score=-3, open_gap_score=-4, extend_gap_score=-0.01)
    aligner.end_gap_score = 0
    aligner.insertion_score = -1000  # every resolved residue is in the sequence
    alignment = aligner.align(whole, resolved)[0]
    pairs = np.concatenate(
        [
            np.stack([np.arange(a, b), np.arange(c, c + b - a)])
            for (a, b), (c, _) in zip(*alignment.aligned, strict=True)
        ],
        axis=1,
    )
    if pairs.shape[1] != len(resolved):
        return None
    return pairs[0]
