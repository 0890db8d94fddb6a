"""Dataset: the one checked table that everything after the data page works on."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.data.tasks import TASKS, UNKNOWN_RESIDUE, Task, TaskName

Modality = Literal["protein", "dna", "molecule"]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
COLUMNS = ("name", "sequence", "target", "part")


@dataclass(frozen=True)
class Dataset:
    """A valid table of sequences with their targets; made by `cleaning.clean`, never by hand from raw input."""

    table: pd.DataFrame
    """Columns `name, sequence, target, part`, one row a sequence, index 0..n-1. What is shown, saved and hashed.

    `sequence` is upper case for proteins and DNA, and a SMILES for molecules. `part` is train, validation or test,
    or "" before the split. The type of `target` goes with the task:
    regression float; classification str (one of `classes`); multilabel list of 0.0, 1.0 or nan, one for each of
    `classes`; residue_classification str as long as the sequence, `UNKNOWN_RESIDUE` where not known;
    residue_regression list of float as long as the sequence, nan where not known.
    """
    modality: Modality
    task_name: TaskName
    classes: tuple[str, ...] = ()
    """Names of the classes, or of the labels of a multilabel task; empty for numbers."""
    source: str = ""
    """Where it came from, in words: the file's name, or the example's."""
    target_name: str = "target"
    """The name of the measured quantity as in her table; the axis title of every plot."""

    @property
    def task(self) -> Task:
        """The kind of target."""
        return TASKS[self.task_name]

    @property
    def n_outputs(self) -> int:
        """Numbers the model gives for a sequence (or a residue): one for a number, else one for each class or label."""
        return len(self.classes) if self.task.is_class else 1

    @property
    def content_hash(self) -> str:
        """SHA-256 of the table with its parts, modality and task: two runs with the same hash saw the same data."""
        head = json.dumps([self.modality, self.task_name, list(self.classes)])
        body = self.table[list(COLUMNS)].to_csv(index=False)
        return hashlib.sha256((head + body).encode()).hexdigest()

    def part(self, part: Part) -> pd.DataFrame:
        """The rows of one part, with their index in the whole table kept."""
        return self.table[self.table["part"] == part]

    def with_parts(self, parts: pd.Series) -> "Dataset":
        """The same data with another column of parts."""
        return replace(self, table=self.table.assign(part=parts.to_numpy()))

    def target_values(self, rows: pd.DataFrame | None = None) -> np.ndarray | list[np.ndarray]:
        """The targets of some rows (all by default) as numbers, for models and metrics.

        Returns:
            regression: float64 `(n,)`. classification: int64 `(n,)`, index into `classes`. multilabel: float64
            `(n, n_labels)`, nan where not measured. Per residue, a list of n arrays `(length,)`: int64 with -1 where
            unknown for classes, float64 with nan where unknown for numbers.
        """
        targets = (self.table if rows is None else rows)["target"]
        index = {name: i for i, name in enumerate(self.classes)}
        match self.task_name:
            case "regression":
                return targets.to_numpy(dtype=np.float64, copy=True)
            case "classification":
                return targets.map(index).to_numpy(dtype=np.int64, copy=True)
            case "multilabel":
                return np.array(targets.tolist(), dtype=np.float64).reshape(len(targets), len(self.classes))
            case "residue_regression":
                return [np.asarray(target, dtype=np.float64) for target in targets]
            case "residue_classification":
                table = np.full(256, -1, dtype=np.int64)
                for name, i in index.items():
                    table[ord(name)] = i
                table[ord(UNKNOWN_RESIDUE)] = -1
                return [table[np.frombuffer(target.encode("latin-1"), dtype=np.uint8)] for target in targets]

    def save(self, folder: Path) -> None:
        """Write `dataset.parquet` and `dataset.json` into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.table.to_parquet(folder / "dataset.parquet", index=False)
        about = {
            "modality": self.modality,
            "task": self.task_name,
            "classes": list(self.classes),
            "source": self.source,
            "target_name": self.target_name,
        }
        (folder / "dataset.json").write_text(json.dumps(about, indent=1))

    @classmethod
    def load(cls, folder: Path) -> "Dataset":
        """Read what `save` wrote."""
        about = json.loads((folder / "dataset.json").read_text())
        table = pd.read_parquet(folder / "dataset.parquet")
        if TASKS[about["task"]].name in ("multilabel", "residue_regression"):
            table["target"] = [list(map(float, target)) for target in table["target"]]
        return cls(
            table,
            about["modality"],
            about["task"],
            tuple(about["classes"]),
            about["source"],
            about["target_name"],
        )
