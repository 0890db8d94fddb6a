"""TrainingSettings: every choice of a training run, with its help, range and default.

The form on the train page, the options of `train` in the shell and the file saved beside the model all come from
this one dataclass.
"""

import math
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from biotl_core.data.dataset import Modality
from biotl_core.data.tasks import Task
from biotl_core.errors import UserError

TuningMethod = Literal["frozen", "lora", "full", "scratch"]
Optimizer = Literal["adamw", "sgd", "nesterov", "gradient_descent"]
Schedule = Literal["constant", "linear", "cosine"]
Pooling = Literal["auto", "mean", "mean_max", "mean_max_spread", "mean_max_spread_start", "first"]
Head = Literal["auto", "linear", "mlp", "kernel"]
Layers = Literal["auto", "last", "middle_last"]
Weights = Literal["full", "8bit", "4bit"]
SimpleFeatures = Literal["auto", "none", "letters", "counts", "both"]
Precision = Literal["auto", "float32", "bfloat16"]

METHODS: dict[TuningMethod, tuple[str, str]] = {
    "frozen": (
        "Learn only the last layer",
        "The backbone stays as it is; a small layer on top learns from its features. Fastest, and hard to beat with "
        "little data (frozen backbone with a head).",
    ),
    "lora": (
        "Adjust a small part of the model",
        "Small added matrices learn while the backbone's own weights stay. A good second step (LoRA).",
    ),
    "full": (
        "Adjust the whole model",
        "Every weight learns. Most flexible and most expensive; wants a small learning rate (full fine-tuning).",
    ),
    "scratch": (
        "Start from scratch (for comparison)",
        "The same architecture with random weights, to see whether pretraining helped (random initialisation).",
    ),
}

LOSSES: dict[str, tuple[str, str]] = {
    "mse": ("Mean squared error", "Large misses count most; the usual choice for numbers."),
    "huber": ("Huber", "Like squared error, but a few wild measurements count less."),
    "mae": ("Mean absolute error", "Every unit of error counts the same; least moved by outliers."),
    "cross_entropy": ("Cross-entropy", "The usual choice for classes; turns scores into probabilities."),
    "focal": ("Focal", "Spends its effort on the sequences that are still wrong; for rare classes."),
    "bce": (
        "Binary cross-entropy",
        "Each label is its own yes/no question; labels not measured are left out.",
    ),
}

OPTIMIZERS: dict[Optimizer, tuple[str, str]] = {
    "adamw": ("AdamW", "Adapts the step of each weight by itself; works almost everywhere."),
    "sgd": (
        "Stochastic gradient descent",
        "One step size for all weights, after every batch; simple, wants tuning.",
    ),
    "nesterov": (
        "Accelerated gradient (Nesterov)",
        "Gradient descent with momentum that looks one step ahead; faster than plain steps.",
    ),
    "gradient_descent": (
        "Plain gradient descent",
        "One step after looking at all training sequences; slow and smooth, for teaching and tiny sets.",
    ),
}

SCHEDULES: dict[Schedule, tuple[str, str]] = {
    "linear": ("Falling line", "The step shrinks evenly to zero; a safe choice."),
    "cosine": ("Cosine", "The step stays large for long, then falls smoothly."),
    "constant": ("Constant", "The step stays the same."),
}

