"""Predictions of new sequences: start one from a finished run, and read one back."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from biotl_core.data.dataset import Modality
from biotl_core.data.new_sequences import NewSequences
from biotl_core.data.tasks import TASKS, Task, TaskName
from biotl_core.errors import UserError
from biotl_core.evaluation.tables import read_predictions
from biotl_core.evaluation.uncertainty import COVERAGE
from biotl_core.runs.folder import create_run, launch, read_config
from biotl_core.runs.status import read_status

UNLIKE_BELOW: dict[Modality, float] = {"protein": 0.30, "dna": 0.60, "molecule": 0.30}
"""Nearest identity below which a sequence is called unlike anything in training.

Proteins: below about 30 % the similarity no longer tells whether two are related (Rost 1999, Protein Eng. 12:85).
DNA: unrelated sequences of four letters already agree in about half of an alignment. Molecules: the Tanimoto
coefficient of Morgan fingerprints; unrelated drug-like molecules share 0.1 to 0.2.
"""

_KNOWN_FROM_RUN = ("modality", "task", "classes", "target_name", "backbone")
"""Kept with the prediction, so that it can be read when its run is deleted."""


@dataclass(frozen=True)
class Prediction:
    """A finished prediction of new sequences."""

    table: pd.DataFrame
    """`name, sequence, prediction, nearest_identity, nearest_name`; `lower, upper` for numbers; `probability_<class>`
    and `set` (labels: `set_<label>`) for classes. Runs that could not be calibrated give no ranges and sets.

    `prediction` is a number for one number a sequence, else text as in the file.
    """
    task_name: TaskName
    classes: tuple[str, ...]
    modality: Modality
    target_name: str
    coverage: float = COVERAGE
    """How often `lower` and `upper`, or `set`, hold the true value, for sequences of the kind of the test part."""

    @property
    def task(self) -> Task:
        """The kind of target."""
        return TASKS[self.task_name]

    @property
    def is_unlike(self) -> pd.Series:
        """Whether each sequence is unlike anything in training, by `UNLIKE_BELOW`."""
        return self.table["nearest_identity"] < UNLIKE_BELOW[self.modality]

    def sorted(self) -> pd.DataFrame:
        """The table with the most interesting first, its index kept.

        Numbers: the highest first. Two classes: by the probability of the second. More classes: class by class,
        the surest first. Several labels and residues: in the order of the file.
        """
        if self.task_name == "regression":
            return self.table.sort_values("prediction", ascending=False, kind="stable")
        if self.task_name != "classification":
            return self.table
        shares = self.table[[f"probability_{name}" for name in self.classes]]
        if len(self.classes) == 2:
            return self.table.loc[shares.iloc[:, 1].sort_values(ascending=False, kind="stable").index]
        surest_first = self.table.loc[shares.max(axis=1).sort_values(ascending=False, kind="stable").index]
        return surest_first.sort_values("prediction", kind="stable")


def start_prediction(run_folder: Path, new: NewSequences, source: str, coverage: float = COVERAGE) -> Path:
    """Launch the prediction of new sequences through a finished run; its folder.

    Args:
        run_folder: of the finished run.
        new: the sequences.
        source: where they are from.
        coverage: how often ranges and sets shall hold the true value.

    Raises:
        UserError: the run has not finished, or the coverage is none.
    """
    if not 0.5 <= coverage <= 0.99:
        raise UserError(
            f"The coverage is {coverage:g}; allowed is 0.5 to 0.99. Choose a value in this range."
        )
    config = read_config(run_folder)
    if read_status(run_folder).state != "finished":
        raise UserError(f"The run '{run_folder.name}' has not finished; choose a finished run.")
    request = {
        "run": str(run_folder.resolve()),
        "source": source,
        "device": config["device"],
        "input": "input.parquet",
        "n_sequences": len(new.table),
        "coverage": coverage,
        **{word: config[word] for word in _KNOWN_FROM_RUN if word in config},
    }
    folder = create_run(request, kind="predict", name=f"{run_folder.name}-{Path(source).stem}")
    new.table.to_parquet(folder / "input.parquet", index=False)
    if len(new.refused):
        new.refused.to_csv(folder / "refused.csv", index=False)
    launch(folder)
    return folder


def read_prediction(folder: Path) -> Prediction:
    """A finished prediction; UserError when nothing says any more what was predicted."""
    config = read_config(folder)
    about = config if "task" in config else read_config(Path(config.get("run", "")))
    table = read_predictions(folder / "predictions.csv")
    if about["task"] == "regression":
        table["prediction"] = pd.to_numeric(table["prediction"], errors="coerce")
    table["nearest_identity"] = pd.to_numeric(table["nearest_identity"], errors="coerce")
    classes, target_name = tuple(about.get("classes") or ()), about.get("target_name") or "target"
    coverage = config.get("coverage", COVERAGE)
    return Prediction(table, about["task"], classes, about["modality"], target_name, coverage)
