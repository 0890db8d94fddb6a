"""How good a ranking of molecules is: numbers close to the truth, in the right order, actives at the top."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ALPHA = 20.0
"""Of BEDROC: about 80 % of the score comes from the first 8 % of the list."""


@dataclass(frozen=True)
class Score:
    """A measure with its direction."""

    title: str
    formula: Callable[[np.ndarray, np.ndarray], float]
    """From truth `(n,)` and prediction `(n,)`, higher predictions ranked first; nan where it has no value."""
    higher_is_better: bool
    explanation: str


def concordance(true: np.ndarray, predicted: np.ndarray) -> float:
    """Of all pairs with different truths, the share in the right order; ties of the prediction count half.

    Gönen and Heller, Biometrika 92, 965 (2005); from Kendall's tau, so that it takes n log n steps.
    """
    from scipy.stats import kendalltau

    n_pairs = len(true) * (len(true) - 1) / 2
    comparable = n_pairs - _tied_pairs(true)
    untied = n_pairs - _tied_pairs(predicted)
    if comparable == 0:
        return float("nan")
    if untied == 0:
        return 0.5
    surplus = float(kendalltau(true, predicted).statistic) * np.sqrt(comparable * untied)
    return float((surplus / comparable + 1) / 2)


def _tied_pairs(values: np.ndarray) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def r2m(true: np.ndarray, predicted: np.ndarray) -> float:
    """Modified squared correlation, r2 (1 - sqrt |r2^2 - r02^2|), as DeepDTA's authors compute it.

    r02 is that of a line through the origin (Pratim Roy et al., Molecules 14, 1660, 2009; Öztürk et al.,
    Bioinformatics 34, i821, 2018).
    """
    r2 = pearson(true, predicted) ** 2
    slope = float((true * predicted).sum() / max((predicted**2).sum(), 1e-12))
    total = float(((true - true.mean()) ** 2).sum())
    if total == 0 or not np.isfinite(r2):
        return float("nan")
    r02 = 1 - float(((true - slope * predicted) ** 2).sum()) / total
    return float(r2 * (1 - np.sqrt(abs(r2**2 - r02**2))))


def pearson(true: np.ndarray, predicted: np.ndarray) -> float:
    """Linear correlation; nan where either is constant."""
    if len(true) < 2 or np.ptp(true) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(np.corrcoef(true, predicted)[0, 1])


def spearman(true: np.ndarray, predicted: np.ndarray) -> float:
    """Correlation of the ranks."""
    from scipy.stats import rankdata

    return pearson(rankdata(true), rankdata(predicted))


def mse(true: np.ndarray, predicted: np.ndarray) -> float:
    """Mean squared error."""
    return float(((true - predicted) ** 2).mean()) if len(true) else float("nan")


def rmse(true: np.ndarray, predicted: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(mse(true, predicted)))


def auroc(true: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that an active is ranked above an inactive."""
    from scipy.stats import rankdata

    n_active = int((true > 0.5).sum())
    n_inactive = len(true) - n_active
    if not n_active or not n_inactive:
        return float("nan")
    ranks = rankdata(predicted)[true > 0.5].sum()
    return float((ranks - n_active * (n_active + 1) / 2) / (n_active * n_inactive))


def auprc(true: np.ndarray, predicted: np.ndarray) -> float:
    """Average precision."""
    from sklearn.metrics import average_precision_score

    is_active = true > 0.5
    return float(average_precision_score(is_active, predicted)) if is_active.any() else float("nan")


def enrichment(true: np.ndarray, predicted: np.ndarray, share: float) -> float:
    """How many times more actives than by chance the first share of the list holds (RDKit's CalcEnrichment)."""
    from rdkit.ML.Scoring.Scoring import CalcEnrichment

    return float(CalcEnrichment(_ranked(true, predicted), 0, [share])[0]) if _both(true) else float("nan")


def bedroc(true: np.ndarray, predicted: np.ndarray, alpha: float = ALPHA) -> float:
    """Early recognition, 0 to 1 (Truchon and Bayly, J. Chem. Inf. Model. 47, 488, 2007; RDKit's CalcBEDROC)."""
    from rdkit.ML.Scoring.Scoring import CalcBEDROC

    return float(CalcBEDROC(_ranked(true, predicted), 0, alpha)) if _both(true) else float("nan")


