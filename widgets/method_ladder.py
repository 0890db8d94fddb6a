"""The four ways of learning as a ladder, from cheap to expensive, each with what it costs here."""

from dataclasses import replace

import streamlit as st

from biotl_core.backbones.entries import Backbone
from biotl_core.hardware import Device
from biotl_core.learning.cost import Cost, Workload, estimate_cost
from biotl_core.learning.settings import METHODS, TrainingSettings, TuningMethod
from biotl_core.wording import say_seconds
from widgets.kept import choices
from widgets.settings_form import STORE


def cost_of_methods(
    backbone: Backbone, workload: Workload, settings: TrainingSettings, device: Device
) -> dict[TuningMethod, Cost]:
    """What each method would cost with the settings that are chosen now."""
    return {
        method: estimate_cost(backbone, workload, replace(settings, method=method), device)
        for method in METHODS
    }


def draw_method_ladder(settings: TrainingSettings, costs: dict[TuningMethod, Cost]) -> None:
    """One card a rung; the bar compares its time with that of the slowest."""
    slowest = max(cost.seconds for cost in costs.values())
    with st.grid(4, min_column_width=210):
        for method, (title, explanation) in METHODS.items():
            is_chosen = method == settings.method
            key = f"card-chosen-{method}" if is_chosen else f"card-{method}"
            with st.container(border=True, height="stretch", vertical_alignment="distribute", key=key):
                with st.container():
                    st.markdown(f"**{title}**")
                    st.caption(explanation)
                with st.container():
                    st.progress(costs[method].seconds / slowest, _words(costs[method]))
                    st.button(
                        "Chosen" if is_chosen else "Choose",
                        key=f"method-{method}",
                        icon=":material/check:" if is_chosen else None,
                        type="tertiary" if is_chosen else "secondary",
                        on_click=choices(STORE).update,
                        args=({"method": method},),
                    )


def _words(cost: Cost) -> str:
    about = "about" if cost.is_measured else "roughly"
    rounded = cost.seconds if cost.seconds < 60 else float(f"{cost.seconds:.2g}")
    return f"{about} {say_seconds(rounded)}" + ("" if cost.fits else ", does not fit")
