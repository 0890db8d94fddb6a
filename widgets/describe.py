"""A dataset in words, for Markdown."""

from biotl_core.backbones.entries import Backbone
from biotl_core.data.cleaning import Cleaned
from biotl_core.data.dataset import PARTS, Dataset, Modality
from biotl_core.hardware import Device
from biotl_core.learning.speed import say_speed
from biotl_core.wording import plain, say_count

NOUNS: dict[Modality, tuple[str, str]] = {
    "protein": ("protein", "proteins"),
    "dna": ("DNA sequence", "DNA sequences"),
    "molecule": ("molecule", "molecules"),
}
"""What a row is called, one and many."""

MODALITY_TITLES: dict[Modality, str] = {"protein": "Protein", "dna": "DNA", "molecule": "Molecule"}

_JOINED = r"^(?:Merged into|The same as) row "
"""In the change log: rows that went into another one, as replicates or doubles."""


def say_rows(n: int, modality: Modality) -> str:
    """A number of rows: "1,204 proteins"."""
    return say_count(n, *NOUNS[modality])


def describe_dataset(dataset: Dataset) -> str:
    """A dataset in a line: "1,204 proteins, one number each (log fitness)"."""
    return f"{say_rows(len(dataset.table), dataset.modality)}, {describe_target(dataset)}"


def describe_left_out(cleaned: Cleaned) -> str:
    """What of the table is not in the dataset: "4 rows set aside, 3 joined with others"; "" where nothing is."""
    joined = int(cleaned.changes["why"].str.contains(_JOINED).sum())
    aside = cleaned.n_set_aside - joined
    words = [f"{say_count(aside, 'row')} set aside"] if aside else []
    words += [f"{say_count(joined, 'row') if not aside else joined} joined with others"] if joined else []
    return ", ".join(words)


def describe_parts(dataset: Dataset) -> str:
    """How many rows each part holds: "train 963, validation 120, test 121"."""
    counts = dataset.table["part"].value_counts()
    return ", ".join(f"{part} {counts.get(part, 0):,}" for part in PARTS)


def describe_target(dataset: Dataset) -> str:
    """What is known of each sequence: "one number each (log fitness)"."""
    classes, target = say_count(len(dataset.classes), "class", "classes"), plain(dataset.target_name)
    return {
        "regression": f"one number each ({target})",
        "classification": f"one of {classes} each ({target})",
        "multilabel": f"{say_count(len(dataset.classes), 'yes/no label')} each",
        "residue_classification": f"one of {classes} for each residue ({target})",
        "residue_regression": f"one number for each residue ({target})",
    }[dataset.task_name]


def describe_speed(backbone: Backbone, device: Device) -> str:
    """How fast a device reads, in sequences of a usual length: "roughly 5 proteins a second"."""
    number, unit = say_speed(backbone, device).split(" a ")
    one, many = NOUNS[backbone.modality]
    return f"{number} {one if number.split()[-1] == '1' else many} a {unit}"
