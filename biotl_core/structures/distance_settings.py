"""DistanceSettings: all that can be chosen when contacts or distances are learned from structures."""

from dataclasses import dataclass, field, fields
from typing import Any

from biotl_core.errors import UserError


def _setting(default: Any, title: str, help: str, low: float | None = None, high: float | None = None) -> Any:
    about = {"title": title, "help": help, "low": low, "high": high}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class DistanceSettings:
    """Checked settings; form, shell options and the run's `config.json` come from these fields."""

    backbone: str = _setting("biotl-protein", "Backbone", "Whose features the distances are learned from.")
    passes: int = _setting(
        30, "Passes over the structures", "How often each chain is seen (epochs).", 1, 1000
    )
    learning_rate: float = _setting(
        4e-3, "Step size", "Larger learns faster but may overshoot (learning rate).", 1e-5, 0.1
    )
    seed: int = _setting(
        0, "Random seed", "The same seed gives the same result on the same machine.", 0, 2**31
    )
    device: str = _setting("auto", "Where it runs", "auto takes the graphics card when there is one.")

    def __post_init__(self) -> None:
        """UserError for a number outside its range, with the range."""
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
