"""The verb `train-distances`: contacts or distances between residues learned from structures."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from biotl_core.errors import UserError
from biotl_core.runs.distances import create_distances, read_distances, rivals, say_answer, say_cost
from biotl_core.runs.folder import find_run, launch, read_config, resume_run
from biotl_core.structures.chains import read_folder
from biotl_core.structures.distance_settings import ESMFOLD, HEAD, USUAL, DistanceSettings
from biotl_core.structures.pair_measures import PAIR_METRICS
from biotl_core.structures.pair_sets import (
    PAIR_TARGETS,
    PairSet,
    find_pair_set,
    list_pair_sets,
    make_pair_set,
)
from biotl_core.verbs.answering import add_json, follow, print_json, tell
from biotl_core.wording import say_number


def add_distances(all_verbs: Any) -> None:
    """The options of `train-distances`."""
    verb = all_verbs.add_parser(
        "train-distances", help="learn contacts or distances from structures", allow_abbrev=False
    )
    verb.add_argument(
        "data",
        metavar="DIR",
        nargs="?",
        help="folder with PDB or mmCIF files, or the name of a set made on the page",
    )
    verb.add_argument("--what", choices=tuple(PAIR_TARGETS), default="contacts")
    for setting in fields(DistanceSettings):
        verb.add_argument(
            "--" + setting.name.replace("_", "-"),
            type=type(setting.default),
            default=argparse.SUPPRESS,
            help=setting.metadata["help"].replace("%", "%%"),
        )
    verb.add_argument(
        "--run", metavar="FOLDER", help="a new or empty folder (default: a new one in BioTL's home)"
    )
    verb.add_argument("--resume", metavar="RUN", help="go on with a stopped or failed run, by folder or name")
    add_json(verb)
    verb.set_defaults(do=do_distances)


def do_distances(options: argparse.Namespace) -> int:
    """Learn in a worker, watch it, and tell how right it is beside what needs less."""
    folder = _resume(options.resume) if options.resume else _start(options)
    tell(options, f"Run folder: {folder}")
    if (status := follow(folder, options)) != 0:
        return status
    result = read_distances(folder)
    if options.json:
        print_json({"run": str(folder), "answer": say_answer(result), **result})
        return 0
    print(say_answer(result))
    for metric, value in result["test"].items():
        beside = ", ".join(f"{one.title.lower()} {say_number(one.value)}" for one in rivals(result, metric))
        print(f"  {PAIR_METRICS[metric].title}: {say_number(value)}" + (f" ({beside})" if beside else ""))
    option = "esmfold --adapter" if result["method"] == ESMFOLD else "learned --head"
    print(f"fold SEQUENCES --engine {option} {folder.name} -o FOLDER uses it.")
    return 0


def _start(options: argparse.Namespace) -> Path:
    if not options.data:
        raise UserError("Name a folder with structures: train-distances DIR --what contacts|distances.")
    pair_set = _read(options)
    for note in (pair_set.sentence, *pair_set.notes, *(f"{name}: {why}." for name, why in pair_set.left_out)):
        tell(options, note)
    given = {s.name: getattr(options, s.name) for s in fields(DistanceSettings) if hasattr(options, s.name)}
    settings = DistanceSettings(**(USUAL.get(given.get("method", HEAD), {}) | given))
    folder = create_distances(pair_set, settings, folder=Path(options.run) if options.run else None)
    tell(options, say_cost(pair_set, settings))
    launch(folder)
    return folder


def _read(options: argparse.Namespace) -> PairSet:
    """A folder where there is one of this name, else a set of the page."""
    if not Path(options.data).exists() and options.data in list_pair_sets():
        return PairSet.load(find_pair_set(options.data))
    chains, problems = read_folder(Path(options.data))
    for problem in problems:
        tell(options, problem)
    return make_pair_set(chains, options.what, Path(options.data).name)


def _resume(text: str) -> Path:
    folder = Path(text).resolve() if Path(text).is_dir() else find_run(text, "distances")
    if read_config(folder)["kind"] != "distances":
        raise UserError(f"The run '{folder.name}' has not learned distances. Choose another one.")
    resume_run(folder)
    return folder
