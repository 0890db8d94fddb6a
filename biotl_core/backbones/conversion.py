"""Older weights, pickled by PyTorch, turned into safetensors (torch; for the download worker only)."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import save_file

from biotl_core.errors import UserError
from biotl_core.progress import Control

SHARD_BYTES = 2 << 30
"""Size of a file; the whole of one is in memory while it is written."""


def convert_weights(folder: Path, control: Control) -> None:
    """Replace `pytorch_model*.bin` by safetensors with an index; a decoder is left out, for it is never used.

    Raises:
        UserError: a file holds more than tensors, and so might run code when opened.
    """
    pickles = sorted(folder.glob("pytorch_model*.bin"))
    weight_map: dict[str, str] = {}
    for number, path in enumerate(pickles):
        control.step("Converting the weights to safetensors", number, len(pickles))
        for tensors in _batches(_read_tensors(path)):
            name = f"model-{len(set(weight_map.values())) + 1:05d}.safetensors"
            save_file(tensors, folder / name, metadata={"format": "pt"})
            weight_map |= dict.fromkeys(tensors, name)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    for path in pickles:
        path.unlink()


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        # Files from before PyTorch 1.6 are no zip archives, and cannot be mapped into memory.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(
            f"'{path.name}' holds more than plain weights, or is damaged, and is not opened. "
            "Choose another backbone."
        ) from error
    return {name: tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}


def _batches(tensors: dict[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    """Copies (safetensors wants no shared memory) in groups of about `SHARD_BYTES`."""
    batch: dict[str, torch.Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        if name.startswith("decoder."):
            continue
        if batch and size + tensor.nbytes > SHARD_BYTES:
            yield batch
            batch, size = {}, 0
        batch[name] = tensor.clone().contiguous()
        size += tensor.nbytes
    if batch:
        yield batch
