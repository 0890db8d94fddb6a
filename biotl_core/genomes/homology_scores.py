"""How well pairs of homologs are told from unrelated ones: recall at 1 % false positives, AUROC, and intervals.

The pairs of a family hang together, so whole families are drawn with replacement; a pair of two families counts as
often as both were drawn (the product of the counts).
"""

import numpy as np

from biotl_core.evaluation.formulas import binary_auroc

FALSE_SHARE = 0.01
N_RESAMPLES = 1000
METRICS = {"recall": "recall at 1 % false positives", "auroc": "AUROC"}


def recall_at(scores: np.ndarray, is_related: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of related pairs that score above all but 1 % of the unrelated ones, `(n_draws,)`; nan without either.

    Args:
        scores: `(n,)`.
        is_related: bool `(n,)`.
        weights: how often each pair counts, `(n_draws, n)`.

    >>> scores, related = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])
    >>> recall_at(scores, related, np.ones((1, 4))).tolist()
    [0.5]
    """
    order = np.argsort(-scores[~is_related], kind="stable")
    strangers, counted = scores[~is_related][order], weights[:, ~is_related][:, order].cumsum(axis=1)
    limit = strangers[(counted > FALSE_SHARE * counted[:, -1:]).argmax(axis=1)]
    mine = weights[:, is_related]
    total = mine.sum(axis=1)
    found = (mine * (scores[is_related][None, :] > limit[:, None])).sum(axis=1)
    is_known = (total > 0) & (counted[:, -1] > 0)
    return np.where(is_known, found / np.maximum(total, 1), np.nan)


def score_all(
    views: dict[str, np.ndarray], is_related: np.ndarray, families: np.ndarray, own: str, seed: int = 0
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Every way of seeing on the same pairs.

    Args:
        views: scores of the pairs by the name of the way, each `(n,)`.
        is_related: bool `(n,)`.
        families: of the two proteins of each pair, int64 `(n, 2)`.
        own: the way whose gain over the others is told.
        seed: of the draws.

    Returns:
        By way and metric: `value, low, high` (95 %), and `gain, gain_low, gain_high` of `own` over it.
    """
    _, codes = np.unique(families, return_inverse=True)
    codes = codes.reshape(families.shape)
    n_families, rng = int(codes.max()) + 1, np.random.default_rng(seed)
    drawn = rng.multinomial(n_families, np.full(n_families, 1 / n_families), N_RESAMPLES)
    both = drawn[:, codes[:, 0]] * np.where(codes[:, 0] == codes[:, 1], 1, drawn[:, codes[:, 1]])
    weights = np.concatenate([np.ones((1, len(is_related))), both]).astype(np.float64)
    values = {
        view: {
            "recall": recall_at(scores, is_related, weights),
            "auroc": binary_auroc(is_related, np.asarray(scores, dtype=np.float64))(weights),
        }
        for view, scores in views.items()
    }
    return {
        view: {metric: _told(values[view][metric], values[own][metric]) for metric in METRICS}
        for view in views
    }


def _told(values: np.ndarray, own: np.ndarray) -> dict[str, float | None]:
    gain = own - values
    low, high = np.nanquantile(values[1:], (0.025, 0.975))
    gain_low, gain_high = np.nanquantile(gain[1:], (0.025, 0.975))
    names = ("value", "low", "high", "gain", "gain_low", "gain_high")
    told = (values[0], low, high, gain[0], gain_low, gain_high)
    return dict(zip(names, map(float, told), strict=True))
