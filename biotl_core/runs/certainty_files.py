"""What a run learned about its misses, kept in the folder of its model for predictions to come."""

from pathlib import Path
from typing import NamedTuple

from biotl_core.evaluation.neighbourhood import Neighbourhood
from biotl_core.evaluation.uncertainty import Calibration
from biotl_core.runs.json_files import read_json, write_json_atomically

_CALIBRATION, _NEIGHBOURHOOD = "calibration.json", "neighbourhood.npz"


class Certainty(NamedTuple):
    """Both None where the run could not tell."""

    calibration: Calibration | None
    neighbourhood: Neighbourhood | None


def save_certainty(
    model_folder: Path, calibration: Calibration | None, neighbourhood: Neighbourhood | None
) -> None:
    """Write what there is beside the model."""
    if calibration is not None:
        write_json_atomically(model_folder / _CALIBRATION, calibration.to_dict())
    if neighbourhood is not None:
        neighbourhood.save(model_folder / _NEIGHBOURHOOD)


def read_certainty(model_folder: Path) -> Certainty:
    """What `save_certainty` wrote."""
    plain = read_json(model_folder / _CALIBRATION)
    path = model_folder / _NEIGHBOURHOOD
    return Certainty(
        Calibration.from_dict(plain) if plain else None, Neighbourhood.load(path) if path.exists() else None
    )
