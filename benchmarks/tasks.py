"""Train on real sets by the shell, from the file as it lies there: `python -m benchmarks.tasks --data ../shared/data`.

For each set one line: the headline metric of the run on the test part with its interval, beside the mean or majority
(and whether it is beaten, for numbers by RMSE), the best simple method on the same parts, and the seconds it took.
`benchmarks.quality` trains without the shell: on smaller draws of all sets, from several seeds.
`--twin` adds the same backbone from random weights.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.sets import SETS

NAMES = (
    "gb1_flip", "meltome_human_flip2021", "deeploc_subcellular", "amp_amplify_balanced", "secondary_structure_flip",
    "disorder_chezod", "promoter_ecoli_sigma70", "mpsa_5ss_brca2", "esol", "bbbp", "tox21",
)  # fmt: skip
_FLOORS = ("mean", "majority")


def main() -> None:
    """Run the sets one after the other and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="sets whose name holds this word")
    parser.add_argument("--twin", action="store_true", help="also the same backbone from random weights")
    parser.add_argument("options", nargs="*", help="further options of `train`, after --")
    choice = parser.parse_args()
    extra = [*choice.options, *(["--random-twin"] if choice.twin else [])]
    head = f"{'set':<28}{'metric':>10}{'test':>8}  {'interval':<18}{'floor':>8} {'beaten':<6}{'twin':>8}{'simple':>8}"
    print(f"{head}  {'which':<22}{'s':>6}")
    for name in NAMES:
        if choice.only in name:
            print(line(name, train(choice.data / SETS[name].path, [*SETS[name].options, *extra])), flush=True)


def train(path: Path, options: list[str]) -> dict:
    """The content of `result.json` of one run in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "biotl_core",
            "train",
            str(path),
            "--run",
            f"{folder}/run",
            "--json",
            *options,
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` ended with status {done.returncode}.")
    return json.loads(done.stdout)


def line(name: str, result: dict) -> str:
    """One row of the table."""
    metric = result["headline"]
    low, high = result["test_interval"][metric]
    baselines = {key: scores[metric] for key, scores in result["baselines"].items()}
    is_above_floor = beats_floor(result)
    floor = next((baselines.pop(key) for key in _FLOORS if key in baselines), None)
    twin = baselines.pop("random_weights", None)
    best = max((key for key in baselines if baselines[key] is not None), key=lambda key: baselines[key])
    return (
        f"{name:<28}{metric:>10}{result['test'][metric]:>8.3f}  {f'{low:.3f} to {high:.3f}':<18}"
        f"{number(floor)} {'yes' if is_above_floor else 'no':<6}{number(twin)}{number(baselines[best])}  "
        f"{best:<22}{result['seconds']:>6.0f}"
    )


def beats_floor(result: dict) -> bool:
    """Whether the run is better than always saying the mean (by RMSE, for a constant has no rank) or majority."""
    floor = next(scores for key, scores in result["baselines"].items() if key in _FLOORS)
    if "rmse" in floor:
        return result["test"]["rmse"] < floor["rmse"]
    return result["test"][result["headline"]] > floor[result["headline"]]


def number(value: float | None) -> str:
    """Eight characters; a dash where there is no value."""
    return f"{'-':>8}" if value is None else f"{value:>8.3f}"


if __name__ == "__main__":
    main()
