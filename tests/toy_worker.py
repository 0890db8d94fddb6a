"""A real worker whose work is one of the toys below: `python toy_worker.py RUN_FOLDER`.

The config of the run names the toy, {"toy": "count", ...}, or else the environment does: BIOTL_TOY. `count` notes when
it began and ended, so that a test can see that no two of them had the device at the same time.
"""

import os
import sys
import time
from pathlib import Path

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.runs import worker
from biotl_core.runs.folder import append_history, read_config, read_history, write_json_atomically


def toy_run(folder: Path, control: Control) -> str:
    config = read_config(folder)
    toy = os.environ.get("BIOTL_TOY") or config["toy"]
    return globals()[toy](folder, control, **config.get("arguments", {}))


def count(folder: Path, control: Control, epochs: int = 3, seconds: float = 0.02) -> str:
    """Epochs that only pass time, going on from the last one in history."""
    with (folder / "spans.txt").open("a") as spans:
        spans.write(f"{time.monotonic()}\n")
        for epoch in range(len(read_history(folder)) + 1, epochs + 1):
            control.step("Training", epoch, epochs)
            time.sleep(seconds)
            append_history(folder, {"epoch": epoch, "pid": os.getpid()})
        spans.write(f"{time.monotonic()}\n")
    result = {
        "headline": "spearman",
        "test": {"spearman": 0.5},
        "baselines": {"mean": {"spearman": float("nan")}},
    }
    write_json_atomically(folder / "result.json", result)
    return f"Counted to {epochs}."


def deaf(folder: Path, control: Control) -> str:
    """Never looks whether it should stop, as inside one long kernel."""
    (folder / "began").touch()
    while True:
        sum(range(1000))


def chatty(folder: Path, control: Control) -> str:
    """More output than any pipe holds."""
    for _ in range(4000):
        print("x" * 100)
        print("y" * 100, file=sys.stderr)
    return "Said it all."


def reporting(folder: Path, control: Control) -> str:
    for done in range(2000):
        control.step("Reading", done, 2000)
    return "Read."


def user_error(folder: Path, control: Control) -> str:
    raise UserError("Row 7: 'B' is no DNA letter. Remove the row.")


def bug(folder: Path, control: Control) -> str:
    raise ZeroDivisionError("first line\nsecond line")


def no_memory(folder: Path, control: Control) -> str:
    raise MemoryError


def no_disk(folder: Path, control: Control) -> str:
    raise OSError(28, "No space left on device")


def predict(folder: Path, control: Control) -> str:
    """Every sequence gets its length."""
    import pandas as pd

    table = pd.read_parquet(folder / "input.parquet")
    table.assign(prediction=table["sequence"].str.len()).to_csv(folder / "predictions.csv", index=False)
    return "Predicted."


def environment(folder: Path, control: Control) -> str:
    names = ("HF_HUB_OFFLINE", "OMP_NUM_THREADS", "BIOTL_HOME")
    return " ".join(f"{name}={os.environ.get(name)}" for name in names)


if __name__ == "__main__":
    sys.modules["toy_worker"] = sys.modules["__main__"]
    worker.WORK |= dict.fromkeys(worker.WORK, ("toy_worker", "toy_run"))
    worker.main(sys.argv[1:])
