"""The verb `adapt`: a backbone goes on learning from sequences without a target, or a new one is made."""

import argparse
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.data.alphabets import guess_modality
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import guess_sequences, read_file
from biotl_core.data.saved_datasets import find_dataset, list_datasets
from biotl_core.data.unlabelled import HOLD_OUTS, Unlabelled, read_unlabelled, unlabelled_of
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.learning.adaptation_settings import AdaptationSettings, usual_learning_rate
from biotl_core.learning.speed import size_millions
from biotl_core.runs.adaptations import (
    HoldingOut,
    NewModel,
    create_adaptation,
    made_backbone,
    read_adaptation,
    say_cost,
    usual_letters,
)
from biotl_core.runs.folder import find_run, launch, read_config, read_result, resume_run
from biotl_core.runs.status import read_status
from biotl_core.verbs.answering import add_json, follow, print_json, tell
from biotl_core.wording import say_count

_PASSES_FROM_SCRATCH = 20


def add_adapt(all_verbs: Any) -> None:
    """Add the verb to the parser."""
    verb = all_verbs.add_parser(
        "adapt", help="let a backbone go on learning from sequences without a target", allow_abbrev=False
    )
    verb.add_argument("data", metavar="DATA", nargs="?", help="a file of sequences, or the name of a dataset")
    verb.add_argument("--backbone", metavar="NAME|PATH", help="what goes on learning")
    verb.add_argument("--name", help="how the new backbone is called")
    verb.add_argument("--letters", type=float, help="letters to learn from, repeats counted, such as 2e6")
    verb.add_argument(
        "--from-scratch", action="store_true", help="make a new backbone from random weights instead"
    )
    verb.add_argument("--modality", choices=("protein", "dna", "molecule"), help="of a new backbone")
    verb.add_argument("--width", type=int, default=NewModel().width, help="of a new backbone")
    verb.add_argument("--layers", type=int, default=NewModel().layers, help="of a new backbone")
    verb.add_argument("--sequence", metavar="COLUMN", help="column of the sequences")
    verb.add_argument(
        "--hold-out", choices=tuple(HOLD_OUTS), default="similarity", help="what it is judged by"
    )
    verb.add_argument("--share", type=float, default=HoldingOut().share, help="of the letters held out")
    verb.add_argument(
        "--identity", type=float, default=HoldingOut().identity, help="from which on two are similar"
    )
    for setting in fields(AdaptationSettings):
        if setting.name != "tokens":
            option = "--" + setting.name.replace("_", "-")
            verb.add_argument(
                option,
                type=setting.type,
                default=argparse.SUPPRESS,
                help=setting.metadata["help"].replace("%", "%%"),
            )
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    verb.add_argument(
        "--run", metavar="FOLDER", help="a new or empty folder (default: a new one in BioTL's home)"
    )
    verb.add_argument(
        "--resume", metavar="RUN", help="go on with a stopped or failed adaptation, by folder or name"
    )
    verb.add_argument("-o", "--output", metavar="FOLDER", help="also copy the new backbone to a new folder")
    add_json(verb)
    verb.set_defaults(do=do_adapt)


def do_adapt(options: argparse.Namespace) -> int:
    """Adapt in a worker, watch it, and tell whether it helped."""
    output = _new_folder(options.output) if options.output else None
    folder = _resume(options) if options.resume else _start(options)
    tell(options, f"Run folder: {folder}")
    if (status := follow(folder, options)) != 0:
        return status
    result, made = read_adaptation(folder), made_backbone(folder)
    if made is not None and output is not None:
        shutil.copytree(locate_backbone(made), output)
    if options.json:
        place = str(locate_backbone(made)) if made else None
        facts = {key: value for key, value in (read_result(folder) or {}).items() if key != "adaptation"}
        print_json(
            {"run": str(folder), "folder": place, **facts, **asdict(result), "verdict": result.verdict}
        )
        return 0
    print(read_status(folder).message)
    if made is not None:
        print(f"--backbone {made.name} takes it; it lies in {output or locate_backbone(made)}")
    return 0


def _start(options: argparse.Namespace) -> Path:
    if not options.data or not options.name or bool(options.backbone) == options.from_scratch:
        raise UserError(
            "Name a file of sequences, a name for the new backbone, and what to begin from: "
            "adapt DATA --name NAME --backbone BACKBONE, or --from-scratch in its place."
        )
    start = (
        NewModel(options.width, options.layers) if options.from_scratch else find_backbone(options.backbone)
    )
    unlabelled = _read(options, start)
    settings = _settings(options, start, unlabelled)
    holding_out = HoldingOut(options.hold_out, options.share, options.identity)
    folder = create_adaptation(
        unlabelled, start, options.name, settings, holding_out, device=options.device,
        folder=Path(options.run) if options.run else None,
    )  # fmt: skip
    found = f"{say_count(len(unlabelled.table), 'sequence')}, {unlabelled.n_letters:,} letters."
    for note in (found, *unlabelled.notes):
        tell(options, note)
    if isinstance(start, Backbone):
        device = resolve_device(options.device)
        tell(options, say_cost(start, unlabelled.table["sequence"].str.len().to_numpy(), settings, device))
    launch(folder)
    return folder


def _read(options: argparse.Namespace, start: Backbone | NewModel) -> Unlabelled:
    """A file where there is one of this name, else a dataset of the Data page."""
    if not Path(options.data).exists() and options.data in list_datasets():
        return unlabelled_of(Dataset.load(find_dataset(options.data)))
    raw = read_file(Path(options.data))
    if isinstance(start, Backbone):
        modality = start.modality
    else:
        column = options.sequence or guess_sequences(raw)[0]
        modality = options.modality or guess_modality(raw.table[column].head(1000))
    return read_unlabelled(raw, modality, sequence=options.sequence)


def _settings(
    options: argparse.Namespace, start: Backbone | NewModel, unlabelled: Unlabelled
) -> AdaptationSettings:
    """What was given, else what suits the backbone and the data."""
    given = {
        setting.name: getattr(options, setting.name)
        for setting in fields(AdaptationSettings)
        if hasattr(options, setting.name)
    }
    lengths = unlabelled.table["sequence"].str.len().to_numpy()
    if isinstance(start, Backbone):
        given.setdefault("learning_rate", usual_learning_rate(size_millions(start)))
        device = resolve_device(options.device)
        letters = options.letters or usual_letters(
            start, lengths, AdaptationSettings(tokens=1, **given), device
        )
    else:
        letters = options.letters or _PASSES_FROM_SCRATCH * unlabelled.n_letters
    settings = AdaptationSettings(tokens=letters, **given)  # refuses what is no number of letters
    return replace(settings, tokens=int(letters))


def _resume(options: argparse.Namespace) -> Path:
    folder = (
        Path(options.resume).resolve() if Path(options.resume).is_dir() else find_run(options.resume, "adapt")
    )
    if read_config(folder)["kind"] != "adapt":
        raise UserError(f"The run '{folder.name}' is no adaptation. Choose another one.")
    resume_run(folder)
    return folder


def _new_folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if folder.exists():
        raise UserError(
            f"'{text}' is there already; the backbone is copied to a new folder. Choose another name."
        )
    return folder
