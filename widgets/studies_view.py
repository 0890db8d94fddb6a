"""What would help? Buttons that train further on the data of a finished run, and what came of it."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.plots.studies import plot_study
from biotl_core.runs.folder import RunSummary, read_result
from biotl_core.runs.studies import STUDIES, StudyName, find_studies, start_study
from biotl_core.runs.verdict import metric_title
from biotl_core.shell import shell_command
from biotl_core.wording import plain, plain_sentence, say_interval, say_number
from widgets.answers import download_table
from widgets.frame import draw_error
from widgets.live_run import draw_open_run


def draw_studies(folder: Path, result: dict[str, Any]) -> None:
    """One block a study: its answer where it was made, its progress where it runs, its button."""
    found = find_studies(folder)
    st.caption("Each trains further models on the same data, in the background, one after the other.")
    for name in STUDIES:
        with st.container(border=True):
            _draw_study(folder, name, found.get(name))


def _draw_study(folder: Path, name: StudyName, made: RunSummary | None) -> None:
    study = STUDIES[name]
    st.markdown(f"**{study.title}**")
    st.caption(study.question)
    if made is not None and made.status.is_open:
        draw_open_run(made.folder, made.status.state)
        return
    finished = made is not None and made.status.state == "finished"
    if finished and (result := read_result(made.folder)):
        st.markdown(f"**{plain_sentence(made.status.message)}**")
        st.plotly_chart(plot_study(result), key=f"study-{name}")
        table = study_table(result)
        st.dataframe(table, hide_index=True, width="content", alt=study.title)
        download_table(table, f"{made.name}.csv")
    elif made is not None:
        st.markdown(f":material/error: {plain(made.status.message)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Do it again" if made is not None else study.title
        if st.button(label, icon=":material/science:", key=f"start-{name}"):
            try:
                start_study(folder, name)
            except UserError as error:
                draw_error(error)
            else:
                st.rerun()
        st.code(shell_command("study", {"run": folder, "of": name}), language="bash")


def study_table(result: dict[str, Any]) -> pd.DataFrame:
    """A row a training, with the interval of its test score."""
    title = metric_title(result["headline"])
    rows = []
    for row in result["rows"]:
        score = "none" if row["score"] is None else say_number(row["score"])
        if row["low"] is not None:
            score += f" {say_interval(row['low'], row['high'])}"
        line = {"Training": row["label"], "Training sequences": f"{row['n_train']:,}", title: score}
        if result["study"] == "ladder":
            gain = row.get("gain")
            line["Better than the rung before"] = (
                ""
                if not gain or gain[0] is None
                else f"{say_number(gain[0])} {say_interval(gain[1], gain[2])}"
            )
        rows.append(line)
    return pd.DataFrame(rows)
