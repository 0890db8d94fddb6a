"""The verbs `compare-structures` and `label`: models on a reference, and structures to a table to train on."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.errors import UserError
from biotl_core.structures.chains import ProteinChain, read_chains, read_folder
from biotl_core.structures.comparison import MATCHINGS, compare_all, score_table
from biotl_core.structures.labels import LABELS, make_dataset
from biotl_core.verbs.answering import add_json, print_json, tell, writable
from biotl_core.wording import say_count


def add_structures(all_verbs: Any) -> None:
    """The options of both verbs."""
    verb = all_verbs.add_parser(
        "compare-structures", help="lay models on a reference and measure", allow_abbrev=False
    )
    verb.add_argument(
        "reference", metavar="REFERENCE", help="PDB or mmCIF; FILE:CHAIN takes one chain, else the first"
    )
    verb.add_argument("models", metavar="MODEL", nargs="+", help="the same, one or more")
    verb.add_argument("--matching", choices=tuple(MATCHINGS), default="auto", help="how residues are matched")
    verb.add_argument("-o", "--output", metavar="OUT.csv", help="write the scores")
    add_json(verb)
    verb.set_defaults(do=do_compare)
    verb = all_verbs.add_parser(
        "label", help="what structures tell of each residue, as a table", allow_abbrev=False
    )
    verb.add_argument("data", metavar="DIR", help="folder with PDB or mmCIF files")
    verb.add_argument("--what", choices=tuple(LABELS), default="ss3")
    verb.add_argument(
        "-o", "--output", metavar="OUT.csv", required=True, help="a table for `train OUT.csv --part part`"
    )
    add_json(verb)
    verb.set_defaults(do=do_label)


def do_compare(options: argparse.Namespace) -> int:
    """Print the scores of each model against the reference."""
    output = writable(options.output) if options.output else None
    reference = _named_chain(options.reference)
    table = score_table(
        compare_all(reference, [_named_chain(model) for model in options.models], options.matching)
    )
    if output is not None:
        table.to_csv(output, index=False)
    if options.json:
        print_json({"reference": reference.name, "models": table.to_dict("records")})
    else:
        print(table.round(3).to_string(index=False))
    return 0


def do_label(options: argparse.Namespace) -> int:
    """Write a table of sequences with a target for each residue and its parts."""
    output = writable(options.output)
    chains, problems = read_folder(Path(options.data))
    made = make_dataset(chains, options.what, Path(options.data).name)
    for note in (*problems, made.split.sentence, *made.split.notes):
        tell(options, note)
    table = made.dataset.table.assign(target=made.dataset.table["target"].map(_as_cell))
    table.to_csv(output, index=False)
    if options.json:
        left_out = made.left_out.to_dict("records")
        print_json(
            {
                "output": str(output),
                "chains": len(table),
                "task": made.dataset.task_name,
                "left_out": left_out,
            }
        )
    else:
        print(f"{output}: {say_count(len(table), 'chain')}, {LABELS[options.what].title.lower()}.")
    return 0


def _as_cell(target: str | list[float]) -> str:
    if isinstance(target, str):
        return target
    return " ".join("nan" if pd.isna(value) else f"{value:g}" for value in target)


def _named_chain(text: str) -> ProteinChain:
    """`FILE` or `FILE:CHAIN`."""
    file, _, chain = (text, "", "") if Path(text).is_file() else text.rpartition(":")
    chains = read_chains(Path(file or text))
    if not chain:
        return chains[0]
    for found in chains:
        if found.atoms.chain_id[0].strip() == chain:
            return found
    there = ", ".join(found.atoms.chain_id[0] for found in chains)
    raise UserError(f"{Path(file).name} has no protein chain '{chain}'. Its chains are: {there}.")
