"""Maps of pairs and lines along chains as figures: what a click returns, what is drawn of long chains."""

import numpy as np
import pandas as pd

from biotl_core.plots.structure_maps import MAP_KINDS, plot_pair_map
from biotl_core.plots.structures import plot_confidence, plot_deviations


def labels(n: int) -> list[str]:
    return [f"A ALA {k + 1}" for k in range(n)]


def test_a_point_of_the_map_knows_its_pair():
    values = np.arange(25.0).reshape(5, 5)
    figure = plot_pair_map("pae", values, labels(5), (1, 3))
    points = figure.data[1]
    k = next(k for k, pair in enumerate(points.customdata) if tuple(pair) == (1, 3))
    assert (points.x[k], points.y[k]) == (4, 2)  # the first residue goes down, the second across
    assert points.text[k] == "A ALA 2 and A ALA 4<br>8 Å"
    assert len(figure.layout.shapes) == 2


def test_long_chains_are_averaged_and_still_reach_both_ends():
    n = 1000
    values = np.full((n, n), 7.0)
    values[0, 0] = np.nan
    for kind in MAP_KINDS:
        figure = plot_pair_map(kind, values, labels(n))
        assert figure.data[0].z.shape == (400, 400) and np.nanmax(figure.data[0].z) == 7
        places = np.array(figure.data[1].customdata)
        assert places.min() == 0 and places.max() == n - 1 and len(places) <= 8100


def test_deviations_are_a_line_a_model():
    table = pd.DataFrame(
        {"position": [1, 2], "letter": ["M", "K"], "a deviation": [1.0, np.nan], "b deviation": [2.0, 3.0]}
    )
    figure = plot_deviations(table, ["a", "b"])
    assert [line.name for line in figure.data] == ["a", "b"]
    assert figure.data[1].text[1] == "K 2"


def test_a_confidence_that_keeps_its_word_lies_on_the_line():
    expected = np.repeat([25.0, 55.0, 95.0], 10)
    figure = plot_confidence(expected, expected)
    assert figure.data[1].x == figure.data[1].y == (25.0, 55.0, 95.0)
    assert figure.data[1].customdata == (10, 10, 10)
