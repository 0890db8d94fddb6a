"""Plots of a scan: the effect of every substitution as a heat map, and the mean of each position."""

import numpy as np
import plotly.graph_objects as go

from biotl_core.data.dataset import Modality
from biotl_core.planning.scan import LETTER_ORDER, Scan
from biotl_core.plots.theme import ACCENT, QUIET, new_figure, shown

_MOST_LABELLED = 80
"""Up to so many positions each one has its letter and number below."""
_ROW_PIXELS = 17


def plot_scan(
    scan: Scan, modality: Modality, effect_title: str, *, first: int = 1, last: int | None = None
) -> go.Figure:
    """Positions from left to right, new letters from top to bottom; white is no effect, dots are the letters there.

    Args:
        scan: the effects.
        modality: says how the letters are laid out.
        effect_title: what an effect is.
        first: the first position to show, from 1.
        last: the last position; None for the end.
    """
    last = min(last or len(scan.sequence), len(scan.sequence))
    letters = [letter for letter in LETTER_ORDER[modality] if letter in scan.letters]
    rows = slice(first - 1, last)
    effects = scan.effects[rows][:, [scan.letters.index(letter) for letter in letters]]
    numbers = np.arange(first, last + 1)
    own = list(scan.sequence[rows])
    figure = new_figure(110 + _ROW_PIXELS * max(len(letters), 6), "Position", "New letter")
    largest = _largest(scan.effects)
    words = [[f"{old}{number}{new}" for number, old in zip(numbers, own, strict=True)] for new in letters]
    figure.add_heatmap(
        x=numbers, y=letters, z=effects.T, customdata=words, zmin=-largest, zmax=largest, zmid=0,
        colorscale="RdBu_r", xgap=1 if len(numbers) <= 2 * _MOST_LABELLED else 0, ygap=1,
        colorbar={"title": {"text": "effect", "side": "top"}, "thickness": 12, "outlinewidth": 0},
        hovertemplate="%{customdata}<br>%{z:+.3g}<extra></extra>", hoverongaps=False,
    )  # fmt: skip
    known = [(number, letter) for number, letter in zip(numbers, own, strict=True) if letter in letters]
    figure.add_scatter(
        x=[number for number, _ in known], y=[letter for _, letter in known], mode="markers", name="as it is",
        marker={"color": "#1F2A28", "size": 6 if len(numbers) <= 2 * _MOST_LABELLED else 3},
        customdata=[f"{letter}{number}" for number, letter in known],
        hovertemplate="%{customdata} as it is<extra></extra>", showlegend=False,
    )  # fmt: skip
    if len(numbers) <= _MOST_LABELLED:
        ticks = [
            f"{letter}<br>{n if n % 5 == 0 or n == first else ''}"
            for n, letter in zip(numbers, own, strict=True)
        ]
        figure.update_xaxes(tickvals=numbers, ticktext=ticks, tickangle=0)
    figure.update_xaxes(showgrid=False, range=[first - 0.5, last + 0.5])
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category", categoryarray=letters)
    figure.update_xaxes(
        title_text=f"Position<br><span style='font-size:0.85em'>{shown(effect_title, 120)}</span>"
    )
    return figure


def _largest(effects: np.ndarray) -> float:
    """The end of the colour scale: all but the most extreme fiftieth lie within."""
    known = np.abs(effects[np.isfinite(effects) & (effects != 0)])
    return float(np.quantile(known, 0.98)) if len(known) else 1.0


def plot_position_means(scan: Scan, *, first: int = 1, last: int | None = None) -> go.Figure:
    """The mean effect at each position: the deepest bars are the positions that want to be left alone.

    Args:
        scan: the effects.
        first: where the part that is shown elsewhere begins; that part is drawn in the accent.
        last: and where it ends; None for the end.
    """
    numbers = np.arange(1, len(scan.sequence) + 1)
    is_chosen = (numbers >= first) & (numbers <= (last or len(numbers)))
    figure = new_figure(200, "Position", "Mean effect")
    figure.add_bar(
        x=numbers, y=scan.position_means, customdata=list(scan.sequence),
        marker={"color": np.where(is_chosen, ACCENT, QUIET), "line": {"width": 0}},
        hovertemplate="%{customdata}%{x}<br>mean effect %{y:+.3g}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, range=[0.5, len(numbers) + 0.5])
    figure.update_layout(bargap=0.1 if len(numbers) < 300 else 0)
    return figure
