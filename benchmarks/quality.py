"""How good the backbones are on real sets: `python -m benchmarks.quality --data ../shared/data [--rungs frozen,lora]`.

For every set and backbone the rungs of the ladder (the last layer alone, LoRA, all of the model) from several seeds,
beside the best simple method and the last layer on the same backbone from random weights (the twin, one seed), all on
the same parts, with the settings that are usual; with `zero_shot`, for sets of variants, also the likelihood that the
backbone gives without training. Each result is a line of the file named by `--results`; what is there already is not
computed again. A whole set takes long on a processor: `--rows` and `--letters` draw smaller ones, which the table then
says.

The interval of a score comes from drawing the test sequences again, widened by the scatter of the seeds.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks.sets import SETS, Cap, load_set
from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import fingerprint
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.intervals import bootstrap_intervals, paired_difference
from biotl_core.evaluation.kept_baselines import find_baselines, read_arrays, write_arrays
from biotl_core.evaluation.metrics import Arrays, evaluate
from biotl_core.learning.prediction import predict_examples
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.request import default_backbone
from biotl_core.runs.tuning import Tuned

TWIN, ZERO_SHOT = "twin", "zero_shot"
RUNGS = (TWIN, "frozen", "lora", "full", ZERO_SHOT)
SIMPLE = "simple"
_FLOORS = ("mean", "majority")


@dataclass(frozen=True)
class Result:
    """One training, or one look without training, on the test part of one set."""

    task: str
    backbone: str
    weights: str
    """Fingerprint of the backbone's files: other weights under the same name are another backbone."""
    data: str
    """Hash of rows and parts."""
    rung: str
    seed: int
    counts: dict[str, int]
    """Rows of each part."""
    is_whole: bool
    """Whether all rows of the set took part."""
    metric: str
    validation: float | None
    scores: dict[str, float]
    """All metrics of the test part."""
    low: float
    high: float
    """The 95 % interval of the metric."""
    simple: str
    """The simple method that is best on the test part."""
    simple_score: float
    differences: dict[str, list[float]]
    """The metric minus that of the best simple method ("simple") and of the twin, each with its interval."""
    seconds: float
    head: str = ""
    """The layer on top, and what it read beside the backbone; "" where nothing learned."""

    @property
    def key(self) -> tuple:
        """What makes two results the same."""
        return self.task, self.weights, self.data, self.rung, self.seed


@dataclass
class Ledger:
    """The results so far: a line each in a file, beside which predictions of the twins lie."""

    path: Path
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        text = self.path.read_text()
        whole = text[: text.rfind("\n") + 1]  # a last line without its end was being written
        if whole != text:
            self.path.write_text(whole)
        self.results = [Result(**json.loads(line)) for line in whole.splitlines()]

    def find(self, key: tuple) -> Result | None:
        """The result of a key."""
        return next((one for one in self.results if one.key == key), None)

    def add(self, result: Result) -> None:
        """Keep a result."""
        self.results.append(result)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def predictions(self, weights: str, data: str) -> Path:
        """Where the test predictions of the twin lie."""
        folder = self.path.with_suffix(".twins")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{weights}-{data[:32]}.npz"


