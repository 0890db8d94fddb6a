"""SequenceModel: backbone -> pooling -> head; what of it learns is the tuning method."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from biotl_core.backbones.embeddings import pool
from biotl_core.backbones.encoder import Encoder, attention_linears, below_layer, load_encoder
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings

_HIDDEN_WIDTH = 256
"""Width of the hidden layer of an MLP head, at most."""
_CHANNELS = 64
"""Of a head that reads neighbours: wider ones learn little more at twice the time."""
_MOST_DIRECTIONS = 1024
"""Principal directions of the features that a head reads, at most."""
_SHRINKAGE_ROWS = 5000
"""Rows from which the trust in the directions is told."""


@dataclass(frozen=True)
class Outputs:
    """What a model gives out, enough to read its numbers."""

    task_name: TaskName
    classes: tuple[str, ...]
    modality: Modality

    @property
    def n(self) -> int:
        """Numbers for each sequence (or residue)."""
        return len(self.classes) if TASKS[self.task_name].is_class else 1

    @classmethod
    def of(cls, dataset: Dataset) -> "Outputs":
        """The outputs a dataset asks for."""
        return cls(dataset.task_name, dataset.classes, dataset.modality)


class Head(nn.Module):
    """Features to outputs: bring them to one scale, then a linear layer or one hidden layer, then the target's scale.

    Features of a frozen backbone are strongly correlated, and what tells relatives apart lies in their small
    directions, which gradient descent reaches last. They are therefore turned to their principal directions and these
    brought half-way to one spread (fourth root of the variance; Ledoit and Wolf 2004 say how far to trust it).

    For a value at each position the head may read its neighbours too; then its layers are convolutions along the
    sequence.
    """

    def __init__(self, n_features: int, n_outputs: int, settings: TrainingSettings):
        super().__init__()
        self.reach = settings.neighbours or 0
        # Down to few channels is a turn of its own, and a learned one.
        self.is_turned = settings.method == "frozen" and not self.reach
        width = min(n_features, _MOST_DIRECTIONS) if self.is_turned else n_features
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))
        if self.is_turned:
            self.register_buffer("feature_turn", torch.eye(n_features, width))
        self.register_buffer("target_mean", torch.zeros(1))
        self.register_buffer("target_scale", torch.ones(1))
        self.layers = (_neighbour_layers if self.reach else _layers)(width, n_outputs, settings)

    def fit_features(self, features: torch.Tensor) -> None:
        """Take mean, spread and directions of the features `(n, n_features)` from the training part."""
        features = features.double()
        spread = features.std(dim=0, correction=0)
        self.feature_mean.copy_(features.mean(dim=0))
        self.feature_scale.copy_(torch.where(spread > 1e-6, spread, 1.0))
        if self.is_turned:
            self.feature_turn.copy_(
                _half_whitening(self._scaled(features.float()), self.feature_turn.shape[1])
            )

    def fit_targets(self, targets: np.ndarray) -> None:
        """Take mean and spread of the known training targets, so that the head learns numbers around zero."""
        known = targets[np.isfinite(targets)]
        self.target_mean.fill_(float(known.mean()))
        self.target_scale.fill_(float(known.std()) or 1.0)

    def forward(self, features: torch.Tensor, lengths: Sequence[int] = ()) -> torch.Tensor:
        """Outputs `(n, n_outputs)`: numbers in units of `target_scale` around `target_mean`, or logits.

        Args:
            features: `(n, n_features)`; per residue, those of several sequences end to end.
            lengths: letters of each sequence, where the rows are residues.
        """
        scaled = self._scaled(features)
        if self.reach:
            return self.layers(scaled, _places_apart(lengths, self.reach).to(scaled.device))
        return self.layers(scaled @ self.feature_turn if self.is_turned else scaled)

    def _scaled(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.feature_mean) / self.feature_scale


def _layers(width: int, n_outputs: int, settings: TrainingSettings) -> nn.Sequential:
    """What the head learns where each row is by itself."""
    if settings.head == "linear":
        return nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(width, n_outputs))
    hidden = min(_HIDDEN_WIDTH, width)
    return nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(settings.dropout),
        nn.Linear(hidden, n_outputs),
    )


def _neighbour_layers(width: int, n_outputs: int, settings: TrainingSettings) -> nn.Module:
    """What the head learns where it reads the positions around each one too, of the same sequence only."""
    if settings.head == "linear":
        return _StraightLine(width, n_outputs, settings)
    return _ResidualConvolutions(width, n_outputs, settings)


class _Convolution(nn.Conv1d):
    """A convolution along rows `(n, channels)` that lie at some places; the places between them are empty (zero)."""

    def __init__(self, channels: int, n_outputs: int, reach: int):
        super().__init__(channels, n_outputs, 2 * reach + 1, padding=reach)

    def forward(self, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """`(n, n_outputs)`, a row for each of the rows."""
        if not len(rows):
            return rows.new_zeros(0, self.out_channels)
        apart = rows.new_zeros(int(places[-1]) + 1, rows.shape[1]).index_copy(0, places, rows)
        return super().forward(apart.T[None])[0].T[places]


class _StraightLine(nn.Module):
    """Each output is a weighted sum of all features of all positions in reach."""

    def __init__(self, width: int, n_outputs: int, settings: TrainingSettings):
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.out = _Convolution(width, n_outputs, settings.neighbours)

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(features), places)


class _ResidualConvolutions(nn.Module):
    """Down to few channels; two convolutions, which together reach as far as asked, add what they see around.

    (Residual connections: He et al. 2016, CVPR, 770.)
    """

    def __init__(self, width: int, n_outputs: int, settings: TrainingSettings):
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.narrow = nn.Linear(width, _CHANNELS)
        first, second = settings.neighbours - settings.neighbours // 2, settings.neighbours // 2
        self.around = nn.ModuleList(_Convolution(_CHANNELS, _CHANNELS, reach) for reach in (first, second))
        self.out = nn.Linear(_CHANNELS, n_outputs)

    def forward(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        hidden = self.narrow(self.dropout(features))
        for convolution in self.around:
            hidden = hidden + convolution(functional.gelu(hidden), places)
        return self.out(self.dropout(functional.gelu(hidden)))


def _places_apart(lengths: Sequence[int], gap: int) -> torch.Tensor:
    """Where each row comes to lie when sequences are laid out with so many empty places after each: `(n,)`."""
    letters = torch.tensor(lengths, dtype=torch.int64)
    return torch.arange(int(letters.sum())) + gap * torch.arange(len(letters)).repeat_interleave(letters)


def _half_whitening(scaled: torch.Tensor, width: int) -> torch.Tensor:
    """The matrix `(n_features, width)` that turns standardised features to their `width` largest directions.

    Each is divided by the fourth root of its variance, shrunk towards the mean variance where there are few rows.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = scaled[torch.randperm(len(scaled), generator=torch.Generator().manual_seed(0))[:_SHRINKAGE_ROWS]]
    shrinkage = min(float(ledoit_wolf_shrinkage(rows.cpu().numpy())), 0.99)
    centred = scaled.double()
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variances = variances.flip(0)[:width].clamp(min=0)
    floor = shrinkage / (1 - shrinkage) + 1e-3  # features are standardised, so the mean variance is 1
    return directions.flip(1)[:, :width] / (variances + floor) ** 0.25


