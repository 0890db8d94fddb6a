"""The work of a prediction run: new sequences through a finished training run."""

from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.data.dataset import Dataset
from biotl_core.data.similarity import nearest_identity
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.tables import certainty_columns, prediction_columns
from biotl_core.evaluation.uncertainty import COVERAGE
from biotl_core.learning.certainty import predict_sequences_with_difficulty
from biotl_core.learning.model import load_model
from biotl_core.learning.prediction import model_store
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.certainty_files import read_certainty
from biotl_core.runs.folder import read_config
from biotl_core.wording import say_count


def predict_run(folder: Path, control: Control) -> str:
    """Do a run of kind "predict": `input.parquet` (name, sequence) to `predictions.csv`; the closing sentence."""
    config = read_config(folder)
    run_folder = Path(config["run"])
    table = pd.read_parquet(folder / "input.parquet")
    sequences = table["sequence"].tolist()
    control.step("Loading the model", 0, 0)
    run_config = read_config(run_folder)
    weights_folder = locate_backbone(find_backbone(run_config["backbone"], run_config["modality"]))
    model = load_model(run_folder / "model", weights_folder)
    model.to(make_accelerator(config.get("device", "cpu"), model.settings.precision).device)
    store = model_store(model, weights_folder)
    certainty = read_certainty(run_folder / "model")
    raw, difficulty = predict_sequences_with_difficulty(
        model, sequences, certainty.neighbourhood, store, control
    )
    calibration = certainty.calibration
    predicted = calibration.probabilities(raw) if calibration else raw
    columns = prediction_columns(model.outputs.task_name, model.outputs.classes, predicted)
    if calibration and (difficulty is not None or TASKS[model.outputs.task_name].is_class):
        coverage = config.get("coverage", COVERAGE)
        columns = columns.join(certainty_columns(calibration, predicted, difficulty, coverage))
    result = table[["name", "sequence"]].join(columns)
    training = Dataset.load(run_folder).part("train")
    nearest = nearest_identity(sequences, training["sequence"].tolist(), model.outputs.modality, control)
    result["nearest_identity"] = np.round(nearest.identity, 4)
    result["nearest_name"] = training["name"].to_numpy()[nearest.index] if len(training) else ""
    result.to_csv(folder / "predictions.csv", index=False)
    return f"Predicted {say_count(len(result), 'sequence')}."
