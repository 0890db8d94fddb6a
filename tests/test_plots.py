"""Figures say what the numbers say, in one look, whatever names and gaps users bring."""

import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from biotl_core import plots
from biotl_core.data.dataset import Dataset
from biotl_core.evaluation.metrics import evaluate
from biotl_core.plots import theme
from biotl_core.plots.certainty import plot_bands, plot_identities, plot_ranges
from biotl_core.plots.studies import plot_study
from biotl_core.structures.colours import OKABE_ITO

NAN = float("nan")
NASTY = "<b>x</b><script>alert(1)</script> & %{x} 'q' " + "long " * 40
RANDOM = np.random.default_rng(0)
TRUE = RANDOM.normal(size=50)
GUESS = TRUE + RANDOM.normal(size=50)
CLASSES = ("no", "maybe", NASTY)
CHANCES = RANDOM.dirichlet(np.ones(3), 50)
CLASS_TRUE = RANDOM.integers(0, 3, 50)
LABELS = np.where(RANDOM.random((50, 3)) < 0.2, NAN, (RANDOM.random((50, 3)) < 0.3).astype(float))
NAMES = [NASTY] * 50


def make_dataset(task_name: str, targets: list, classes=(), modality="protein") -> Dataset:
    n = len(targets)
    sequences = ["MKV" if task_name.startswith("residue") else "M" * (5 + i) for i in range(n)]
    table = pd.DataFrame({"name": [NASTY] * n, "sequence": sequences, "target": targets, "part": "train"})
    return Dataset(table, modality, task_name, classes, target_name=NASTY)


DATASETS = {
    "regression": make_dataset("regression", TRUE.tolist()),
    "classification": make_dataset("classification", ["no", "no", NASTY], CLASSES, "dna"),
    "multilabel": make_dataset("multilabel", LABELS.tolist(), CLASSES, "molecule"),
    "residue_classification": make_dataset("residue_classification", ["HC?", "CCC"], ("H", "C")),
    "residue_regression": make_dataset("residue_regression", [[1.0, NAN, 2.0], [NAN, NAN, NAN]]),
}
HISTORY = [
    {
        "epoch": i,
        "epochs": 9,
        "train_loss": 1 / i,
        "validation_loss": 2 / i,
        "metrics": {"mcc": [0.1, 0.5, 0.3][i - 1]},
    }
    for i in (1, 2, 3)
]
RESULT = {
    "task": "regression",
    "headline": "spearman",
    "counts": {"train": 10, "test": 1234},
    "test": {"spearman": 0.7, "rmse": 1.0},
    "test_interval": {"spearman": [0.6, 0.8], "rmse": [None, None]},
    "baselines": {
        "mean": {"spearman": None, "rmse": 2.0},
        "one_hot_ridge": {"spearman": 0.5, "rmse": 1.2},
        "random_weights": {"spearman": 0.6, "rmse": 1.1},
    },
    "baseline_intervals": {"one_hot_ridge": {"spearman": [0.4, 0.6]}},
    "baseline_titles": {"one_hot_ridge": "Ridge on letters by position"},
}
MAP = pd.DataFrame({"name": NAMES, "part": ["train", "test"] * 25, "target": TRUE, "x": TRUE, "y": GUESS})

