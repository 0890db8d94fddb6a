"""What ESMFold takes when a part of it learns, told before anything is loaded."""

import json
from pathlib import Path

from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.wording import say_number


def say_adaptation_memory(weights: Path, crop: int, device: Device) -> str:
    """What adapting takes, in a sentence.

    The pair features of a crop are kept once a block (its inside is computed again on the way back), and one block's
    inside is there at a time, about 40 arrays of that size.

    Raises:
        UserError: the device does not have it.
    """
    trunk = (json.loads((weights / "config.json").read_text()).get("esmfold_config") or {}).get("trunk") or {}
    blocks, width = trunk.get("num_blocks", 48), trunk.get("pairwise_state_dim", 128)
    on_disk = sum(file.stat().st_size for file in weights.glob("*.safetensors")) / 2**30
    # The stem lies in half precision on disk; a processor computes in single.
    loaded = on_disk if device.kind == "cuda" else 1.7 * on_disk
    needed = loaded + 4 * crop**2 * width * (blocks + 40) / 2**30 + 1.0
    place = "memory" if device.kind == "cpu" else "graphics memory"
    told = f"Adapting ESMFold on pieces of {crop} residues takes about {say_number(round(needed, 1))} GB of {place}"
    if needed > device.memory_gb:
        raise UserError(
            f"{told}; this computer has {device.memory_gb:.0f} GB. Choose shorter pieces, or a larger graphics card."
        )
    return f"{told}; there are {device.memory_gb:.0f} GB."