@dataclass
class Bench:
    """One set on one backbone."""

    name: str
    dataset: Dataset
    is_whole: bool
    backbone: str | None
    ledger: Ledger

    def __post_init__(self) -> None:
        modality = self.dataset.modality
        found = find_backbone(self.backbone, modality) if self.backbone else default_backbone(modality)
        self.title, self.folder = found.name, locate_backbone(found)
        self.weights = fingerprint(self.folder)

    @property
    def metric(self) -> str:
        """The headline metric; where few residues of two classes are of one, what has no threshold."""
        is_rare = self.dataset.task_name == "residue_classification" and len(self.dataset.classes) == 2
        return "auroc" if is_rare else self.dataset.task.headline_metric(len(self.dataset.classes))

    @cached_property
    def true(self) -> Arrays:
        """Targets of the test part."""
        return self.dataset.target_values(self.dataset.part("test"))

    @cached_property
    def simple(self) -> tuple[str, Arrays]:
        """The best simple method by its score on the test part, the choice that is hardest to beat."""
        found = {k: one for k, one in find_baselines(self.dataset).items() if k not in _FLOORS}
        best = max(found, key=lambda name: np.nan_to_num(found[name].scores[self.metric], nan=-np.inf))
        return best, found[best].predicted_test

    def run(self, rung: str, seed: int) -> Result:
        """The result, from the ledger or anew."""
        key = self.name, self.weights, self.dataset.content_hash, rung, seed
        if found := self.ledger.find(key):
            return found
        began = time.process_time()
        validation, said, head = self._look() if rung == ZERO_SHOT else self._train(rung, seed)
        twin_path = self.ledger.predictions(self.weights, self.dataset.content_hash)
        if rung == TWIN:
            write_arrays(twin_path, said)
        rivals = {SIMPLE: self.simple[1]}
        if rung != TWIN and twin_path.exists():
            rivals[TWIN] = read_arrays(twin_path)
        given = self.dataset.task_name, self.dataset.classes, self.true
        low, high = bootstrap_intervals(*given, said)[self.metric]
        result = Result(
            self.name, self.title, self.weights, self.dataset.content_hash, rung, seed,
            {part: len(self.dataset.part(part)) for part in ("train", "validation", "test")}, self.is_whole,
            self.metric, validation, evaluate(*given, said), low, high, self.simple[0],
            evaluate(*given, self.simple[1])[self.metric],
            {name: list(paired_difference(*given, said, other, self.metric)) for name, other in rivals.items()},
            round(time.process_time() - began, 1), head,
        )  # fmt: skip
        self.ledger.add(result)
        return result

    def _train(self, rung: str, seed: int) -> tuple[float, Arrays, str]:
        method = "frozen" if rung == TWIN else rung
        settings = TrainingSettings(method=method, seed=seed).resolved(self.dataset.task)
        with TemporaryDirectory() as folder:
            tuned = Tuned.train(
                self.dataset, self.folder, settings, Path(folder), make_accelerator("cpu", "auto"), Control(),
                random_weights=rung == TWIN, aside="quality",
            )  # fmt: skip
        validation = tuned.training.state.best_score[0]
        said = predict_examples(tuned.model, tuned.examples(self.dataset.part("test")))
        return validation, said, f"{tuned.model.settings.head}, {tuned.model.simple.kind}"

    def _look(self) -> tuple[None, Arrays, str]:
        model = load_masked_model(self.folder, self.dataset.modality)
        parent = zero_shot_scores(model, self.dataset.table["sequence"].tolist(), method="wild_type").parent
        sequences = self.dataset.part("test")["sequence"].tolist()
        return None, zero_shot_scores(model, sequences, method="masked", parent=parent).scores, ""


def main() -> None:
    """Measure what is not measured yet, then print the table."""
    choice = _choose()
    ledger, ends_at = Ledger(choice.results), time.monotonic() + 60 * choice.minutes
    cap = Cap(choice.rows or None, choice.letters or None)
    names = _names(choice.tasks.split(","))
    found: list[Result] = []
    for rung, name, bench in _in_order(choice.rungs.split(","), names, choice, cap, ledger):
        if time.monotonic() > ends_at:
            print(f"The {choice.minutes:g} minutes are over before {name}, {rung}; call again to go on.\n")
            break
        # Random weights and what does not learn are told once.
        for seed in range(choice.seeds if rung in ("frozen", "lora", "full") else 1):
            result = bench.run(rung, seed)
            found.append(result)
            score = f"{result.scores[result.metric]:.3f}"
            print(f"{name} {rung} {seed}: {score} ({result.head}; {result.seconds:g} s)", flush=True)
            if result.head.startswith("kernel"):
                break  # solved, not learned by steps: the same from every seed
    print(table(found))


def _names(words: Sequence[str]) -> list[str]:
    """The sets that have one of the words in their name; a word that is a whole name means this set alone."""
    return [name for name in SETS if any(word == name if word in SETS else word in name for word in words)]


def _in_order(
    rungs: Sequence[str], names: Sequence[str], choice: argparse.Namespace, cap: Cap, ledger: Ledger
) -> Iterator[tuple[str, str, Bench]]:
    """Rung by rung, each over all sets, so that a budget that ends early has seen them all."""
    benches: dict[str, Bench] = {}
    for rung in rungs:
        for name in names:
            if rung == ZERO_SHOT and not name.startswith("dms_"):
                continue
            if name not in benches:
                benches[name] = Bench(name, *load_set(choice.data, SETS[name], cap), choice.backbone, ledger)
            yield rung, name, benches[name]


