"""`benchmark`: how fast the engine is on this computer, beside the usual ways to run the same backbone."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from biotl_core.answers import format_table
from biotl_core.backbones.catalogue import locate_backbone
from biotl_core.data.cleaning import clean, split_column
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import propose_split, split_or_random
from biotl_core.errors import UserError
from biotl_core.hardware import Device, resolve_device
from biotl_core.runs.request import default_backbone
from biotl_core.verbs.answering import add_json, named_run, print_json
from biotl_core.wording import say_count

if TYPE_CHECKING:
    from biotl_core.learning.rivals import Race
    from biotl_core.learning.training_races import ScoreRace

_SHAPES = ("8m", "35m", "650m")
_SEQUENCES = {"embed": (64, 8), "train": (32, 8)}
"""In a whole race, and in a quick one."""
_SCAN_LETTERS = (250, 40)


def add_benchmark(all_verbs: Any) -> None:
    """The verb with its options."""
    verb = all_verbs.add_parser(
        "benchmark", help="how fast the engine is here, beside the usual ways", allow_abbrev=False
    )
    verb.add_argument("work", choices=("embed", "scan", "train", "screen"))
    verb.add_argument("--shape", choices=_SHAPES, default="8m", help="of ESM-2, with random weights (8m)")
    verb.add_argument("--threads", type=int, default=1, help="of the processor (1)")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    verb.add_argument("--repeats", type=int, default=3, help="the median is told (3)")
    verb.add_argument(
        "--data",
        help="with train: a table to learn from, with an embedded backbone, until as good as ten passes of full "
        "tuning; with screen: a library of molecules",
    )
    verb.add_argument(
        "--run", help="with screen: a finished run of pairs, whose first target protein is taken"
    )
    verb.add_argument("--rows", type=int, default=2000, help="with --data: training rows at most (2000)")
    verb.add_argument(
        "--quick", action="store_true", help="few sequences, one repeat: only to see that it runs"
    )
    add_json(verb)
    verb.set_defaults(do=do_benchmark)


def do_benchmark(options: argparse.Namespace) -> int:
    """Run the races and print a table for each."""
    from biotl_core.learning.rivals import prepare_device

    if options.work == "screen":
        return _race_screen(options)
    device = resolve_device(options.device)
    prepare_device(device.name, options.threads)
    if options.data is not None:
        return _race_to_score(options, device)
    races = run_races(options, device.name)
    if options.json:
        print_json({"random_weights": True, "races": [race_to_dict(race) for race in races]})
        return 0
    unit = "the clock" if device.kind == "cuda" else "the processor, user and system"
    print(
        f"Random weights in the shape of ESM-2 {options.shape.upper()}: only the speed means anything. "
        f"Seconds of {unit}, median of repeats, all ways in turn in one process."
    )
    for race in races:
        print(f"\n{tell_race(race)}")
    return 0


def _race_screen(options: argparse.Namespace) -> int:
    """A library against one target, beside a loop over single pairs."""
    from biotl_core.runs.screen_race import race_screen
    from biotl_core.runs.target_screen import load_pairs

    if options.run is None or options.data is None:
        raise UserError(
            "Name a finished run of pairs and a library: benchmark screen --run RUN --data LIBRARY."
        )
    folder = named_run(options.run)
    protein = load_pairs(folder, "").proteins["sequence"].iloc[0]
    race = race_screen(load_pairs(folder, protein), Path(options.data))
    if options.json:
        print_json(race._asdict() | {"ratio_raw": race.times_from_raw, "ratio_kept": race.times_once_kept})
    else:
        print(race)
    return 0


def _race_to_score(options: argparse.Namespace, device: Device) -> int:
    """Who is as good on the validation part of a table, and when."""
    from biotl_core.learning.training_races import race_to_score

    if options.work != "train":
        raise UserError("Option --data goes with the work train: benchmark train --data TABLE.")
    dataset = _read_parts(options)
    if dataset.task.is_per_residue:
        raise UserError(
            f"{options.data}: found a target for each residue; this race takes one number, class or set of labels a "
            "sequence. Choose another table."
        )
    backbone = default_backbone(dataset.modality)
    race = race_to_score(dataset, locate_backbone(backbone), device.name)
    if options.json:
        print_json(score_race_to_dict(race) | {"backbone": backbone.name, "rows": len(dataset.table)})
        return 0
    print(f"{backbone.name}, {say_count(len(dataset.part('train')), 'training row')}.")
    print(tell_score_race(race, "the clock" if device.kind == "cuda" else "the processor"))
    return 0


def _read_parts(options: argparse.Namespace) -> Dataset:
    """The table as `train` reads it, its training and validation part drawn down to the rows asked for."""
    raw = read_file(Path(options.data))
    cleaned = clean(raw, guess_reading(raw), None)
    settings = propose_split(cleaned.dataset)
    parted = split_or_random(cleaned.dataset, settings, column=split_column(raw, cleaned, settings)).dataset
    train, rest = parted.part("train"), parted.part("validation")
    share = min(1.0, options.rows / max(len(train), 1))
    kept = [part.sample(frac=share, random_state=0) for part in (train, rest)]
    return replace(parted, table=pd.concat(kept).sort_index().reset_index(drop=True))


def score_race_to_dict(race: "ScoreRace") -> dict[str, Any]:
    """Plain values, for `--json`."""
    return asdict(race) | {"target": race.target, "times_as_long": race.times_as_long}


def tell_score_race(race: "ScoreRace", clock: str) -> str:
    """The last line of each way, and who was how much sooner."""
    last = {one.way: one for one in (*race.naive, *race.own)}
    rows = [(one.way, f"{one.seconds:.1f}", f"{one.score:.3f}") for one in last.values()]
    table = format_table(["until the end of", f"seconds of {clock}", f"best validation {race.metric}"], rows)
    if race.reached is None:
        return f"{table}\nNo rung was as good as ten passes of full tuning ({race.target:.3f})."
    return (
        f"{table}\nAs good as the best of ten passes of full tuning ({race.target:.3f}) after "
        f"{race.reached.seconds:.1f} seconds: {race.times_as_long:.1f} times sooner."
    )


def run_races(options: argparse.Namespace, device: str) -> "list[Race]":
    """The races that were asked for."""
    from biotl_core.learning.rivals import draw_lengths, race_embedding, race_scanning
    from biotl_core.learning.training_races import race_training

    repeats = 1 if options.quick else options.repeats
    if options.work == "scan":
        return [race_scanning(options.shape, _SCAN_LETTERS[options.quick], repeats, device)]
    lengths = draw_lengths(_SEQUENCES[options.work][options.quick])
    if options.work == "embed":
        return [race_embedding(options.shape, lengths, repeats, device)]
    return [race_training(options.shape, method, lengths, repeats, device) for method in ("lora", "full")]


def race_to_dict(race: "Race") -> dict[str, Any]:
    """Plain values, for `--json`."""
    return {
        "work": race.work,
        "tokens": race.n_tokens,
        "useful_gflop": race.useful_gflop,
        "peak_gflops": race.peak_gflops,
        "relative_difference": race.parity,
        "smallest_cosine": race.cosine,
        "peak_memory_gb": race.peak_memory_gb,
        "ways": race.rows(),
    }


def tell_race(race: "Race") -> str:
    """A table, and a line below it."""
    rows = [
        (
            str(row["way"]),
            f"{row['seconds']:.2f}",
            f"{row['tokens_per_second']:,.0f}",
            f"{row['times_as_long']:.2f}",
            f"{row['share_of_peak']:.0%}",
        )
        for row in race.rows()
    ]
    table = format_table([race.work, "seconds", "tokens a second", "times as long", "of the peak"], rows)
    parity = "" if race.parity is None else f" Relative difference from transformers: {race.parity:.1e}."
    parity += "" if race.cosine is None else f" Smallest cosine of bfloat16: {race.cosine:.5f}."
    return (
        f"{table}\n{race.n_tokens:,} tokens; peak: {race.peak_gflops:,.0f} GFLOP a second in a large product; "
        f"{race.peak_memory_gb:.2f} GB at most.{parity}"
    )
