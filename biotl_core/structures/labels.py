"""From structures to something to learn: a class or number for each residue, as a dataset for the Train page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Dataset
from biotl_core.data.splitting import SplitResult, SplitSettings, split_or_random
from biotl_core.data.tasks import UNKNOWN_RESIDUE, TaskName
from biotl_core.errors import UserError
from biotl_core.structures.alignment import filled_backbone
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.secondary_structure import EIGHT_STATES, eight_states
from biotl_core.wording import say_count

SHORTEST = 30
"""Resolved residues below which a chain teaches nothing."""
FEWEST = 10
"""Chains below which no dataset is made."""
IDENTITY = 0.3
"""Chains at or above this identity stay in one part."""
MAX_AREA = {
    "A": 129, "R": 274, "N": 195, "D": 193, "C": 167, "Q": 225, "E": 223, "G": 104, "H": 224, "I": 197,
    "L": 201, "K": 236, "M": 224, "F": 240, "P": 159, "S": 155, "T": 172, "W": 285, "Y": 263, "V": 174,
}  # fmt: skip
"""Largest accessible area of each residue in Å² (theoretical; Tien et al., PLoS ONE 8, e80635, 2013)."""
_SIDE_CHAIN_ATOMS = {
    "A": 5, "R": 11, "N": 8, "D": 8, "C": 6, "Q": 9, "E": 9, "G": 4, "H": 10, "I": 8, "L": 8, "K": 9, "M": 8,
    "F": 11, "P": 7, "S": 6, "T": 7, "W": 14, "Y": 12, "V": 7,
}  # fmt: skip
"""Heavy atoms of each whole residue, without a terminal OXT."""
_TO_THREE = {"H": "H", "G": "H", "I": "H", "E": "E", "B": "E", "T": "C", "S": "C", "C": "C"}
_STEADY = 0.5
"""Å² of spread below which a B column says nothing."""

Values = str | list[float]
"""A letter, or a number, for each residue."""


@dataclass(frozen=True)
class Label:
    """Something that structures tell of each residue."""

    title: str
    explanation: str
    task_name: TaskName
    target_name: str
    values: Callable[[ProteinChain], Values | None]
    """Of a chain, unknown ones marked; None where the file does not tell."""
    why_not: str
    """What a file lacks where it does not tell."""
    classes: tuple[str, ...] = ()


def three_states(chain: ProteinChain) -> str | None:
    """H, E or C of each residue (helices of all kinds, strands), `?` where not resolved."""
    eight = eight_state_letters(chain)
    return None if eight is None else "".join(_TO_THREE.get(letter, letter) for letter in eight)


def eight_state_letters(chain: ProteinChain) -> str | None:
    """DSSP's state of each residue, C for none, `?` where not resolved; None without alpha carbons in a row."""
    backbone = filled_backbone(chain)[:, :4]
    known = ~np.isnan(backbone).any(axis=(1, 2))
    if known.sum() < 5:
        return None
    letters = np.full(len(chain), UNKNOWN_RESIDUE)
    is_proline = np.array(list(chain.sequence))[known] == "P"
    letters[known] = eight_states(
        *(backbone[known, k] for k in range(4)), np.zeros(int(known.sum())), is_proline
    )
    return "".join(letters)


def relative_accessibility(chain: ProteinChain) -> list[float] | None:
    """Share of the largest possible area that water can reach in this chain alone, 0 to 1; nan where atoms lack."""
    from biotite.structure import sasa

    places = chain.atoms.res_id - 1
    n_atoms = np.bincount(places[chain.atoms.atom_name != "OXT"], minlength=len(chain))
    whole = np.array(
        [n >= _SIDE_CHAIN_ATOMS.get(a, 99) for n, a in zip(n_atoms, chain.sequence, strict=True)]
    )
    if whole.mean() < 0.5:
        return None
    area = np.nan_to_num(sasa(chain.atoms, point_number=200, vdw_radii="Single"))
    summed = np.bincount(places, area, len(chain))
    largest = np.array([MAX_AREA.get(letter, np.nan) for letter in chain.sequence], dtype=float)
    return np.where(whole, np.clip(summed / largest, 0, 1), np.nan).round(4).tolist()


def disorder(chain: ProteinChain) -> str | None:
    """D where the file names a residue without a position, O where it is ordered; None where it does not tell."""
    if not chain.has_whole_sequence:
        return None
    return "".join(np.where(chain.is_resolved, "O", "D"))


def flexibility(chain: ProteinChain) -> list[float] | None:
    """B-factors of the alpha carbons in standard deviations from the chain's mean; None for models."""
    if chain.b_kind != "B-factor":
        return None
    spread = float(np.nanstd(chain.b_factor))
    if not spread > _STEADY:
        return None
    return ((chain.b_factor - np.nanmean(chain.b_factor)) / spread).round(4).tolist()


