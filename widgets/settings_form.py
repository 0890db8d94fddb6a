"""The form of `TrainingSettings`, drawn from its fields, where titles, help, ranges and choices stand."""

import math
from collections.abc import Collection
from dataclasses import fields
from typing import get_args

import streamlit as st

from biotl_core.data.dataset import Modality
from biotl_core.data.tasks import Task
from biotl_core.learning.settings import LOSSES, OPTIMIZERS, SCHEDULES, TrainingSettings
from widgets.kept import choices, kept

STORE = "settings"

GROUPS: dict[str, tuple[str, ...]] = {
    "Steps": ("optimizer", "learning_rate", "schedule", "warmup", "batch_size"),
    "Against learning by heart": ("patience", "weight_decay", "dropout"),
    "Model": (
        "pooling",
        "head",
        "simple_features",
        "layers",
        "neighbours",
        "both_strands",
        "max_length",
        "class_weights",
    ),
    "Adjustable part": ("tuned_layers", "lora_rank", "lora_alpha", "lora_targets"),
    "Machine": ("device", "processes", "precision", "weights", "gradient_checkpointing", "seed"),
}
"""The settings under "More settings"; `method`, `loss` and `epochs` are drawn by the page itself."""

CHOICE_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "pooling": {
        "auto": (
            "Automatic",
            "Mean, maximum and spread; the start of proteins too where that does better on the validation part.",
        ),
        "mean": ("Mean", "The average over all positions."),
        "mean_max": ("Mean and maximum", "The average and the strongest signal of each feature."),
        "mean_max_spread": (
            "Mean, maximum and spread",
            "Also how far each feature varies along the sequence (standard deviation).",
        ),
        "mean_max_spread_start": (
            "Mean, maximum, spread and start",
            "Also the average over the first 40 positions, where a protein's targeting signals lie.",
        ),
        "first": ("First token", "The summary token in front of the sequence, where the backbone has one."),
    },
    "head": {
        "auto": (
            "Automatic",
            "Similarity for up to 4,000 sequences on a fixed backbone, else one hidden layer.",
        ),
        "linear": ("Straight line", "One weight a feature; hardest to overfit."),
        "mlp": ("One hidden layer", "Can bend; learns pass by pass."),
        "kernel": (
            "Similarity",
            "Each measured sequence counts by how alike it is; often best with few of them.",
        ),
    },
    "layers": {
        "auto": (
            "Automatic",
            "Both for values at each position, and for DNA and molecules on a fixed backbone.",
        ),
        "last": ("The last layer", "What the backbone ends with."),
        "middle_last": (
            "The middle and the last",
            "Twice the features; each layer with its own say.",
        ),
    },
    "simple_features": {
        "auto": ("Automatic", "What does best on the validation part."),
        "none": ("Nothing", "What the backbone sees alone."),
        "letters": (
            "Letters by position",
            "Where all sequences are of one length; for variants with kinds of exchange and their likelihood.",
        ),
        "counts": ("Counts of words", "Or of atom groups, for molecules."),
        "both": ("Letters and counts", "Each kind with its own say."),
    },
    "lora_targets": {
        "attention": ("Attention layers", "Fewer weights, usually enough."),
        "all": ("All linear layers", "More weights, can learn more."),
    },
    "device": {"auto": ("Automatic", "The graphics card where there is one, else the processor.")},
    "weights": {
        "full": ("As they are", "32 bits each."),
        "8bit": ("8 bits", "A quarter of the memory."),
        "4bit": ("4 bits", "An eighth of the memory."),
    },
    "precision": {
        "auto": ("Automatic", "Half precision where the machine has it."),
        "float32": ("Single (32 bit)", "The most exact."),
        "bfloat16": ("Half (16 bit)", "Half the memory, often twice as fast."),
    },
}
"""Setting -> choice -> its title and one sentence."""

_FIELDS = {field.name: field for field in fields(TrainingSettings)}


def chosen_settings(
    task: Task, devices: Collection[str] = (), modality: Modality = "dna"
) -> TrainingSettings:
    """What was chosen so far in this session, without what no longer fits the task, the sequences or the machine."""
    chosen = {name: value for name, value in choices(STORE).items() if name in _FIELDS}
    if chosen.get("loss") not in task.losses:
        chosen.pop("loss", None)
    if chosen.get("device") not in devices:
        chosen.pop("device", None)
    if modality != "dna":
        chosen.pop("both_strands", None)
    return TrainingSettings(**chosen)


