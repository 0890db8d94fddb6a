"""The map of the embeddings: sequences that the backbone finds alike lie close together."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from biotl_core.data.tasks import TaskName
from biotl_core.plots.theme import (
    ACCENT,
    CATEGORIES,
    GRID,
    OTHER,
    PART_COLOURS,
    SEQUENTIAL,
    all_shown,
    count_note,
    new_figure,
    point_style,
    sampled,
    scatter_kind,
    shown,
)

_DIRECTIONS = ("First", "Second")
_FAINT = 0.5
"""Training points are many and stand behind."""


def plot_embedding_map(
    table: pd.DataFrame,
    explained: Sequence[float] = (),
    *,
    colour_by: Literal["target", "part"] = "target",
    task_name: TaskName = "regression",
    classes: Sequence[str] = (),
    target_name: str = "target",
    label: int = 0,
) -> go.Figure:
    """Each sequence at its place in the two main directions of the backbone's features (PCA).

    Args:
        table: `embedding_map.csv`: name, part, target, x, y.
        explained: share of the variation in each direction.
        colour_by: what the colour says; residue targets have no single value, so these are coloured by part.
        task_name: the kind of target.
        classes: names of the classes or labels.
        target_name: title of the colour scale.
        label: which of several labels.
    """
    n, table = len(table), table.iloc[sampled(len(table))]
    shares = [f" ({share:.0%} of the variation)" for share in explained] + ["", ""]
    titles = [f"{name} direction{share}" for name, share in zip(_DIRECTIONS, shares, strict=False)]
    figure = new_figure(420, titles[0], titles[1], count_note(n, "sequences"))
    if colour_by == "part" or task_name.startswith("residue"):
        _add_groups(figure, table, table["part"].astype(str), list(PART_COLOURS), list(PART_COLOURS.values()))
    elif task_name == "regression":
        _add_numbers(figure, table, shown(target_name))
    else:
        groups, names, colours = _target_groups(table["target"].astype(str), task_name, classes, label)
        _add_groups(figure, table, groups, names, colours)
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(showticklabels=False)
    return figure


def _target_groups(
    targets: pd.Series, task_name: TaskName, classes: Sequence[str], label: int
) -> tuple[pd.Series, list[str], list[str]]:
    """The group of each row, the groups in order, and their colours."""
    if task_name == "multilabel":
        answers = {"1": "yes", "0": "no", "1.0": "yes", "0.0": "no"}
        groups = targets.str.split().str[label].map(answers).fillna("not measured")
        return groups, ["not measured", "no", "yes"], [OTHER, CATEGORIES[0], CATEGORIES[1]]
    if len(classes) <= len(CATEGORIES):
        return targets, list(classes), list(CATEGORIES)
    commonest = targets.value_counts().index[: len(CATEGORIES)].tolist()
    groups = targets.where(targets.isin(commonest), "other")
    return groups, ["other", *commonest], [OTHER, *CATEGORIES]


def _add_groups(
    figure: go.Figure, table: pd.DataFrame, groups: pd.Series, names: Sequence[str], colours: Sequence[str]
) -> None:
    for name, colour in zip(names, colours, strict=False):
        rows = table[groups == name]
        if len(rows):
            _add_points(figure, rows, len(table), shown(name), colour, all_shown([name] * len(rows)))
    figure.update_layout(showlegend=True, legend_itemsizing="constant")


def _add_numbers(figure: go.Figure, table: pd.DataFrame, title: str) -> None:
    values = pd.to_numeric(table["target"], errors="coerce").to_numpy()
    _add_points(figure, table, len(table), title, ACCENT, [f"{title} {value:.3g}" for value in values])
    low, high = np.nanquantile(values, [0.02, 0.98]) if np.isfinite(values).any() else (0, 1)
    figure.data[-1].marker.update(
        color=values, colorscale=SEQUENTIAL, cmin=low, cmax=high, colorbar={"title": {"text": title}},
        opacity=0.9, line={"width": 0.5, "color": GRID},
    )  # fmt: skip
    figure.update_layout(showlegend=False)


def _add_points(
    figure: go.Figure, rows: pd.DataFrame, n_all: int, title: str, colour: str, words: Sequence[str]
) -> None:
    texts = [f"{name}<br>{word}" for name, word in zip(all_shown(rows["name"]), words, strict=True)]
    figure.add_trace(
        scatter_kind(n_all)(
            x=rows["x"],
            y=rows["y"],
            mode="markers",
            name=title,
            marker=point_style(n_all, colour, _FAINT if title == "train" else 1.0),
            customdata=texts,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
