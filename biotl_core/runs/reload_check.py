"""Is what was saved what was trained? A new process loads the saved model and predicts part of the test anew.

`python -m biotl_core.runs.reload_check RUN_FOLDER` is that process. It knows nothing but the run's folder, as whoever
opens the model tomorrow, and works while the run is being judged.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.evaluation.metrics import Arrays
from biotl_core.learning.model import load_model
from biotl_core.learning.prediction import largest_difference, predict_sequences
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config, worker_environment
from biotl_core.runs.watching import end_with_worker

_SAMPLE = 256
TOLERANCE = 1e-3
"""Relative to the spread of the predictions; half-precision features of residues differ by up to this much."""
_LOOK_SECONDS = 0.2
_ANSWER = "predicted-anew.npz"


class ReloadCheck:
    """The new process at work; started as soon as the model is saved."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._answer = folder / _ANSWER
        self._answer.unlink(missing_ok=True)
        self._log = folder / "reload-check.txt"
        with self._log.open("wb") as log:
            command = [sys.executable, "-P", "-m", "biotl_core.runs.reload_check", str(folder.resolve())]
            environment = worker_environment("train")
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def difference(self, dataset: Dataset, predicted: Arrays, control: Control) -> float:
        """How far the new predictions are from those of training, in units of the latter's spread.

        Raises:
            UserError: they differ, or the saved model cannot be loaded.
        """
        while True:
            control.step("Loading the saved model anew", 0, 0)
            try:
                self._process.wait(_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        if not self._answer.exists():
            said = self._log.read_text(errors="replace").strip().splitlines()
            raise UserError(
                "The saved model could not be loaded by a new process, so this run is not called finished: "
                f"{said[-1] if said else 'it ended without a word'}. Resume it, or start it again."
            )
        before = [predicted[i] for i in checked_rows(dataset)]
        with np.load(self._answer) as arrays:
            again = [arrays[name] for name in arrays.files]
        self._answer.unlink()
        self._log.unlink()
        return _compared(before, again)


def _compared(before: Arrays, again: Arrays) -> float:
    if any((np.isfinite(a) != np.isfinite(b)).any() for a, b in zip(before, again, strict=True)):
        raise UserError(
            "The saved model leaves out other predictions than the trained one, so this run is not called finished. "
            "Resume it, or start it again."
        )
    flat = np.concatenate([np.ravel(one) for one in before])
    spread = max(float(np.nanstd(flat)), 1e-6)
    difference = largest_difference(before, again) / spread
    if difference > TOLERANCE:
        raise UserError(
            f"The saved model predicts differently from the trained one (by {difference:.2g} of the predictions' "
            "spread), so this run is not called finished. Resume it, or start it again."
        )
    return difference


def checked_rows(dataset: Dataset) -> np.ndarray:
    """Rows of the dataset that are predicted again: of the test part, at most 256."""
    is_test = (dataset.table["part"] == "test").to_numpy()
    return np.flatnonzero(is_test if is_test.any() else np.ones(len(is_test), dtype=bool))[:_SAMPLE]


def main(arguments: list[str]) -> None:
    """Load the saved model of a run and write what it predicts."""
    folder = Path(arguments[0])
    end_with_worker(folder)
    config, dataset = read_config(folder), Dataset.load(folder)
    weights_folder = locate_backbone(find_backbone(config["backbone"], dataset.modality))
    sequences = dataset.table["sequence"].iloc[checked_rows(dataset)].tolist()
    again = predict_sequences(load_model(folder / "model", weights_folder), sequences)
    aside = folder / f".{_ANSWER}"
    np.savez(aside, *again)
    aside.replace(folder / _ANSWER)


if __name__ == "__main__":
    main(sys.argv[1:])
