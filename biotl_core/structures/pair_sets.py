"""PairSet: structures with their parts, to learn contacts or distances between residues from."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.dataset import PARTS, Dataset, Part
from biotl_core.data.splitting import SplitSettings, split_or_random
from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name
from biotl_core.structures.alignment import filled_backbone
from biotl_core.structures.chains import BACKBONE, ProteinChain
from biotl_core.structures.labels import FEWEST, IDENTITY, SHORTEST, valid_letters
from biotl_core.structures.pair_measures import LONG, true_contacts
from biotl_core.structures.results import as_atoms
from biotl_core.wording import say_count

TABLE, ABOUT = "structures.parquet", "structures.json"
FOLDER = "structure-sets"
"""Below the home, one folder a set."""
FRACTIONS = (0.7, 0.1, 0.2)
"""Of training, validation and test: there are few structures, and a test on two chains tells nothing."""
LONGEST = 600
"""Residues of a chain at most: a map of pairs grows with the square."""


@dataclass(frozen=True)
class PairTarget:
    """Something that structures tell of each pair of residues."""

    title: str
    explanation: str
    headline: str
    """The metric in `PAIR_METRICS` that chooses the best pass and is said first."""
    folds: bool
    """The test chains are folded as well, and their folds judged."""


PAIR_TARGETS: dict[str, PairTarget] = {
    "contacts": PairTarget(
        "Contacts",
        "Which residues touch: beta carbons within 8 Å. For each pair of residues, not for each residue.",
        "precision_long",
        folds=False,
    ),
    "distances": PairTarget(
        "Distances",
        "How far residues are from one another, up to 20 Å; the chains of the test part are folded from them.",
        "distance_lddt",
        folds=True,
    ),
}
"""Everything of pairs that a click turns into something to learn."""


@dataclass(frozen=True)
class PairSet:
    """Chains of structures, each in a part; like sequences share one."""

    target: str
    """In `PAIR_TARGETS`."""
    chains: tuple[ProteinChain, ...]
    parts: tuple[Part, ...]
    """One for each chain."""
    source: str
    """Where they came from, in words."""
    sentence: str
    """How the parts were made."""
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """Name and reason of each chain that is not in the set."""

    def part(self, part: Part) -> list[ProteinChain]:
        """The chains of a part."""
        return [chain for chain, own in zip(self.chains, self.parts, strict=True) if own == part]

    @property
    def counts(self) -> dict[str, int]:
        """Chains of each part."""
        return {part: self.parts.count(part) for part in PARTS}

    @property
    def content_hash(self) -> str:
        """SHA-256 of sequences, positions and parts: runs with the same hash saw the same data."""
        digest = hashlib.sha256()
        for chain, part in zip(self.chains, self.parts, strict=True):
            digest.update(f"{part} {chain.sequence}".encode() + np.nan_to_num(_positions(chain)).tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write `structures.parquet` and `structures.json` into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(
            {
                "name": [chain.name for chain in self.chains],
                "sequence": [chain.sequence for chain in self.chains],
                "part": self.parts,
                "backbone": [_positions(chain).ravel() for chain in self.chains],
            }
        )
        table.to_parquet(folder / TABLE, index=False)
        about = {name: getattr(self, name) for name in ("target", "source", "sentence", "notes", "left_out")}
        (folder / ABOUT).write_text(json.dumps(about, indent=1))

    @classmethod
    def load(cls, folder: Path) -> "PairSet":
        """Read what `save` wrote; UserError when it is damaged or gone."""
        try:
            about = json.loads((folder / ABOUT).read_text())
            table = pd.read_parquet(folder / TABLE)
            chains = tuple(map(_chain, table["name"], table["sequence"], table["backbone"]))
            left_out = tuple((name, reason) for name, reason in about["left_out"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"The structures in '{folder.name}' are damaged or gone. Make them again on the page Structures."
            ) from error
        return cls(
            about["target"], chains, tuple(table["part"]), about["source"], about["sentence"],
            tuple(about["notes"]), left_out,
        )  # fmt: skip


def make_pair_set(
    chains: Sequence[ProteinChain], target: str, source: str, identity: float = IDENTITY, seed: int = 0
) -> PairSet:
    """Chains to learn from, split so that like sequences share a part; of identical ones the most complete stays.

    Args:
        chains: as read from files.
        target: in `PAIR_TARGETS`.
        source: what to call where they came from.
        identity: chains at or above this identity stay in one part.
        seed: of the split.

    Raises:
        UserError: no such target, or too few chains.
    """
    if target not in PAIR_TARGETS:
        raise UserError(f"There is no target '{target}'; there are {', '.join(PAIR_TARGETS)}.")
    kept: dict[str, ProteinChain] = {}
    left_out = []
    for chain in sorted(chains, key=lambda chain: -int(chain.is_resolved.sum())):
        if reason := why_not(chain, kept):
            left_out.append((chain.name, reason))
        else:
            kept[chain.sequence] = chain
    if len(kept) < FEWEST:
        why = f" (the first: {left_out[0][0]}, {left_out[0][1]})" if left_out else ""
        raise UserError(
            f"Only {say_count(len(kept), 'chain')} of {len(chains):,} can be used{why}; at least {FEWEST} different "
            "ones are needed. Add structures."
        )
    table = pd.DataFrame(
        {
            "name": [chain.name for chain in kept.values()],
            "sequence": [valid_letters(sequence) for sequence in kept],
            "target": [float(np.nansum(true_contacts(chain)[_far_apart(chain)])) for chain in kept.values()],
            "part": "",
        }
    )
    # Split as a table of numbers; the number of long-range contacts keeps simple folds from filling one part.
    carrier = Dataset(table, "protein", "regression", (), source, "long-range contacts")
    parted = split_or_random(
        carrier, SplitSettings("similarity", identity=identity, seed=seed, fractions=FRACTIONS)
    )
    return PairSet(
        target,
        tuple(kept.values()),
        tuple(parted.dataset.table["part"]),
        source,
        parted.sentence,
        parted.notes,
        tuple(left_out),
    )


def why_not(chain: ProteinChain, kept: dict[str, ProteinChain]) -> str:
    """Why a chain cannot be learned from, "" when it can."""
    if int(chain.is_resolved.sum()) < SHORTEST:
        return f"fewer than {SHORTEST} resolved residues"
    if len(chain) > LONGEST:
        return f"longer than {LONGEST} residues"
    return f"the same sequence as {kept[chain.sequence].name}" if chain.sequence in kept else ""


def save_pair_set(name: str, pair_set: PairSet) -> Path:
    """Keep a set under a name, in place of what had it before; its folder."""
    parent = home_subfolder(FOLDER)
    name = safe_name(name, "structures")
    fresh = parent / f".{name}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    pair_set.save(fresh)
    shutil.rmtree(parent / name, ignore_errors=True)
    fresh.rename(parent / name)
    return parent / name


def find_pair_set(name: str) -> Path:
    """The folder of a set; UserError when there is none."""
    folder = home_folder() / FOLDER / safe_name(name)
    if safe_name(name) != name or not (folder / TABLE).is_file():
        raise UserError(
            f"There are no structures called '{name}' any more. Make them again on the page Structures, "
            "under Learn from structures."
        )
    return folder


def list_pair_sets() -> list[str]:
    """Names of the sets, newest first."""
    files = (home_folder() / FOLDER).glob(f"[!.]*/{TABLE}")
    newest_first: Callable[[Path], float] = lambda file: -file.stat().st_mtime  # noqa: E731
    return [file.parent.name for file in sorted(files, key=newest_first)]


def _far_apart(chain: ProteinChain) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(len(chain), LONG)


def _positions(chain: ProteinChain) -> np.ndarray:
    return filled_backbone(chain).astype(np.float32)


def _chain(name: str, sequence: str, flat: np.ndarray) -> ProteinChain:
    backbone = np.asarray(flat, dtype=float).reshape(len(sequence), len(BACKBONE), 3)
    nothing = np.full(len(sequence), np.nan)
    return ProteinChain(name, sequence, backbone, nothing, "none", as_atoms(sequence, backbone), True)
