"""What kind of set this is, in words: variants of one sequence, different sequences, molecules."""

from biotl_core.data.dataset import Dataset
from biotl_core.data.variants import find_variants

_ONE = {"protein": "protein", "dna": "DNA sequence", "molecule": "molecule"}


def describe_kind(dataset: Dataset) -> str:
    """The kind of set, and what that means for a fair test.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"sequence": ["MKVLA", "MKVIA", "MAVLA"]})
    >>> describe_kind(Dataset(table, "protein", "regression"))
    'Variants of one protein: 5 letters, up to 1 mutation each.'
    """
    sequences = dataset.table["sequence"].tolist()
    noun = _ONE[dataset.modality]
    if dataset.modality == "molecule":
        return "Molecules: those that share a ring skeleton tend to share their values."
    variants = find_variants(sequences)
    if variants is not None:
        most = int(variants.is_mutated.sum(axis=1).max(initial=0))
        mutations = "1 mutation" if most == 1 else f"{most} mutations"
        return f"Variants of one {noun}: {len(sequences[0]):,} letters, up to {mutations} each."
    low, high = min(map(len, sequences)), max(map(len, sequences))
    lengths = f"{low:,} letters" if low == high else f"{low:,} to {high:,} letters"
    return f"Different {noun}s of {lengths}: relatives tend to share their values."
