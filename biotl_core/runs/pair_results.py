"""What runs that learn from pairs of residues share: judging folds, means with intervals, the table of chains."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.runs.distances import CHAINS, TRUTH
from biotl_core.structures.chains import ProteinChain, read_chains
from biotl_core.structures.measures import lddt, tm_score
from biotl_core.structures.pair_measures import averaged, mean_with_interval
from biotl_core.structures.result_files import read_saved

Scores = list[dict[str, float]]
"""The metrics of each test chain."""


def write_truth(chain: ProteinChain, folder: Path) -> None:
    """The structure that a model is compared with, as a PDB file."""
    import biotite.structure.io.pdb as pdb

    folder.mkdir(parents=True, exist_ok=True)
    file = pdb.PDBFile()
    file.set_structure(chain.atoms)
    file.write(str(folder / TRUTH))


def judge_fold(chain: ProteinChain, place: Path) -> dict[str, float]:
    """How right a saved model of a chain is: lDDT and TM-score over its resolved alpha carbons."""
    model = read_chains(read_saved(place).structure_file, shortest=1)[0]
    there = chain.is_resolved & model.is_resolved
    true, found = chain.ca[there], model.ca[there]
    return {"fold_lddt": lddt(true, found), "fold_tm": tm_score(true, found, int(chain.is_resolved.sum()))}


def compared(own: Scores, others: Mapping[str, Scores]) -> dict[str, Any]:
    """Means with intervals over the test chains, and differences on the same chains (paired bootstrap)."""
    metrics = list(averaged(own))
    column = lambda scores, name: np.array([one.get(name, np.nan) for one in scores])  # noqa: E731
    means = {name: mean_with_interval(column(own, name)) for name in metrics}
    differences = {
        rival: {
            name: mean_with_interval(column(own, name) - column(scores, name))[1:]
            for name in metrics
            if name in averaged(scores)
        }
        for rival, scores in others.items()
    }
    return {
        "test": {name: mean.value for name, mean in means.items()},
        "test_interval": {name: (mean.low, mean.high) for name, mean in means.items()},
        "baselines": {rival: averaged(scores) for rival, scores in others.items()},
        "differences": differences,
    }


def write_table(
    folder: Path, test: Sequence[ProteinChain], own: Scores, others: Mapping[str, Scores]
) -> None:
    """One row a test chain: its metrics, and those of the rivals in columns `rival metric`."""
    rows = []
    for number, chain in enumerate(test):
        beside = {
            f"{rival} {name}": value
            for rival, scores in others.items()
            for name, value in scores[number].items()
        }
        rows.append({"name": chain.name, "length": len(chain), **own[number], **beside})
    aside = folder / f".{CHAINS}"
    pd.DataFrame(rows).round(4).to_csv(aside, index=False)
    aside.replace(folder / CHAINS)
