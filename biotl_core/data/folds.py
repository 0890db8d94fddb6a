"""The same dataset split many times: cross-validation, and repeats with other seeds."""

from dataclasses import replace

import numpy as np

from biotl_core.data.dataset import Dataset
from biotl_core.data.dealing import as_parts, deal_folds, target_strata
from biotl_core.data.grouping import find_groups
from biotl_core.data.split_settings import SplitSettings
from biotl_core.data.splitting import split
from biotl_core.errors import UserError
from biotl_core.progress import Control


def make_folds(
    dataset: Dataset, settings: SplitSettings, n_folds: int, control: Control | None = None
) -> list[Dataset]:
    """The dataset so many times, each with another fold as test and the next one as validation (cross-validation).

    Every row is in the test once. Groups as for `split` with the same settings; shares are not used.

    Raises:
        UserError: this split has no groups, or there are fewer of them than folds.
    """
    if n_folds < 3:
        raise UserError(
            f"{n_folds} folds are too few: training, validation and test each need one. Choose 3 or more."
        )
    groups, _ = find_groups(dataset, settings, control)
    if int(groups.max()) + 1 < n_folds:
        raise UserError(
            f"There are fewer groups than {n_folds} folds. Choose fewer folds, or a random split."
        )
    folds = deal_folds(groups, target_strata(dataset, dataset.table), n_folds, settings.seed)
    made = []
    for fold in range(n_folds):
        parts = np.zeros(len(folds), dtype=np.int64)
        parts[folds == fold] = 2
        parts[folds == (fold + 1) % n_folds] = 1
        made.append(dataset.with_parts(as_parts(parts)))
    return made


def repeat_split(
    dataset: Dataset, settings: SplitSettings, n_repeats: int, control: Control | None = None
) -> list[Dataset]:
    """The dataset split so many times, each with another seed."""
    return [
        split(dataset, replace(settings, seed=settings.seed + i), control).dataset for i in range(n_repeats)
    ]
