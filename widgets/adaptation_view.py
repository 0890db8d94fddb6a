"""Adapting a backbone, from the choices to the answer: the second half of the page Models."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.learning.adaptation_settings import AdaptationSettings
from biotl_core.learning.speed import size_millions
from biotl_core.plots.adaptation import plot_adaptation
from biotl_core.runs.adaptations import HoldingOut, made_backbone, read_adaptation, say_outcome
from biotl_core.runs.folder import read_config, read_history, read_result
from biotl_core.wording import plain, plain_sentence, say_count, say_seconds
from widgets.adaptation_form import adapt_command, choose_adaptation
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards, draw_shell_command
from widgets.backbone_cards import draw_zip
from widgets.backbone_choice import take_backbone
from widgets.frame import draw_error
from widgets.kept_results import choose_result, draw_result, open_result
from widgets.navigation import open_page

GET, ADAPT = "Get models", "Adapt one to your own sequences"
_VIEW = "models-view"
_COMPUTED = """
**Learning**: in each sequence 15 % of the letters are hidden (of these 80 % by the mask, 10 % by another letter, 10 %
left as they are), and the backbone learns to name them: masked language modelling (Devlin et al. 2019, NAACL 4171; for
proteins Rives et al. 2021, PNAS 118, e2016239118), with AdamW, a gentle start and a step size that falls as a cosine.
No measurement is used. Going on with it on sequences of one's own kind is known as domain-adaptive pretraining
(Gururangan et al. 2020, ACL 8342): it helps most where these are unlike what the backbone has read, and it can do harm.

**Judging**: the perplexity tells of how many letters the backbone is choosing, on average, where one is hidden; 20
would be a guess among all amino acids, 1 would be certainty. It is measured on sequences held out, whole groups of
similar ones, with the same letters hidden before and after. The interval is the paired bootstrap over batches of these
sequences; only where it leaves out "no change" it is called a gain.
"""
_PERPLEXITY = (
    "Of how many letters it is choosing, on average, where one is hidden (perplexity); smaller is better."
)


def choose_view() -> str:
    """Get models, or adapt one; an adaptation in the address opens the second."""
    if "adapt" in st.query_params:
        st.session_state[_VIEW] = ADAPT
    st.session_state.setdefault(_VIEW, GET)
    return st.segmented_control(
        "What to do", [GET, ADAPT], required=True, label_visibility="collapsed", key=_VIEW,
        on_change=lambda: st.query_params.pop("adapt", None),
    )  # fmt: skip


def draw_adaptation_task(device: Device) -> None:
    """The running or finished adaptation of the address, or the form of a new one."""
    st.subheader("Let a backbone read your own sequences first", anchor=False)
    shown = choose_result("adapt")
    if shown is None:
        _draw_form(device)
    elif st.button("Adapt another one", icon=":material/add:", type="tertiary"):
        st.query_params.pop("adapt", None)
        st.rerun()
    draw_result("adapt", shown, draw_adaptation, draw_live=draw_curves)
    with st.expander("How was this computed", icon=":material/function:"):
        st.markdown(_COMPUTED)


def _draw_form(device: Device) -> None:
    st.markdown(
        "A backbone has read a great many sequences of all kinds. Where yours are of a special kind (one phylum, one "
        "family, phages, your own library), it can first read those, without any measurement, and may then do better "
        "on the Train page. Whether it knows them better afterwards is measured on some that are held out."
    )
    choice = choose_adaptation(device)
    if st.button("Start reading", type="primary", icon=":material/play_arrow:", disabled=choice is None):
        try:
            folder = choice.start()
        except UserError as error:
            draw_error(error)
        else:
            open_result("adapt", folder)
    st.caption("It runs in the background: you may close this page and come back.")
    if choice is not None:
        draw_shell_command(choice.command())


def draw_curves(folder: Path) -> None:
    """Loss and held-out perplexity so far."""
    if history := read_history(folder):
        figure = plot_adaptation(history, read_config(folder)["settings"]["tokens"])
        st.plotly_chart(figure, key=f"adaptation-{folder.name}")


def draw_adaptation(folder: Path) -> None:
    """A finished adaptation: the answer, the numbers, the curves, the way on; UserError when it cannot be read."""
    result, about, config = read_adaptation(folder), read_result(folder) or {}, read_config(folder)
    draw_answer(plain_sentence(say_outcome(result)))
    draw_number_cards([
        NumberCard("Perplexity before", result.perplexity_before, help=_PERPLEXITY),
        NumberCard("Perplexity after", result.perplexity_after, help=_PERPLEXITY),
        NumberCard("Letters read", f"{result.tokens:,}", note=say_count(result.steps, "step")),
        NumberCard("Time", say_seconds(result.seconds)),
    ])  # fmt: skip
    made = made_backbone(folder)
    if made is None:
        st.info("The backbone that came out was removed since.", icon=":material/delete:")
    else:
        _draw_way_on(made)
    draw_curves(folder)
    _draw_sequences(folder, about, config)
    _draw_command(config)


def _draw_way_on(made: Backbone) -> None:
    with st.container(horizontal=True):
        if st.button("Go to Train with it", type="primary", icon=":material/model_training:"):
            take_backbone(made)
            open_page("train")
        draw_zip(made)
    st.caption(f"It is called **{plain(made.title)}** and stands among the models, where it can be removed.")


def _draw_sequences(folder: Path, about: dict[str, Any], config: dict[str, Any]) -> None:
    learned = say_count(about["n_learned"], "sequence")
    st.caption(f"{learned} of {plain(config['source'])} learned from. {plain_sentence(about['held_out_by'])}")
    for note in config["notes"]:
        st.caption(plain_sentence(note))
    with st.container(horizontal=True):
        download_table(pd.DataFrame(read_history(folder)), f"{folder.name}-curves.csv", "Curves (CSV)")
        if (folder / "refused.csv").is_file():
            refused = pd.read_csv(folder / "refused.csv", dtype=str)
            download_table(refused, f"{folder.name}-left-out.csv", "Rows left out (CSV)")


def _draw_command(config: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {
        "data": config["source"],
        "name": config["title"],
        "backbone": config["backbone"],
    }
    millions = None
    if new := config.get("new_model"):
        wanted |= {"from_scratch": True, "modality": config["modality"], **new}
    else:
        try:
            millions = size_millions(find_backbone(config["backbone"]))
        except UserError:  # removed since: then every setting is named
            millions = None
    settings, held = AdaptationSettings(**config["settings"]), HoldingOut(**config["holding_out"])
    draw_shell_command(adapt_command(wanted, settings, held, millions))
