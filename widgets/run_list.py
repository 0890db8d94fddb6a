"""The list of runs as a table to choose from: one run to look at, or several to put side by side."""

import zlib

import pandas as pd
import streamlit as st

from biotl_core.learning.settings import METHODS
from biotl_core.runs.folder import RunSummary, list_runs
from biotl_core.runs.verdict import metric_title
from biotl_core.wording import plain, say_number
from widgets.navigation import open_page
from widgets.readers import chosen_dataset_name

STATE_COLORS = {
    "waiting": "#7A8784",
    "running": "#0F766E",
    "finished": "#009E73",
    "failed": "#C0392B",
    "stopped": "#D58A00",
}
"""Of the chips in the table, which cannot take the colours of the theme."""
_SHOWN_ROWS = 7
_ROW_PIXELS = 35


def guard_without_runs(runs: list[RunSummary]) -> None:
    """Where there is no run yet: the way to one, and the page ends there."""
    if runs:
        return
    with st.container(border=True):
        if chosen_dataset_name():
            st.markdown(
                "**There is no run yet.** Your dataset is ready: choose a backbone and start the first."
            )
            if st.button("Go to training", type="primary", icon=":material/model_training:"):
                open_page("train")
        else:
            st.markdown(
                "**There is no run yet.** Bring your own table, or look around with a built-in example."
            )
            with st.container(horizontal=True):
                if st.button("Bring a table", type="primary", icon=":material/upload:"):
                    open_page("data")
                if st.button("Load an example", icon=":material/science:"):
                    open_page("data", start="example")
    st.stop()


def choose_run(runs: list[RunSummary]) -> RunSummary:
    """Draw the list; the run of the address (`?run=`), else that of this session, else the newest."""
    st.query_params.pop("compare", None)
    names = [run.name for run in runs]
    asked = st.query_params.get("run") or st.session_state.get("run")
    if asked and asked not in names:
        st.warning(f"There is no run called {plain(asked)} any more; this is the newest.")
    chosen = names.index(asked) if asked in names else 0
    if asked != st.session_state.get("run-in-list"):
        # The address was changed from outside the table, which must forget what was clicked in it.
        st.session_state["run-list-version"] = st.session_state.get("run-list-version", 0) + 1
    _remember(names[chosen])
    any_open = any(run.status.is_open for run in runs)
    st.fragment(_draw_list, run_every=2.0 if any_open else None)(names, chosen)
    return runs[chosen]


def _remember(name: str) -> None:
    st.session_state["run"] = st.session_state["run-in-list"] = st.query_params["run"] = name


def _draw_list(names: list[str], chosen: int) -> None:
    """The table, read anew at every tick, since other runs go on as well."""
    by_name = {run.name: run for run in list_runs()}
    if set(names) != set(by_name):
        st.rerun()
    selected = _draw_table([by_name[name] for name in names], "single-row-required", [chosen])
    if selected and selected[0] != chosen:
        _remember(names[selected[0]])
        st.rerun()


def choose_runs_to_compare(finished: list[RunSummary]) -> list[RunSummary]:
    """Draw the finished runs and return the chosen ones; by default the newest ones of the same target."""
    names = [run.name for run in finished]
    asked = [name for name in st.query_params.get_all("compare") if name in names]
    default = [names.index(name) for name in (asked or _newest_alike(finished))]
    selected = _draw_table(finished, "multi-row", default)
    st.query_params.pop("run", None)
    st.query_params["compare"] = [names[row] for row in selected] or [""]
    return [finished[row] for row in sorted(selected)]


def _newest_alike(finished: list[RunSummary]) -> list[str]:
    """The newest runs that answer the same question of the same table, at most four."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for run in finished:
        groups.setdefault((run.source, run.task, run.target_name), []).append(run.name)
    return next((names[:4] for names in groups.values() if len(names) > 1), [])


def _draw_table(runs: list[RunSummary], mode: str, default: list[int]) -> list[int]:
    """The runs as rows; returns the rows selected."""
    names = zlib.crc32("/".join(run.name for run in runs).encode())
    version = st.session_state.get("run-list-version", 0)
    event = st.dataframe(
        _as_table(runs),
        key=f"run-list-{mode}-{names}-{version}",
        on_select="rerun",
        selection_mode=mode,
        selection_default={"selection": {"rows": default}},
        hide_index=True,
        height=_ROW_PIXELS * (min(len(runs), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "state": state_column(),
            "run": st.column_config.TextColumn("Run", width="medium"),
            "score": st.column_config.TextColumn(
                "Score", width=130, help="On the test part, which training never saw."
            ),
            "backbone": "Backbone",
            "method": "Method",
            "target": "Target",
            "when": st.column_config.DatetimeColumn("Started", format="distance"),
        },
        alt="Runs",
    )
    return list(event["selection"]["rows"])


def state_column() -> dict:
    """How a table shows the state of a run: a chip, in a list of one."""
    return st.column_config.MultiselectColumn(
        "State", options=list(STATE_COLORS), color=list(STATE_COLORS.values()), width=95
    )


def _as_table(runs: list[RunSummary]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [[run.status.state] for run in runs],
            "run": [run.name for run in runs],
            "score": [_say_score(run) for run in runs],
            "backbone": [run.backbone for run in runs],
            "method": [METHODS[run.method][0] if run.method in METHODS else run.method for run in runs],
            "target": [run.target_name for run in runs],
            "when": pd.to_datetime([run.created or None for run in runs], utc=True, format="ISO8601"),
        }
    )


def _say_score(run: RunSummary) -> str:
    return f"{metric_title(run.headline)} {say_number(run.score)}" if run.score is not None else ""