class SequenceModel(nn.Module):
    """A backbone with a head on top."""

    def __init__(self, encoder: Encoder, settings: TrainingSettings, outputs: Outputs):
        super().__init__()
        self.outputs, self.settings = outputs, settings
        self.encoder = encoder
        self.is_per_residue = TASKS[outputs.task_name].is_per_residue
        if self.is_per_residue and not encoder.tokenizer.is_letterwise:
            raise UserError(
                "This backbone joins several letters into one token and cannot give a value for each residue. "
                "Choose a backbone that reads letter by letter, such as an embedded one or ESM-2."
            )
        self.layers = layers_beside_last(encoder.n_layers) if settings.layers == "middle_last" else ()
        self.head = Head(self.n_features, outputs.n, settings)

    @property
    def width(self) -> int:
        """Size of the vector at each letter, all layers that are read side by side."""
        return self.encoder.width * (len(self.layers) + 1)

    @property
    def n_features(self) -> int:
        """Width of what the head reads."""
        return self.width * (2 if self.settings.pooling == "mean_max" and not self.is_per_residue else 1)

    def select(self, pooled: torch.Tensor) -> torch.Tensor:
        """The features of the chosen pooling out of mean, maximum and first token side by side (see `pool`)."""
        width = self.width
        match self.settings.pooling:
            case "mean":
                return pooled[:, :width]
            case "mean_max":
                return pooled[:, : 2 * width]
            case "first":
                return pooled[:, 2 * width :]

    def features(self, tokens: Tokens) -> torch.Tensor:
        """What the head reads, from the backbone: a row a sequence, or a row a residue."""
        pack = self.encoder(tokens, self.layers)
        return pack.states if self.is_per_residue else self.select(pool(pack))

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Head outputs of sequences, or of all their residues end to end: `(rows, n_outputs)`."""
        return self.head(self.features(tokens), tokens.n_letters)

    def readable(self, outputs: torch.Tensor) -> torch.Tensor:
        """Head outputs as numbers in the target's unit, or as probabilities."""
        match self.outputs.task_name:
            case "regression" | "residue_regression":
                return outputs[:, 0] * self.head.target_scale + self.head.target_mean
            case "multilabel":
                return outputs.sigmoid()
            case _:
                return outputs.softmax(dim=1)


