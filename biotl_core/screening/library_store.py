"""Fingerprints of a library, computed once and kept by the hash of its content; a kill loses at most the last pieces.

A folder a library: `bits.bin` (uint16, set bits of all molecules one after the other), `counts.bin` (uint16, how many
belong to each), `names.txt`, `smiles.txt` and `labels.txt` (a line a molecule), and `pieces.bin`, one record a finished
piece with the sizes of the other files. A record is written last, so whatever lies behind the sizes of
the last record was torn by a kill and is written anew.
"""

import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from biotl_core.hardware import resolve_device
from biotl_core.home import home_subfolder
from biotl_core.progress import Control
from biotl_core.screening.fingerprints import Bits, bits_of
from biotl_core.screening.library import Library, Piece
from biotl_core.screening.standardising import LONGEST_SMILES, MOST_HEAVY_ATOMS, standard_molecule

_FILES = ("bits.bin", "counts.bin", "names.txt", "smiles.txt", "labels.txt")
_RECORD = np.dtype([("molecules", "<i8"), *[(name, "<i8") for name in _FILES]])
_STAGE = "Reading molecules"
_AHEAD = 3
"""Pieces a process may have waiting."""


class Described(NamedTuple):
    """What is kept of a piece."""

    smiles: list[str]
    """Of the molecules in standard form, not always canonical; "" for what cannot be used."""
    bits: Bits


