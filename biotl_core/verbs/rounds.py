"""The verbs `next` and `add-round`: what to measure next, and a new run with what was measured."""

import argparse
from pathlib import Path
from typing import Any, get_args

from biotl_core.answers import format_refused, format_scores, format_table
from biotl_core.data.new_sequences import check_new_sequences
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.planning.plates import SHAPES, ControlPlaces, PlateSettings, lay_out_plates
from biotl_core.planning.selection import AIMS
from biotl_core.runs.folder import launch, read_config, read_result
from biotl_core.runs.json_files import read_json
from biotl_core.runs.plans import PlanRequest, read_plan, start_plan
from biotl_core.runs.rounds import create_next_round, read_measurements
from biotl_core.runs.status import read_status
from biotl_core.verbs.answering import add_json, finished_run, follow, print_json, tell, writable
from biotl_core.wording import say_count, say_number

_SHOWN = 10


def add_next(all_verbs: Any) -> None:
    """Add the verb `next` to the parser."""
    usual, plate = PlanRequest(), PlateSettings()
    verb = all_verbs.add_parser("next", help="what to measure next, by a finished run", allow_abbrev=False)
    verb.add_argument("run", metavar="RUN", help="its folder, or its name in BioTL's home")
    verb.add_argument("-o", "--output", metavar="OUT.csv", required=True)
    source = verb.add_mutually_exclusive_group()
    source.add_argument("--candidates", metavar="DATA", help="a list of sequences to choose from")
    source.add_argument("--mutants", choices=("singles", "doubles"), help="of the parent (default: singles)")
    verb.add_argument("--parent", metavar="SEQUENCE", help="default: what the run's variants have in common")
    verb.add_argument("--number", type=int, default=usual.n, help="how many to choose")
    verb.add_argument("--aim", choices=tuple(AIMS), default=usual.aim)
    verb.add_argument("--minimise", action="store_true", help="low values are wanted")
    verb.add_argument("--outcome", metavar="CLASS", help="the class that is wanted, for runs of classes")
    verb.add_argument(
        "--boldness", type=float, default=usual.boldness, help="standard deviations that count as possible"
    )
    verb.add_argument("--diversity", type=float, default=usual.diversity, help="0 takes no care, 1 a lot")
    wells = verb.add_argument_group("plates")
    wells.add_argument("--plates", metavar="OUT.csv", help="also write a plate layout")
    wells.add_argument("--wells", type=int, choices=tuple(SHAPES), default=plate.size)
    for name in ("replicates", "parent_wells", "negative_wells", "positive_wells", "blank_wells"):
        wells.add_argument("--" + name.replace("_", "-"), type=int, default=getattr(plate, name))
    wells.add_argument("--controls", choices=get_args(ControlPlaces), default=plate.controls)
    wells.add_argument("--no-edge", action="store_true", help="leave the wells at the rim empty")
    wells.add_argument("--in-order", action="store_true", help="candidates by rank and not at random places")
    wells.add_argument("--seed", type=int, default=plate.seed)
    add_json(verb)
    verb.set_defaults(do=do_next)


def do_next(options: argparse.Namespace) -> int:
    """Choose in a worker, watch it, and write the choice where it was asked for."""
    run_folder = finished_run(options.run)
    output = writable(options.output)
    plates_output = writable(options.plates) if options.plates else None
    settings = _plate_settings(options)
    new, source = None, ""
    if options.candidates:
        raw = read_file(Path(options.candidates))
        new, source = check_new_sequences(raw, read_config(run_folder)["modality"]), raw.source
        if len(new.refused):
            tell(options, format_refused(new.refused))
    kind = "list" if options.candidates else options.mutants or "singles"
    request = PlanRequest(
        kind, options.number, options.aim, not options.minimise, options.boldness, options.diversity,
        options.outcome, options.parent.strip().upper() if options.parent else None,
    )  # fmt: skip
    folder = start_plan(run_folder, request, new, source)
    if (status := follow(folder, options)) != 0:
        return status
    plan = read_plan(folder)
    plan.chosen.to_csv(output, index=False)
    if plates_output is not None:
        names, sequences = plan.chosen["name"].tolist(), plan.chosen["sequence"].tolist()
        plates = lay_out_plates(names, sequences, settings, plan.result.get("parent") or "")
        plates.to_csv(plates_output, index=False)
    if options.json:
        answer = {**plan.result, "output": str(output), "plates": options.plates, "folder": str(folder)}
        print_json(answer | {"chosen": plan.chosen.to_dict("records")})
        return 0
    result = plan.result
    print(f"{output}: {say_count(len(plan.chosen), 'candidate')} of {result['n_candidates']:,}.")
    print(
        f"Guessed from {result['n_used']:,} measurements; leaving one out after the other, Spearman "
        f"{say_number(result['spearman'])}, and {result['coverage']:.0%} lie within their interval of "
        f"{result['interval']:.0%}."
    )
    first = plan.chosen.head(_SHOWN)
    rows = zip(
        first["name"], *(map(say_number, first[c]) for c in ("expected", "lower", "upper")), strict=True
    )
    print(format_table(("first choices", "expected", "at least", "at most"), rows))
    return 0


def _plate_settings(options: argparse.Namespace) -> PlateSettings:
    settings = PlateSettings(
        options.wells, options.replicates, options.parent_wells, options.negative_wells, options.positive_wells,
        options.blank_wells, options.controls, not options.no_edge, not options.in_order, options.seed,
    )  # fmt: skip
    if options.plates:
        lay_out_plates(["one"], ["M"], settings)  # what cannot be laid out is told before the work
    return settings


def add_add_round(all_verbs: Any) -> None:
    """Add the verb `add-round` to the parser."""
    verb = all_verbs.add_parser(
        "add-round", help="add new measurements to a run's data and train again", allow_abbrev=False
    )
    verb.add_argument("run", metavar="RUN", help="its folder, or its name in BioTL's home")
    verb.add_argument("data", metavar="DATA", help="the new measurements")
    verb.add_argument(
        "--folder", metavar="FOLDER", help="of the new run (default: a new one in BioTL's home)"
    )
    verb.add_argument("--sequence", metavar="COLUMN")
    verb.add_argument("--target", metavar="COLUMN")
    add_json(verb)
    verb.set_defaults(do=do_add_round)


def do_add_round(options: argparse.Namespace) -> int:
    """Append, tell how good the guesses were, train in a worker, and print the answer."""
    run_folder = finished_run(options.run)
    raw = read_file(Path(options.data))
    new = read_measurements(raw, run_folder, sequence=options.sequence, target=options.target)
    folder, sentence = create_next_round(
        run_folder, new, raw.source, Path(options.folder) if options.folder else None
    )
    tell(options, sentence)
    review = read_json(folder / "review.json")
    tell(options, _say_review(review))
    launch(folder)
    tell(options, f"Run folder: {folder}")
    if (status := follow(folder, options)) != 0:
        return status
    result = read_result(folder)
    if result is None:
        raise UserError(f"The run '{folder.name}' wrote no result.")
    if options.json:
        print_json({"folder": str(folder), "sentence": sentence, "review": review, "result": result})
        return 0
    print(read_status(folder).message)
    print(format_scores(result))
    return 0


def _say_review(review: dict[str, Any] | None) -> str:
    if review is None:
        return "Nothing had been predicted for these sequences, so there is no guess to judge."
    return (
        f"Of {review['n']:,} guesses Spearman {say_number(review['spearman'])}; {review['n_hits']:,} hits "
        f"({review['hit_rate']:.0%}, where 10 % would be as before)."
    )
