"""What a page or the shell asks of drug screening: learn from an assay table, and rank a library with what was
learned.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.home import safe_name
from biotl_core.runs.folder import create_run, launch, read_config
from biotl_core.runs.status import read_status
from biotl_core.runs.target_proteins import TargetProtein, describe_structure, keep_structure
from biotl_core.screening.choosing import SPLIT_TITLES, AssaySplit
from biotl_core.screening.intake import AssayReading
from biotl_core.screening.pair_splits import PAIR_SPLITS, PairSplit
from biotl_core.screening.pairs import PairInputs, PairReading
from biotl_core.screening.ranking import AIMS, Aim
from biotl_core.screening.repeats import check_n_seeds
from biotl_core.screening.standardising import standardise

SCREENING_KINDS = ("assay", "pairs", "train")
"""Runs that can rank a library."""
TABLE = "table"
"""The copy of her table in the run folder."""
MOST_HITS = 10_000
"""More are a library again, not a list to look at."""


def start_assay(
    table: Path,
    source: str,
    reading: AssayReading,
    *,
    split: AssaySplit = "scaffold",
    backbone: str | None = None,
    threshold: float | None = None,
    target: TargetProtein | None = None,
    seed: int = 0,
    n_seeds: int = 1,
    name: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Launch the learning from an assay table; the folder of the run, which keeps a copy of the table.

    Args:
        table: the file.
        source: what the user calls it.
        reading: which column is what.
        split: what the test part holds: new ring systems, or a fair sample.
        backbone: a pretrained molecule model that is tried as well.
        threshold: numbers at or above it count as active for the scores of early recognition.
        target: the target protein, for the record and for viewing; its structure is kept with the run.
        seed: of everything random.
        n_seeds: how often all is learned and judged, from seeds that follow on the first; the first is kept.
        name, folder: as in `folder.create_run`.

    Raises:
        UserError: the split is not known, or the backbone is not on this computer.
    """
    check_n_seeds(n_seeds)
    if split not in SPLIT_TITLES:
        raise UserError(f"There is no split '{split}'; there are {', '.join(SPLIT_TITLES)}. Choose one.")
    if backbone is not None:
        locate_backbone(find_backbone(backbone, "molecule"))
    request = {
        "source": source, "reading": reading._asdict(), "split": split, "backbone": backbone,
        "threshold": threshold, "target": target.sequence if target else "", "seed": seed, "n_seeds": n_seeds,
        "structure": describe_structure(target),
        "target_name": reading.value_name, "modality": "molecule", "device": resolve_device("cpu").name,
    }  # fmt: skip
    stem = safe_name(Path(source).name.split(".")[0], "assay")
    made = create_run(request, kind="assay", name=name or stem, folder=folder)
    shutil.copyfile(table, made / TABLE)
    keep_structure(target, made)
    launch(made)
    return made


def start_pairs(
    table: Path,
    source: str,
    reading: PairReading,
    *,
    split: PairSplit = "warm",
    seed: int = 0,
    n_seeds: int = 1,
    inputs: PairInputs | None = None,
    towers: dict[str, Any] | None = None,
    folder: Path | None = None,
) -> Path:
    """Launch the learning from a table of molecules and target proteins; the folder of the run.

    Args:
        table: the file; the run keeps a copy.
        source: what the user calls it.
        reading: which column is what.
        split: what the test part holds that training has not seen.
        seed: of everything random.
        n_seeds: how often all is learned and judged, from seeds that follow on the first; the first is kept.
        inputs: pretrained models that the towers read beside, or instead of, fingerprints and composition.
        towers: settings of the two towers that differ from the default.
        folder: as in `folder.create_run`.

    Raises:
        UserError: the split is not known, or a backbone is not on this computer.
    """
    check_n_seeds(n_seeds)
    inputs = inputs or PairInputs()
    inputs.check()
    for name, modality in ((inputs.molecule_backbone, "molecule"), (inputs.protein_backbone, "protein")):
        if name is not None:
            locate_backbone(find_backbone(name, modality))
    if split not in PAIR_SPLITS:
        raise UserError(
            f"There is no split '{split}' of pairs; there are {', '.join(PAIR_SPLITS)}. Choose one."
        )
    request = {
        "source": source, "reading": reading.assay._asdict(), "columns": list(reading[1:]), "split": split,
        "seed": seed, "n_seeds": n_seeds, "inputs": inputs._asdict(), "towers": towers or {},
        "target_name": reading.assay.value_name, "modality": "molecule", "device": "cpu",
    }  # fmt: skip
    stem = safe_name(Path(source).name.split(".")[0], "pairs")
    made = create_run(request, kind="pairs", name=stem, folder=folder)
    shutil.copyfile(table, made / TABLE)
    launch(made)
    return made


