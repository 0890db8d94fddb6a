"""The verb `train-homology`: a head that judges relatives, learned from labelled pairs of proteins."""

import argparse
from pathlib import Path
from typing import Any

from biotl_core.errors import UserError
from biotl_core.genomes.homology_pairs import read_pairs
from biotl_core.runs.folder import find_run, launch, read_config, read_result, resume_run
from biotl_core.runs.homology import VIEWS, create_homology
from biotl_core.verbs.answering import add_json, follow, print_json, tell


def add_homology(all_verbs: Any) -> None:
    """The options of `train-homology`."""
    verb = all_verbs.add_parser(
        "train-homology", help="learn from labelled pairs which proteins are related", allow_abbrev=False
    )
    verb.add_argument("pairs", metavar="PAIRS", nargs="?", help="a table with a row a pair")
    verb.add_argument(
        "--first", metavar="COLUMN", help="one protein of each pair (default: the first column)"
    )
    verb.add_argument("--second", metavar="COLUMN", help="the other protein (default: the second column)")
    verb.add_argument("--label", metavar="COLUMN", help="1 homologs, 0 unrelated (default: the third column)")
    verb.add_argument(
        "--sequences", metavar="FILE", help="FASTA or table of id and sequence, where PAIRS holds ids"
    )
    verb.add_argument(
        "--run", metavar="FOLDER", help="a new or empty folder (default: a new one in BioTL's home)"
    )
    verb.add_argument("--resume", metavar="RUN", help="go on with a stopped or failed run, by folder or name")
    add_json(verb)
    verb.set_defaults(do=do_homology)


def do_homology(options: argparse.Namespace) -> int:
    """Learn in a worker, watch it, and tell whether it helped beside what needs less."""
    folder = _resume(options.resume) if options.resume else _start(options)
    tell(options, f"Run folder: {folder}")
    if (status := follow(folder, options)) != 0:
        return status
    result = read_result(folder) or {}
    if options.json:
        print_json({"run": str(folder), **result})
        return 0
    print(result["sentence"])
    for view, metrics in result["scores"].items():
        told = ", ".join(
            f"{metric} {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
            for metric, one in metrics.items()
        )
        print(f"  {VIEWS[view]}: {told}")
    print(f"  {result['calibration']['sentence']}")
    if "reliability" in result["calibration"]:
        print(f"compare-genomes FILE FILE --head {folder if options.run else folder.name} uses it.")
    return 0


def _start(options: argparse.Namespace) -> Path:
    if not options.pairs:
        raise UserError("Name a table of pairs: train-homology PAIRS.")
    sequences = Path(options.sequences) if options.sequences else None
    pairs = read_pairs(Path(options.pairs), options.first, options.second, options.label, sequences)
    name = Path(options.pairs).name
    folder = create_homology(pairs, source=name, folder=Path(options.run) if options.run else None)
    launch(folder)
    return folder


def _resume(text: str) -> Path:
    folder = Path(text).resolve() if Path(text).is_dir() else find_run(text, "homology")
    if read_config(folder)["kind"] != "homology":
        raise UserError(f"The run '{folder.name}' has not learned from homologs. Choose another one.")
    resume_run(folder)
    return folder
