"""The shell command that does what a page does, for "Do the same from the shell"."""

import shlex
from collections.abc import Mapping
from typing import Any

from biotl_core.errors import UserError
from biotl_core.learning.settings import setting_default

POSITIONAL = {
    "backbones": (),
    "check": ("data",),
    "train": ("data",),
    "predict": ("run", "data"),
    "embed": ("data",),
    "adapt": ("data",),
    "scan": ("data",),
    "assay": ("data",),
    "screen": ("run", "library"),
    "compare-genomes": ("files",),
    "next": ("run",),
    "add-round": ("run", "data"),
    "fold": ("data",),
    "study": ("run",),
    "report": ("run",),
    "compare-structures": ("reference", "models"),
    "label": ("data",),
    "train-distances": ("data",),
    "train-homology": ("pairs",),
}
"""What each verb takes without an option's name, in this order."""


def shell_command(verb: str, options: Mapping[str, Any]) -> str:
    """The command line of a verb, quoted for the shell.

    Args:
        verb: one of `POSITIONAL`.
        options: by their name in Python (`learning_rate` becomes `--learning-rate`, `output` `-o`). None,
            False, empty ones and settings at their default are left out (`repair` only when None). Lists
            become one option with commas, or one option an item where an item holds a comma.

    >>> shell_command("train", {"data": "my table.csv", "target": ["Tm"], "epochs": 5, "seed": 0})
    "python -m biotl_core train 'my table.csv' --target Tm --epochs 5"
    """
    if verb not in POSITIONAL:
        raise UserError(f"There is no verb '{verb}'; there are {', '.join(POSITIONAL)}.")
    words = ["python", "-m", "biotl_core", verb]
    for name in POSITIONAL[verb]:
        several = options[name] if isinstance(options[name], list | tuple) else [options[name]]
        words += map(str, several)
    for name, value in options.items():
        if name not in POSITIONAL[verb] and not _is_left_out(name, value):
            words += _option_words(name, value)
    return shlex.join(words)


def _is_left_out(name: str, value: Any) -> bool:
    if value is None or value == "" or value == [] or value == ():
        return True
    try:
        return value == setting_default(name)
    except KeyError:
        return value is False and name != "repair"


def _option_words(name: str, value: Any) -> list[str]:
    option = "-o" if name == "output" else "--" + name.replace("_", "-")
    if value is True:
        return [option]
    if value is False:
        return ["--no-" + option.removeprefix("--")]
    if isinstance(value, list | tuple):
        items = [str(item) for item in value]
        if any("," in item for item in items):
            return [word for item in items for word in (option, item)]
        return [option, ",".join(items)]
    return [option, str(value)]