def layers_beside_last(n_layers: int) -> tuple[int, ...]:
    """The layer in the middle; more would make the kept features large."""
    return (n_layers // 2,)


def build_model(
    weights_folder: Path, outputs: Outputs, settings: TrainingSettings, *, random_weights: bool = False
) -> SequenceModel:
    """A model ready to train: the backbone loaded or made anew, and only what the method adjusts left adjustable.

    Args:
        weights_folder: the backbone's Hugging Face folder.
        outputs: what to predict.
        settings: resolved settings.
        random_weights: the twin without pretraining, tuned by the same method; `scratch` always is.
    """
    encoder = load_encoder(
        weights_folder,
        outputs.modality,
        random_weights=random_weights or settings.method == "scratch",
        seed=settings.seed,
        max_length=settings.max_length,
    )
    torch.manual_seed(settings.seed)
    encoder.allows_half = settings.precision != "float32"
    encoder.fixed_layers = settings.fixed_layers(encoder.n_layers)
    if settings.method in ("frozen", "lora"):
        encoder.requires_grad_(False)
    elif encoder.fixed_layers:
        _freeze(encoder, below_layer(encoder.model, encoder.fixed_layers))
    if settings.method == "lora":
        encoder.model = _with_lora(encoder, settings)
    _freeze_unused(encoder)
    if settings.gradient_checkpointing and settings.method != "frozen":
        _check_checkpointing(encoder)
        encoder.model.activation_checkpointing_enable({"use_reentrant": False})
    return SequenceModel(encoder, settings, outputs)


def _with_lora(encoder: Encoder, settings: TrainingSettings) -> nn.Module:
    below = {name.rpartition(".")[0] for name in below_layer(encoder.model, encoder.fixed_layers)}
    linears = attention_linears(encoder.model, everywhere=settings.lora_targets == "all")
    targets = [name for name in linears if name not in below]
    if not targets:
        raise UserError(
            f"LoRA found no attention layers it knows in a {encoder.config.model_type} backbone. "
            "Choose all linear layers as LoRA targets, or adjust the whole model."
        )
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules=targets,
        lora_dropout=0.0,
        bias="none",
    )
    return get_peft_model(encoder.model, config)


def _check_checkpointing(encoder: Encoder) -> None:
    if not encoder.model.supports_gradient_checkpointing:
        raise UserError(
            f"A {encoder.config.model_type} backbone cannot compute its layers again on the way back (setting "
            "*gradient_checkpointing*). Leave this setting off, or take fewer sequences a step."
        )


def _freeze_unused(encoder: Encoder) -> None:
    """Parts of the backbone that give nothing to the vectors get no gradient and must not be waited for."""
    _freeze(
        encoder,
        [n for n, _ in encoder.model.named_parameters() if "contact_head" in n or ".pooler." in f".{n}"],
    )


def _freeze(encoder: Encoder, names: Sequence[str]) -> None:
    for name in names:
        encoder.model.get_parameter(name).requires_grad_(False)


