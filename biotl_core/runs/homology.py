"""Heads that judge relatives, learned from labelled pairs: ask for one, and what came out."""

from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.errors import UserError
from biotl_core.genomes.homology_pairs import HomologyPairs
from biotl_core.runs.folder import create_run, find_run, list_runs, read_config, read_result
from biotl_core.runs.genome_requests import BACKBONE
from biotl_core.runs.status import read_status
from biotl_core.wording import say_count

MODEL = "model"
"""Folder inside the run folder: the head, its calibration, and `reliability.csv`."""
OWN = "trained head"
VIEWS = {
    "composition": "Amino-acid composition alone",
    "backbone": "The backbone as it is (cosine)",
    OWN: "The trained head",
    "alignment": "Smith-Waterman",
}
"""Ways to judge a pair, all on the same test pairs."""


def create_homology(
    pairs: HomologyPairs, *, source: str = "", name: str | None = None, folder: Path | None = None
) -> Path:
    """Make the folder of a run that has not started yet.

    Args:
        pairs: checked, see `homology_pairs.read_pairs`.
        source: what the table is called.
        name: of the run; by default that of the table.
        folder: an empty or new folder instead of one below the home.
    """
    config = {"source": source, "backbone": BACKBONE, "modality": "protein", "target_name": "homology"}
    made = create_run(config, kind="homology", name=name, folder=folder)
    pairs.save(made)
    return made


def say_homology(result: dict[str, Any]) -> str:
    """Whether training helped, in one sentence."""
    scores = {view: metrics["recall"] for view, metrics in result["scores"].items()}
    own, frozen = scores[OWN], scores["backbone"]
    helped = (
        "training helped" if frozen["gain_low"] > 0
        else "training made it worse" if frozen["gain_high"] < 0
        else "no difference beyond chance"
    )  # fmt: skip
    return (
        f"At 1 % false positives the trained head finds {own['value']:.0%} ({own['low']:.0%} to {own['high']:.0%}) of "
        f"{say_count(result['counts']['test_related'], 'pair')} of homologs from families it never saw; the backbone "
        f"as it is {frozen['value']:.0%}: {helped} ({frozen['gain_low']:+.0%} to {frozen['gain_high']:+.0%}). "
        f"Composition finds {scores['composition']['value']:.0%}, Smith-Waterman {scores['alignment']['value']:.0%}."
    )


def score_table(result: dict[str, Any]) -> pd.DataFrame:
    """One row a way of judging: `way`, and of each metric its value, low, high, and the head's gain over it."""
    rows = []
    for view, metrics in result["scores"].items():
        row: dict[str, Any] = {"way": VIEWS[view]}
        for metric, told in metrics.items():
            row |= {f"{metric} {word}".removesuffix(" value"): value for word, value in told.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def finished_heads() -> list[str]:
    """Names of finished runs whose head a comparison of genomes can use, newest first."""
    runs = [run for run in list_runs("homology") if run.status.state == "finished"]
    return [run.name for run in runs if (run.folder / MODEL / "calibration.json").is_file()]


def head_folder(text: str) -> Path:
    """The folder of a finished run's head, by the run's name or folder.

    Raises:
        UserError: no such run, it is not one of homology, has not finished, or could not be calibrated.
    """
    place = Path(text).expanduser()
    run = place.resolve() if (place / "config.json").is_file() else find_run(text, "homology")
    if read_config(run)["kind"] != "homology" or read_status(run).state != "finished":
        raise UserError(
            f"The run '{run.name}' has no finished head for homologs. Choose a finished homology run."
        )
    if not (run / MODEL / "calibration.json").is_file():
        result = read_result(run) or {}
        raise UserError(
            f"The head of '{run.name}' cannot be used here. {result.get('calibration', {}).get('sentence', '')}"
        )
    return run / MODEL
