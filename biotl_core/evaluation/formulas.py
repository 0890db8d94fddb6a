"""The formulas behind the metrics, each written once as a function of row weights: how often a row counts.

With every weight 1 a formula gives the metric itself; with the number of times each row was drawn it gives
the metric of a bootstrap resample (`intervals`), exactly, ties and repeated rows included, and a thousand
resamples cost a few passes over one matrix instead of a thousand calls. The tests hold every formula equal to
scikit-learn's and SciPy's, also on rows that were really repeated. A metric without a value (one class only,
predictions that never vary) is nan.
"""

from collections.abc import Callable

import numpy as np

Weighted = Callable[[np.ndarray], np.ndarray]
"""From weights `(r, n)`, whole numbers, one line a resample, to the metric of each resample `(r,)`."""


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Division that is nan where the divisor is not above zero."""
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def sum_of(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values `(n,)` or `(k, n)` summed over rows with weights `(r, n)`: `(r,)` or `(k, r)`.

    Not `@`: on such tall matrices its threads cost more than they bring, most of all on a busy machine.
    """
    return np.einsum("...n,rn->...r", values, weights)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of those values that are not nan; nan where there are none."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0))


# ---- numbers: true and predicted (n,) ------------------------------------------------------------------


def rmse(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Root mean squared error."""
    squares = (true - predicted) ** 2
    return lambda weights: np.sqrt(ratio(sum_of(squares, weights), weights.sum(axis=1)))


def mae(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Mean absolute error."""
    misses = np.abs(true - predicted)
    return lambda weights: ratio(sum_of(misses, weights), weights.sum(axis=1))


def _centred(values: np.ndarray) -> np.ndarray:
    """Values minus their mean, exactly zero where only rounding is left of them."""
    centred = values - values.mean()
    centred[np.abs(centred) <= 1e-12 * np.abs(values).max(initial=0.0)] = 0.0
    return centred


def _variation(squares: np.ndarray, total: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sum of squared distances from the mean; zero where only rounding is left of it."""
    variation = squares - ratio(total**2, n)
    return np.where(variation > 1e-12 * squares, variation, 0.0)


def r2(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Coefficient of determination, with the mean of the very rows that count."""
    centred = _centred(true)
    moments = np.stack([(true - predicted) ** 2, centred, centred**2])

    def value(weights: np.ndarray) -> np.ndarray:
        errors, total, squares = sum_of(moments, weights)
        return 1 - ratio(errors, _variation(squares, total, weights.sum(axis=1)))

    return value


def pearson(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Pearson's correlation coefficient."""
    x, y = (side / (np.abs(side).max() or 1.0) for side in (_centred(true), _centred(predicted)))
    moments = np.stack([x, y, x * x, y * y, x * y])

    def value(weights: np.ndarray) -> np.ndarray:
        n = weights.sum(axis=1)
        x, y, xx, yy, xy = sum_of(moments, weights)
        return ratio(xy - ratio(x * y, n), np.sqrt(_variation(xx, x, n) * _variation(yy, y, n)))

    return value


class _Levels:
    """Rows in groups of equal value, the groups in rising order."""

    def __init__(self, values: np.ndarray) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        is_start = np.ones(len(values), dtype=bool)
        is_start[1:] = ordered[1:] != ordered[:-1]
        self.starts = np.flatnonzero(is_start)
        self.level_of_row = np.empty(len(values), dtype=np.int64)
        self.level_of_row[self.order] = np.cumsum(is_start) - 1

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Weights `(r, n)` summed over each group: `(r, n_levels)`."""
        return self.sums_of_ordered(weights.take(self.order, axis=1))

    def sums_of_ordered(self, ordered: np.ndarray) -> np.ndarray:
        """The same for weights that are already in this order."""
        if len(self.starts) == len(self.order):
            return ordered
        return np.add.reduceat(ordered, self.starts, axis=1)


def spearman(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Pearson's coefficient of the mid-ranks, with ranks taken anew in every resample."""
    true_levels, predicted_levels = _Levels(true), _Levels(predicted)

    def centred_ranks(levels: _Levels, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rank of each row minus the mean rank `(r, n)`, and the sum of their squares `(r,)`."""
        counts = levels.sums(weights)
        upper = np.cumsum(counts, axis=1)
        ranks = upper - (counts + upper[:, -1:]) / 2  # = (lower + upper + 1) / 2 - (n + 1) / 2
        return ranks.take(levels.level_of_row, axis=1), np.einsum("rl,rl,rl->r", counts, ranks, ranks)

    def value(weights: np.ndarray) -> np.ndarray:
        true_ranks, true_squares = centred_ranks(true_levels, weights)
        predicted_ranks, predicted_squares = centred_ranks(predicted_levels, weights)
        together = np.einsum("rn,rn,rn->r", weights, true_ranks, predicted_ranks)
        return ratio(together, np.sqrt(true_squares * predicted_squares))

    return value


# ---- classes: true (n,) whole numbers, predicted (n, n_classes) probabilities --------------------------


def _hits_true_chosen(true: np.ndarray, predicted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """From weights to how often each class was right, was true, was chosen: `(3, n_classes, r)`."""
    from scipy.sparse import csr_array

    n, n_classes = predicted.shape
    chosen, rows = predicted.argmax(axis=1), np.arange(n)
    hits = rows[chosen == true]
    lines = np.concatenate([true[hits], n_classes + true, 2 * n_classes + chosen])
    columns = np.concatenate([hits, rows, rows])
    table = csr_array((np.ones(len(lines)), (lines, columns)), shape=(3 * n_classes, n))
    return lambda weights: (table @ weights.T).reshape(3, n_classes, -1)


def accuracy(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Share of rows whose likeliest class is the true one."""
    is_hit = (predicted.argmax(axis=1) == true).astype(float)
    return lambda weights: ratio(sum_of(is_hit, weights), weights.sum(axis=1))


def balanced_accuracy(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Mean recall of the classes that are there."""
    counts = _hits_true_chosen(true, predicted)

    def value(weights: np.ndarray) -> np.ndarray:
        hits, true, _ = counts(weights)
        return mean_of_defined(ratio(hits, true))

    return value


def macro_f1(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Mean F1 of the classes that are true or chosen anywhere."""
    counts = _hits_true_chosen(true, predicted)

    def value(weights: np.ndarray) -> np.ndarray:
        hits, true, chosen = counts(weights)
        return mean_of_defined(ratio(2 * hits, true + chosen))

    return value


def mcc(true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Matthews' coefficient for any number of classes (Gorodkin 2004, Comput. Biol. Chem. 28:367).

    Always choosing the same class counts as 0 (no association), as in scikit-learn; one true class only has
    no value.
    """
    counts = _hits_true_chosen(true, predicted)

    def value(weights: np.ndarray) -> np.ndarray:
        hits, true, chosen = counts(weights)
        n = true.sum(axis=0)
        above = hits.sum(axis=0) * n - (true * chosen).sum(axis=0)
        true_spread, chosen_spread = (n**2 - (side**2).sum(axis=0) for side in (true, chosen))
        return np.where(
            chosen_spread > 0, ratio(above, np.sqrt(true_spread * chosen_spread)), 0 * ratio(n, true_spread)
        )

    return value


# ---- yes or no with a score: is_yes (n,) bool, score (n,) ----------------------------------------------


def _score_levels(
    is_yes: np.ndarray, score: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """From weights to the numbers of yes and of no at each distinct score, highest first: `(r, n_levels)`."""
    levels = _Levels(-score)
    ordered_yes = is_yes[levels.order].astype(np.float64)

    def counts(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ordered = weights.take(levels.order, axis=1)
        yes = levels.sums_of_ordered(ordered * ordered_yes)
        return yes, levels.sums_of_ordered(ordered) - yes

    return counts


def binary_auroc(is_yes: np.ndarray, score: np.ndarray) -> Weighted:
    """Share of yes-no pairs in which the yes scores higher; a tie counts one half (Mann-Whitney)."""
    counts = _score_levels(is_yes, score)

    def value(weights: np.ndarray) -> np.ndarray:
        yes, no = counts(weights)
        no_above = np.cumsum(no, axis=1)
        n_yes, n_no = yes.sum(axis=1), no_above[:, -1]
        losses = np.einsum("rl,rl->r", yes, no_above) - np.einsum("rl,rl->r", yes, no) / 2
        return ratio(n_yes * n_no - losses, n_yes * n_no)

    return value


def binary_auprc(is_yes: np.ndarray, score: np.ndarray) -> Weighted:
    """Average precision: precision at each distinct score, weighted by the recall won there."""
    counts = _score_levels(is_yes, score)

    def value(weights: np.ndarray) -> np.ndarray:
        yes, no = counts(weights)
        found = np.cumsum(yes, axis=1)
        called = np.cumsum(yes + no, axis=1)
        precision_sum = np.einsum("rl,rl->r", yes, found / np.maximum(called, 1))
        has_no = called[:, -1] > found[:, -1]
        return ratio(precision_sum, np.where(has_no, found[:, -1], 0))

    return value


_Binary = Callable[[np.ndarray, np.ndarray], Weighted]


def one_against_rest(binary: _Binary, true: np.ndarray, predicted: np.ndarray) -> Weighted:
    """Two classes: the second is the yes. More: the mean over the classes present, each against the rest."""
    if predicted.shape[1] == 2:
        return binary(true == 1, predicted[:, 1])
    each = [binary(true == i, predicted[:, i]) for i in np.unique(true)]
    return lambda weights: mean_of_defined(np.stack([value(weights) for value in each]))


def f1_of_yes(is_yes: np.ndarray, chance: np.ndarray) -> Weighted:
    """F1 of the yes of one label; chances `(n,)` above one half say yes."""
    said_yes = chance > 0.5
    counts = np.stack([is_yes & said_yes, is_yes, said_yes]).astype(np.float64)

    def value(weights: np.ndarray) -> np.ndarray:
        hits, true, chosen = sum_of(counts, weights)
        return ratio(2 * hits, true + chosen)

    return value
