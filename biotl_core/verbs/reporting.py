"""The verb `report`: a finished run as one HTML file."""

import argparse
from typing import Any

from biotl_core.reports.document import write_report
from biotl_core.verbs.answering import add_json, finished_run, print_json, writable
from biotl_core.wording import say_bytes


def add_report(all_verbs: Any) -> None:
    """Add the verb to the parser."""
    verb = all_verbs.add_parser(
        "report", help="a finished run as one HTML file to keep and print", allow_abbrev=False
    )
    verb.add_argument("run", metavar="RUN", help="its folder, or its name in BioTL's home")
    verb.add_argument("-o", "--output", metavar="OUT.html", required=True)
    add_json(verb)
    verb.set_defaults(do=do_report)


def do_report(options: argparse.Namespace) -> int:
    """Write the report where it was asked for."""
    folder = finished_run(options.run)
    output = write_report(folder, writable(options.output))
    size = output.stat().st_size
    if options.json:
        print_json({"run": str(folder), "output": str(output), "bytes": size})
    else:
        print(f"{output}: {say_bytes(size)}, opens in any browser without a network.")
    return 0
