"""The datasets that are ready for training: each a folder `<home>/datasets/<name>/`.

`dataset.parquet` and `dataset.json` hold the table with its parts, `changes.csv` the log of repairs, `split.json` how
the parts were made, and `origin.json` which file it was made from and how that was read.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name

CHANGE_COLUMNS = ("row", "column", "before", "after", "why")


def save_dataset(
    name: str, dataset: Dataset, changes: pd.DataFrame, split: Mapping[str, Any], origin: Mapping[str, Any]
) -> Path:
    """Write a dataset under a name, in place of what had the name before; its folder.

    Runs keep a copy of the table they were trained on, so replacing a dataset changes no run.
    """
    if not name or safe_name(name) != name:
        raise UserError(
            f"'{name}' cannot be the name of a dataset; use letters, digits, '.', '_' and '-', "
            f"such as '{safe_name(name, 'my-dataset')}'."
        )
    parent = home_subfolder("datasets")
    # Written beside and moved, so that nobody reads half a dataset.
    fresh = parent / f".{name}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    dataset.save(fresh)
    changes.to_csv(fresh / "changes.csv", index=False)
    (fresh / "split.json").write_text(json.dumps(dict(split), indent=1))
    (fresh / "origin.json").write_text(json.dumps(dict(origin), indent=1))
    shutil.rmtree(parent / name, ignore_errors=True)
    fresh.rename(parent / name)
    return parent / name


def find_dataset(name: str) -> Path:
    """The folder of a saved dataset; UserError when there is none."""
    folder = home_folder() / "datasets" / safe_name(name)
    if safe_name(name) != name or not (folder / "dataset.parquet").is_file():
        raise UserError(f"There is no dataset called '{name}' any more. Choose another one on the Data page.")
    return folder


def list_datasets() -> list[str]:
    """Names of the saved datasets, newest first."""
    files = (home_folder() / "datasets").glob("[!.]*/dataset.parquet")
    newest_first = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.parent.name for file in newest_first]


def read_split(folder: Path) -> dict[str, Any]:
    """How the parts were made: kind, fractions, seed, sentence; empty where that is not known."""
    return _read_json(folder / "split.json")


def read_origin(folder: Path) -> dict[str, Any]:
    """Which file it was made from and how that was read; empty where that is not known."""
    return _read_json(folder / "origin.json")


def read_changes(folder: Path) -> pd.DataFrame:
    """The log of repairs, all columns as text but the row."""
    file = folder / "changes.csv"
    if not file.is_file():
        return pd.DataFrame(columns=list(CHANGE_COLUMNS))
    return pd.read_csv(file, dtype=dict.fromkeys(CHANGE_COLUMNS[1:], str), keep_default_na=False)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
