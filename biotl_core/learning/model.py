"""SequenceModel: backbone -> pooling -> head; what of it learns is the tuning method."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from biotl_core.backbones.embeddings import pool
from biotl_core.backbones.encoder import Encoder, attention_linears, below_layer, load_encoder
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.data.dataset import Dataset, Modality
from biotl_core.data.tasks import TASKS, TaskName
from biotl_core.errors import UserError
from biotl_core.learning.examples import side_by_side
from biotl_core.learning.exchanges import judge_letters
from biotl_core.learning.head import Head
from biotl_core.learning.settings import POOLED, START, TrainingSettings, Weights
from biotl_core.learning.simple_features import SimpleFeatures

_BITS: dict[Weights, int | None] = {"full": None, "8bit": 8, "4bit": 4}


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


class SequenceModel(nn.Module):
    """A backbone with a head on top."""

    def __init__(
        self,
        encoder: Encoder,
        settings: TrainingSettings,
        outputs: Outputs,
        simple: SimpleFeatures | None = None,
        *,
        n_turned: int | None = None,
        kinds_apart: bool = True,
    ):
        """Args:
        encoder: the backbone.
        settings: resolved.
        outputs: what to predict.
        simple: what the head reads beside the backbone.
        n_turned: kinds that the head turns, where they are not those of the backbone, as in former versions.
        kinds_apart: whether layers, and the start, are kinds of their own; in former versions all were one.
        """
        super().__init__()
        self.simple = simple or SimpleFeatures()
        """What the head reads beside the features of the backbone."""
        self.outputs, self.settings = outputs, settings
        self.encoder = encoder
        self.is_per_residue = TASKS[outputs.task_name].is_per_residue
        if self.is_per_residue and not encoder.tokenizer.is_letterwise:
            raise UserError(
                "This backbone joins several letters into one token and cannot give a value for each residue. "
                "Choose a backbone that reads letter by letter, such as an embedded one or ESM-2."
            )
        if settings.both_strands and outputs.modality != "dna":
            raise UserError(
                f"Only DNA has two strands, and these are sequences of the kind '{outputs.modality}'. Leave out the "
                "setting *both_strands*."
            )
        self.layers = layers_beside_last(encoder.n_layers) if settings.layers == "middle_last" else ()
        chosen = range(1) if self.is_per_residue else POOLED[settings.pooling]
        self.kinds_apart = kinds_apart and not self.is_per_residue
        self._pooled = _apart(chosen) if self.kinds_apart else {"backbone": chosen}
        kinds = self.backbone_kinds
        widths = [width for _, width in (*kinds, *self.simple.columns)]
        self.head = Head(widths, outputs.n, settings, n_turned or len(kinds))

    @property
    def width(self) -> int:
        """Size of the vector at each letter, all layers that are read side by side."""
        return self.encoder.width * (len(self.layers) + 1)

    @property
    def backbone_kinds(self) -> tuple[tuple[str, int], ...]:
        """Name and columns of each kind of features read of the backbone, in the order of `select`."""
        n = len(self.layers) + 1 if self.kinds_apart else 1
        return tuple(
            (name, len(vectors) * self.width // n) for name, vectors in self._pooled.items() for _ in range(n)
        )

    @property
    def shares(self) -> dict[str, float] | None:
        """How much say each kind of features has, 1 in sum; None for heads where that is not told apart."""
        if not self.head.is_solved:
            return None
        names = [name for name, _ in (*self.backbone_kinds, *self.simple.columns)]
        found = dict.fromkeys(names, 0.0)
        shares = self.head.layers.shares.double()
        for name, share in zip(names, shares / shares.sum(), strict=True):
            found[name] += float(share)
        return found

    @property
    def all_have_say(self) -> bool:
        """Whether a solved head reads something of each thing that may stand beside the backbone's plain features."""
        shares = self.shares
        chosen = (("start",), ("letters", "exchanges", "likelihood"), ("counts",))
        there = [[shares[name] for name in names if name in shares] for names in chosen]
        return all(any(share > 0 for share in one) for one in there if one)

    def select(self, pooled: torch.Tensor) -> torch.Tensor:
        """The features of the chosen pooling out of all that are pooled side by side (see `pool`), kind by kind."""
        vectors = pooled.unflatten(1, (-1, len(self.layers) + 1, self.encoder.width))
        if not self.kinds_apart:
            chosen = self._pooled["backbone"]
            return vectors[:, chosen.start : chosen.stop].flatten(1)
        return torch.cat(
            [
                vectors[:, chosen.start : chosen.stop, layer].flatten(1)
                for chosen in self._pooled.values()
                for layer in range(vectors.shape[2])
            ],
            dim=1,
        )

    def features(self, tokens: Tokens, beside: torch.Tensor | None = None) -> torch.Tensor:
        """What the head reads: of the backbone, and simple features beside it; a row a sequence or a residue."""
        pack = self.encoder(tokens, self.layers)
        return side_by_side(pack.states if self.is_per_residue else self.select(pool(pack)), beside)

    def forward(self, tokens: Tokens, beside: torch.Tensor | None = None) -> torch.Tensor:
        """Head outputs of sequences, or of all their residues end to end: `(rows, n_outputs)`."""
        return self.head(self.features(tokens, beside), tokens.n_letters)

    def readable(self, outputs: torch.Tensor) -> torch.Tensor:
        """Head outputs as numbers in the target's unit, or as probabilities."""
        match self.outputs.task_name:
            case "regression" | "residue_regression":
                return outputs[:, 0] * self.head.target_scale + self.head.target_mean
            case "multilabel":
                return outputs.sigmoid()
            case _:
                return outputs.softmax(dim=1)


