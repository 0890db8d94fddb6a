"""Errors binned by the distance from training, and the plots of new predictions."""

import doctest

import numpy as np
import pytest

import widgets.live_run
import widgets.rows
from biotl_core.plots.new_sequences import (
    identity_bins,
    plot_error_by_identity,
    plot_predicted_classes,
    plot_predicted_numbers,
)
from biotl_core.runs.results import top_hits


def test_bins_hold_about_equally_many_and_all_rows():
    identity = np.linspace(0.2, 0.9, 60)
    errors = np.where(identity < 0.55, 2.0, 1.0)
    bins = identity_bins(identity, errors)
    assert bins.n.tolist() == [10] * 6
    assert bins.error.tolist() == [2, 2, 2, 1, 1, 1]
    assert bins.low[0] == pytest.approx(0.2) and bins.high[-1] == pytest.approx(0.9)
    assert (bins.error * bins.n).sum() == pytest.approx(errors.sum())


def test_unknown_rows_do_not_count_and_equal_identities_share_a_bin():
    identity = np.array([0.5] * 30 + [np.nan, 0.7])
    errors = np.array([1.0] * 30 + [9.0, np.nan])
    bins = identity_bins(identity, errors)
    assert bins.n.tolist() == [30] and bins.error.tolist() == [1.0]
    assert len(identity_bins(np.zeros(0), np.zeros(0)).n) == 0


@pytest.mark.parametrize("n", [0, 1, 5, 3000])
def test_plots_take_any_number_of_rows(n):
    rng = np.random.default_rng(0)
    values, names = rng.uniform(size=n), [f"<b>{i}</b>" for i in range(n)]
    for figure in (
        plot_error_by_identity(values, values, names, "Error"),
        plot_predicted_numbers(values, "<i>Tm</i>"),
        plot_predicted_classes(["a", "<b>"], [n, 0], n),
    ):
        text = figure.to_json()
        assert "<b>" not in text.replace("\\u003cb\\u003e", "<b>") and "<i>" not in text


def test_shares_of_labels_are_of_the_sequences():
    assert list(plot_predicted_classes(["a", "b"], [10, 5], 20).data[0].text) == ["10 (50%)", "5 (25%)"]


def test_top_hits_by_hand():
    true = np.arange(20.0)
    assert top_hits(true, true) == (2, 2)
    assert top_hits(true, -true) == (2, 0)
    assert top_hits(true, np.where(true == 19, 100, -true)) == (2, 1)
    assert top_hits(np.zeros(5), np.zeros(5)) == (0, 0)


@pytest.mark.parametrize("module", [widgets.live_run, widgets.rows], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0