def save_model(model: SequenceModel, folder: Path, backbone: dict, weights_folder: Path) -> None:
    """Write the finished model: what was tuned as plain transformers or peft files, the head, and how to load both.

    Args:
        model: the model.
        folder: result; made if needed.
        backbone: name, hub id and revision of the backbone, for whoever loads a frozen or LoRA model elsewhere.
        weights_folder: the backbone's folder; its tokenizer goes beside tuned weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "task": model.outputs.task_name,
        "classes": list(model.outputs.classes),
        "modality": model.outputs.modality,
        "settings": model.settings.to_dict(),
        "backbone": {**backbone, "folder": str(weights_folder)},
    }
    (folder / "biotl.json").write_text(json.dumps(about, indent=1))
    save_file(
        {k: v.contiguous().cpu() for k, v in model.head.state_dict().items()}, folder / "head.safetensors"
    )
    if model.settings.method == "lora":
        model.encoder.model.save_pretrained(folder / "adapter")
    elif model.settings.method in ("full", "scratch"):
        model.encoder.model.save_pretrained(folder / "backbone")
        _copy_tokenizer(weights_folder, folder / "backbone")
    (folder / "README.md").write_text(_how_to_load(model.settings.method, backbone))


def _copy_tokenizer(source: Path, target: Path) -> None:
    for path in Path(source).iterdir():
        is_tokenizer = path.name.startswith(
            ("tokenizer", "vocab", "special_tokens", "merges", "spiece", "added_tokens")
        )
        if path.is_file() and is_tokenizer:
            (target / path.name).write_bytes(path.read_bytes())


def _how_to_load(method: str, backbone: dict) -> str:
    name = backbone.get("hub_id") or backbone["name"]
    lines = {
        "lora": f'base = AutoModel.from_pretrained("{name}")\nmodel = PeftModel.from_pretrained(base, "adapter")',
        "frozen": f'model = AutoModel.from_pretrained("{name}")',
    }.get(
        method,
        'model = AutoModel.from_pretrained("backbone")\ntokenizer = AutoTokenizer.from_pretrained("backbone")',
    )
    peft = "from peft import PeftModel\n" if method == "lora" else ""
    return (
        "# A model tuned with BioTL\n\n"
        f"The backbone is {name}. It loads in plain transformers:\n\n"
        f"```python\nfrom transformers import AutoModel, AutoTokenizer\n{peft}{lines}\n```\n\n"
        "`head.safetensors` holds the layer on top: features are standardised with `feature_mean` and "
        "`feature_scale`, multiplied by `feature_turn` where there is one, and go through `layers` (those of each "
        "residue, or convolutions along the sequence, zero beyond its ends); numbers are "
        "multiplied by `target_scale` and moved by `target_mean`. `biotl.json` holds the task, its classes and all "
        "settings. `calibration.json` and `neighbourhood.npz`, where they are, hold what BioTL needs for ranges, "
        "calibrated probabilities and sets of classes.\n"
    )


def load_model(folder: Path, weights_folder: Path | None = None) -> SequenceModel:
    """Bring a saved model back, in evaluation mode.

    Args:
        folder: what `save_model` wrote.
        weights_folder: where the backbone of a frozen or LoRA model lies now; None takes the folder of the training.

    Raises:
        UserError: the folder or its backbone is not there.
    """
    path = folder / "biotl.json"
    if not path.exists():
        raise UserError(
            f"The run '{folder.parent.name}' has no saved model; wait until it is finished or resume it."
        )
    about = json.loads(path.read_text())
    settings = TrainingSettings.from_dict(about["settings"])
    outputs = Outputs(about["task"], tuple(about["classes"]), about["modality"])
    has_own_backbone = settings.method in ("full", "scratch")
    source = (
        folder / "backbone" if has_own_backbone else (weights_folder or Path(about["backbone"]["folder"]))
    )
    encoder = load_encoder(source, outputs.modality, max_length=settings.max_length)
    if settings.method == "lora":
        encoder.model = PeftModel.from_pretrained(encoder.model, folder / "adapter")
    model = SequenceModel(encoder, settings, outputs)
    model.head.load_state_dict(load_file(folder / "head.safetensors"))
    return model.eval()
