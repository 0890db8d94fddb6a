"""Simple methods are judged once for the same data and parts: their results are kept in the home by content hash."""

import json
import uuid
from dataclasses import asdict
from pathlib import Path

import numpy as np

from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.baselines import Baseline, run_baselines
from biotl_core.evaluation.metrics import Arrays
from biotl_core.home import home_subfolder
from biotl_core.progress import Control

VERSION = 1
"""Raise it when a simple method changes what it predicts; what was kept before is then made anew."""


def find_baselines(dataset: Dataset, control: Control | None = None, *, seed: int = 0) -> dict[str, Baseline]:
    """The simple methods for a dataset with its parts: read where they are kept, else run and kept.

    Arguments, keys and errors as in `baselines.run_baselines`.
    """
    folder = home_subfolder("baselines") / f"{dataset.content_hash[:32]}-{seed}-{VERSION}"
    if (folder / "about.json").exists():
        return _read(folder)
    found = run_baselines(dataset, control, seed=seed)
    _write(folder, found)
    return found


def _write(folder: Path, found: dict[str, Baseline]) -> None:
    """Beside, then in place: a kill in the middle leaves nothing half written."""
    aside = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    aside.mkdir(parents=True)
    about = {}
    for name, baseline in found.items():
        about[name] = {k: v for k, v in asdict(baseline).items() if k != "predicted_test"}
        write_arrays(aside / f"{name}.npz", baseline.predicted_test)
    (aside / "about.json").write_text(json.dumps(about))
    try:
        aside.replace(folder)
    except OSError:  # another run has kept the same meanwhile
        for path in aside.iterdir():
            path.unlink()
        aside.rmdir()


def _read(folder: Path) -> dict[str, Baseline]:
    about = json.loads((folder / "about.json").read_text())
    return {
        name: Baseline(
            **{**kept, "intervals": {metric: tuple(ends) for metric, ends in kept["intervals"].items()}},
            predicted_test=read_arrays(folder / f"{name}.npz"),
        )
        for name, kept in about.items()
    }


def write_arrays(path: Path, values: Arrays) -> None:
    """One array, or a list of arrays end to end with their lengths."""
    if isinstance(values, np.ndarray):
        np.savez_compressed(path, values=values)
    else:
        lengths = np.array([len(one) for one in values], dtype=np.int64)
        np.savez_compressed(
            path, values=np.concatenate(values) if len(values) else np.zeros(0), lengths=lengths
        )


def read_arrays(path: Path) -> Arrays:
    """What `write_arrays` wrote."""
    with np.load(path) as arrays:
        values = arrays["values"]
        if "lengths" not in arrays:
            return values
        return np.split(values, np.cumsum(arrays["lengths"])[:-1]) if len(arrays["lengths"]) else []