def is_relevant(
    name: str,
    settings: TrainingSettings,
    task: Task,
    devices: Collection[str] = (),
    modality: Modality = "dna",
) -> bool:
    """Whether a setting does anything for this method, task, machine and kind of sequence."""
    return {
        "processes": sum(device != "cpu" for device in devices) > 1,
        "weights": settings.method in ("frozen", "lora"),
        "gradient_checkpointing": settings.method != "frozen",
        "tuned_layers": settings.method in ("lora", "full"),
        "lora_rank": settings.method == "lora",
        "lora_alpha": settings.method == "lora",
        "lora_targets": settings.method == "lora",
        "pooling": not task.is_per_residue,
        "simple_features": not task.is_per_residue,
        "neighbours": task.is_per_residue,
        "both_strands": modality == "dna" and settings.method == "frozen" and not task.is_per_residue,
        "class_weights": task.is_class,
    }.get(name, True)


def draw_more_settings(
    settings: TrainingSettings, task: Task, devices: Collection[str], modality: Modality
) -> None:
    """All settings but those the page draws itself, folded, by what they are about."""
    n_changed = len(changed_settings(settings, task, [name for group in GROUPS.values() for name in group]))
    label = f"More settings ({n_changed} changed)" if n_changed else "More settings"
    with st.expander(label, icon=":material/tune:", key="more-settings"):
        with st.grid("auto", min_column_width=160, gap="medium"):
            for group, names in GROUPS.items():
                relevant = [name for name in names if is_relevant(name, settings, task, devices, modality)]
                if relevant:
                    with st.container():
                        st.markdown(f"**{group}**")
                        for name in relevant:
                            draw_setting(
                                name, settings, task, ("auto", *devices) if name == "device" else None
                            )
        if n_changed:
            st.button("Back to the defaults", icon=":material/undo:", on_click=_forget_all)


def changed_settings(settings: TrainingSettings, task: Task, names: Collection[str]) -> list[str]:
    """Those of the names that differ from what the method would take by itself."""
    default = TrainingSettings(method=settings.method).resolved(task)
    resolved = settings.resolved(task)
    return [name for name in names if getattr(resolved, name) != getattr(default, name)]


def _forget_all() -> None:
    for names in GROUPS.values():
        for name in names:
            choices(STORE).pop(name, None)


def draw_setting(
    name: str, settings: TrainingSettings, task: Task, options: Collection[str] | None = None
) -> None:
    """One widget for one setting, of the kind that its type asks for.

    Args:
        name: the field of `TrainingSettings`.
        settings: what is chosen now, with None where the method decides.
        task: the kind of target.
        options: choices to offer instead of those of the field.
    """
    metadata = _FIELDS[name].metadata
    value, resolved = getattr(settings, name), getattr(settings.resolved(task), name)
    if options := options or metadata["choices"]:
        _draw_choice(name, resolved, options)
    elif isinstance(value, bool):
        st.checkbox(metadata["title"], help=metadata["help"], **kept(STORE, name, value))
    else:
        _draw_number(name, value, resolved)


def _draw_choice(name: str, value: str, options: Collection[str]) -> None:
    metadata, texts = _FIELDS[name].metadata, CHOICE_TEXTS.get(name, {})
    explained = [f"- **{texts[option][0]}**: {texts[option][1]}" for option in options if option in texts]
    st.selectbox(
        metadata["title"],
        list(options),
        format_func=lambda option: texts[option][0] if option in texts else str(option),
        help="\n".join([metadata["help"], "", *explained]),
        **kept(STORE, name, value),
    )


def _draw_number(name: str, value: float | None, resolved: float | None) -> None:
    """A number; an empty field takes what suits the method, which stands in it in grey."""
    field = _FIELDS[name]
    is_whole = int in (field.type, *get_args(field.type))
    number = int if is_whole else float
    st.number_input(
        field.metadata["title"],
        number(field.metadata["low"]),
        number(field.metadata["high"]),
        step=1 if is_whole else _tenth(resolved),
        format="%d" if is_whole else "%g",
        placeholder="automatic" if resolved is None else f"automatic: {resolved:g}",
        help=field.metadata["help"],
        **kept(STORE, name, value),
    )


def _tenth(value: float | None) -> float:
    """A tenth of the leading decimal place: 0.003 changes in steps of 0.0001."""
    return 10.0 ** math.floor(math.log10(value) - 1) if value else 0.01