FIGURES = {
    **{f"lengths {name}": lambda d=d: plots.plot_lengths(d) for name, d in DATASETS.items()},
    **{f"targets {name}": lambda d=d: plots.plot_targets(d) for name, d in DATASETS.items()},
    "parts": lambda: plots.plot_parts({"train": 80, "validation": 0, "test": 20}),
    "history": lambda: plots.plot_history(HISTORY, "mcc", log_loss=True),
    "history, nothing yet": lambda: plots.plot_history([], "mcc"),
    "comparison": lambda: plots.plot_comparison(RESULT),
    "runs": lambda: plots.plot_runs_compared({NASTY: RESULT, "b": RESULT}, "rmse"),
    "against true": lambda: plots.plot_predicted_against_true(
        TRUE, GUESS, NAMES, NASTY, parts=["train", "test"] * 25
    ),
    "against true, baseline": lambda: plots.plot_predicted_against_true(
        TRUE, GUESS, NAMES, "t", baseline=("b", TRUE)
    ),
    "against true, none": lambda: plots.plot_predicted_against_true(np.zeros(0), np.zeros(0), [], "t"),
    "residuals": lambda: plots.plot_residuals(TRUE, GUESS, NAMES, NASTY),
    "track": lambda: plots.plot_residue_track("MKV", {"measured": [1, NAN, 2], NASTY: [1, 2, 3]}, NASTY),
    "residue classes": lambda: plots.plot_residue_classes(
        "MKV", {"measured": "H?C", NASTY: "HHC"}, ("H", "C")
    ),
    "roc": lambda: plots.plot_roc("classification", CLASSES, CLASS_TRUE, CHANCES),
    "roc, labels": lambda: plots.plot_roc("multilabel", CLASSES, LABELS, CHANCES),
    "roc, one class only": lambda: plots.plot_roc(
        "classification", CLASSES[:2], np.zeros(50, int), CHANCES[:, :2]
    ),
    "precision": lambda: plots.plot_precision_recall("classification", CLASSES, CLASS_TRUE, CHANCES),
    "confusion": lambda: plots.plot_confusion(CLASSES, CLASS_TRUE, CHANCES),
    "reliability": lambda: plots.plot_reliability("classification", CLASSES, CLASS_TRUE, CHANCES),
    "reliability, labels": lambda: plots.plot_reliability("multilabel", CLASSES, LABELS, CHANCES),
    "sureness": lambda: plots.plot_probability_histogram("classification", CLASSES, CLASS_TRUE, CHANCES),
    "map": lambda: plots.plot_embedding_map(MAP, [0.4, 0.1], target_name=NASTY),
    "map, parts": lambda: plots.plot_embedding_map(MAP, [0.4, 0.1], colour_by="part"),
    "map, classes": lambda: plots.plot_embedding_map(
        MAP.assign(target=np.array(CLASSES)[CLASS_TRUE]), task_name="classification", classes=CLASSES
    ),
    "map, labels": lambda: plots.plot_embedding_map(
        MAP.assign(target="nan 1 0"), task_name="multilabel", label=1
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_the_look_and_shows_names_as_text(name):
    figure = FIGURES[name]()
    assert isinstance(figure, go.Figure)
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
    text = figure.to_json()
    json.loads(text)
    # Plotly reads <b>, <i>, <a href> and the like in any text: none of a user's may come through.
    assert not re.search(r"<b>x|<script|\\u003cb\\u003ex|\\u003cscript", text, re.I)


def test_a_name_is_shown_as_it_is_and_cut_when_long():
    assert theme.shown("A & B <i>") == "A &amp; B &lt;i&gt;"
    assert theme.shown("two\nlines\t of text") == "two lines of text"
    assert len(theme.shown("x" * 500)) == 60


def bars(figure: go.Figure) -> int:
    return sum(int(np.sum(trace.y if trace.orientation != "h" else trace.x)) for trace in figure.data)


def test_histograms_count_every_value_once():
    assert bars(plots.plot_targets(DATASETS["regression"])) == 50
    assert bars(plots.plot_lengths(DATASETS["regression"])) == 50
    assert bars(plots.plot_targets(DATASETS["residue_regression"])) == 2
    assert bars(plots.plot_targets(DATASETS["residue_classification"])) == 6
    labels = plots.plot_targets(DATASETS["multilabel"])
    assert bars(labels) == LABELS.size
    yes = next(trace for trace in labels.data if trace.name == "yes")
    assert list(yes.x) == np.nansum(LABELS, axis=0).tolist()


def test_lengths_say_what_they_leave_out():
    table = pd.DataFrame(
        {"name": "n", "sequence": ["M" * 100] * 198 + ["M" * 5000] * 2, "target": 0.0, "part": ""}
    )
    figure = plots.plot_lengths(Dataset(table, "protein", "regression"))
    assert bars(figure) == 198
    assert "2 longer than 100 not drawn, the longest 5,000" in figure.layout.xaxis.title.text


def test_parts_add_up_and_say_their_share():
    figure = plots.plot_parts({"train": 80, "validation": 0, "test": 20})
    assert [trace.x[0] for trace in figure.data] == [80, 0, 20]
    assert "test 20 (20%)" in figure.layout.annotations[0].text


def test_history_marks_the_pass_with_the_best_metric():
    figure = plots.plot_history(HISTORY, "mcc")
    star = next(trace for trace in figure.data if trace.marker.symbol == "star")
    assert (star.x[0], star.y[0]) == (2, 0.5)
    lower = [{**line, "metrics": {"rmse": line["metrics"]["mcc"]}} for line in HISTORY]
    star = next(trace for trace in plots.plot_history(lower, "rmse").data if trace.marker.symbol == "star")
    assert star.x[0] == 1


def titles(figure: go.Figure) -> list[str]:
    """Names of the rows from top to bottom."""
    left = [note for note in figure.layout.annotations if note.x == 0]
    return [re.sub("</?b>", "", note.text) for note in sorted(left, key=lambda note: note.y)]


def test_comparison_puts_the_best_on_top_whatever_best_means():
    figure = plots.plot_comparison(RESULT)
    order = ["This model", "random weights", "Ridge on letters by position", "mean"]
    assert titles(figure) == order
    assert titles(plots.plot_comparison(RESULT, "rmse")) == order
    notes = [note.text for note in figure.layout.annotations]
    assert "<b>0.700 [0.600, 0.800]</b>" in notes and "no value" in notes
    assert "n = 1,234" in figure.layout.xaxis.title.text


def test_runs_side_by_side_carry_their_best_simple_method():
    worse = {**RESULT, "test": {"spearman": 0.3}}
    figure = plots.plot_runs_compared({"worse": worse, "better": RESULT})
    assert titles(figure) == ["better", "worse"]
    rings = figure.data[-1]
    assert list(rings.x) == [0.5, 0.5]  # the twin without pretraining is no simple method


def test_roc_and_precision_recall_enclose_the_area_they_say():
    true = CLASS_TRUE[CLASS_TRUE < 2]
    chances = CHANCES[CLASS_TRUE < 2][:, :2]
    chances = chances / chances.sum(axis=1, keepdims=True)
    scores = evaluate("classification", ("a", "b"), true, chances)
    curve = plots.plot_roc("classification", ("a", "b"), true, chances).data[-1]
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(scores["auroc"])
    assert f"b: {scores['auroc']:.3f}" == curve.name
    curve = plots.plot_precision_recall("classification", ("a", "b"), true, chances).data[0]
    steps = np.diff(curve.x, prepend=0)
    assert float(np.sum(steps * curve.y)) == pytest.approx(scores["auprc"])


def test_long_rankings_are_thinned_without_losing_their_ends():
    true = RANDOM.integers(0, 2, 20_000)
    chance = np.clip(RANDOM.normal(0.4 + 0.2 * true, 0.2), 0, 1)
    given = ("classification", ("a", "b"), true, np.stack([1 - chance, chance], 1))
    curve = plots.plot_roc(*given).data[-1]
    assert len(curve.x) <= 400 and (curve.x[-1], curve.y[-1]) == (1, 1)
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(evaluate(*given)["auroc"], abs=1e-3)


def test_confusion_rows_are_shares_of_the_true_class():
    true = np.array([0, 0, 0, 1])
    chosen = np.eye(2)[[0, 0, 1, 1]]
    heat = plots.plot_confusion(("a", "b"), true, chosen).data[0]
    np.testing.assert_allclose(heat.z, [[2 / 3, 1 / 3], [0, 1]])
    assert heat.text[0][1] == "1<br>(33%)" and heat.customdata[0][1] == "a taken for b"


def test_residuals_and_predictions_are_at_their_place():
    against = plots.plot_predicted_against_true(TRUE, GUESS, NAMES, "t").data[-1]
    np.testing.assert_allclose(against.x, TRUE)
    np.testing.assert_allclose(against.y, GUESS)
    rest = plots.plot_residuals(TRUE, GUESS, NAMES, "t").data[-1]
    np.testing.assert_allclose(rest.y, GUESS - TRUE)


def test_many_points_go_through_webgl_and_very_many_are_sampled():
    many = np.arange(30_000.0)
    figure = plots.plot_predicted_against_true(many, many, [str(i) for i in range(30_000)], "t")
    assert figure.data[-1].type == "scattergl" and len(figure.data[-1].x) == theme.MOST_POINTS
    assert "n = 30,000 sequences, 20,000 of them drawn" in figure.layout.xaxis.title.text
    assert plots.plot_predicted_against_true(TRUE, GUESS, NAMES, "t").data[-1].type == "scatter"


def test_a_sampled_map_says_of_how_many():
    table = pd.DataFrame({"name": "n", "part": "train", "target": 0.0, "x": np.arange(25_000.0), "y": 0.0})
    figure = plots.plot_embedding_map(table, colour_by="part")
    assert "n = 25,000 sequences, 20,000 of them drawn" in figure.layout.xaxis.title.text


def test_more_classes_than_colours_become_other():
    names = [f"c{i}" for i in range(12)]
    table = MAP.assign(target=np.array(names)[np.arange(50) % 12])
    figure = plots.plot_embedding_map(table, task_name="classification", classes=names)
    assert len(figure.data) == 9 and figure.data[0].name == "other"
    assert sum(len(trace.x) for trace in figure.data) == 50


def test_one_thing_has_one_colour_everywhere():
    assert theme.CATEGORIES == OKABE_ITO
    assert set(theme.PART_COLOURS) == {"train", "validation", "test"}


def test_ranges_mark_what_lies_outside_and_leave_out_what_has_no_range():
    true = np.array([0.0, 1.0, 5.0, 2.0])
    predicted = np.array([0.1, 1.1, 1.2, 2.0])
    lower, upper = predicted - 1, predicted + 1
    lower[3] = upper[3] = np.nan
    figure = plot_ranges(true, predicted, lower, upper, ["a", "b", "<c>", "d"], "Tm")
    inside, outside = figure.data[1], figure.data[2]
    assert list(inside.y) == [0.0, 1.0]
    assert list(outside.y) == [5.0]
    assert "<c>" not in str(outside.customdata)


def test_bands_and_studies_draw_what_has_a_value_and_leave_gaps():
    band = {
        "low": 0.0,
        "high": 0.3,
        "n": 12,
        "score": 0.4,
        "score_low": 0.2,
        "score_high": 0.6,
        "covered": 0.9,
    }
    figure = plot_bands([band, band | {"score": None, "score_low": None, "score_high": None}], "spearman")
    assert figure.data[0].y[0] == 0.4 and np.isnan(figure.data[0].y[1])
    row = {"label": "seed 0", "n_train": 50, "score": 0.5, "low": 0.4, "high": 0.6}
    seeds = plot_study({"study": "seeds", "headline": "rmse", "rows": [row, row | {"score": None}]})
    assert list(seeds.data[0].x) == ["seed 0", "seed 0"]
    growth = {"ceiling": 0.9, "drop": 2.0, "power": 0.5, "misfit": 0.01}
    rows = [row | {"n_train": n} for n in (50, 100)]
    curve = plot_study(
        {"study": "curve", "headline": "spearman", "rows": rows, "twice": 0.7, "growth": growth}
    )
    assert curve.data[1].x == (200,)
    flat = plot_study({"study": "curve", "headline": "spearman", "rows": rows, "twice": None})
    assert len(flat.data) == 1


def test_identities_are_drawn_with_the_line_of_near_relatives():
    figure = plot_identities(np.array([0.2, 0.9, np.nan]), "molecule")
    assert "Tanimoto" in figure.layout.xaxis.title.text
    assert figure.layout.shapes[0].x0 == 0.6
    assert not plot_identities(np.zeros(0), "protein").layout.shapes
