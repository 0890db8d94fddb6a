"""Backbone, BACKBONES: one entry a pretrained model, all data; where it lies, and how to fetch it."""

from dataclasses import dataclass

from biotl_core.data.dataset import Modality


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder that `transformers` loads without custom code."""

    name: str
    """The short name, unique; or the folder or hub id it was given by."""
    title: str
    """What the page calls it."""
    modality: Modality
    hub_id: str | None = None
    """`owner/name` on the Hugging Face hub; None for embedded ones and local folders."""
    revision: str | None = None
    """The commit on the hub; None takes the newest."""
    parameters_millions: float = 0.0
    download_megabytes: float = 0.0
    max_length: int = 1024
    """Letters it reads at once, without special tokens; longer sequences are cut."""
    licence: str = ""
    reference: str = ""
    """The citation, in one line."""
    note: str = ""
    """One sentence: when to take it."""
    layers: int = 0
    width: int = 0
    """Size of the vector at each position."""
