"""What the verbs share: where an answer goes, how a run is named and followed, how things are told."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from biotl_core.errors import UserError
from biotl_core.runs.folder import find_run, read_config
from biotl_core.runs.following import follow_run
from biotl_core.runs.json_files import to_plain
from biotl_core.runs.status import read_status

_EXIT_STATUS = {"finished": 0, "failed": 1, "stopped": 3}


def add_json(verb: argparse.ArgumentParser) -> None:
    """The options that every verb has."""
    verb.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    verb.add_argument("--quiet", action="store_true", help="no progress on standard error")


def named_run(text: str) -> Path:
    """A run by its folder, or by its name in BioTL's home."""
    folder = Path(text)
    return folder.resolve() if folder.is_dir() else find_run(text)


def finished_run(text: str) -> Path:
    """A finished training by its folder or name; UserError for any other run."""
    folder = named_run(text)
    kind, status = read_config(folder)["kind"], read_status(folder)
    if kind != "train" or status.state != "finished":
        raise UserError(
            f"The run '{folder.name}' is not a finished training ({kind}, {status.state}). Choose another."
        )
    return folder


def writable(text: str) -> Path:
    """Where the answer shall go, checked before the work is done."""
    path = Path(text)
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise UserError(
            f"Cannot write '{path}': it is a folder, or its folder is not there. Choose another file."
        )
    return path


def follow(folder: Path, options: argparse.Namespace) -> int:
    """Watch a run to its end; the exit status, with the sentence told where it did not finish."""

    def show(line: str) -> None:
        end = "" if line.endswith("\r") else "\n"
        print(f"\x1b[2K{line}" if sys.stderr.isatty() else line, end=end, file=sys.stderr, flush=True)

    status = follow_run(folder, _silent if options.quiet else show, sys.stderr.isatty())
    if status.state != "finished":
        print(status.message, file=sys.stderr)
    return _EXIT_STATUS[status.state]


def _silent(line: str) -> None:
    return None


def tell(options: argparse.Namespace, sentence: str) -> None:
    """A sentence on standard error, unless `--quiet`."""
    if not options.quiet:
        print(sentence, file=sys.stderr)


def print_json(value: Any) -> None:
    """The one JSON object of `--json`; numbers that are not finite become null."""
    print(json.dumps(to_plain(value), indent=1, allow_nan=False))
