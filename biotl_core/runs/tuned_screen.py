"""A finished training on molecules, frozen or tuned, ready to rank a library."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.data.dataset import Dataset
from biotl_core.errors import UserError
from biotl_core.learning.model import SequenceModel, load_model
from biotl_core.learning.prediction import model_store, predict_sequences
from biotl_core.runs.folder import read_config
from biotl_core.screening.fingerprints import Bits, fingerprints
from biotl_core.screening.models import Predicted
from biotl_core.screening.ranking import Scorer, Training
from biotl_core.screening.standardising import standardise

_COVERAGE = 0.9


class TunedScreen(NamedTuple):
    """A training run as a library meets it."""

    folder: Path
    dataset: Dataset
    model: SequenceModel
    weights_folder: Path
    result: dict[str, Any]
    """`chosen, kind, value_name`, as the page shows a ranking."""

    def scorer(self) -> Scorer:
        """The model; its interval from the misses on the validation part."""
        head = (self.folder / "model" / "head.safetensors").read_bytes()
        key = hashlib.sha256(head).hexdigest()[:16]
        predict = self._predict()

        def score(bits: Bits, smiles: list[str]) -> np.ndarray:
            return predict(smiles)

        return Scorer(
            key,
            score,
            True,
            lambda smiles: Predicted(predict(smiles), np.ones(len(smiles))),
            self._half_width(),
        )

    def _predict(self):
        store = model_store(self.model, self.weights_folder)

        def predict(smiles: list[str]) -> np.ndarray:
            # What could not be read has no SMILES; any molecule may stand in, its score is not kept.
            found = predict_sequences(self.model, [one or "C" for one in smiles], store)
            return np.asarray(found[:, 1] if self.dataset.task.is_class else found, np.float64)

        return predict

    def _half_width(self) -> float:
        """The miss on the validation part that nine of ten stay below; nan for classes."""
        if self.dataset.task.is_class:
            return float("nan")
        table = pd.read_csv(self.folder / "predictions.csv")
        own = table[table["part"] == "validation"]
        misses = np.sort(np.abs(own["target"] - own["prediction"]).to_numpy(np.float64))
        place = min(len(misses) - 1, int(np.ceil(_COVERAGE * (len(misses) + 1))) - 1)
        return float(misses[place]) if len(misses) else float("nan")

    def training(self) -> Training:
        """The molecules of the dataset."""
        table = self.dataset.table
        smiles = [standardise(text).smiles for text in table["sequence"]]
        values = self.dataset.target_values().astype(np.float64)
        return Training(table["name"].tolist(), smiles, values, fingerprints(smiles).matrix())


def load_training(folder: Path) -> TunedScreen:
    """A finished training run; UserError where it does not give one number or two classes a molecule."""
    config, dataset = read_config(folder), Dataset.load(folder)
    is_fit = dataset.task_name == "regression" or (
        dataset.task_name == "classification" and len(dataset.classes) == 2
    )
    if dataset.modality != "molecule" or not is_fit:
        raise UserError(
            f"The run '{folder.name}' does not give one number or one of two classes for a molecule, so it "
            "cannot rank a "
            "library. Choose another run."
        )
    weights_folder = locate_backbone(find_backbone(config["backbone"], "molecule"))
    result = {
        "chosen": config["backbone"],
        "kind": "active" if dataset.task.is_class else "number",
        "value_name": dataset.classes[1] if dataset.task.is_class else dataset.target_name,
    }
    return TunedScreen(folder, dataset, load_model(folder / "model", weights_folder), weights_folder, result)