def _apart(chosen: range) -> dict[str, range]:
    """Pooled vectors by kind: the start of a protein is one of its own."""
    if START not in chosen or len(chosen) == 1:
        return {"backbone": chosen}
    return {"backbone": range(chosen.start, START), "start": range(START, chosen.stop)}


def layers_beside_last(n_layers: int) -> tuple[int, ...]:
    """The layer in the middle; more would make the kept features large."""
    return (n_layers // 2,)


def build_model(
    weights_folder: Path,
    outputs: Outputs,
    settings: TrainingSettings,
    *,
    random_weights: bool = False,
    training_sequences: Sequence[str] = (),
    device: torch.device | str = "cpu",
    encoder: Encoder | None = None,
) -> SequenceModel:
    """A model ready to train: the backbone loaded or made anew, and only what the method adjusts left adjustable.

    Args:
        weights_folder: the backbone's Hugging Face folder.
        outputs: what to predict.
        settings: resolved settings.
        random_weights: the twin without pretraining, tuned by the same method; `scratch` always is.
        device: where weights of few bits are made; move the model there in any case.
        training_sequences: what the head may read beside the backbone (setting `simple_features`) is learned from
            them.
        encoder: this very backbone, where a model on top of which only the last layer learned has loaded it already.
    """
    if settings.weights == "4bit" and settings.method == "lora" and torch.device(device).type == "cpu":
        raise UserError(
            "Setting *weights*: found '4bit' with LoRA on a processor, where bitsandbytes (0.50) only reads with them. "
            "Choose '8bit', the last layer, or a graphics card."
        )
    encoder = encoder or load_encoder(
        weights_folder,
        outputs.modality,
        random_weights=random_weights or settings.method == "scratch",
        seed=settings.seed,
        max_length=settings.max_length,
        bits=_BITS[settings.weights],
        device=device,
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
    judge = None
    if settings.weights == "full":  # those of few bits are too many to be read once more with all their bits
        is_random = random_weights or settings.method == "scratch"
        judge = partial(
            judge_letters, Path(weights_folder), outputs.modality, is_random, settings.seed, str(device)
        )
    simple = SimpleFeatures.of(
        training_sequences,
        encoder,
        outputs.modality,
        settings,
        judge,
        is_per_residue=TASKS[outputs.task_name].is_per_residue,
    )
    return SequenceModel(encoder, settings, outputs, simple)


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
        "kinds_apart": model.kinds_apart,
        "simple_features": model.simple.save(folder),
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
        "`head.safetensors` holds the layer on top: features (of each layer that is read, then of the start where it "
        "is; beside them, where `biotl.json` has them in "
        "`simple_features`, a 1 for each letter at its place (where each residue has a value: for its letter), the "
        "exchanges of `exchanges.npz`, their likelihood by "
        "`likelihood.npz`, and counts of words, weighed, centred and multiplied by the directions in `counts.npz`) are "
        "standardised with `feature_mean` and `feature_scale`, those of the backbone multiplied by "
        "`feature_turn` where there is one, and go through `layers` (similarities to `anchors`, each kind with its "
        "share, where there are such; those of each "
        "residue, or convolutions along the sequence, zero beyond its ends; with `both_strands` the mean of those of a "
        "sequence and of its reverse complement); numbers are "
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
    bits = _BITS[settings.weights]
    encoder = load_encoder(source, outputs.modality, max_length=settings.max_length, bits=bits)
    if settings.method == "lora":
        encoder.model = PeftModel.from_pretrained(encoder.model, folder / "adapter")
    # Former versions knew letters alone, and turned them like the features of the backbone.
    simple = SimpleFeatures.load(about.get("simple_features") or about, folder)
    n_turned = None if "simple_features" in about else 1 + len(simple.widths)
    apart = about.get("kinds_apart", False)
    model = SequenceModel(encoder, settings, outputs, simple, n_turned=n_turned, kinds_apart=apart)
    model.head.load_state_dict(load_file(folder / "head.safetensors"))
    return model.eval()