_DEFAULT_LEARNING_RATES: dict[TuningMethod, float] = {
    "frozen": 1e-3,
    "lora": 3e-4,
    "full": 2e-5,
    "scratch": 3e-4,
}
_DESCENT_FACTOR = 100.0
"""SGD-like optimizers do not rescale the gradient and want far larger steps than AdamW."""
_DEFAULT_EPOCHS: dict[TuningMethod, int] = {"frozen": 100, "lora": 10, "full": 10, "scratch": 10}
_RESIDUE_EPOCHS = range(20, 101)
"""For the head of a frozen backbone where each residue is an example: a pass is then hundreds of times as long."""
_RESIDUE_STEPS = 2000
"""As many such passes as make so many steps: few sequences would be left before anything rare is learned."""
_PATIENT_SHARE = 0.15
"""Of these passes, without improvement."""
_DEFAULT_DROPOUT: dict[TuningMethod, float] = {"frozen": 0.3, "lora": 0.1, "full": 0.1, "scratch": 0.1}
_DEFAULT_BATCH: dict[TuningMethod, int] = {"frozen": 64, "lora": 8, "full": 8, "scratch": 8}
_RESIDUE_BATCH = 8
"""Where each residue is an example: some 2,000 of them a step."""
_RESIDUE_NEIGHBOURS = 8
POOLED: dict[Pooling, range] = {
    "mean": range(1), "mean_max": range(2), "mean_max_spread": range(3), "mean_max_spread_start": range(4),
    "first": range(4, 5), "auto": range(3),
}  # fmt: skip
"""Which of the vectors that `embeddings.pool` lays side by side the head reads."""
START = 3
"""The one of them that tells of the start."""
WITH_START: Pooling = "mean_max_spread_start"
POOLING_TERMS: dict[Pooling, str] = {
    "mean": "mean",
    "mean_max": "mean and maximum",
    "mean_max_spread": "mean, maximum and standard deviation",
    "mean_max_spread_start": "mean, maximum, standard deviation and start (mean of the first 40 residues)",
    "first": "first-token",
    "auto": "mean, maximum and standard deviation",
}
"""As methods sections call them."""
_FORMER = {"layers": "last", "neighbours": 0, "simple_features": "none"}
"""What settings were before there were such choices; runs and models of that time say nothing of them."""
_FORMER_LETTERS = {"auto": "auto", "yes": "letters", "no": "none"}
"""What `simple_features` was called and could be before words were counted too."""
MOST_ANCHORS = 4000
"""Training sequences that a head of similarities keeps. Up to so many it is the usual one: on small sets it does better
on the test part than a hidden layer, whose validation score, the best of up to a hundred, often says otherwise."""
METHOD_SETTINGS = ("learning_rate", "epochs", "batch_size", "patience", "dropout")
"""Settings that are chosen for one method and mean nothing to another."""


