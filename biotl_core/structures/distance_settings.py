"""DistanceSettings: all that can be chosen when contacts or distances are learned from structures."""

from dataclasses import dataclass, field, fields
from typing import Any

from biotl_core.errors import UserError

HEAD, ESMFOLD = "head", "esmfold"
METHODS = {
    HEAD: (
        "A new network on a backbone",
        "The backbone stays as it is; a small network learns distances from it.",
    ),
    ESMFOLD: (
        "Adjust a small part of ESMFold (expert)",
        "LoRA on ESMFold's trunk, taught by distances; folds of the test chains stand beside those of ESMFold as it "
        "was. It often helps nothing: look at the numbers before using it.",
    ),
}
"""What learns: title and explanation."""
USUAL: dict[str, dict[str, float]] = {HEAD: {}, ESMFOLD: {"passes": 5, "learning_rate": 3e-4}}
"""Settings that suit a method, where they differ from the defaults."""


def _setting(default: Any, title: str, help: str, low: float | None = None, high: float | None = None) -> Any:
    about = {"title": title, "help": help, "low": low, "high": high}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class DistanceSettings:
    """Checked settings; form, shell options and the run's `config.json` come from these fields."""

    method: str = _setting(
        HEAD, "What learns", " ".join(f"{name}: {text}" for name, (_, text) in METHODS.items())
    )
    backbone: str = _setting("biotl-protein", "Backbone", "Whose features the distances are learned from.")
    passes: int = _setting(
        30, "Passes over the structures", "How often each chain is seen (epochs).", 1, 1000
    )
    learning_rate: float = _setting(
        4e-3, "Step size", "Larger learns faster but may overshoot (learning rate).", 1e-5, 0.1
    )
    crop: int = _setting(
        128,
        "Residues of a piece",
        "Of each chain a random piece of this length is looked at (ESMFold only).",
        16,
        512,
    )
    rank: int = _setting(
        8, "Size of the adjustable part", "Rank of the added matrices (LoRA rank; ESMFold only).", 1, 64
    )
    seed: int = _setting(
        0, "Random seed", "The same seed gives the same result on the same machine.", 0, 2**31
    )
    device: str = _setting("auto", "Where it runs", "auto takes the graphics card when there is one.")

    def __post_init__(self) -> None:
        """UserError for a number outside its range, with the range, and for an unknown method."""
        if self.method not in METHODS:
            raise UserError(f"There is no method '{self.method}'; there are {', '.join(METHODS)}.")
        for setting in fields(self):
            low, high = setting.metadata["low"], setting.metadata["high"]
            value = getattr(self, setting.name)
            if low is not None and not low <= value <= high:
                raise UserError(
                    f"Setting {setting.name}: found {value:g}; allowed is {low:g} to {high:g}. "
                    "Choose a value in this range."
                )

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "DistanceSettings":
        """From saved values; unknown names are left out."""
        known = {setting.name for setting in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})
