"""What is known of a finished run, gathered once for report and card."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import PARTS, Dataset
from biotl_core.data.saved_datasets import read_changes
from biotl_core.data.tasks import TASKS, Task
from biotl_core.errors import UserError
from biotl_core.evaluation.metrics import METRICS
from biotl_core.learning.settings import METHODS, TrainingSettings
from biotl_core.runs.folder import read_config, read_history, read_result
from biotl_core.runs.json_files import read_json
from biotl_core.runs.results import Scored, read_scored
from biotl_core.runs.status import read_status
from biotl_core.runs.verdict import metric_title, score_text
from biotl_core.wording import say_number

PLURALS = {"protein": "proteins", "dna": "DNA sequences", "molecule": "molecules"}


@dataclass(frozen=True)
class Record:
    """A finished training run with everything that its folder holds."""

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the run."""
        return self.folder.name

    @cached_property
    def dataset(self) -> Dataset:
        """The very table that was used."""
        return Dataset.load(self.folder)

    @property
    def task(self) -> Task:
        """The kind of target."""
        return TASKS[self.result["task"]]

    @cached_property
    def test(self) -> Scored:
        """The predictions of the test part."""
        result = self.result
        every = read_scored(
            self.folder, result["task"], result.get("classes") or (), result.get("target_name") or "target"
        )
        return every.of_part("test")

    @cached_property
    def changes(self) -> pd.DataFrame:
        """The log of repairs."""
        return read_changes(self.folder)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One line a pass."""
        return read_history(self.folder)

    @cached_property
    def review(self) -> dict[str, Any] | None:
        """How good the guesses of the round before were; None for a first round."""
        return read_json(self.folder / "review.json")

    @cached_property
    def backbone(self) -> Backbone:
        """Its entry in the catalogue; what the run says of it where it is no longer there."""
        name = self.config.get("backbone") or self.result.get("backbone") or ""
        try:
            return find_backbone(name, self.result["modality"])
        except UserError:
            return Backbone(name, Path(name).name, self.result["modality"])

    @property
    def things(self) -> str:
        """What a row is, many of them."""
        return PLURALS[self.result["modality"]]

    @property
    def target_name(self) -> str:
        """What was measured."""
        return self.result.get("target_name") or self.config.get("target_name") or "target"

    @property
    def method_title(self) -> str:
        """How the model was tuned, in words."""
        method = self.result["method"]
        return METHODS[method][0] if method in METHODS else method

    @property
    def split_sentence(self) -> str:
        """How the parts were made."""
        return (self.config.get("split") or {}).get(
            "sentence"
        ) or f"Split: {self.result.get('split', 'not known')}."

    @property
    def counts_text(self) -> str:
        """How many rows each part has."""
        return ", ".join(f"{part} {self.result['counts'].get(part, 0):,}" for part in PARTS)

    @property
    def headline_text(self) -> str:
        """The headline metric of the test part with its interval: "Spearman 0.712 (0.66 to 0.75)"."""
        return f"{metric_title(self.result['headline'])} {score_text(self.result, self.result['headline'])}"

    @property
    def versions(self) -> dict[str, str]:
        """Of the packages that the result depends on."""
        return self.result.get("versions") or self.config.get("versions") or {}

    @cached_property
    def settings(self) -> TrainingSettings:
        """As they were used."""
        given = self.result.get("settings") or self.config.get("settings") or {}
        known = {field.name for field in fields(TrainingSettings)} | {"letters"}  # of former versions
        return TrainingSettings.from_dict({name: value for name, value in given.items() if name in known})

    def setting_rows(self) -> list[tuple[str, str, str]]:
        """Name, title and value of each setting."""
        return [
            (field.name, field.metadata["title"], _say(getattr(self.settings, field.name)))
            for field in fields(TrainingSettings)
        ]

    def score_rows(self) -> list[tuple[str, str, str]]:
        """Title, value with interval, and explanation of each metric on the test part."""
        return [
            (metric_title(name), score_text(self.result, name), METRICS[name].explanation)
            for name in self.task.metrics
            if name in self.result["test"]
        ]


def _say(value: Any) -> str:
    if value is None:
        return "what suits the method"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return say_number(value) if isinstance(value, int | float) else str(value)


def read_record(folder: Path) -> Record:
    """Gather a finished run; UserError for any other."""
    config = read_config(folder)
    result = read_result(folder)
    if config["kind"] != "train" or read_status(folder).state != "finished" or result is None:
        raise UserError(
            f"The run '{folder.name}' is not a finished training; reports are made of finished ones."
        )
    return Record(folder, config, result)
