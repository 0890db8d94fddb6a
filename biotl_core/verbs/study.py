"""`study`: further trainings on the data of a finished run, to learn what would change the answer."""

import argparse
from typing import Any

from biotl_core.answers import format_table
from biotl_core.runs.folder import read_result
from biotl_core.runs.status import read_status
from biotl_core.runs.studies import STUDIES, start_study
from biotl_core.verbs.answering import add_json, finished_run, follow, print_json, tell
from biotl_core.wording import say_interval, say_number


def add_study(all_verbs: Any) -> None:
    """The verb with its options."""
    verb = all_verbs.add_parser(
        "study", help="would another method, seed, split, more data or other settings change the answer?"
    )
    verb.add_argument("run", metavar="RUN", help="its folder, or its name in BioTL's home")
    about = "; ".join(
        f"{name}: {study.question.split('?')[0].split(',')[0]}" for name, study in STUDIES.items()
    )
    verb.add_argument("--of", choices=tuple(STUDIES), default="ladder", help=about)
    verb.add_argument("--n", type=int, metavar="N", help="how many trainings (default: what suits the study)")
    add_json(verb)
    verb.set_defaults(do=do_study)


def do_study(options: argparse.Namespace) -> int:
    """Start a study of a finished run, watch it, and print the answer."""
    folder = start_study(finished_run(options.run), options.of, options.n)
    tell(options, f"Study folder: {folder}")
    status = follow(folder, options)
    if status != 0:
        return status
    result = read_result(folder) or {}
    if options.json:
        print_json(result)
        return 0
    print(read_status(folder).message)
    rows = [
        (
            row["label"],
            f"{row['n_train']:,}",
            f"{say_number(row['score'])} {say_interval(row['low'], row['high'])}",
        )
        for row in result["rows"]
    ]
    print(format_table(["training", "sequences", result["headline"]], rows))
    return 0