def start_screen(
    run: Path,
    library: Path,
    source: str,
    *,
    target: TargetProtein | None = None,
    top: int = 200,
    aim: Aim = "best",
    smiles: str | None = None,
    name_column: str | None = None,
    n_expected: int = 0,
    folder: Path | None = None,
) -> Path:
    """Launch the ranking of a library with a finished assay run; the folder of the run.

    Args:
        run: an assay run, a run of pairs, or a training on molecules.
        target: for pairs, the target protein; its structure is kept with the run.
        library: the file, read where it lies.
        source: what the user calls it.
        top: how many of the best to keep.
        aim: what they are sorted by, of AIMS.
        smiles, name_column: columns of the library; guessed when not given.
        n_expected: about how many molecules there are, for the progress bar; 0 where not known.
        folder: as in `folder.create_run`.

    Raises:
        UserError: the assay run has not finished, or a choice is out of range.
    """
    kind = read_config(run)["kind"]
    if kind not in SCREENING_KINDS or read_status(run).state != "finished":
        raise UserError(
            f"The run '{run.name}' is not a finished assay, pair or training run; choose a finished one."
        )
    if kind == "pairs" and (target is None or not target.sequence):
        raise UserError(
            "Molecules are ranked against one target protein: give its sequence or structure "
            "(in the shell: --target-protein FILE)."
        )
    if not 1 <= top <= MOST_HITS:
        raise UserError(
            f"{top:,} hits are asked for; 1 to {MOST_HITS:,} can be kept. Choose a number in between."
        )
    if aim not in AIMS:
        raise UserError(f"There is no order '{aim}'; there are {', '.join(AIMS)}. Choose one.")
    request = {
        "run": str(run.resolve()), "library": str(library.resolve()), "source": source, "top": top, "aim": aim,
        "smiles": smiles, "name_column": name_column, "n_expected": n_expected, "device": "cpu",
        "target": target.sequence if target else "", "structure": describe_structure(target), "modality": "molecule",
    }  # fmt: skip
    stem = safe_name(f"{run.name}-{Path(source).name.split('.')[0]}")
    made = create_run(request, kind="screen", name=stem, folder=folder)
    keep_structure(target, made)
    launch(made)
    return made


def start_repurposing(run: Path, smiles: str, *, folder: Path | None = None) -> Path:
    """Launch the ranking of a run's target proteins for one molecule; the folder of the run.

    Raises:
        UserError: the run is no finished run of pairs, or the molecule cannot be read.
    """
    if read_config(run)["kind"] != "pairs" or read_status(run).state != "finished":
        raise UserError(f"The run '{run.name}' is not a finished run of pairs; choose a finished one.")
    molecule = standardise(smiles)
    if molecule.reason:
        raise UserError(f"'{smiles[:40]}': {molecule.reason}")
    request = {
        "run": str(run.resolve()), "molecule": molecule.smiles, "source": smiles[:60], "device": "cpu",
        "modality": "molecule",
    }  # fmt: skip
    made = create_run(request, kind="screen", name=f"{run.name}-targets", folder=folder)
    launch(made)
    return made


def read_targets(folder: Path) -> pd.DataFrame:
    """The ranked target proteins of a finished `start_repurposing`; UserError where they are not there."""
    path = folder / "targets.parquet"
    if not path.exists():
        raise UserError(f"The run '{folder.name}' has ranked no target proteins. Start it anew.")
    return pd.read_parquet(path)


def read_atom_weights(folder: Path) -> dict[int, np.ndarray]:
    """What each atom adds to the prediction of the first hits, `(n_atoms,)` by rank; see `drawing.atom_weights`."""
    path = folder / "atoms.parquet"
    if not path.exists():
        return {}
    table = pd.read_parquet(path)
    return {int(rank): np.asarray(w) for rank, w in zip(table["rank"], table["weights"], strict=True)}


def read_hits(folder: Path) -> pd.DataFrame:
    """The ranked molecules of a finished screen; UserError where they are not there."""
    path = folder / "hits.parquet"
    if not path.exists():
        raise UserError(
            f"The screen '{folder.name}' has no hits; it did not finish. Resume it or start anew."
        )
    return pd.read_parquet(path)
