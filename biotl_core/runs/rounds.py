"""A new round of measurements: what had been predicted for them, and a new run with them added."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.data.cleaning import clean
from biotl_core.data.dataset import Dataset
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_reading
from biotl_core.data.saved_datasets import read_changes
from biotl_core.errors import UserError
from biotl_core.planning.rounds import RoundReview, append_measurements, review_round
from biotl_core.runs.folder import create_run, launch, list_runs, read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.plans import wanted_targets
from biotl_core.runs.status import read_status


def read_measurements(
    raw: RawTable, run_folder: Path, *, sequence: str | None = None, target: str | None = None
) -> Dataset:
    """A table of new measurements as the run's data were read: same kind of sequence, same kind of target.

    Args:
        raw: the table as it lies in the file.
        run_folder: the run they belong to.
        sequence: column of the sequences; guessed where None.
        target: column of the measurements; the one named as in the run's data where there is one, else guessed.

    Raises:
        UserError: a column cannot be told, no row can be used, or classes are not those of the run.
    """
    config = read_config(run_folder)
    if target is None and config.get("target_name") in raw.columns:
        target = config["target_name"]
    reading = guess_reading(
        raw,
        sequence=sequence,
        targets=None if target is None else [target],
        modality=config["modality"],
        task=config["task"],
    )
    dataset = clean(raw, reading).dataset
    if strange := sorted(set(dataset.classes) - set(config.get("classes") or ())):
        raise UserError(
            f"{raw.source}: the run does not know the class '{strange[0]}'; it knows {', '.join(config['classes'])}."
        )
    return dataset


def forecasts_of(run_folder: Path) -> pd.DataFrame:
    """What was predicted with a run before: plans first (the newest first), then predictions of new sequences.

    Returns:
        `sequence, predicted` and `lower, upper` (nan where there was no interval), a row a sequence.
    """
    found = [pd.DataFrame({"sequence": pd.Series(dtype=str), "predicted": pd.Series(dtype=float)})]
    for kind, file in (("plan", "ranked.parquet"), ("predict", "predictions.csv")):
        for run in list_runs(kind):
            path = run.folder / file
            if run.status.state == "finished" and path.is_file() and _is_of(run.folder, run_folder):
                found.append(_forecast(path))
    together = pd.concat(found, ignore_index=True)
    for column in ("lower", "upper"):
        if column not in together:
            together[column] = np.nan
    return together.drop_duplicates("sequence").reset_index(drop=True)


def _is_of(folder: Path, run_folder: Path) -> bool:
    config = read_config(folder)
    outcome = (config.get("request") or {}).get("outcome")
    return Path(config.get("run", "")).resolve() == run_folder.resolve() and outcome is None


def _forecast(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"sequence": str})
    table = table.rename(columns={"expected": "predicted", "prediction": "predicted"})
    kept = table[[column for column in ("sequence", "predicted", "lower", "upper") if column in table]].copy()
    for column in kept.columns.drop("sequence"):
        kept[column] = pd.to_numeric(kept[column], errors="coerce")
    return kept.dropna(subset=["predicted"])


def review_of(run_folder: Path, new: Dataset, *, maximise: bool = True) -> RoundReview:
    """How good the run's forecasts were for what has been measured since.

    Raises:
        UserError: the run predicts no numbers, or too few of the new sequences had been predicted.
    """
    if new.task_name != "regression":
        raise UserError("Forecasts are judged for runs of one number a sequence; this one predicts classes.")
    measured = new.table[["name", "sequence", "target"]].rename(columns={"target": "measured"})
    table = measured.merge(forecasts_of(run_folder), on="sequence", how="left")
    has_intervals = table["lower"].notna() & table["upper"].notna()
    if not has_intervals[table["predicted"].notna()].all():
        table = table.drop(columns=["lower", "upper"])
    old = wanted_targets(Dataset.load(run_folder), None)
    return review_round(table, old, maximise=maximise)


def start_next_round(
    run_folder: Path, new: Dataset, source: str, folder: Path | None = None
) -> tuple[Path, str]:
    """Train again with the new measurements added; the new run's folder, and what was done with them in a sentence.

    Backbone, method and settings are those of the run; validation and test part stay as they were.

    Raises:
        UserError: the run has not finished, or nothing of the new can be added.
    """
    made, sentence = create_next_round(run_folder, new, source, folder)
    launch(made)
    return made, sentence


def create_next_round(
    run_folder: Path, new: Dataset, source: str, folder: Path | None = None
) -> tuple[Path, str]:
    """Make the folder of the next round's run without starting it; arguments and errors as in `start_next_round`."""
    config = read_config(run_folder)
    if read_status(run_folder).state != "finished":
        raise UserError(f"The run '{run_folder.name}' has not finished; choose a finished run.")
    appended = append_measurements(Dataset.load(run_folder), new.table)
    number = int(config.get("round", 1)) + 1
    first = config.get("first_run", run_folder.name)
    changes = pd.concat([read_changes(run_folder), appended.changes], ignore_index=True)
    request = {
        key: config[key]
        for key in ("backbone", "device", "settings", "split", "random_twin")
        if key in config
    }
    request |= {"round": number, "first_run": first, "previous_run": run_folder.name, "added_from": source}
    made = create_run(
        request, appended.dataset, changes, kind="train", name=f"{first}-round-{number}", folder=folder
    )
    if (review := _try_review(run_folder, new)) is not None:
        write_json_atomically(made / "review.json", review)
    return made, appended.sentence


def _try_review(run_folder: Path, new: Dataset) -> dict[str, Any] | None:
    """The numbers of the review, where there were forecasts."""
    try:
        review = review_of(run_folder, new)
    except UserError:
        return None  # nothing had been predicted, which keeps nobody from training
    names = (
        "spearman",
        "mean_error",
        "threshold",
        "n_hits",
        "hit_rate",
        "coverage",
        "best_before",
        "best_now",
    )
    return {name: getattr(review, name) for name in names} | {"n": len(review.table)}
