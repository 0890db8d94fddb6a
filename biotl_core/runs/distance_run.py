"""The work of a run of kind "distances": a head learned from structures, judged beside what needs less."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.runs.distances import (
    ATTENTION,
    LETTERS,
    MAPS,
    MODEL,
    OWN,
    RELATIVE,
    RIVAL_TITLES,
    SEPARATION,
    TWIN_HISTORY,
    fold_folder,
    say_answer,
)
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.pair_results import Scores, compared, judge_fold, write_table, write_truth
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.distance_head import (
    ONE_HOT,
    DistanceHead,
    Features,
    Pass,
    open_features,
    predict_bins,
    save_head,
    train_head,
)
from biotl_core.structures.distance_rivals import (
    copied_bins,
    learn_attention_line,
    open_attention,
)
from biotl_core.structures.distance_settings import ESMFOLD, DistanceSettings
from biotl_core.structures.distogram import fold_with_head
from biotl_core.structures.pair_measures import (
    EDGES,
    averaged,
    bins_by_separation,
    judge_bins,
    judge_scores,
    separation_bins,
)
from biotl_core.structures.pair_sets import PAIR_TARGETS, PairSet
from biotl_core.structures.result_files import contact_probability, save_result


def distance_run(folder: Path, control: Control) -> str:
    """Do a run of kind "distances"; what was learned and folded before a stop is kept.

    Returns:
        The closing sentence.

    Raises:
        UserError: the structures are damaged, or a chain is longer than the backbone reads.
    """
    config, pair_set = read_config(folder), PairSet.load(folder)
    if config["settings"].get("method") == ESMFOLD:
        from biotl_core.runs.esmfold_run import adapt_esmfold_run

        return adapt_esmfold_run(folder, control)
    work = _Work(folder, pair_set, DistanceSettings.from_dict(config["settings"]), config, control)
    features = open_features(config["backbone"], config["device"])
    _check_lengths(features, pair_set)
    head = work.learn(features, "head", "Learning distances", folder / "history.jsonl")
    save_head(head, folder / MODEL, work.about(features))
    letters = open_features(ONE_HOT, config["device"])
    twin = work.learn(letters, LETTERS, "Learning from letters alone", folder / TWIN_HISTORY)
    test = pair_set.part("test")
    own = work.judge(test, partial(predict_bins, features, head), "Judging", folder / MAPS)
    others = {LETTERS: work.judge(test, partial(predict_bins, letters, twin), "Judging the twin")}
    others |= work.judge_simple(test)
    if PAIR_TARGETS[pair_set.target].folds:
        work.fold(test, features, head, own, OWN)
        work.fold(test, letters, twin, others[LETTERS], LETTERS)
    return work.write(own, others, test)


@dataclass(frozen=True)
class _Work:
    """What all steps of one run need."""

    folder: Path
    pair_set: PairSet
    settings: DistanceSettings
    config: Mapping[str, Any]
    control: Control

    def about(self, features: Features) -> dict[str, Any]:
        """What the head has to be opened with again."""
        counts = self.pair_set.counts
        return {
            "backbone": self.config["backbone"],
            "fingerprint": features.fingerprint,
            "target": self.pair_set.target,
            "structures_learned_from": counts["train"],
            "run": self.folder.name,
        }

    def learn(self, features: Features, name: str, stage: str, history: Path) -> DistanceHead:
        """A head at its best pass on the validation part."""
        best = self.folder / "checkpoint" / f"{name}-best.safetensors"
        keep = _KeepBest(self, features, best, history)
        head = train_head(
            features, self.pair_set.part("train"), self.settings.passes, self.settings.seed, self.control,
            learning_rate=self.settings.learning_rate, checkpoint=best.with_name(f"{name}.pt"), after_pass=keep,
            stage=stage,
        )  # fmt: skip
        head.load_state_dict(load_file(best))
        return head

    def judge(
        self,
        chains: Sequence[ProteinChain],
        predict: Callable[[str], np.ndarray],
        stage: str,
        maps: Path | None = None,
    ) -> Scores:
        """The metrics of each chain; its expected contacts are kept where a folder for them is given."""
        scores = []
        for number, chain in enumerate(chains):
            self.control.step(stage, number, len(chains))
            bins = predict(chain.sequence)
            scores.append(judge_bins(bins, chain))
            if maps is not None:
                maps.mkdir(exist_ok=True)
                contacts = contact_probability(bins[1], EDGES).astype(np.float16)
                np.savez_compressed(maps / f"{number:04d}.npz", contacts=contacts)
        return scores

    def judge_simple(self, test: Sequence[ProteinChain]) -> dict[str, Scores]:
        """What needs no network: steps along the chain, the attention of the backbone, the nearest structure."""
        train = self.pair_set.part("train")
        shares = separation_bins(train)
        by_steps = lambda sequence: bins_by_separation(shares, len(sequence))  # noqa: E731
        found = {SEPARATION: self.judge(test, by_steps, "Judging steps along the chain")}
        copy = copied_bins(train, by_steps, self.control)
        found[RELATIVE] = self.judge(test, copy, "Copying the nearest structures")
        try:
            score = learn_attention_line(
                open_attention(self.config["backbone"], self.config["device"]), train, self.control
            )
            found[ATTENTION] = [judge_scores(score(chain.sequence), chain) for chain in test]
        except UserError as error:  # some architectures do not show their attention
            print(error, flush=True)
        return found

    def fold(
        self,
        test: Sequence[ProteinChain],
        features: Features,
        head: DistanceHead,
        scores: Scores,
        name: str,
    ) -> None:
        """Fold the test chains, keep the models, and add how right they are to the scores."""
        for number, (chain, own) in enumerate(zip(test, scores, strict=True)):
            self.control.step("Folding the test chains", number, len(test))
            place = fold_folder(self.folder, number, chain.name) / name
            if not place.is_dir():
                write_truth(chain, place.parent)
                quiet = Control(should_stop=self.control.should_stop)
                about = {"structures_learned_from": self.pair_set.counts["train"]}
                result = fold_with_head(features, head, chain.sequence, chain.name, about, quiet)
                save_result(result, place)
            own |= judge_fold(chain, place)

    def write(self, own: Scores, others: Mapping[str, Scores], test: Sequence[ProteinChain]) -> str:
        """`result.json` and the table of chains; the answer."""
        headline = PAIR_TARGETS[self.pair_set.target].headline
        result = compared(own, others) | {
            "target": self.pair_set.target,
            "headline": headline,
            "method": "distance head",
            "backbone": self.config["backbone"],
            "counts": self.pair_set.counts,
            "dataset_hash": self.config["dataset_hash"],
            "split": self.pair_set.sentence,
            "settings": self.config["settings"],
            "titles": RIVAL_TITLES,
        }
        write_table(self.folder, test, own, others)
        write_json_atomically(self.folder / "result.json", result)
        return say_answer(result)


@dataclass(frozen=True)
class _KeepBest:
    """Told of each pass: judges the validation part, writes the history, keeps the best head."""

    work: _Work
    features: Features
    best: Path
    history: Path

    def __call__(self, finished: Pass, head: DistanceHead) -> None:
        """Judge one pass."""
        chains = self.work.pair_set.part("validation")
        scores = [judge_bins(predict_bins(self.features, head, chain.sequence), chain) for chain in chains]
        metrics = averaged(scores)
        headline = PAIR_TARGETS[self.work.pair_set.target].headline
        earlier = [line for line in _history(self.history) if line["epoch"] < finished.number]
        known = [line["metrics"].get(headline) for line in earlier]
        reached = max((value for value in known if value is not None), default=-np.inf)
        if not self.best.is_file() or not earlier or metrics[headline] > reached:
            self.best.parent.mkdir(parents=True, exist_ok=True)
            aside = self.best.with_suffix(".new")
            save_file(head.state_dict(), aside)
            aside.replace(self.best)
        line = {
            "epoch": finished.number,
            "epochs": self.work.settings.passes,
            "train_loss": finished.train_loss,
            "metrics": {name: None if np.isnan(value) else value for name, value in metrics.items()},
        }
        aside = self.history.with_suffix(".new")
        aside.write_text("".join(json.dumps(one) + "\n" for one in [*earlier, line]))
        aside.replace(self.history)


def _history(file: Path) -> list[dict[str, Any]]:
    """The lines of a history, which is written whole or not at all."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def _check_lengths(features: Features, pair_set: PairSet) -> None:
    limit = features.longest
    longest = max(pair_set.chains, key=len)
    if limit is not None and len(longest) > limit:
        raise UserError(
            f"{longest.name} has {len(longest):,} residues; this backbone reads up to {limit:,}. Leave it out, or "
            "choose another backbone."
        )
