"""Plots of predicted numbers: against the measured ones, what is left over, and along a sequence."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from biotl_core.plots.theme import (
    ACCENT,
    CATEGORIES,
    OTHER,
    PART_COLOURS,
    QUIET,
    all_shown,
    count_note,
    new_figure,
    point_style,
    sampled,
    scatter_kind,
    shown,
)

_REFERENCE = {"color": QUIET, "width": 1.5, "dash": "dash"}


def plot_predicted_against_true(
    true: np.ndarray,
    predicted: np.ndarray,
    names: Sequence[str],
    target_name: str,
    *,
    parts: Sequence[str] | None = None,
    baseline: tuple[str, np.ndarray] | None = None,
    things: str = "sequences",
) -> go.Figure:
    """A point a sequence (or residue): where it would lie on the dashed line, the prediction is right.

    Args:
        true: measured numbers `(n,)`.
        predicted: predicted numbers `(n,)`.
        names: what each point is called `(n,)`.
        target_name: the measured quantity, with its unit if known.
        parts: the part of each point, which colours it; all one colour when None.
        baseline: title of a simple method and its predictions `(n,)`, drawn behind in grey.
        things: what is counted.
    """
    rows = sampled(len(true))
    name = shown(target_name)
    figure = new_figure(420, f"{name}, measured", f"{name}, predicted", count_note(len(true), things))
    known = np.concatenate([np.asarray(true, float), np.asarray(predicted, float)])
    known = known[np.isfinite(known)]
    if len(known):
        margin = 0.04 * (np.ptp(known) or 1.0)
        ends = [known.min() - margin, known.max() + margin]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line=_REFERENCE, hoverinfo="skip", name="prediction = measurement"
        )
        figure.update_xaxes(range=ends)
        figure.update_yaxes(range=ends)
    if baseline is not None:
        _add_points(figure, true, baseline[1], names, rows, shown(baseline[0]), QUIET)
    groups = {"this model": rows} if parts is None else _by_part(parts, rows)
    for title, chosen in groups.items():
        colour = PART_COLOURS.get(title, ACCENT)
        _add_points(figure, true, predicted, names, chosen, title, colour)
    figure.update_layout(showlegend=len(groups) > 1 or baseline is not None)
    return figure


def _by_part(parts: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    parts = np.asarray(parts, dtype=object)[rows]
    return {part: rows[parts == part] for part in PART_COLOURS if (parts == part).any()}


def _add_points(
    figure: go.Figure,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    rows: np.ndarray,
    title: str,
    colour: str,
) -> None:
    kind = scatter_kind(len(rows))
    figure.add_trace(
        kind(
            x=np.asarray(x)[rows],
            y=np.asarray(y)[rows],
            mode="markers",
            name=title,
            marker=point_style(len(rows), colour),
            customdata=all_shown([names[i] for i in rows]),
            hovertemplate="%{customdata}<br>measured %{x:.3g}<br>predicted %{y:.3g}<extra></extra>",
        )
    )


def plot_residuals(
    true: np.ndarray,
    predicted: np.ndarray,
    names: Sequence[str],
    target_name: str,
    *,
    things: str = "sequences",
) -> go.Figure:
    """How far each prediction is off, over the prediction: above the zero line it is too high.

    Arguments as for `plot_predicted_against_true`. A drift away from the line shows where the model is biased.
    """
    rows = sampled(len(true))
    true, predicted = np.asarray(true, float)[rows], np.asarray(predicted, float)[rows]
    name = shown(target_name)
    figure = new_figure(320, f"{name}, predicted", "Predicted − measured", count_note(len(names), things))
    figure.add_hline(y=0, line=_REFERENCE)
    figure.add_trace(
        scatter_kind(len(rows))(
            x=predicted,
            y=predicted - true,
            mode="markers",
            marker=point_style(len(rows), ACCENT),
            customdata=np.array([all_shown([names[i] for i in rows]), true], dtype=object).T,
            hovertemplate="%{customdata[0]}<br>predicted %{x:.3g}, measured %{customdata[1]:.3g}"
            "<br>off by %{y:+.3g}<extra></extra>",
            showlegend=False,
        )
    )
    return figure


def plot_residue_track(
    sequence: str, tracks: Mapping[str, Sequence[float]], target_name: str, *, first_number: int = 1
) -> go.Figure:
    """Numbers along a sequence: one line a track, broken where a value is not known.

    Args:
        sequence: the letters.
        tracks: title -> a number for each letter, nan where unknown; "measured" is drawn in grey.
        target_name: what the numbers are, with their unit.
        first_number: the number of the first residue.
    """
    figure = new_figure(280, "Residue", shown(target_name))
    numbers = np.arange(first_number, first_number + len(sequence))
    colours = iter((ACCENT, *CATEGORIES))
    for title, values in tracks.items():
        colour = QUIET if title == "measured" else next(colours, OTHER)
        figure.add_trace(
            scatter_kind(len(sequence))(
                x=numbers,
                y=np.asarray(values, float),
                mode="lines",
                name=shown(title),
                line={"color": colour, "width": 1.8},
                text=list(sequence),
                hovertemplate=f"%{{text}}%{{x}}<br>{shown(title)} %{{y:.3g}}<extra></extra>",
            )
        )
    figure.update_xaxes(range=[numbers[0] - 0.5, numbers[-1] + 0.5] if len(numbers) else None)
    figure.update_layout(showlegend=len(tracks) > 1)
    return figure


def plot_residue_classes(
    sequence: str, tracks: Mapping[str, str], classes: Sequence[str], *, first_number: int = 1
) -> go.Figure:
    """Classes along a sequence: one coloured band a track, empty where the class is not known.

    Args:
        sequence: the letters.
        tracks: title -> a class letter for each letter of the sequence.
        classes: the class letters, in the order of their colours.
        first_number: the number of the first residue.
    """
    titles = list(tracks)
    figure = new_figure(120 + 30 * len(titles), "Residue")
    index = {name: float(i) for i, name in enumerate(classes)}
    codes = [[index.get(letter, np.nan) for letter in tracks[title]] for title in titles]
    numbers = np.arange(first_number, first_number + len(sequence))
    words = [[f"{letter}{number}" for letter, number in zip(sequence, numbers, strict=True)]] * len(titles)
    figure.add_heatmap(
        z=codes, x=numbers, y=list(range(len(titles))), customdata=words, text=[list(tracks[t]) for t in titles],
        zmin=-0.5, zmax=len(classes) - 0.5, colorscale=_steps(len(classes)), showscale=False, xgap=0, ygap=4,
        hovertemplate="%{customdata}: %{text}<extra></extra>",
    )  # fmt: skip
    for name, i in index.items():
        colour = _class_colour(int(i))
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=shown(name),
            marker={"symbol": "square", "size": 11, "color": colour},
        )
    figure.update_yaxes(
        tickvals=list(range(len(titles))), ticktext=all_shown(titles), autorange="reversed", showgrid=False
    )
    figure.update_layout(showlegend=True)
    return figure


def _class_colour(i: int) -> str:
    return CATEGORIES[i] if i < len(CATEGORIES) else OTHER


def _steps(n: int) -> list[list[object]]:
    """A colour scale of n flat steps."""
    return [[edge / n, _class_colour(i)] for i in range(n) for edge in (i, i + 1)]
