"""The shell twin: `python -m biotl_core VERB`, the same functions as behind the pages.

A mistake of the user is one sentence on standard error and exit status 2; a failed run gives 1, a stopped
one 3.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any, NoReturn, get_args

from biotl_core.data.split_settings import SPLITS
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.evaluation.uncertainty import COVERAGE
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Stopped
from biotl_core.screening.pair_splits import PAIR_SPLITS
from biotl_core.verbs import (
    adapting,
    benchmarking,
    distances,
    folding,
    genomes,
    homology,
    reporting,
    rounds,
    scanning,
    screening,
    structures,
    study,
    workflow,
)
from biotl_core.verbs.answering import add_json

USER_ERROR, STOPPED = 2, 3
_MODALITIES = ("protein", "dna", "molecule")


class _Parser(argparse.ArgumentParser):
    """Tells a wrong option in one line, like every other mistake."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    try:
        options = make_parser().parse_args(arguments)
        return options.do(options)
    except UserError as error:
        print(_in_one_line(str(error)), file=sys.stderr)
        return USER_ERROR
    except (KeyboardInterrupt, Stopped):
        print("Stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def make_parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    parser = _Parser(
        prog="python -m biotl_core", description="Transfer learning for biologists.", allow_abbrev=False
    )
    all_verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    for add in (
        _add_backbones,
        _add_check,
        _add_train,
        _add_predict,
        study.add_study,
        reporting.add_report,
        scanning.add_scan,
        rounds.add_next,
        rounds.add_add_round,
        folding.add_fold,
        structures.add_structures,
        distances.add_distances,
        genomes.add_compare_genomes,
        homology.add_homology,
        screening.add_assay,
        screening.add_screen,
        _add_embed,
        adapting.add_adapt,
        benchmarking.add_benchmark,
    ):
        add(all_verbs)
    return parser


def _add_backbones(all_verbs: Any) -> None:
    verb = all_verbs.add_parser("backbones", help="what is embedded, on this machine, or needs a download")
    verb.add_argument("--modality", choices=_MODALITIES)
    add_json(verb)
    verb.set_defaults(do=workflow.do_backbones)


def _add_check(all_verbs: Any) -> None:
    verb = all_verbs.add_parser("check", help="findings by row, and their repairs")
    _add_reading(verb)
    verb.add_argument("--repair", metavar="OUT.csv", help="write the table as it is after all safe repairs")
    add_json(verb)
    verb.set_defaults(do=workflow.do_check)


def _add_train(all_verbs: Any) -> None:
    verb = all_verbs.add_parser("train", help="tune a backbone to a table and judge it", allow_abbrev=False)
    _add_reading(verb, data_needed=False)
    verb.add_argument(
        "--run", metavar="FOLDER", help="a new or empty folder (default: a new one in BioTL's home)"
    )
    verb.add_argument(
        "--resume", action="store_true", help="go on with the stopped or failed run in --run FOLDER"
    )
    verb.add_argument("--backbone", metavar="NAME|PATH", help="default: the embedded one of the modality")
    verb.add_argument(
        "--split", choices=tuple({**SPLITS, **PAIR_SPLITS}), help="how train, validation and test are made"
    )
    verb.add_argument("--fractions", metavar="T,V,T", help="shares of the parts, such as 0.8,0.1,0.1")
    verb.add_argument("--identity", type=float, help="sequences more alike than this share a part (0 to 1)")
    verb.add_argument(
        "--coverage", type=float, help="share of both sequences that must align to count as alike (0 to 1)"
    )
    verb.add_argument("--split-column", metavar="COLUMN", help="the groups or times of --split group or time")
    verb.add_argument(
        "--repair", action=argparse.BooleanOptionalAction, default=True, help="mend what can be mended safely"
    )
    verb.add_argument(
        "--random-twin", action="store_true", help="also train the same backbone from random weights"
    )
    screening.add_pair_options(verb)
    settings = verb.add_argument_group("settings")
    for setting in fields(TrainingSettings):
        _add_setting(settings, setting)
    add_json(verb)
    verb.set_defaults(do=workflow.do_train)


def _add_predict(all_verbs: Any) -> None:
    verb = all_verbs.add_parser("predict", help="new sequences through a finished run", allow_abbrev=False)
    verb.add_argument("run", metavar="RUN", help="its folder, or its name in BioTL's home")
    verb.add_argument("data", metavar="DATA")
    verb.add_argument("-o", "--output", metavar="OUT.csv", required=True)
    verb.add_argument("--sequence", metavar="COLUMN")
    verb.add_argument("--name-column", metavar="COLUMN")
    verb.add_argument(
        "--coverage",
        type=float,
        default=COVERAGE,
        help="how often a range or set shall hold the true value (0.9)",
    )
    add_json(verb)
    verb.set_defaults(do=workflow.do_predict)


def _add_embed(all_verbs: Any) -> None:
    verb = all_verbs.add_parser(
        "embed", help="what a backbone makes of sequences, as numbers", allow_abbrev=False
    )
    verb.add_argument("data", metavar="DATA")
    verb.add_argument("--backbone", metavar="NAME|PATH", required=True)
    verb.add_argument("-o", "--output", metavar="OUT.parquet", required=True)
    verb.add_argument("--level", choices=("sequence", "residue"), default="sequence")
    verb.add_argument("--shard", metavar="I/N", help="only every N-th sequence, beginning with the I-th")
    verb.add_argument("--sequence", metavar="COLUMN")
    verb.add_argument("--name-column", metavar="COLUMN")
    add_json(verb)
    verb.set_defaults(do=workflow.do_embed)


def _add_reading(verb: argparse.ArgumentParser, data_needed: bool = True) -> None:
    verb.add_argument("data", metavar="DATA", nargs=None if data_needed else "?", help="a table of sequences")
    verb.add_argument("--sequence", metavar="COLUMN", help="column of the sequences")
    verb.add_argument(
        "--target", metavar="COLUMN", action="append", help="column of the target; repeat for labels"
    )
    verb.add_argument("--name-column", metavar="COLUMN", help="column of the names")
    verb.add_argument("--part", metavar="COLUMN", help="column that says train, validation or test")
    verb.add_argument("--modality", choices=_MODALITIES)
    verb.add_argument("--task", choices=tuple(TASKS))


def _add_setting(group: Any, setting: Field) -> None:
    """One option for one field of TrainingSettings; ranges and choices are checked there."""
    option = "--" + setting.name.replace("_", "-")
    about = setting.metadata["help"].replace("%", "%%")
    if setting.type is bool:
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=about
        )
        return
    kinds = get_args(setting.type) or (setting.type,)
    convert = next((kind for kind in (int, float) if kind in kinds), str)
    choices = setting.metadata["choices"]
    metavar = "|".join(choices) if choices else convert.__name__.upper()
    group.add_argument(option, type=convert, metavar=metavar, default=argparse.SUPPRESS, help=about)


def _in_one_line(text: str) -> str:
    """Whatever a file put into the sentence, the terminal sees one line of printable characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
