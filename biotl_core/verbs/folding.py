"""The verb `fold`: sequences to structures."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.runs.foldings import MODELS, read_foldings, sequences_of, start_folding
from biotl_core.runs.status import read_status
from biotl_core.structures.chains import structure_files
from biotl_core.structures.engines import ENGINES, FoldSettings, why_out_of_reach
from biotl_core.verbs.answering import add_json, follow, print_json, tell
from biotl_core.wording import say_number


def add_fold(all_verbs: Any) -> None:
    """The options of `fold`."""
    verb = all_verbs.add_parser("fold", help="predict structures of protein sequences", allow_abbrev=False)
    verb.add_argument("data", metavar="DATA", help="FASTA or a table of sequences; ':' separates chains")
    verb.add_argument("-o", "--output", metavar="FOLDER", required=True, help="a new or empty folder")
    verb.add_argument("--engine", choices=("auto", *ENGINES), default="auto")
    verb.add_argument("--structures", metavar="DIR", help="folder with PDB or mmCIF files of relatives")
    for entry in fields(FoldSettings):
        option = "--" + entry.name.replace("_", "-")
        about = f"{entry.metadata['help']} ({', '.join(entry.metadata['engines'])})".replace("%", "%%")
        if entry.type is bool:
            verb.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=about)
        else:
            kind = next((k for k in (int, float) if k in (get_args(entry.type) or (entry.type,))), str)
            verb.add_argument(option, type=kind, default=argparse.SUPPRESS, help=about)
    add_json(verb)
    verb.set_defaults(do=do_fold)


def do_fold(options: argparse.Namespace) -> int:
    """Fold the sequences in a run folder of its own worker, and print what came out."""
    structures = structure_files(Path(options.structures)) if options.structures else []
    engine = choose_engine(options.engine, bool(structures))
    settings = FoldSettings(
        **{
            entry.name: getattr(options, entry.name)
            for entry in fields(FoldSettings)
            if hasattr(options, entry.name)
        }
    )
    sequences = sequences_of(read_file(Path(options.data)))
    folder = start_folding(sequences, engine, structures, settings, options.data, Path(options.output))
    tell(options, f"Run folder: {folder}")
    status = follow(folder, options)
    if status != 0:
        return status
    table = read_foldings(folder)
    if options.json:
        print_json({"run": str(folder), "engine": engine, "models": table.to_dict("records")})
        return 0
    print(read_status(folder).message)
    for row in table.to_dict("records"):
        told = f"confidence {say_number(row['mean_confidence'])}" if row["folder"] else row["problem"]
        print(f"{row['name']}: {told}")
    print(f"The models are in {folder / MODELS}")
    return 0


def choose_engine(name: str, has_structures: bool) -> str:
    """`auto` takes the relatives' structures where they are given, else the first network that is here."""
    if name != "auto":
        return name
    if has_structures:
        return "template"
    for engine in ("esmfold2", "esmfold"):
        if why_out_of_reach(ENGINES[engine]) is None:
            return engine
    raise UserError(
        "No engine is ready: give a folder with structures of relatives (--structures DIR), or download ESMFold on "
        "the page Models."
    )