def _both(true: np.ndarray) -> bool:
    return bool((true > 0.5).any() and (true <= 0.5).any())


def _ranked(true: np.ndarray, predicted: np.ndarray) -> list[list[bool]]:
    """The list as RDKit wants it, the best first; among equal predictions inactives go first, to flatter nobody."""
    order = np.lexsort((true > 0.5, -predicted))
    return [[bool(value > 0.5)] for value in true[order]]


_EARLY = "more actives than by chance among the first"
SCORES: dict[str, Score] = {
    "pearson": Score("Pearson r", pearson, True, "Agreement with a straight line, from -1 to 1."),
    "spearman": Score("Spearman", spearman, True, "Agreement of the order, from -1 to 1."),
    "ci": Score("CI", concordance, True, "Share of pairs in the right order; 0.5 is chance."),
    "rmse": Score("RMSE", rmse, False, "Typical miss in log units (root mean squared error)."),
    "mse": Score("MSE", mse, False, "Mean squared miss."),
    "r2m": Score("r2m", r2m, True, "Squared correlation, less where the line misses the origin."),
    "auroc": Score("AUROC", auroc, True, "Chance that an active is ranked above an inactive."),
    "auprc": Score("AUPRC", auprc, True, "How pure the top of the list is (average precision)."),
    "ef0.5": Score("EF 0.5 %", lambda t, p: enrichment(t, p, 0.005), True, f"Times {_EARLY} 0.5 %."),
    "ef1": Score("EF 1 %", lambda t, p: enrichment(t, p, 0.01), True, f"Times {_EARLY} 1 %."),
    "ef5": Score("EF 5 %", lambda t, p: enrichment(t, p, 0.05), True, f"Times {_EARLY} 5 %."),
    "bedroc": Score("BEDROC", bedroc, True, "How early actives come, 0 to 1 (alpha 20)."),
}
"""Every score by its name."""
NUMBER_SCORES = ("pearson", "spearman", "ci", "rmse", "mse", "r2m")
ACTIVE_SCORES = ("auroc", "auprc", "ef0.5", "ef1", "ef5", "bedroc")


def scores_of(
    kind: str, true: np.ndarray, predicted: np.ndarray, threshold: float | None = None
) -> dict[str, float]:
    """All scores that fit: of numbers, and with a threshold for "active" also those of actives.

    Args:
        kind: "number", or "active" for truths of 0 and 1.
        true: `(n,)`.
        predicted: `(n,)`.
        threshold: numbers at or above it are called active.
    """
    if kind == "active":
        return {name: SCORES[name].formula(true, predicted) for name in ACTIVE_SCORES}
    found = {name: SCORES[name].formula(true, predicted) for name in NUMBER_SCORES}
    if threshold is not None:
        is_active = (true >= threshold).astype(np.float64)
        found |= {name: SCORES[name].formula(is_active, predicted) for name in ACTIVE_SCORES}
    return found


def score_interval(
    name: str, true: np.ndarray, predicted: np.ndarray, n_resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """The middle 95 % of a score over resampled molecules (percentile bootstrap)."""
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(n_resamples):
        rows = generator.integers(0, len(true), len(true))
        values.append(SCORES[name].formula(true[rows], predicted[rows]))
    known = np.array(values)[np.isfinite(values)]
    if len(known) < 0.5 * n_resamples:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def per_target(targets: np.ndarray, true: np.ndarray, predicted: np.ndarray, fewest: int = 5) -> float:
    """Mean correlation within targets of at least so many pairs: what the pooled one hides; nan where there is none."""
    found = [
        pearson(true[targets == target], predicted[targets == target])
        for target, n in zip(*np.unique(targets, return_counts=True), strict=True)
        if n >= fewest
    ]
    known = np.array(found)[np.isfinite(found)] if found else np.zeros(0)
    return float(known.mean()) if len(known) else float("nan")
