"""`benchmark`: how fast the engine is on this computer, beside the usual ways to run the same backbone."""

import argparse
from typing import TYPE_CHECKING, Any

from biotl_core.answers import format_table
from biotl_core.hardware import resolve_device
from biotl_core.verbs.answering import add_json, print_json

if TYPE_CHECKING:
    from biotl_core.learning.rivals import Race

_SHAPES = ("8m", "35m", "650m")
_SEQUENCES = {"embed": (64, 8), "train": (32, 8)}
"""In a whole race, and in a quick one."""
_SCAN_LETTERS = (250, 40)


def add_benchmark(all_verbs: Any) -> None:
    """The verb with its options."""
    verb = all_verbs.add_parser(
        "benchmark", help="how fast the engine is here, beside the usual ways", allow_abbrev=False
    )
    verb.add_argument("work", choices=("embed", "scan", "train"))
    verb.add_argument("--shape", choices=_SHAPES, default="8m", help="of ESM-2, with random weights (8m)")
    verb.add_argument("--threads", type=int, default=1, help="of the processor (1)")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    verb.add_argument("--repeats", type=int, default=3, help="the median is told (3)")
    verb.add_argument(
        "--quick", action="store_true", help="few sequences, one repeat: only to see that it runs"
    )
    add_json(verb)
    verb.set_defaults(do=do_benchmark)


def do_benchmark(options: argparse.Namespace) -> int:
    """Run the races and print a table for each."""
    from biotl_core.learning.rivals import prepare_device

    device = resolve_device(options.device)
    prepare_device(device.name, options.threads)
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


def run_races(options: argparse.Namespace, device: str) -> "list[Race]":
    """The races that were asked for."""
    from biotl_core.learning.rivals import draw_lengths, race_embedding, race_scanning, race_training

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
    return (
        f"{table}\n{race.n_tokens:,} tokens; peak: {race.peak_gflops:,.0f} GFLOP a second in a large product; "
        f"{race.peak_memory_gb:.2f} GB at most.{parity}"
    )