LABELS: dict[str, Label] = {
    "ss3": Label(
        "Secondary structure, 3 states",
        "Helix (H), strand (E) or coil (C), from backbone hydrogen bonds (DSSP).",
        "residue_classification",
        "secondary structure",
        three_states,
        "too few alpha carbons",
        ("C", "E", "H"),
    ),
    "ss8": Label(
        "Secondary structure, 8 states",
        "The eight states of DSSP: "
        + ", ".join(f"{name} {said}" for name, said in EIGHT_STATES.items())
        + ".",
        "residue_classification",
        "secondary structure, 8 states",
        eight_state_letters,
        "too few alpha carbons",
        tuple(sorted(EIGHT_STATES)),
    ),
    "accessibility": Label(
        "Solvent accessibility",
        "How much of each residue water can reach, 0 (buried) to 1 (exposed); of the chain alone.",
        "residue_regression",
        "relative accessibility",
        relative_accessibility,
        "its side chains are missing",
    ),
    "disorder": Label(
        "Disorder",
        "Residues that the file names (SEQRES) but that have no position (D), against ordered ones (O).",
        "residue_classification",
        "disorder",
        disorder,
        "it does not name its whole sequence (SEQRES)",
        ("D", "O"),
    ),
    "flexibility": Label(
        "Flexibility",
        "B-factors, as standard deviations from the mean of the chain.",
        "residue_regression",
        "B-factor (z-score)",
        flexibility,
        "its B column holds no B-factors that vary",
    ),
}
"""Everything that a click turns into a dataset."""


@dataclass(frozen=True)
class Labelled:
    """A dataset made from structures."""

    dataset: Dataset
    split: SplitResult
    settings: SplitSettings
    left_out: pd.DataFrame
    """Columns name and reason, one row a chain that is not in the dataset."""


def make_dataset(chains: Sequence[ProteinChain], label: str, source: str) -> Labelled:
    """A dataset of one label from chains, split so that like sequences share a part.

    Of identical sequences the one with the most resolved residues stays.

    Args:
        chains: as read from files.
        label: in `LABELS`.
        source: what to call where they came from.

    Raises:
        UserError: no such label, or too few chains that tell it.
    """
    if label not in LABELS:
        raise UserError(f"There is no label '{label}'; there are {', '.join(LABELS)}.")
    entry, rows, left_out = LABELS[label], {}, []
    for chain in sorted(chains, key=lambda chain: -int(chain.is_resolved.sum())):
        reason, values = _usable(chain, entry)
        if not reason and chain.sequence in rows:
            reason = f"the same sequence as {rows[chain.sequence]['name']}"
        if reason:
            left_out.append({"name": chain.name, "reason": reason})
        else:
            rows[chain.sequence] = {
                "name": chain.name,
                "sequence": valid_letters(chain.sequence),
                "target": values,
            }
    if len(rows) < FEWEST:
        why = f" (the first: {left_out[0]['name']}, {left_out[0]['reason']})" if left_out else ""
        raise UserError(
            f"Only {say_count(len(rows), 'chain')} of {len(chains):,} can be used for '{entry.title}'{why}; at least "
            f"{FEWEST} different ones are needed. Add structures."
        )
    table = pd.DataFrame(list(rows.values())).assign(part="")
    classes = _classes(entry, table["target"])
    dataset = Dataset(table, "protein", entry.task_name, classes, source, entry.target_name)
    settings = SplitSettings("similarity", identity=IDENTITY)
    parted = split_or_random(dataset, settings)
    return Labelled(parted.dataset, parted, settings, pd.DataFrame(left_out, columns=["name", "reason"]))


def _usable(chain: ProteinChain, entry: Label) -> tuple[str, Values | None]:
    if int(chain.is_resolved.sum()) < SHORTEST:
        return f"fewer than {SHORTEST} resolved residues", None
    values = entry.values(chain)
    return ("" if values is not None else entry.why_not), values


def valid_letters(sequence: str) -> str:
    """The letters of proteins, X for all others."""
    valid = ALPHABETS["protein"].valid
    return "".join(letter if letter in valid else "X" for letter in sequence)


def _classes(entry: Label, targets: pd.Series) -> tuple[str, ...]:
    if not entry.classes:
        return ()
    there = set("".join(targets)) - {UNKNOWN_RESIDUE}
    if len(there) < 2:
        only = next(iter(there), "nothing")
        raise UserError(
            f"All residues of these structures are alike in '{entry.title}' ({only}), so there is nothing to learn. "
            "Add other structures."
        )
    return tuple(name for name in entry.classes if name in there)
