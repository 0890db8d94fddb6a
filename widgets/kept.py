"""Widgets whose value outlives them.

Streamlit forgets a widget's value when the page changes, and a guess that is made anew must not overwrite
what she chose. So her choices are plain values in one dict a store, and a widget only shows and changes them.
"""

from collections.abc import Collection
from typing import Any

import streamlit as st


def choices(store: str) -> dict[str, Any]:
    """All that was chosen in a store; what is not in it follows the guess."""
    return st.session_state.setdefault(f"kept-{store}", {})


def kept(store: str, name: str, guess: Any, options: Collection[Any] | None = None) -> dict[str, Any]:
    """The arguments that tie a widget to a store: `st.toggle("Repair", **kept("data", "repair", True))`.

    Args:
        store: the dict of choices, such as that of one table.
        name: the choice in it.
        guess: what the widget shows as long as nothing was chosen.
        options: what can be chosen now; a choice that is no longer among them gives way to the guess.
    """
    key, value = f"{store}-{name}", choices(store).get(name, guess)
    st.session_state[key] = value if options is None or value in options else guess
    return {"key": key, "on_change": _keep, "args": (store, name)}


def _keep(store: str, name: str) -> None:
    choices(store)[name] = st.session_state[f"{store}-{name}"]
