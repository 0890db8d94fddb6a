"""Can I trust a prediction? Ranges and sets, what they held, and how all of it changes far from training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.plots import plot_probability_histogram, plot_reliability
from biotl_core.plots.certainty import plot_bands, plot_identities, plot_ranges
from biotl_core.plots.new_sequences import plot_error_by_identity
from biotl_core.runs.results import Scored
from biotl_core.runs.trust import certainty_sentence, far_sentence
from biotl_core.runs.verdict import metric_title
from biotl_core.wording import plain, say_interval, say_number
from widgets.run_questions import ERROR_TITLES, read_test


def draw_trust(folder: Path, result: dict[str, Any]) -> None:
    """What ranges or sets promise and held; probabilities; the leak report; the score band by band."""
    test = read_test(folder, result)
    if sentence := certainty_sentence(result):
        st.markdown(f"**{plain(sentence)}**", help=_CERTAINTY_HELP)
    _draw_ranges(test)
    if test.task.is_class:
        _draw_probabilities(test, result)
    st.markdown("**How near is the test to the training data?**", help="Leak report.")
    leak = result.get("leak") or {}
    if leak.get("warning"):
        st.warning(plain(leak["warning"]), icon=":material/warning:")
    if not np.isfinite(test.identity).any():
        st.caption("The identity to the training sequences was not measured for this run.")
        return
    if leak.get("sentence"):
        st.markdown(plain(leak["sentence"]))
    modality = result.get("modality") or "protein"
    st.plotly_chart(plot_identities(test.identity, modality), key="identities")
    _draw_bands(test, result)


_CERTAINTY_HELP = (
    "Split conformal prediction: the limits were set on the validation part. That part also chose the best pass of the "
    "training, so they may be a little too narrow; the share held on the test part, which chose nothing, is the one to "
    "go by. The promise is for new sequences of the same kind as the test part; far from training it is weaker."
)


def _draw_ranges(test: Scored) -> None:
    """The ranges of the test rows with what was measured."""
    if test.task_name != "regression" or "lower" not in test.table:
        return
    ends = [pd.to_numeric(test.table[name], errors="coerce").to_numpy(float) for name in ("lower", "upper")]
    if np.isfinite(ends[0]).any():
        figure = plot_ranges(test.true, test.predicted, *ends, test.table["name"].tolist(), test.target_name)
        st.plotly_chart(figure, key="ranges")


def _draw_probabilities(test: Scored, result: dict[str, Any]) -> None:
    points = test.points
    task = "multilabel" if test.task_name == "multilabel" else "classification"
    left, right = st.columns(2)
    with left:
        st.markdown(
            "**Do probabilities keep their word?**",
            help="Reliability diagram: of the cases given 80 %, do 80 % come true?",
        )
        st.plotly_chart(
            plot_reliability(task, test.classes, points.true, points.predicted), key="reliability"
        )
    with right:
        st.markdown("**How sure is the model?**", help="The further apart the groups, the better.")
        figure = plot_probability_histogram(task, test.classes, points.true, points.predicted)
        st.plotly_chart(figure, key="sureness")
    certainty = result.get("certainty") or {}
    if certainty.get("calibration_error") is not None:
        st.caption(
            f"Probabilities are off by {say_number(certainty['calibration_error'])} on average (expected calibration "
            f"error; {say_number(certainty['calibration_error_before'])} before they were brought to their word by a "
            f"temperature of {say_number(certainty['temperature'])}, set on the validation part)."
        )


def _draw_bands(test: Scored, result: dict[str, Any]) -> None:
    """The score over identity to training: bands with intervals, and every row's error."""
    st.markdown("**Is it worse far from the training data?**")
    bands = result.get("bands") or []
    if len(bands) > 1:
        st.markdown(plain(far_sentence(result)))
        st.plotly_chart(plot_bands(bands, result["headline"]), key="bands")
        st.dataframe(
            band_table(result), hide_index=True, width="content", alt="Score by identity to training"
        )
    elif bands:
        st.markdown("All test sequences are about equally far from training.")
    title = ERROR_TITLES[test.task_name]
    figure = plot_error_by_identity(test.identity, test.errors, test.table["name"].tolist(), title)
    st.plotly_chart(figure, key="by-identity")


def band_table(result: dict[str, Any]) -> pd.DataFrame:
    """A row a band: identity, rows, score with interval, share held by ranges or sets."""
    rows = []
    for band in result["bands"]:
        score = say_number(band["score"]) if band["score"] is not None else "none"
        if band["score_low"] is not None:
            score += f" {say_interval(band['score_low'], band['score_high'])}"
        held = "" if band["covered"] is None else f"{band['covered']:.0%}"
        rows.append(
            {
                ("Similarity" if result.get("modality") == "molecule" else "Identity")
                + " to training": f"{band['low']:.0%} to {band['high']:.0%}",
                "Test sequences": f"{band['n']:,}",
                metric_title(result["headline"]): score,
                "Held by ranges or sets": held,
            }
        )
    return pd.DataFrame(rows)
