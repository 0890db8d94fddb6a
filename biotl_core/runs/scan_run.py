"""The work of a scan: every substitution of some sequences, judged by a backbone or by a finished run."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.likelihood import letter_log_probabilities, load_masked_model, substitution_scores
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.mutations import mutated, single_mutations
from biotl_core.learning.model import SequenceModel, load_model
from biotl_core.learning.prediction import predict_sequences
from biotl_core.learning.training import make_accelerator
from biotl_core.planning.scan import Scan
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.wording import say_count

_LIKELIHOOD_TITLE = "log-odds of the new letter against the one that is there"


def scan_run(folder: Path, control: Control) -> str:
    """Do a run of kind "scan": `input.parquet` (name, sequence) to `scan.csv`; the closing sentence."""
    config = read_config(folder)
    table = pd.read_parquet(folder / "input.parquet")
    control.step("Loading the model", 0, 0)
    scan = _scan_by_run if "run" in config else _scan_by_backbone
    scans, about = scan(config, table, control)
    effects = pd.concat([one.table() for one in scans], ignore_index=True)
    effects.to_csv(folder / "scan.csv", index=False)
    result = {"letters": scans[0].letters, "wild_types": {}, **about, "n_substitutions": len(effects)}
    write_json_atomically(folder / "result.json", result)
    return f"Scanned {say_count(len(effects), 'substitution')}."


def _scan_by_backbone(
    config: dict[str, Any], table: pd.DataFrame, control: Control
) -> tuple[list[Scan], dict[str, Any]]:
    backbone = find_backbone(config["backbone"], config["modality"])
    model = load_masked_model(locate_backbone(backbone), config["modality"])
    device = make_accelerator(config.get("device", "cpu"), "auto").device
    model.encoder.to(device)
    model.head.to(device)
    sequences = table["sequence"].tolist()
    answers = letter_log_probabilities(model, sequences, config["method"], control)
    scans = [
        Scan(name, sequence, model.letters, substitution_scores(answer, sequence, model.letters))
        for name, sequence, answer in zip(table["name"], sequences, answers, strict=True)
    ]
    return scans, {"effect_title": _LIKELIHOOD_TITLE}


def _scan_by_run(
    config: dict[str, Any], table: pd.DataFrame, control: Control
) -> tuple[list[Scan], dict[str, Any]]:
    run_folder = Path(config["run"])
    weights_folder = locate_backbone(find_backbone(config["backbone"], config["modality"]))
    model = load_model(run_folder / "model", weights_folder)
    model.to(make_accelerator(config.get("device", "cpu"), model.settings.precision).device)
    limit = model.encoder.max_length
    letters = ALPHABETS[config["modality"]].letters
    # All in one go, so that the bar and the time left are those of the whole.
    texts: list[str] = []
    for sequence in table["sequence"]:
        texts += [sequence, *(mutated(sequence, [m]) for m in single_mutations(sequence[:limit], letters))]
    values = _followed(model, predict_sequences(model, texts, None, control), config.get("outcome"))
    scans, wild_types, start = [], {}, 0
    for name, sequence in zip(table["name"], table["sequence"], strict=True):
        mutations = list(single_mutations(sequence[:limit], letters))
        wild_types[name] = float(values[start])
        effects = np.full((len(sequence), len(letters)), np.nan)
        for i, letter in enumerate(sequence[:limit]):
            if letter in letters:
                effects[i, letters.index(letter)] = 0.0
        rows = [m.position - 1 for m in mutations]
        columns = [letters.index(m.new) for m in mutations]
        effects[rows, columns] = values[start + 1 : start + 1 + len(mutations)] - values[start]
        scans.append(Scan(name, sequence, letters, effects))
        start += 1 + len(mutations)
    about = {"effect_title": _effect_title(config), "wild_types": wild_types}
    is_cut = limit is not None and (table["sequence"].str.len() > limit).any()
    return scans, about | (
        {"note": f"Only the first {limit:,} positions, which the backbone reads."} if is_cut else {}
    )


def _followed(model: SequenceModel, predicted: np.ndarray, outcome: str | None) -> np.ndarray:
    """The number, or the probability of the outcome `(n,)`."""
    if outcome is None:
        return np.asarray(predicted, dtype=np.float64)
    return np.asarray(predicted, dtype=np.float64)[:, model.outputs.classes.index(outcome)]


def _effect_title(config: dict[str, Any]) -> str:
    what = config.get("target_name") or "target"
    if config.get("outcome"):
        what = f"probability of {config['outcome']}"
    return f"predicted {what} minus that of the sequence as it is"
