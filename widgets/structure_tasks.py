"""What one came to the Structures page for."""

import streamlit as st

TASKS = {
    "look": ":material/visibility: Look at a structure",
    "predict": ":material/deployed_code: Predict one",
    "compare": ":material/compare: Compare",
    "learn": ":material/school: Learn from structures",
}
"""The four things to do on the page, by their name in the address (`?do=`)."""
_KEY = "structure-task"


def choose_task() -> str:
    """The choice at the top of the page; the address wins, so that links lead to the right one."""
    asked = st.query_params.get("do")
    if st.query_params.get("structure"):
        asked = "look"
    elif st.query_params.get("fold"):
        asked = "predict"
    current = asked if asked in TASKS else st.session_state.get("structure-task-kept", "look")
    st.session_state[_KEY] = current
    st.segmented_control(
        "What to do",
        list(TASKS),
        format_func=TASKS.get,
        required=True,
        label_visibility="collapsed",
        key=_KEY,
        on_change=_go,
    )
    st.session_state["structure-task-kept"] = current
    return current


def _go() -> None:
    """Another task: the address says so, and what belonged to the last one leaves it."""
    chosen = st.session_state[_KEY]
    for name in ("structure", "fold"):
        st.query_params.pop(name, None)
    st.query_params["do"] = chosen
    st.session_state["structure-task-kept"] = chosen