def _setting(
    default: Any, title: str, help: str, *, choices: Any = None, low: Any = None, high: Any = None
) -> Any:
    metadata = {"title": title, "help": help, "choices": choices, "low": low, "high": high}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TrainingSettings:
    """Choices of a training run. `None` means "what suits the method", filled in by `resolved`."""

    method: TuningMethod = _setting(
        "frozen", "How much of the model learns", "Start with the last layer; go up when it pays.",
        choices=get_args(TuningMethod),
    )  # fmt: skip
    loss: str | None = _setting(
        None, "What counts as a miss", "The function training makes small (loss).", choices=tuple(LOSSES)
    )
    optimizer: Optimizer = _setting(
        "adamw", "How steps are taken", "The rule that turns a miss into a change of the weights (optimizer).",
        choices=get_args(Optimizer),
    )  # fmt: skip
    learning_rate: float | None = _setting(
        None, "Step size",
        "Larger learns faster but may overshoot; empty takes what suits the method. A new last layer takes steps at "
        "least as large as on a fixed backbone (learning rate).",
        low=1e-7, high=10.0,
    )  # fmt: skip
    schedule: Schedule = _setting(
        "linear",
        "Step size over time",
        "How the step changes during training (schedule).",
        choices=get_args(Schedule),
    )
    warmup: float = _setting(
        0.05, "Gentle start", "Share of the training during which the step grows from zero (warm-up).",
        low=0.0, high=0.5,
    )  # fmt: skip
    weight_decay: float = _setting(
        0.01,
        "Pull towards simple",
        "Keeps weights small, against learning by heart (weight decay).",
        low=0.0,
        high=10.0,
    )
    epochs: int | None = _setting(
        None,
        "Passes over the data",
        "The most passes; early stopping may end sooner (epochs).",
        low=1,
        high=10_000,
    )
    batch_size: int | None = _setting(
        None, "Sequences a step", "Sequences looked at before each step (batch size).", low=1, high=4096
    )
    patience: int | None = _setting(
        None, "Stop when it no longer helps",
        "Passes without improvement on the validation part before training ends; 0 never stops early (early stopping).",
        low=0, high=10_000,
    )  # fmt: skip
    class_weights: bool = _setting(
        False,
        "Rare classes count more",
        "Weigh each class by how rare it is in the training part (class weights).",
    )
    pooling: Pooling = _setting(
        "auto", "From positions to one vector",
        "How the features of all positions become those of the sequence (pooling). Automatic: mean, maximum and "
        "spread, and for proteins (not for peptides or variants of one) also the mean of the first 40 residues, if "
        "that does better on the validation part.", choices=get_args(Pooling),
    )  # fmt: skip
    head: Head = _setting(
        "auto",
        "The layer on top",
        "A straight line, one hidden layer, or similarity to what was measured. Automatic: similarity on a fixed "
        "backbone with up to 4,000 training sequences, else one hidden layer (linear, MLP or kernel ridge head).",
        choices=get_args(Head),
    )
    simple_features: SimpleFeatures = _setting(
        "auto", "Words and letters beside features",
        "What the layer on top reads beside what the backbone sees: how often each short word or group of atoms occurs "
        "(k-mer counts, Morgan fingerprint), and, where all sequences are of one length, which letter stands where "
        "(one-hot positions). For variants of one protein the letters bring with them how unlike the exchanged amino "
        "acids are and how likely the backbone finds them (BLOSUM62 directions, log-odds). Automatic: what does best "
        "on the validation part; for values at each position, the letter that stands there.",
        choices=get_args(SimpleFeatures),
    )  # fmt: skip
    layers: Layers = _setting(
        "auto", "Layers the head reads",
        "The last layer of the backbone, or one from its middle beside it. Automatic: both for values at each "
        "position, and for DNA and molecules on a fixed backbone (hidden layers).", choices=get_args(Layers),
    )  # fmt: skip
    neighbours: int | None = _setting(
        None, "Neighbours read by the head",
        "For a value at each position: how many positions to either side the head reads too; 0 reads the position "
        "alone (half the width of its convolution).",
        low=0, high=50,
    )  # fmt: skip
    tuned_layers: int | None = _setting(
        None, "Layers that learn",
        "How many layers of the backbone learn, counted from the top; those below are read once and kept, so that each "
        "pass costs less; empty: all of them (frozen lower layers, cached).",
        low=1, high=1000,
    )  # fmt: skip
    both_strands: bool = _setting(
        False, "Both strands count the same",
        "For DNA on a fixed backbone: the features of a sequence and of its reverse complement are averaged, so that "
        "both get one prediction. Right for enhancers or GC content; not where the direction matters, as for promoters "
        "cut along their gene (reverse-complement averaging).",
    )  # fmt: skip
    dropout: float | None = _setting(
        None, "Random forgetting",
        "Share of features hidden at each step, against learning by heart; empty: what suits the method (dropout).",
        low=0.0, high=0.9,
    )  # fmt: skip
    lora_rank: int = _setting(
        8, "Size of the adjustable part", "Rank of the added matrices; larger can learn more (LoRA rank).",
        low=1, high=256,
    )  # fmt: skip
    lora_alpha: float = _setting(
        16.0,
        "Weight of the adjustable part",
        "Scales what the added matrices say (LoRA alpha).",
        low=0.1,
        high=1024.0,
    )
    lora_targets: str = _setting(
        "attention", "Where it is added", "The attention layers, or all linear layers (LoRA target modules).",
        choices=("attention", "all"),
    )  # fmt: skip
    max_length: int | None = _setting(
        None, "Longest sequence", "Longer ones are cut to this many letters; empty takes the backbone's own limit.",
        low=8, high=100_000,
    )  # fmt: skip
    seed: int = _setting(
        0,
        "Random seed",
        "The same seed gives the same result on the same machine (seed).",
        low=0,
        high=2**31 - 1,
    )
    device: str = _setting(
        "auto",
        "Where it runs",
        "`auto` takes the graphics card when there is one (auto, cpu, cuda, cuda:1, mps).",
    )
    processes: int = _setting(
        1, "Devices used together",
        "Splits each batch over several graphics cards of this machine (data parallel, through accelerate).",
        low=1, high=64,
    )  # fmt: skip
    weights: Weights = _setting(
        "full", "Weights in memory",
        "For backbones of billions of weights with the last layer or LoRA: 8 or 4 bits for each weight that does not "
        "learn, a quarter or an eighth of the memory for a little accuracy (quantization; needs bitsandbytes).",
        choices=get_args(Weights),
    )  # fmt: skip
    gradient_checkpointing: bool = _setting(
        False, "Less memory, more time",
        "Forget what each layer made of a sequence and compute it again on the way back: a fraction of the memory for "
        "a third more time (gradient checkpointing).",
    )  # fmt: skip
    precision: Precision = _setting(
        "auto", "Number format", "Half precision is faster on graphics cards that have it (mixed precision).",
        choices=get_args(Precision),
    )  # fmt: skip

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_setting(setting.name, getattr(self, setting.name), setting.metadata)

    def resolved(self, task: Task) -> "TrainingSettings":
        """The same settings with every `None` filled in for this task; UserError where the loss does not fit it."""
        loss = self.loss or task.losses[0]
        if loss not in task.losses:
            raise UserError(
                f"The loss '{loss}' does not fit the task '{task.name}'; it takes {', '.join(task.losses)}. "
                "Choose one of these."
            )
        if self.weights != "full" and self.method not in ("frozen", "lora"):
            raise UserError(
                f"Setting *weights*: found '{self.weights}' with '{METHODS[self.method][0]}'; weights of few bits "
                "cannot learn. Choose the last layer or LoRA, or weights 'full'."
            )
        rate = self.learning_rate or default_learning_rate(self.method, self.optimizer)
        has_short_passes = self.method == "frozen" and not task.is_per_residue
        epochs, patience = _DEFAULT_EPOCHS[self.method], 10 if has_short_passes else 3
        if self.method == "frozen" and task.is_per_residue:
            epochs = patience = None  # the number of sequences says
        largest_batch = _RESIDUE_BATCH if task.is_per_residue else math.inf
        neighbours = _RESIDUE_NEIGHBOURS if self.neighbours is None else self.neighbours
        both_strands = self.both_strands and has_short_passes
        head = self._possible_head(task, loss)
        return TrainingSettings(
            **{
                **asdict(self),
                "loss": loss,
                "learning_rate": rate,
                "epochs": 1 if head == "kernel" else self.epochs or epochs,
                "head": head,
                "batch_size": self.batch_size or min(_DEFAULT_BATCH[self.method], largest_batch),
                "patience": patience if self.patience is None else self.patience,
                "dropout": self.dropout if self.dropout is not None else _DEFAULT_DROPOUT[self.method],
                "layers": self._possible_layers(task),
                "neighbours": neighbours if task.is_per_residue else 0,
                "both_strands": both_strands,
                "simple_features": self._possible_features(task, both_strands),
            }
        )

    def _possible_head(self, task: Task, loss: str) -> Head:
        """What similarities cannot learn is left to one hidden layer; so is what only steps take into account."""
        can_solve = self.method == "frozen" and not task.is_per_residue
        if self.head == "auto" and (self.class_weights or loss != task.losses[0]):
            return "mlp"
        return self.head if can_solve or self.head == "linear" else "mlp"

    def _possible_layers(self, task: Task) -> Layers:
        """Left open where it depends on what the sequences are."""
        if self.layers != "auto" or (self.method == "frozen" and not task.is_per_residue):
            return self.layers
        # Layers below the last that learn speak through it.
        return "middle_last" if task.is_per_residue else "last"

    def _possible_features(self, task: Task, both_strands: bool) -> SimpleFeatures:
        if task.is_per_residue:  # a letter has no words, and costs nothing
            return "none" if self.simple_features in ("none", "counts") else "letters"
        # A place on one strand is another on the other.
        of_both: dict[str, SimpleFeatures] = {"letters": "none", "both": "counts"}
        return (
            of_both.get(self.simple_features, self.simple_features) if both_strands else self.simple_features
        )

    def for_data(self, n_train: int, modality: Modality) -> "TrainingSettings":
        """The same resolved settings with the head, layers and passes that suit the data, where none were asked for."""
        settings = self
        if settings.epochs is None:
            n_steps = math.ceil(n_train / settings.batch_size)
            passes = math.ceil(_RESIDUE_STEPS / max(n_steps, 1))
            settings = replace(settings, epochs=min(max(passes, _RESIDUE_EPOCHS[0]), _RESIDUE_EPOCHS[-1]))
        if settings.patience is None:
            settings = replace(settings, patience=math.ceil(_PATIENT_SHARE * settings.epochs))
        if self.layers == "auto":
            settings = replace(settings, layers="last" if modality == "protein" else "middle_last")
        if self.head != "auto":
            return settings
        is_small = n_train <= MOST_ANCHORS
        return replace(settings, head="kernel", epochs=1) if is_small else replace(settings, head="mlp")

    @property
    def is_open(self) -> bool:
        """Whether the validation part has still to say what the head reads."""
        return "auto" in (self.simple_features, self.pooling)

    @property
    def kinds_beside(self) -> tuple[str, ...]:
        """What the head reads beside the backbone at least, by name."""
        return {"both": ("letters", "counts"), "letters": ("letters",), "counts": ("counts",)}.get(
            self.simple_features, ()
        )

    def closed(self) -> "TrainingSettings":
        """The plainest reading where it is left open."""
        plainest = {"simple_features": "none", "pooling": "mean_max_spread"}
        return replace(
            self, **{name: plain for name, plain in plainest.items() if getattr(self, name) == "auto"}
        )

    def fixed_layers(self, n_layers: int) -> int:
        """How many of a backbone's layers, from the lowest, do not learn and are read only once."""
        if self.method in ("frozen", "scratch") or self.tuned_layers is None:
            return 0
        return max(0, n_layers - self.tuned_layers)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "TrainingSettings":
        """What `to_dict` gave, also to a file of a time when there were fewer settings."""
        saved = dict(saved)
        if "letters" in saved:
            saved["simple_features"] = _FORMER_LETTERS[saved.pop("letters")]
        return cls(**{**_FORMER, **saved})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for `config.json`; `from_dict` reads them."""
        return asdict(self)


def default_learning_rate(method: TuningMethod, optimizer: Optimizer) -> float:
    """The step size that suits a method."""
    return _DEFAULT_LEARNING_RATES[method] * (1.0 if optimizer == "adamw" else _DESCENT_FACTOR)


def _check_setting(name: str, value: Any, metadata: Any) -> None:
    if value is None:
        return
    if metadata["choices"] is not None and value not in metadata["choices"]:
        allowed = ", ".join(map(str, metadata["choices"]))
        raise UserError(f"Setting *{name}*: found '{value}'; allowed are {allowed}. Choose one of these.")
    if metadata["low"] is not None and not metadata["low"] <= value <= metadata["high"]:
        raise UserError(
            f"Setting *{name}*: found {value}; allowed is {metadata['low']:g} to {metadata['high']:g}. "
            "Choose a value in this range."
        )


def setting_default(name: str) -> Any:
    """The default of a setting, for forms and shell options."""
    for setting in fields(TrainingSettings):
        if setting.name == name and setting.default is not MISSING:
            return setting.default
    raise KeyError(name)


def simple_features_words(kinds: Sequence[str], modality: Modality) -> str:
    """What stands beside the features of the backbone, in words; "" for nothing.

    Args:
        kinds: of letters, exchanges, likelihood, counts.
        modality: of the sequences.
    """
    words = {
        "letters": "which letter stands where",
        "exchanges": "how unlike the exchanged amino acids are",
        "likelihood": "how likely the backbone finds the exchange",
        "counts": "counts of atom groups" if modality == "molecule" else "counts of short words",
    }
    *first, last = [words[kind] for kind in kinds] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def head_words(settings: TrainingSettings, modality: Modality, kinds: Sequence[str] | None = None) -> str:
    """What is learned on top of the backbone, and what it reads beside it, in words.

    Args:
        settings: of the run.
        modality: of the sequences.
        kinds: as for `simple_features_words`; None: what the settings alone say.
    """
    heads = {
        "linear": "a straight line",
        "kernel": "similarity to the training sequences (kernel ridge regression)",
    }
    start = "the start of each protein by itself" if settings.pooling == WITH_START else ""
    kinds = settings.kinds_beside if kinds is None else kinds
    beside = [words for words in (start, simple_features_words(kinds, modality)) if words]
    head, verb = heads.get(settings.head, "one hidden layer"), "reads"
    if settings.neighbours:
        layers, verb = (
            ("one convolution", verb) if settings.head == "linear" else ("two convolutions", "read")
        )
        head = f"{layers} over {settings.neighbours} positions to either side"
    return f"{head}, which also {verb} {' and '.join(beside)}" if beside else head


def last_layer_settings(settings: TrainingSettings, task: Task) -> TrainingSettings:
    """The same choices for the last layer alone; those that were made for another method are left open."""
    chosen = {**settings.to_dict(), **dict.fromkeys(METHOD_SETTINGS), "method": "frozen", "processes": 1}
    if settings.method != "frozen" and settings.head == "mlp":  # what automatic is for all other methods
        chosen["head"] = "auto"
    return TrainingSettings(**chosen).resolved(task)
