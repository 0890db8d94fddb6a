"""The work of adapting ESMFold to structures: every test chain folded before and after, side by side."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from biotl_core.hardware import resolve_device
from biotl_core.progress import Control
from biotl_core.runs.distances import MAPS, MODEL, OWN, UNADAPTED, UNADAPTED_TITLE, fold_folder, say_answer
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.pair_results import Scores, compared, judge_fold, write_table, write_truth
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.distance_settings import DistanceSettings
from biotl_core.structures.engines import ENGINES, FoldSettings, Predict, weights_folder
from biotl_core.structures.esmfold import folding_with, load_esmfold
from biotl_core.structures.esmfold_adaptation import (
    ADAPTER,
    AdaptationPass,
    adapt_trunk,
    add_adapter,
)
from biotl_core.structures.esmfold_memory import say_adaptation_memory
from biotl_core.structures.pair_measures import judge_scores
from biotl_core.structures.pair_sets import PairSet
from biotl_core.structures.result_files import read_saved, save_result

HEADLINE = "fold_lddt"


def adapt_esmfold_run(folder: Path, control: Control) -> str:
    """Fold the test chains as ESMFold is, adapt its trunk, fold them again; the closing sentence.

    Raises:
        UserError: ESMFold is not on this computer, or the memory is not enough.
    """
    config, pair_set = read_config(folder), PairSet.load(folder)
    settings = DistanceSettings.from_dict(config["settings"])
    device = resolve_device(config["device"])
    print(say_adaptation_memory(weights_folder(ENGINES["esmfold"]), settings.crop, device), flush=True)
    model = load_esmfold(device, control)
    predict = folding_with(model, device, FoldSettings(device=config["device"]))
    test = pair_set.part("test")
    before = _fold(folder, test, predict, UNADAPTED, "Folding as ESMFold is", control)
    add_adapter(model, settings.rank, settings.seed)
    history = _History(folder / "history.jsonl", settings.passes)
    state = adapt_trunk(
        model, pair_set.part("train"), pair_set.part("validation"), settings, control,
        folder / "checkpoint" / "adapter.pt", history,
    )  # fmt: skip
    (folder / MODEL).mkdir(exist_ok=True)
    save_file(state, folder / MODEL / ADAPTER)
    after = _fold(folder, test, predict, OWN, "Folding with what was learned", control)
    _write_maps(folder, test)
    result = compared(after, {UNADAPTED: before}) | {
        "target": pair_set.target,
        "headline": HEADLINE,
        "method": "esmfold",
        "backbone": ENGINES["esmfold"].hub_id,
        "counts": pair_set.counts,
        "dataset_hash": config["dataset_hash"],
        "split": pair_set.sentence,
        "settings": config["settings"],
        "titles": {UNADAPTED: UNADAPTED_TITLE},
        "own_title": "ESMFold, adapted",
        "best_pass": history.best(),
    }
    write_table(folder, test, after, {UNADAPTED: before})
    write_json_atomically(folder / "result.json", result)
    return say_answer(result)


class _History:
    """Writes `history.jsonl`, whole or not at all; a pass that is told twice stands once."""

    def __init__(self, file: Path, passes: int):
        self._file, self._passes = file, passes

    def __call__(self, finished: AdaptationPass) -> None:
        line = {
            "epoch": finished.number,
            "epochs": self._passes,
            "train_loss": None if np.isnan(finished.train_loss) else finished.train_loss,
            "validation_loss": finished.validation_loss,
            "metrics": {},
        }
        kept = [one for one in self._lines() if one["epoch"] < finished.number]
        aside = self._file.with_suffix(".new")
        aside.write_text("".join(json.dumps(one) + "\n" for one in [*kept, line]))
        aside.replace(self._file)

    def best(self) -> int:
        """The pass with the least loss on validation; 0 is before learning."""
        return min(self._lines(), key=lambda line: line["validation_loss"])["epoch"]

    def _lines(self) -> list[dict]:
        return (
            [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.is_file() else []
        )


def _fold(
    folder: Path, test: Sequence[ProteinChain], predict: Predict, name: str, stage: str, control: Control
) -> Scores:
    """Fold all test chains that are not folded yet, and judge them."""
    scores = []
    for number, chain in enumerate(test):
        control.step(stage, number, len(test))
        place = fold_folder(folder, number, chain.name) / name
        if not place.is_dir():
            write_truth(chain, place.parent)
            quiet = Control(should_stop=control.should_stop)
            save_result(predict(chain.sequence, chain.name, quiet), place)
        scores.append(judge_scores(read_saved(place).contacts, chain) | judge_fold(chain, place))
    return scores


def _write_maps(folder: Path, test: Sequence[ProteinChain]) -> None:
    (folder / MAPS).mkdir(exist_ok=True)
    for number, chain in enumerate(test):
        contacts = read_saved(fold_folder(folder, number, chain.name) / OWN).contacts
        np.savez_compressed(folder / MAPS / f"{number:04d}.npz", contacts=contacts.astype(np.float16))