class LibraryStore:
    """The fingerprints of one library on disk."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.folder = home_subfolder("libraries") / library.content_hash
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (*_FILES, "pieces.bin"):
            (self.folder / name).touch()
        self._records = self._read_records()

    def _read_records(self) -> np.ndarray:
        whole = (self.folder / "pieces.bin").stat().st_size // _RECORD.itemsize
        return np.fromfile(self.folder / "pieces.bin", dtype=_RECORD, count=whole)

    @property
    def is_complete(self) -> bool:
        """Whether every molecule of the file is there."""
        return (self.folder / "complete").exists()

    @property
    def n_molecules(self) -> int:
        """How many are there."""
        return int(self._records["molecules"][-1]) if len(self._records) else 0

    def fill(self, control: Control, n_expected: int = 0) -> None:
        """Compute what is missing, on all cores; may be stopped or killed at any time and called again."""
        if self.is_complete:
            return
        self._cut_to_last_record()
        with _Describer() as describer:
            for piece, found in describer.describe(self.library.pieces(skip=len(self._records))):
                self._append(piece, found)
                control.step(_STAGE, self.n_molecules, max(n_expected, self.n_molecules) if n_expected else 0)
        (self.folder / "complete").touch()

    def blocks(self, size: int) -> Iterator[Bits]:
        """All fingerprints, so many molecules at a time, as views of the files."""
        if not self.n_molecules:
            return
        counts = np.memmap(self.folder / "counts.bin", np.uint16, "r", shape=(self.n_molecules,))
        ends = np.cumsum(counts, dtype=np.int64)
        indices = np.memmap(self.folder / "bits.bin", np.uint16, "r", shape=(max(int(ends[-1]), 1),))
        for start in range(0, self.n_molecules, size):
            stop = min(start + size, self.n_molecules)
            yield Bits(indices[ends[start - 1] if start else 0 : ends[stop - 1]], counts[start:stop])

    def smiles_blocks(self, size: int) -> Iterator[list[str]]:
        """All SMILES, so many at a time."""
        with (self.folder / "smiles.txt").open(encoding="utf-8", newline="\n") as file:
            lines = itertools.islice(file, self.n_molecules)
            while block := [line.rstrip("\n") for line in itertools.islice(lines, size)]:
                yield block

    def lines(self, name: str, rows: np.ndarray) -> list[str]:
        """Lines of `names`, `smiles` or `labels` of some molecules, in the order of `rows`."""
        wanted: dict[int, str] = dict.fromkeys(map(int, rows), "")
        with (self.folder / f"{name}.txt").open(encoding="utf-8", newline="\n") as file:
            for i, line in enumerate(file):
                if i in wanted:
                    wanted[i] = line.rstrip("\n")
        return [wanted[int(row)] for row in rows]

    def labels(self) -> np.ndarray | None:
        """1, 0 or nan for each molecule, from the column of known actives; None where the library has none."""
        from biotl_core.screening.units import read_activity

        if self.library.label_column is None:
            return None
        with (self.folder / "labels.txt").open(encoding="utf-8", newline="\n") as file:
            found = [read_activity(line) for line in itertools.islice(file, self.n_molecules)]
        return np.array([np.nan if value is None else value for value in found])

    def _cut_to_last_record(self) -> None:
        last = self._records[-1] if len(self._records) else np.zeros((), _RECORD)
        for name in _FILES:
            os.truncate(self.folder / name, int(last[name]))
        os.truncate(self.folder / "pieces.bin", len(self._records) * _RECORD.itemsize)

    def _append(self, piece: Piece, found: Described) -> None:
        written = {
            "bits.bin": found.bits.indices.astype(np.uint16).tobytes(),
            "counts.bin": found.bits.counts.astype(np.uint16).tobytes(),
            "names.txt": _as_lines(piece.names),
            "smiles.txt": _as_lines(found.smiles),
            "labels.txt": _as_lines(piece.labels),
        }
        record = np.zeros(1, _RECORD)
        record["molecules"] = self.n_molecules + len(piece.names)
        for name, content in written.items():
            with (self.folder / name).open("ab") as file:
                file.write(content)
                record[name] = file.tell()
        with (self.folder / "pieces.bin").open("ab") as file:
            file.write(record.tobytes())
        self._records = np.concatenate([self._records, record])


def _as_lines(texts: list[str]) -> bytes:
    return "".join(f"{' '.join(text.split())}\n" for text in texts).encode()


class _Describer:
    """Processes that describe pieces side by side; the results come in the order of the pieces."""

    def __init__(self) -> None:
        threads = os.environ.get("BIOTL_THREADS")
        self.n_processes = int(threads) if threads else resolve_device("cpu").n_cores
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Describer":
        if self.n_processes > 1:
            # "spawn": a forked child of a process with threads may hang.
            self._pool = ProcessPoolExecutor(self.n_processes, mp_context=get_context("spawn"))
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def describe(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Described]]:
        """Pieces with what is kept of them."""
        if self._pool is None:
            yield from ((piece, describe_piece(piece.smiles)) for piece in pieces)
            return
        waiting: deque[tuple[Piece, Future]] = deque()
        for piece in pieces:
            waiting.append((piece, self._pool.submit(describe_piece, piece.smiles)))
            if len(waiting) >= _AHEAD * self.n_processes:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()


def describe_piece(written: list[str]) -> Described:
    """Fingerprints of some molecules in standard form, and their SMILES; what cannot be used gets "" and no bits."""
    from rdkit import rdBase

    smiles, lists = [], []
    with rdBase.BlockLogs():
        for text in written:
            molecule, standard = _read(text)
            smiles.append(standard)
            lists.append(np.zeros(0, np.uint16) if molecule is None else bits_of(molecule))
    counts = np.array([len(one) for one in lists], dtype=np.uint16)
    return Described(smiles, Bits(np.concatenate([np.zeros(0, np.uint16), *lists]), counts))


def _read(text: str) -> tuple[object | None, str]:
    """A molecule in standard form and its SMILES; None and "" where it cannot be used.

    Most molecules are one uncharged part, which the text shows quicker than the molecule; these keep their
    SMILES as it is
    written, since making the canonical one takes a third of the time and is only needed for those that come out on top.
    """
    from rdkit import Chem

    if not text or len(text) > LONGEST_SMILES:
        return None, ""
    molecule = Chem.MolFromSmiles(text)
    if molecule is None or not 0 < molecule.GetNumAtoms() <= 4 * MOST_HEAVY_ATOMS:
        return None, ""
    is_plain = not ("." in text or "+" in text or "-" in text)
    if not is_plain:
        molecule = standard_molecule(molecule)
        text = Chem.MolToSmiles(molecule)
    return (molecule, text) if molecule.GetNumHeavyAtoms() <= MOST_HEAVY_ATOMS else (None, "")