class Estimate(NamedTuple):
    """A number over seeds with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def over_seeds(cls, each: Sequence[Sequence[float]]) -> "Estimate":
        """Of `(value, low, high)` of each seed: the mean, its interval widened by the scatter of the seeds."""
        values, lows, highs = np.array(each, dtype=float).T
        scatter = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        below, above = (np.hypot(np.mean(side), scatter) for side in (values - lows, highs - values))
        return cls(float(values.mean()), float(values.mean() - below), float(values.mean() + above))

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def table(results: Sequence[Result]) -> str:
    """A row for each set and backbone, in Markdown, and how often the backbones were better."""
    groups: dict[tuple[str, str], dict[str, list[Result]]] = {}
    for one in results:
        groups.setdefault((one.task, one.backbone), {}).setdefault(one.rung, []).append(one)
    heads = ("Set", "Backbone", "Metric", "Train, test", "Best simple", *(_TITLES[rung] for rung in RUNGS))
    lines = [_row([*heads, "Verdict on the rung chosen by validation", "Published"])]
    lines.append(_row(["---"] * (len(heads) + 2)))
    verdicts = []
    for (task, backbone), rungs in groups.items():
        first = next(iter(rungs.values()))[0]
        scores = [_score(rungs[rung]) if rung in rungs else "" for rung in RUNGS]
        size = f"{first.counts['train']:,}, {first.counts['test']:,}{'' if first.is_whole else ' (drawn)'}"
        simple = f"{first.simple_score:.3f} ({first.simple.replace('_', ' ')})"
        verdicts.append(verdict(rungs))
        lines.append(
            _row([task, backbone, first.metric, size, simple, *scores, verdicts[-1], _published(task, rungs)])
        )
    counted = {text: verdicts.count(text) for text in sorted(set(verdicts) - {""})}
    return "\n".join([*lines, "", *(f"{n} of {len(verdicts)}: {text}" for text, n in counted.items())])


def verdict(rungs: dict[str, list[Result]]) -> str:
    """In words, of the rung with the best validation score; "" where none learned."""
    learned = {rung: found for rung, found in rungs.items() if rung in ("frozen", "lora", "full")}
    if not learned:
        return ""
    rung = max(learned, key=lambda name: np.mean([one.validation for one in learned[name]]))
    said = f"{_TITLES[rung]}: "
    if not all(TWIN in one.differences for one in learned[rung]):
        return said + "the twin is not measured"
    simple, twin = (
        Estimate.over_seeds([one.differences[rival] for one in learned[rung]]) for rival in (SIMPLE, TWIN)
    )
    if min(simple.low, twin.low) > 0:
        return said + "better than both, beyond the interval"
    if min(simple.value, twin.value) > 0:
        beyond = [name for name, one in (("simple", simple), ("twin", twin)) if one.low > 0]
        return said + f"better than both, beyond the interval than {beyond[0] if beyond else 'neither'}"
    if simple.value > 0:
        return said + "better than simple methods, not than the twin"
    if twin.value > 0:
        return (
            said
            + f"better than the twin{' (beyond the interval)' if twin.low > 0 else ''}, not than simple methods"
        )
    return said + "no better than either"


def _score(results: Sequence[Result]) -> str:
    return str(Estimate.over_seeds([(one.scores[one.metric], one.low, one.high) for one in results]))


def _published(task: str, rungs: dict[str, list[Result]]) -> str:
    """The yardstick, and our figures in its metric where that is not the headline; "" where rows were drawn."""
    yardstick = SETS[task].yardstick
    results = [one for rung, found in rungs.items() if rung in ("frozen", "lora", "full") for one in found]
    if yardstick is None or not all(one.is_whole for one in results):
        return ""
    figures = " -> ".join(f"{one:.3f}" for one in (yardstick.frozen, yardstick.tuned) if one is not None)
    own = ""
    if results and results[0].metric != yardstick.metric:
        own = f", here {max(one.scores[yardstick.metric] for one in results):.3f}"
    caveat = f"; {yardstick.caveat}" if yardstick.caveat else ""
    return f"{yardstick.model} {yardstick.metric} {figures}{own}{caveat}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_TITLES = {
    TWIN: "Twin",
    "frozen": "Frozen",
    "lora": "LoRA",
    "full": "Full",
    ZERO_SHOT: "Zero-shot",
}


def _choose() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default="", help="words in the names of sets, with commas; all without")
    parser.add_argument("--rungs", default="twin,frozen", help=f"of {', '.join(RUNGS)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backbone", help="a name or folder; without, the embedded one of each modality")
    parser.add_argument("--rows", type=int, default=1000, help="most training rows; 0 for all")
    parser.add_argument("--letters", type=int, default=40_000, help="most training letters; 0 for all")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin nothing after so many")
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"), help="file to keep and go on")
    choice = parser.parse_args()
    wrong = set(choice.rungs.split(",")) - set(RUNGS)
    if wrong:
        parser.error(f"--rungs: found {', '.join(sorted(wrong))}; allowed are {', '.join(RUNGS)}.")
    return choice


if __name__ == "__main__":
    main()
