"""The shell command that does what the Train page is set to do."""

from collections.abc import Mapping
from typing import Any

from biotl_core.backbones.entries import Backbone
from biotl_core.learning.settings import TrainingSettings
from biotl_core.shell import shell_command


def train_command(
    origin: Mapping[str, Any],
    split: Mapping[str, Any],
    backbone: Backbone,
    settings: TrainingSettings,
    random_twin: bool,
) -> str:
    """The `train` verb for a saved dataset: its file, how it was read, how it was split, and the settings.

    Args:
        origin: `origin.json` of the dataset: `file`, `reading` and `repair`.
        split: its `split.json`.
        backbone: by name.
        settings: as chosen; those at their default are left out.
        random_twin: whether the twin is trained as well.
    """
    parts: dict[str, Any] = {"split": split.get("kind")}
    if split.get("kind") != "given":
        parts["fractions"] = [f"{fraction:g}" for fraction in split.get("fractions", ())]
    if split.get("kind") == "similarity":
        parts["identity"] = split.get("identity")
        parts["coverage"] = split.get("coverage")
    if split.get("kind") in ("group", "time"):
        parts["split_column"] = split.get("column")
    reading = {name: value for name, value in dict(origin.get("reading", {})).items() if value}
    return shell_command(
        "train",
        {
            "data": origin.get("file", "TABLE"),
            **reading,
            **({} if origin.get("repair", True) else {"repair": False}),
            **parts,
            "backbone": backbone.name,
            "random_twin": random_twin,
            **settings.to_dict(),
        },
    )
