"""Candidates of the transfer tier whose answer is known: what its probability is fitted on and judged by."""

import numpy as np
import pandas as pd

from biotl_core.genomes.families import deal_trial, without_aligned
from biotl_core.genomes.transfer import Searcher, find_candidates
from biotl_core.progress import Control

SHARE_RELATED = 0.5


def collect_candidates(
    searcher: Searcher, scope: pd.DataFrame, rows: np.ndarray, n_trials: int, control: Control
) -> pd.DataFrame:
    """Candidates of many trials dealt from some rows, with the answer in `is_related`, and the rows `first, second`.

    Args:
        searcher: its calibration is not asked.
        scope: `sequence, superfamily, family`.
        rows: of it that may be used.
        n_trials: how many.
        control: progress and stop.
    """
    proteins, superfamilies = scope["sequence"].tolist(), scope["superfamily"].to_numpy()
    found = []
    for seed in range(n_trials):
        trial = deal_trial(scope, rows, SHARE_RELATED, np.random.default_rng(seed))
        trial = without_aligned(trial, proteins)
        table = find_candidates(searcher, *([proteins[i] for i in some] for some in trial), control)
        first, second = trial.first[table["row"].astype(int)], trial.second[table["column"].astype(int)]
        is_related = superfamilies[first] == superfamilies[second]
        found.append(table.assign(is_related=is_related, trial=seed, first=first, second=second))
    return pd.concat(found, ignore_index=True)
