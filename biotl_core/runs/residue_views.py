"""The residues of a chosen pair, aligned by the protein model in a process of its own and kept by content."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from biotl_core.errors import UserError
from biotl_core.genomes.residue_alignment import ResidueView
from biotl_core.home import home_subfolder
from biotl_core.progress import Control
from biotl_core.runs.folder import worker_environment

_LOOK_SECONDS = 0.1


def residue_view(first: str, second: str, control: Control) -> ResidueView:
    """The alignment of two proteins by their residues, from an earlier look or computed now.

    Raises:
        UserError: the model could not read them.
    """
    name = hashlib.sha256(f"{first}\n{second}".encode()).hexdigest()[:32]
    file = home_subfolder("residue-alignments") / f"{name}.npz"
    if (view := _read(file)) is None:
        _compute(file, first, second, control)
        view = _read(file)
    if view is None:
        raise UserError(
            f"The alignment in '{file.name}' cannot be read back. Free some disk space and try again."
        )
    return view


def _read(file: Path) -> ResidueView | None:
    try:
        with np.load(file) as saved:
            return ResidueView(saved["scores"], saved["path"], float(saved["excess"]))
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _compute(file: Path, first: str, second: str, control: Control) -> None:
    """Run the process; it ends with whoever waits for it."""
    command = [sys.executable, "-m", "biotl_core.genomes.transfer_residues", str(file)]
    log = file.with_suffix(".log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=errors,
            stderr=errors,
            text=True,
            env=worker_environment("genomes"),
        )
    try:
        process.stdin.write(f"{first}\n{second}\n")
        process.stdin.close()
        while process.poll() is None:
            control.step("Loading the protein model", 0, 0)
            time.sleep(_LOOK_SECONDS)
    finally:
        process.kill()
        process.wait()
    last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"])[-1]
    log.unlink(missing_ok=True)
    if process.returncode != 0:
        raise UserError(f"The protein model could not align these two ({last[:200]}). Choose another pair.")
