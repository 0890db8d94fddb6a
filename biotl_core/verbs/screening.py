"""The verbs of drug screening: learn from an assay table, and rank a library with what was learned."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from biotl_core.answers import format_table
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.home import home_folder, safe_name
from biotl_core.runs.folder import KIND_FOLDERS, find_run, read_result
from biotl_core.runs.json_files import read_json
from biotl_core.runs.screening_requests import (
    SCREENING_KINDS,
    read_hits,
    read_targets,
    start_assay,
    start_pairs,
    start_repurposing,
    start_screen,
)
from biotl_core.runs.status import read_status
from biotl_core.runs.target_proteins import TargetProtein, pick_target, read_target_proteins
from biotl_core.screening.assays import say_assay_answer, say_pair_answer
from biotl_core.screening.choosing import SPLIT_TITLES
from biotl_core.screening.drawing import as_sdf
from biotl_core.screening.intake import guess_assay_reading
from biotl_core.screening.pairs import ADAPTED, ADAPTERS, PairInputs, guess_pair_reading
from biotl_core.screening.ranking import AIMS
from biotl_core.screening.scores import SCORES
from biotl_core.screening.units import UNITS
from biotl_core.verbs.answering import add_json, follow, print_json, tell, writable
from biotl_core.wording import say_number

_SHOWN_HITS = 20
_SDF_COLUMNS = ("rank", "prediction", "low", "high", "similarity", "nearest_name", "qed", "pains", "brenk")


def add_assay(all_verbs: Any) -> None:
    """The options of `assay`."""
    verb = all_verbs.add_parser("assay", help="learn from an assay table of one target", allow_abbrev=False)
    verb.add_argument("data", metavar="DATA", help="a table of molecules and what was measured")
    verb.add_argument("--run", metavar="FOLDER", help="a new or empty folder (default: one in BioTL's home)")
    verb.add_argument("--smiles", metavar="COLUMN", help="column of the molecules")
    verb.add_argument("--value", metavar="COLUMN", help="column of what was measured")
    verb.add_argument("--name-column", metavar="COLUMN", help="column of the names")
    verb.add_argument("--unit", choices=tuple(UNITS), help="unit of the values (default: guessed)")
    verb.add_argument("--concentration", type=float, metavar="MOLAR", help="for percent: at which mol/l")
    verb.add_argument("--split", choices=tuple(SPLIT_TITLES), default="scaffold", help="what is held out")
    verb.add_argument("--backbone", metavar="NAME|PATH", help="a pretrained molecule model to try as well")
    verb.add_argument("--threshold", type=float, help="values at or above it count as active")
    verb.add_argument("--time-column", metavar="COLUMN", help="dates or years, for --split time")
    verb.add_argument("--seed", type=int, default=0)
    _add_repeats(verb)
    _add_target(verb, "the target protein, for the record and for viewing")
    add_json(verb)
    verb.set_defaults(do=do_assay)


def add_screen(all_verbs: Any) -> None:
    """The options of `screen`."""
    verb = all_verbs.add_parser("screen", help="rank a library of molecules", allow_abbrev=False)
    verb.add_argument(
        "run", metavar="RUN", help="a finished assay, pair or training run: its folder or its name"
    )
    verb.add_argument(
        "library", metavar="LIBRARY", nargs="?", help="SMILES file, CSV, TSV, SDF or Parquet of any length"
    )
    verb.add_argument("-o", "--output", metavar="OUT.csv|OUT.sdf", required=True)
    verb.add_argument(
        "--molecule", metavar="SMILES", help="for a run of pairs: rank its target proteins instead"
    )
    verb.add_argument("--top", type=int, default=200, help="how many of the best to write")
    _add_target(verb, "for a run of pairs: which protein to rank against")
    verb.add_argument("--aim", choices=tuple(AIMS), default="best", help="what they are sorted by")
    verb.add_argument("--smiles", metavar="COLUMN")
    verb.add_argument("--name-column", metavar="COLUMN")
    add_json(verb)
    verb.set_defaults(do=do_screen)


def add_pair_options(verb: argparse.ArgumentParser) -> None:
    """What `train --partner` takes beside the options of every training."""
    pairs = verb.add_argument_group("pairs of molecules and target proteins")
    pairs.add_argument(
        "--partner", metavar="COLUMN", help="column of target proteins: learn pairs with the molecules"
    )
    pairs.add_argument(
        "--partner-backbone",
        metavar="NAME|PATH",
        help="a pretrained protein model that the towers read (--backbone names one for the molecules)",
    )
    pairs.add_argument(
        "--only-backbones",
        action="store_true",
        help="leave out fingerprints and composition where there is a pretrained model",
    )
    pairs.add_argument(
        "--adapter",
        choices=tuple(ADAPTERS),
        help="adjust the pretrained models too (little use for new targets)",
    )
    pairs.add_argument("--adapted", choices=ADAPTED, default="both", help="which of them is adjusted")
    _add_repeats(pairs)


def _add_repeats(verb: Any) -> None:
    verb.add_argument("--seeds", type=int, default=1, metavar="N", help="learn and judge with so many seeds")


def _add_target(verb: Any, about: str) -> None:
    verb.add_argument("--target-protein", metavar="FILE", help=f"FASTA, PDB or mmCIF: {about}")
    verb.add_argument("--chain", metavar="NAME", help="which chain or record of that file is the target")


def do_assay(options: argparse.Namespace) -> int:
    """Learn from an assay table, and say how good that is."""
    path = Path(options.data)
    raw = read_file(path)
    reading = guess_assay_reading(
        raw, smiles=options.smiles, value=options.value, name=options.name_column, unit=options.unit,
        concentration_molar=options.concentration, time=options.time_column,
    )  # fmt: skip
    tell(options, f"Molecules in {reading.smiles_column}, values in {reading.value_column} ({reading.unit}).")
    folder = start_assay(
        path, path.name, reading, split=options.split, backbone=options.backbone, threshold=options.threshold,
        target=_target_of(options), seed=options.seed, n_seeds=options.seeds,
        folder=Path(options.run) if options.run else None,
    )  # fmt: skip
    if status := follow(folder, options):
        return status
    result = read_result(folder) or {}
    if options.json:
        audit = read_json(folder / "audit.json")
        told = [{key: value for key, value in one.items() if key != "table"} for one in audit]
        print_json({"run": str(folder), **result, "audit": told})
    else:
        print(format_assay(folder, result))
    return 0


def format_assay(folder: Path, result: dict[str, Any]) -> str:
    """The answer, the audit, and every model on the test part."""
    lines = [result["sentence"], say_assay_answer(result), *result["notes"], ""]
    lines += [
        f"[{one['severity']}] {one['title']}: {one['sentence']}" for one in read_json(folder / "audit.json")
    ]
    names = list(next(iter(result["models"].values()))["test"])
    rows = [
        [_marked(name, result), *(say_number(one["test"].get(n)) for n in names)]
        for name, one in result["models"].items()
    ]
    table = format_table(["test part", *(SCORES[name].title for name in names)], rows)
    return "\n".join([*lines, "", table, "* chosen on inner folds of the training part", f"Run: {folder}"])


def do_pairs(options: argparse.Namespace) -> int:
    """`train --partner`: learn molecules and target proteins together, and say what to rely on."""
    path = Path(options.data)
    raw = read_file(path)
    target = options.target[0] if options.target else None
    reading = guess_pair_reading(
        raw, options.partner, smiles=options.sequence, value=target, name=options.name_column,
        time=options.split_column,
    )  # fmt: skip
    if options.part:
        reading = reading._replace(part_column=options.part)
    split = options.split or ("given" if reading.part_column else "warm")
    tell(
        options,
        f"Molecules in {reading.assay.smiles_column}, target proteins in {reading.partner_column}, values in "
        f"{reading.assay.value_column} ({reading.assay.unit}); split {split}.",
    )
    backbones = options.backbone, options.partner_backbone
    inputs = PairInputs(*backbones, options.only_backbones, options.adapter, options.adapted)
    folder = start_pairs(
        path, path.name, reading, split=split, seed=getattr(options, "seed", 0), n_seeds=options.seeds, inputs=inputs,
        folder=Path(options.run) if options.run else None,
    )  # fmt: skip
    if status := follow(folder, options):
        return status
    result = read_result(folder) or {}
    if options.json:
        print_json({"run": str(folder), **result})
    else:
        print(format_pairs(folder, result))
    return 0


def format_pairs(folder: Path, result: dict[str, Any]) -> str:
    """The answer, the audit, and every method on the test part."""
    lines = [result["sentence"], result["split_sentence"], say_pair_answer(result), ""]
    lines += [
        f"[{one['severity']}] {one['title']}: {one['sentence']}" for one in read_json(folder / "audit.json")
    ]
    names = list(next(iter(result["models"].values()))["test"])
    titles = [SCORES[name].title if name in SCORES else "within targets" for name in names]
    rows = [
        [_marked(name, result), *(say_number(one["test"].get(n)) for n in names)]
        for name, one in result["models"].items()
    ]
    controls = ", ".join(f"{name} {say_number(value)}" for name, value in result["controls"].items())
    return "\n".join(
        [
            *lines, "", format_table(["test part", *titles], rows), "* chosen on the validation part",
            f"Correlation of the towers with the pairs: {controls}", f"Run: {folder}",
        ]
    )  # fmt: skip


def _marked(name: str, result: dict[str, Any]) -> str:
    return result["titles"][name] + (" *" if name == result["chosen"] else "")


def do_screen(options: argparse.Namespace) -> int:
    """Rank a library and write the best as CSV or SDF."""
    output, run = writable(options.output), _named_assay(options.run)
    if options.molecule:
        return _do_repurposing(options, run, output)
    if options.library is None:
        raise UserError(
            "Name the library to rank, or one molecule for all target proteins (--molecule SMILES)."
        )
    library = Path(options.library)
    folder = start_screen(
        run, library, library.name, top=options.top, aim=options.aim, smiles=options.smiles,
        name_column=options.name_column, target=_target_of(options),
    )  # fmt: skip
    if status := follow(folder, options):
        return status
    hits = read_hits(folder)
    unfinished = output.with_name(f".{output.name}")
    if output.suffix.lower() == ".sdf":
        unfinished.write_text(as_sdf(hits, _SDF_COLUMNS), encoding="utf-8")
    else:
        hits.to_csv(unfinished, index=False)
    shutil.move(unfinished, output)
    result = read_result(folder) or {}
    if options.json:
        print_json({"run": str(folder), "output": str(output), **result})
        return 0
    shown = hits.head(_SHOWN_HITS)
    columns = ["rank", "name", "prediction", "low", "high", "similarity", "qed", "pains", "smiles"]
    rows = [map(_said, row) for row in shown[columns].itertuples(index=False)]
    print(format_table(columns, rows))
    print(read_status(folder).message)
    return 0


def _do_repurposing(options: argparse.Namespace, run: Path, output: Path) -> int:
    """`screen RUN --molecule SMILES`: every target protein of a run of pairs for one molecule."""
    folder = start_repurposing(run, options.molecule)
    if status := follow(folder, options):
        return status
    table = read_targets(folder)
    table.to_csv(output, index=False)
    if options.json:
        print_json({"run": str(folder), "output": str(output), **(read_result(folder) or {})})
    else:
        print(
            format_table(
                list(table), [map(_said, row) for row in table.head(_SHOWN_HITS).itertuples(index=False)]
            )
        )
    return 0


def _said(value: Any) -> Any:
    return say_number(value) if isinstance(value, float) else value


def _named_assay(text: str) -> Path:
    """A run that can rank, by its folder or by its name in BioTL's home; assays go before pairs and trainings."""
    folder = Path(text)
    if folder.is_dir():
        return folder.resolve()
    places = {kind: home_folder() / KIND_FOLDERS[kind] / safe_name(text) for kind in SCREENING_KINDS}
    return find_run(text, next((kind for kind, place in places.items() if place.is_dir()), "assay"))


def _target_of(options: argparse.Namespace) -> TargetProtein | None:
    """The target protein of `--target-protein`; None where none was given."""
    if options.target_protein is None:
        return None
    path = Path(options.target_protein)
    return pick_target(read_target_proteins(path), options.chain, path.name)
