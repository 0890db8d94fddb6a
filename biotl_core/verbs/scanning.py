"""The verb `scan`: the effect of every substitution of a sequence, as a CSV."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from biotl_core.answers import format_refused, format_table
from biotl_core.backbones.catalogue import find_backbone
from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.scans import read_scan, start_backbone_scan, start_run_scan
from biotl_core.verbs.answering import add_json, finished_run, follow, print_json, tell, writable
from biotl_core.wording import say_count, say_number

_SHOWN_BEST = 5


def add_scan(all_verbs: Any) -> None:
    """Add the verb to the parser."""
    verb = all_verbs.add_parser("scan", help="the effect of every substitution", allow_abbrev=False)
    verb.add_argument("data", metavar="SEQUENCE|FASTA", help="letters, or a file of sequences")
    judge = verb.add_mutually_exclusive_group(required=True)
    judge.add_argument(
        "--backbone", metavar="NAME|PATH", help="judge by a backbone as it is, without measurements"
    )
    judge.add_argument("--run", metavar="RUN", help="judge by a finished run")
    verb.add_argument("-o", "--output", metavar="OUT.csv", required=True)
    verb.add_argument(
        "--marginals", choices=("auto", "masked", "wild_type"), default="auto",
        help="backbones only: hide each position while asking about it, or read once (quick); auto: as it does best",
    )  # fmt: skip
    verb.add_argument(
        "--outcome", metavar="CLASS", help="runs of classes: the one whose probability is followed"
    )
    verb.add_argument("--sequence", metavar="COLUMN")
    verb.add_argument("--name-column", metavar="COLUMN")
    verb.add_argument("--device", default="cpu", help="backbones only: cpu, cuda, ...")
    add_json(verb)
    verb.set_defaults(do=do_scan)


def do_scan(options: argparse.Namespace) -> int:
    """Scan in a worker, watch it, and copy the answer where it was asked for."""
    output = writable(options.output)
    folder = _start(options, _read(options.data))
    if (status := follow(folder, options)) != 0:
        return status
    shutil.copyfile(folder / "scan.csv", output)
    found, result = read_scan(folder), read_result(folder) or {}
    if options.json:
        positions = {scan.name: scan.position_table().to_dict("records") for scan in found.scans}
        print_json({**result, "output": str(output), "folder": str(folder), "positions": positions})
        return 0
    print(f"{output}: {say_count(result['n_substitutions'], 'substitution')}, {result['effect_title']}.")
    for note in filter(None, [result.get("note")]):
        print(note)
    for scan in found.scans:
        best = scan.table().nlargest(_SHOWN_BEST, "effect")
        print(
            format_table(
                (f"best of {scan.name}", "effect"),
                zip(best["mutation"], map(say_number, best["effect"]), strict=True),
            )
        )
    return 0


def _start(options: argparse.Namespace, raw: RawTable) -> Path:
    columns = {"sequence": options.sequence, "name": options.name_column}
    if options.run:
        run_folder = finished_run(options.run)
        new = check_new_sequences(raw, read_config(run_folder)["modality"], **columns)
        tell(options, format_refused(new.refused)) if len(new.refused) else None
        return start_run_scan(run_folder, new, raw.source, options.outcome)
    backbone = find_backbone(options.backbone)
    new = check_new_sequences(raw, backbone.modality, **columns)
    tell(options, format_refused(new.refused)) if len(new.refused) else None
    return start_backbone_scan(backbone, new, raw.source, options.marginals, options.device)


def _read(text: str) -> RawTable:
    """A file where there is one of this name, else the letters themselves."""
    if Path(text).exists():
        return read_file(Path(text))
    if not text.strip().isalpha():
        raise UserError(
            f"There is no file '{text}', and it is no sequence of letters either. Name a file or a sequence."
        )
    return read_pasted_sequences(text)
