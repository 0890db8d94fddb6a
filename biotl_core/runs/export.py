"""What a finished run hands out: its model folder as one file, and a twin of itself from random weights."""

import uuid
import zipfile
from pathlib import Path
from typing import Any

from biotl_core.errors import UserError
from biotl_core.learning.settings import METHOD_SETTINGS
from biotl_core.runs.folder import read_config, start_run
from biotl_core.runs.model_card import model_card


def zip_model(folder: Path) -> Path:
    """The run's `model/` as `model.zip` in the run folder, made once; UserError when there is no model.

    Unzipped, it is the folder that transformers and peft load as it is; its README.md is the model card.
    """
    files = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    if not files:
        raise UserError(f"The run '{folder.name}' holds no model. Choose a finished run.")
    packed = folder / "model.zip"
    if packed.exists() and packed.stat().st_mtime >= max(path.stat().st_mtime for path in files):
        return packed
    unfinished = folder / f".model-{uuid.uuid4().hex[:8]}.zip"
    card = model_card(folder)
    # Weights do not compress, so they are only packed: many times faster.
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            place = path.relative_to(folder / "model")
            if place.as_posix() != "README.md" or not card:
                archive.write(path, Path(folder.name) / place)
        if card:
            archive.writestr(f"{folder.name}/README.md", card)
    unfinished.replace(packed)
    return packed


def twin_config(config: dict[str, Any]) -> dict[str, Any]:
    """What to ask for to train the same architecture from random weights on the same data."""
    settings = {**config["settings"], "method": "scratch", **dict.fromkeys(METHOD_SETTINGS)}
    kept = {key: config[key] for key in ("backbone", "device", "split") if key in config}
    return {**kept, "settings": settings, "random_twin": False}


def start_twin(folder: Path) -> Path:
    """Start a run like this one, but from random weights; the folder of the new run."""
    import pandas as pd

    from biotl_core.data.dataset import Dataset

    log = folder / "changes.csv"
    changes = pd.read_csv(log, dtype=str, keep_default_na=False) if log.exists() else None
    config = twin_config(read_config(folder))
    return start_run(config, Dataset.load(folder), changes, kind="train", name=f"{folder.name}-from-scratch")
