"""Plots of predicted classes and labels: rankings, confusions, and whether probabilities keep their word.

`true` and `predicted` are as in `evaluation.metrics.evaluate`; residues in one row each, as from
`metrics.known_residues`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from biotl_core.data.tasks import TaskName
from biotl_core.evaluation.calibration import (
    calibration_bins,
    claims_and_outcomes,
    expected_calibration_error,
)
from biotl_core.evaluation.formulas import binary_auprc, binary_auroc
from biotl_core.plots.theme import (
    ACCENT,
    CATEGORIES,
    QUIET,
    SEQUENTIAL,
    all_shown,
    new_figure,
    shown,
)

_MOST_CURVES = len(CATEGORIES)
_CURVE_POINTS = 400
_MOST_FULL_CELLS = 6
_MOST_TEXT_CELLS = 12
_LONGEST_NAME = 24
_REFERENCE = {"color": QUIET, "width": 1.5, "dash": "dash"}


class _Ranking(NamedTuple):
    """One yes/no question with a score."""

    title: str
    is_yes: np.ndarray
    score: np.ndarray

    def area(self, formula: object) -> float:
        return float(formula(self.is_yes, self.score)(np.ones((1, len(self.is_yes))))[0])


def _rankings(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> list[_Ranking]:
    """The second of two classes; each of several classes or labels; those with both outcomes, commonest first."""
    found = list(_all_rankings(task_name, classes, true, predicted))
    both = [one for one in found if 0 < one.is_yes.sum() < len(one.is_yes)]
    return sorted(both, key=lambda one: -one.is_yes.sum())[:_MOST_CURVES]


def _all_rankings(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> Iterator[_Ranking]:
    for i, name in enumerate(classes):
        if task_name == "multilabel":
            known = np.isfinite(true[:, i])
            yield _Ranking(name, true[known, i] > 0.5, predicted[known, i])
        elif len(classes) != 2 or i == 1:
            yield _Ranking(name, true == i, predicted[:, i])


def plot_roc(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> go.Figure:
    """How many of the positives are found for how many false alarms (ROC); the dashed line is guessing."""
    rankings = _rankings(task_name, classes, true, predicted)
    n = _counted(len(true), len(rankings), len(classes))
    figure = new_figure(380, "False alarms among the negatives", "Found among the positives", n)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_REFERENCE, hoverinfo="skip", showlegend=False)
    for one, colour in zip(rankings, _colours(len(rankings)), strict=True):
        called, found = _called_and_found(one)
        false = (called - found) / (~one.is_yes).sum()
        title = f"{shown(one.title, _LONGEST_NAME)}: {one.area(binary_auroc):.3f}"
        _add_curve(
            figure, false, found / one.is_yes.sum(), title, colour, "false alarms %{x:.0%}<br>found %{y:.0%}"
        )
    _finish_unit_square(figure, len(rankings), "AUROC")
    return figure


def plot_precision_recall(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> go.Figure:
    """How many of those called are right, for how many of the positives found; dashed: calling all."""
    rankings = _rankings(task_name, classes, true, predicted)
    n = _counted(len(true), len(rankings), len(classes))
    figure = new_figure(380, "Found among the positives (recall)", "Right among those called (precision)", n)
    for one, colour in zip(rankings, _colours(len(rankings)), strict=True):
        called, found = _called_and_found(one)
        share = float(one.is_yes.mean())
        title = f"{shown(one.title, _LONGEST_NAME)}: {one.area(binary_auprc):.3f}"
        recall, precision = found[1:] / one.is_yes.sum(), found[1:] / called[1:]
        _add_curve(figure, recall, precision, title, colour, "found %{x:.0%}<br>right %{y:.0%}")
        line = {**_REFERENCE, "color": QUIET if len(rankings) == 1 else colour, "width": 1}
        figure.add_scatter(
            x=[0, 1], y=[share, share], mode="lines", line=line, showlegend=False,
            hovertemplate=f"{shown(one.title)}: calling all is right in {share:.1%}<extra></extra>",
        )  # fmt: skip
    _finish_unit_square(figure, len(rankings), "AUPRC")
    return figure


def _called_and_found(one: _Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Called and rightly called when everything down to each distinct score is called; from none to all."""
    order = np.argsort(-one.score, kind="stable")
    ends = np.flatnonzero(np.diff(one.score[order], append=np.nan) != 0)
    found = np.cumsum(one.is_yes[order])[ends]
    called, found = np.concatenate([[0], ends + 1]), np.concatenate([[0], found])
    if len(called) <= _CURVE_POINTS:
        return called, found
    # As many points at the top of the ranking as below it: there precision moves most.
    log = np.geomspace(1, len(called) - 1, _CURVE_POINTS // 2)
    even = np.linspace(0, len(called) - 1, _CURVE_POINTS // 2)
    kept = np.unique(np.concatenate([log, even]).astype(int))
    return called[kept], found[kept]


def _colours(n: int) -> tuple[str, ...]:
    return (ACCENT,) if n == 1 else CATEGORIES[:n]


def _counted(n: int, n_drawn: int, n_classes: int) -> str:
    drawn = f"; the {n_drawn} commonest drawn" if n_drawn == _MOST_CURVES < n_classes else ""
    return f"n = {n:,}{drawn}"


def _add_curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, title: str, colour: str, words: str) -> None:
    figure.add_scatter(
        x=x, y=y, mode="lines", name=title, line={"color": colour, "width": 2},
        hovertemplate=f"{title}<br>{words}<extra></extra>",
    )  # fmt: skip


def _finish_unit_square(figure: go.Figure, n_curves: int, area: str) -> None:
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_layout(showlegend=True, legend_title_text=area)
    if n_curves > 2:
        vertical = {"orientation": "v", "x": 1.02, "y": 1, "xanchor": "left", "yanchor": "top"}
        figure.update_layout(legend=vertical)


def plot_confusion(classes: Sequence[str], true: np.ndarray, predicted: np.ndarray) -> go.Figure:
    """What each true class was taken for: counts, coloured by their share of the true class."""
    n_classes = len(classes)
    cells = true * n_classes + predicted.argmax(axis=1)
    counts = np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    height = int(np.clip(170 + 44 * n_classes, 260, 720))
    figure = new_figure(height, "Predicted class", "True class", f"n = {len(true):,}")
    names, places = all_shown(classes, _LONGEST_NAME), list(range(n_classes))
    line = "<br>" if n_classes <= _MOST_FULL_CELLS else " "
    cases = [[f"{a} taken for {b}" if a != b else f"{a} recognised" for b in names] for a in names]
    figure.add_heatmap(
        z=shares, x=places, y=places, zmin=0, zmax=1, colorscale=SEQUENTIAL, xgap=2, ygap=2,
        text=_cell_texts(counts, shares, line),
        texttemplate=_cell_template(n_classes), textfont={"size": 12 if n_classes <= _MOST_FULL_CELLS else 10},
        customdata=cases, hovertemplate="%{customdata}: %{text}<extra></extra>",
        colorbar={"title": {"text": "Share of the<br>true class"}, "tickformat": ".0%"},
    )  # fmt: skip
    is_crowded = n_classes * max(map(len, names), default=0) > 60
    figure.update_xaxes(tickvals=places, ticktext=names, showgrid=False, tickangle=-40 if is_crowded else 0)
    figure.update_yaxes(tickvals=places, ticktext=names, showgrid=False, autorange="reversed")
    return figure


def _cell_texts(counts: np.ndarray, shares: np.ndarray, line: str) -> list[list[str]]:
    pairs = (zip(*row, strict=True) for row in zip(counts, shares, strict=True))
    return [[f"{n:,}{line}({share:.0%})" for n, share in row] for row in pairs]


def _cell_template(n_classes: int) -> str | None:
    """What stands in a cell: count and share where there is room, then the share, then nothing but the colour."""
    if n_classes <= _MOST_FULL_CELLS:
        return "%{text}"
    return "%{z:.0%}" if n_classes <= _MOST_TEXT_CELLS else None


def plot_reliability(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> go.Figure:
    """Of the cases given 80 %, do 80 % come true? On the dashed line probabilities keep their word."""
    claimed, came_true = claims_and_outcomes(task_name, classes, true, predicted)
    bins = calibration_bins(claimed, came_true)
    error = expected_calibration_error(claimed, came_true)
    note = f"n = {len(claimed):,}; on average off by {error:.1%}; bars are 95 % intervals"
    figure = new_figure(380, _claim_title(task_name, classes), "Came true", note)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_REFERENCE, hoverinfo="skip")
    figure.add_scatter(
        x=bins.predicted, y=bins.observed, mode="lines+markers", customdata=bins.n,
        line={"color": ACCENT, "width": 1.5}, marker={"color": ACCENT, "size": 9},
        error_y={"array": bins.high - bins.observed, "arrayminus": bins.observed - bins.low, "width": 0},
        hovertemplate="claimed %{x:.0%}<br>came true %{y:.0%}<br>%{customdata:,} cases<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_layout(showlegend=False)
    return figure


def _claim_title(task_name: TaskName, classes: Sequence[str]) -> str:
    if task_name == "multilabel":
        return "Predicted probability of yes"
    if len(classes) == 2:
        return f"Predicted probability of {shown(classes[1])}"
    return "Predicted probability of the chosen class"


def plot_probability_histogram(
    task_name: TaskName, classes: Sequence[str], true: np.ndarray, predicted: np.ndarray
) -> go.Figure:
    """How sure the model is, apart for what came true and what did not: the further apart, the better."""
    claimed, came_true = claims_and_outcomes(task_name, classes, true, predicted)
    two = len(classes) == 2 and task_name != "multilabel"
    titles = (shown(classes[1]), shown(classes[0])) if two else ("came true", "did not")
    figure = new_figure(300, _claim_title(task_name, classes), "Share of each group", f"n = {len(claimed):,}")
    edges = np.linspace(0, 1, 26)
    for title, chosen, colour in zip(titles, (came_true, ~came_true), (ACCENT, QUIET), strict=True):
        counts, _ = np.histogram(claimed[chosen], edges)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts / max(counts.sum(), 1), width=np.diff(edges), name=title,
            marker={"color": colour, "opacity": 0.6, "line": {"width": 0}}, customdata=counts,
            hovertemplate=f"{title}<br>probability %{{x:.0%}}<br>%{{customdata:,}} cases<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(tickformat=".0%")
    return figure
