"""The work of a run of kind "fold": sequences through a structure engine, one after the other."""

from pathlib import Path

import pandas as pd

from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.foldings import MODELS
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.structures.chains import ProteinChain, read_files
from biotl_core.structures.engines import FoldSettings, open_engine
from biotl_core.structures.result_files import read_saved, save_result
from biotl_core.wording import say_count


def fold_run(folder: Path, control: Control) -> str:
    """Fold the sequences of `input.parquet` (name, sequence) with the engine that `config.json` names.

    A sequence that the engine refuses gets its sentence and the others go on; what was folded before a stop is kept.

    Returns:
        The closing sentence.

    Raises:
        UserError: nothing could be folded.
    """
    config = read_config(folder)
    table = pd.read_parquet(folder / "input.parquet")
    control.step("Reading the structures", 0, 0)
    chains, problems = _read_structures([Path(file) for file in config.get("structures") or ()])
    settings = FoldSettings.from_dict(config.get("settings") or {})
    engine = open_engine(config["engine"], chains, settings, control)
    rows = []
    for number, (name, sequence) in enumerate(zip(table["name"], table["sequence"], strict=True)):
        place = folder / MODELS / f"{number + 1:04d}-{safe_name(name, 'sequence', 40)}"
        row = {"name": name, "length": len(sequence.replace(":", "")), "folder": place.name, "problem": ""}

        def report(stage: str, done: int, total: int, number: int = number, name: str = name) -> None:
            del done, total  # how many sequences are done says more
            control.step(f"{name}: {stage.lower()}", number, len(table))

        try:
            if not place.is_dir():
                save_result(engine(sequence, name, Control(report, control.should_stop)), place)
            saved = read_saved(place)
            row |= {"seconds": saved.about["seconds"], **saved.about["scores"]}
        except UserError as error:
            row |= {"folder": "", "problem": str(error)}
        rows.append(row)
        write_json_atomically(folder / "result.json", {"models": rows, "notes": problems})
    done = [row for row in rows if row["folder"]]
    if not done:
        raise UserError(rows[0]["problem"])
    refused = len(rows) - len(done)
    told = f"Folded {say_count(len(done), 'sequence')} with the engine {config['engine']}."
    return told + (
        f" {say_count(refused, 'sequence')} could not be folded; the list says why." if refused else ""
    )


def _read_structures(files: list[Path]) -> tuple[list[ProteinChain], list[str]]:
    return read_files(files) if files else ([], [])
