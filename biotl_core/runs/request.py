"""What a training run is asked to do, checked before anything is started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biotl_core.backbones.catalogue import backbone_state, find_backbone, list_backbones, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import PARTS, Dataset, Modality
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.learning.settings import TrainingSettings


def training_request(
    dataset: Dataset,
    backbone: str | None,
    settings: TrainingSettings,
    split: Mapping[str, Any],
    *,
    random_twin: bool = False,
) -> dict[str, Any]:
    """The config of a training run, for `folder.create_run`.

    Args:
        dataset: with its parts.
        backbone: a name in the catalogue, a folder, or a hub id; None takes the embedded one of the modality.
        settings: as chosen; what is None is filled in by the method when training starts.
        split: how the parts were made: kind, fractions, seed, sentence.
        random_twin: whether the same backbone is also trained from random weights, for comparison.

    Raises:
        UserError: the settings do not fit the task, the backbone does not fit the data, backbone or device is
            not on this computer, or a part is empty.
    """
    settings.resolved(dataset.task)
    for part in PARTS:
        if dataset.part(part).empty:
            raise UserError(
                f"The {part} part of {dataset.source} is empty; split the data anew so that it gets rows."
            )
    chosen = find_backbone(backbone, dataset.modality) if backbone else default_backbone(dataset.modality)
    _check_backbone(chosen, dataset)
    is_folder = backbone and chosen.folder == Path(backbone).expanduser()
    return {
        # A folder is named by its full path, since the worker may run elsewhere.
        "backbone": str(chosen.folder.resolve()) if is_folder and chosen.folder else chosen.name,
        "settings": settings.to_dict(),
        "split": dict(split),
        "device": resolve_device(settings.device).name,
        "random_twin": random_twin,
    }


def default_backbone(modality: Modality) -> Backbone:
    """The first of the modality that is on this computer: the embedded one, where there is one."""
    for backbone in list_backbones(modality):
        if backbone_state(backbone) == "here" or (backbone.folder and backbone.folder.is_dir()):
            return backbone
    raise UserError(
        f"No backbone for {ALPHABETS[modality].plural} is on this computer. Download one on the page Models."
    )


def _check_backbone(backbone: Backbone, dataset: Dataset) -> None:
    if backbone.modality != dataset.modality:
        reads, holds = ALPHABETS[backbone.modality].plural, ALPHABETS[dataset.modality].plural
        raise UserError(
            f"The backbone '{backbone.title}' reads {reads}, but {dataset.source} holds {holds}. "
            f"Choose a backbone for {holds}."
        )
    if dataset.task.is_per_residue and backbone.letters_per_token != 1:
        raise UserError(
            f"The backbone '{backbone.title}' reads several letters at once and cannot predict for each "
            "residue. Choose one that reads letter by letter."
        )
    locate_backbone(backbone)
