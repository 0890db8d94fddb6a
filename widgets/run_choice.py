"""Which finished run to use."""

from pathlib import Path

import streamlit as st

from biotl_core.runs.folder import RunSummary, list_runs, read_config, read_result
from biotl_core.runs.verdict import answer_sentence, metric_title
from biotl_core.wording import plain, say_number
from widgets.navigation import link_page, open_page
from widgets.run_list import guard_without_runs


def choose_finished_run(prediction: Path | None = None) -> RunSummary:
    """Pick a finished run: that of the prediction shown, of the address, of this session, or the newest.

    Where none has finished, say so with a way out and end the page.
    """
    runs = list_runs()
    guard_without_runs(runs)
    finished = [run for run in runs if run.status.state == "finished"]
    if not finished:
        _guard_without_finished()
    names = [run.name for run in finished]
    asked = [_run_of(prediction), st.query_params.get("run"), st.session_state.get("run")]
    known = next((name for name in asked if name in names), names[0])
    chosen = st.selectbox(
        "Run", names, index=names.index(known), format_func=dict(zip(names, map(_title, finished), strict=True)).get,
        # A key of its own for each prediction: opening another one must move the picker along.
        key=f"predict-run-{prediction.name if prediction else known}",
    )  # fmt: skip
    run = finished[names.index(chosen)]
    st.session_state["run"] = st.query_params["run"] = run.name
    if (result := read_result(run.folder)) is not None:
        sentence, link = st.columns([5, 1.2], vertical_alignment="center")
        sentence.caption(plain(answer_sentence(result)))
        with link:
            link_page("runs", "Look at it", ":material/monitoring:", run=run.name)
    return run


def _run_of(prediction: Path | None) -> str | None:
    return None if prediction is None else Path(read_config(prediction).get("run", "")).name


def _title(run: RunSummary) -> str:
    score = f"{metric_title(run.headline)} {say_number(run.score)}" if run.score is not None else ""
    return " · ".join(word for word in (run.name, run.target_name, score) if word)


def _guard_without_finished() -> None:
    with st.container(border=True):
        st.markdown("**No run has finished yet.** Predictions need one; watch those that are under way.")
        if st.button("Go to the runs", type="primary", icon=":material/monitoring:"):
            open_page("runs")
    st.stop()
