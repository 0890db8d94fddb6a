"""Training a model on a dataset inside a run: from the backbone to the best weights."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from shutil import disk_usage, rmtree
from typing import Any

import pandas as pd
import psutil
from accelerate import Accelerator

from biotl_core.backbones.embeddings import N_START, MemoryStore, open_store
from biotl_core.backbones.encoder import Encoder
from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.neighbourhood import Neighbourhood
from biotl_core.home import home_subfolder
from biotl_core.learning.certainty import predict_with_difficulty, settle_training
from biotl_core.learning.examples import Examples
from biotl_core.learning.model import Outputs, SequenceModel, build_model
from biotl_core.learning.prediction import keep_lower_states, make_examples, model_store
from biotl_core.learning.scaling import fit_head
from biotl_core.learning.settings import WITH_START, TrainingSettings, last_layer_settings
from biotl_core.learning.training import Training
from biotl_core.progress import Control
from biotl_core.runs.folder import append_history
from biotl_core.runs.judging import Trial
from biotl_core.runs.verdict import FROZEN

_LENGTHS_OF_START = 3
"""So many times as long as what is called the start half of the proteins are at least, where that is tried."""
_SHARE_TO_KEEP = 0.5
"""Of the free disk (for random weights: memory) that the states of layers which do not learn may take."""


class Tuned:
    """A trained model and what it read."""

    def __init__(self, model: SequenceModel, training: Training, dataset: Dataset, all_examples: Examples):
        self.model, self.training = model, training
        self._dataset, self._all = dataset, all_examples

    @classmethod
    def train(
        cls,
        dataset: Dataset,
        weights_folder: Path,
        settings: TrainingSettings,
        folder: Path,
        accelerator: Accelerator,
        control: Control,
        *,
        random_weights: bool = False,
        aside: str = "",
        keeps_history: bool | None = None,
        memory: MemoryStore | None = None,
        encoder: Encoder | None = None,
    ) -> "Tuned":
        """Build the model, train it in `folder / "checkpoint"`, and put its best weights back.

        Args:
            dataset: with its parts.
            weights_folder: of the backbone.
            settings: resolved.
            folder: of the run; its history grows by a line a pass.
            accelerator: device, precision and processes.
            control: progress and stop.
            random_weights: forget the pretraining.
            aside: a model trained beside the run's own: the end of its checkpoint's name.
            keeps_history: whether the run's history tells of this training; None: where it is not one beside.
            memory: features of these random weights that are known already.
            encoder: the backbone, where it is loaded already and nothing of it learned.
        """
        keeps_history = not aside if keeps_history is None else keeps_history
        memory = MemoryStore() if memory is None else memory
        n_train = len(dataset.part("train"))
        if settings.is_open:
            settings, encoder = settle_reading(
                dataset, weights_folder, settings, folder, accelerator, control,
                random_weights=random_weights, aside=aside, memory=memory, encoder=encoder,
            )  # fmt: skip
        settings = settings.for_data(n_train, dataset.modality)
        model = build_model(
            weights_folder,
            Outputs.of(dataset),
            settings,
            random_weights=random_weights,
            training_sequences=dataset.part("train")["sequence"].tolist(),
            device=accelerator.device,
            encoder=encoder,
        )
        model.to(accelerator.device)
        # No one will meet the features of random weights again after this training.
        store = memory if random_weights else model_store(model, weights_folder)
        everything = make_examples(model, dataset.table["sequence"], dataset.target_values(), store, control)
        if model.encoder.fixed_layers and model.encoder.is_packed:
            everything = _with_lower_states(
                model, everything, dataset, weights_folder, random_weights, control
            )
        own = cls(model, None, dataset, everything)
        train, validation = (own.examples(dataset.part(part)) for part in ("train", "validation"))
        fit_head(model, train, control)
        checkpoint = folder / "-".join(filter(None, ("checkpoint", aside, *_told_apart(settings))))
        own.training = Training(model, train, validation, settings, checkpoint, accelerator)
        if keeps_history and accelerator.is_main_process:
            _rewrite_history(folder, own.training.history)
        for epoch in own.training.epochs(control):
            if keeps_history and accelerator.is_main_process:
                append_history(folder, asdict(epoch))
        accelerator.wait_for_everyone()
        own.training.restore_best()
        return own

    def examples(self, rows: pd.DataFrame) -> Examples:
        """The examples of some rows of the dataset."""
        indices = rows.index.to_numpy()
        return self._all.subset(indices)

    def try_out(self, control: Control) -> tuple[Trial, Neighbourhood | None]:
        """What the model says of all rows, calibrated on the validation part, and what tells hard rows from easy."""
        training = self.examples(self._dataset.part("train"))
        is_number = not self._dataset.task.is_class
        neighbourhood = settle_training(self.model, training, control) if is_number else None
        raw, difficulty = predict_with_difficulty(self.model, self._all, neighbourhood, control)
        return Trial.of(self._dataset, raw, difficulty), neighbourhood


def _told_apart(settings: TrainingSettings) -> Iterator[str]:
    """What names the checkpoints of trainings that are tried beside one another."""
    if settings.simple_features != "none":
        yield settings.simple_features
    if settings.pooling == WITH_START:
        yield "start"
    if settings.head == "kernel":
        yield settings.head


def settle_reading(
    dataset: Dataset,
    weights_folder: Path,
    settings: TrainingSettings,
    folder: Path,
    accelerator: Accelerator,
    control: Control,
    *,
    random_weights: bool = False,
    aside: str = "",
    memory: MemoryStore | None = None,
    encoder: Encoder | None = None,
) -> tuple[TrainingSettings, Encoder | None]:
    """The settings with what the head does best to read, by the validation part, where that is left open.

    That is whether the start of proteins is read for itself, and then letters, counts, both or nothing beside the
    backbone. Each is tried with the last layer alone and a head that is solved at once, so that the choice is cheap and
    does not rest on which pass happened to look best. Equal ones, and runs without a validation part, take the least.
    Where that is also the head of the run, the best one is the model itself, found again by its checkpoint.

    The arguments are those of `Tuned.train`. Also the backbone, once loaded, where the run itself leaves it as it is.
    """
    settled, ways = settings.closed(), _open_ways(dataset, settings)
    if not any(ways.values()) or dataset.part("validation").empty or settings.method == "scratch":
        return settled, encoder
    frozen, name, is_frozen = settled, aside, settings.method == "frozen"
    if not is_frozen:
        frozen, encoder = last_layer_settings(settled, dataset.task), None
        name = "-".join(filter(None, (aside, FROZEN)))
    chosen = replace(frozen, head="kernel").resolved(dataset.task)
    checkpoints: dict[TrainingSettings, Path] = {}

    def score_of(one: TrainingSettings) -> tuple[float, ...]:
        nonlocal encoder
        tried = Tuned.train(
            dataset, weights_folder, one, folder, accelerator, control,
            random_weights=random_weights, aside=name, keeps_history=False, memory=memory, encoder=encoder,
        )  # fmt: skip
        encoder, checkpoints[one] = tried.model.encoder, tried.training.folder
        # Where a kind has no say, the head is the one without it.
        has_say = tried.model.all_have_say
        is_read = has_say and tried.model.simple.kind == one.simple_features
        return (
            tuple(tried.training.state.best_score) if is_read else ()
        )  # equal scores are told apart by the loss

    best = score_of(chosen)
    for setting, others in ways.items():
        for one in [replace(chosen, **{setting: other}) for other in others]:
            score = score_of(one)
            if score > best:
                chosen, best = one, score
    for one, checkpoint in checkpoints.items():
        if one != chosen:  # each holds the training part; solved again in no time where a run goes on
            rmtree(checkpoint, ignore_errors=True)
    settled = replace(settled, simple_features=chosen.simple_features, pooling=chosen.pooling)
    return settled, encoder if is_frozen else None


def _open_ways(dataset: Dataset, settings: TrainingSettings) -> dict[str, tuple[str, ...]]:
    """Setting -> what may be tried for it beside the plainest, where that is left open."""
    lengths = dataset.part("train")["sequence"].str.len()
    is_one_length = lengths.nunique() == 1
    has_places = is_one_length and not settings.both_strands
    features = ("letters", "counts", "both") if has_places else ("counts",)
    # Targeting signals; of variants of one protein the start says nothing of its own, of peptides it is the whole.
    is_long = lengths.median() > _LENGTHS_OF_START * N_START and not is_one_length
    has_start = dataset.modality == "protein" and not dataset.task.is_per_residue and is_long
    return {
        "pooling": (WITH_START,) if settings.pooling == "auto" and has_start else (),
        "simple_features": features if settings.simple_features == "auto" else (),
    }


def _with_lower_states(
    model: SequenceModel,
    examples: Examples,
    dataset: Dataset,
    weights_folder: Path,
    random_weights: bool,
    control: Control,
) -> Examples:
    """The examples from where learning begins, as far as there is room to keep what lies below."""
    encoder = model.encoder
    n_bytes = 4 * encoder.width * len(encoder.kept_layers(model.layers)) * sum(map(len, examples.inputs.ids))
    room = (
        psutil.virtual_memory().available if random_weights else disk_usage(home_subfolder("embeddings")).free
    )
    if n_bytes > _SHARE_TO_KEEP * room:
        return examples  # read anew at each pass: slower, and the same
    sequences = dataset.table["sequence"].tolist()
    store = MemoryStore() if random_weights else open_store(weights_folder, encoder, "token", model.layers)
    return keep_lower_states(model, examples, sequences, store, control)


def _rewrite_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Keep the passes that the checkpoint knows; later ones will be made anew, and equal."""
    (folder / "history.jsonl").unlink(missing_ok=True)
    for epoch in history:
        append_history(folder, epoch)
