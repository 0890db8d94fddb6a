"""What a backbone shall learn from, which one, and how: the form of an adaptation."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from biotl_core.backbones.adaptable import can_be_adapted
from biotl_core.backbones.catalogue import find_backbone, list_backbones
from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import Modality
from biotl_core.data.unlabelled import HOLD_OUTS, Unlabelled
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.learning.adaptation_settings import AdaptationSettings, usual_learning_rate
from biotl_core.learning.speed import read_speed, size_millions
from biotl_core.runs.adaptations import HoldingOut, say_cost, start_adaptation, usual_letters
from biotl_core.shell import shell_command
from biotl_core.wording import plain_sentence, say_count, say_number
from widgets.adaptation_source import STORE, Source, choose_source, read_source
from widgets.describe import NOUNS
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.speed_probe import draw_running_probe, is_probing, start_probe

_EXPERT = (("learning_rate", "batch_tokens"), ("crop_length", "weight_decay"), ("seed",))
"""Settings under "More settings", by column."""


class AdaptationChoice(NamedTuple):
    """All that was chosen."""

    unlabelled: Unlabelled
    backbone: Backbone
    name: str
    settings: AdaptationSettings
    holding_out: HoldingOut
    device: Device
    address: str
    column: str | None

    def start(self) -> Path:
        """Launch it; its folder."""
        if not self.name.strip():
            raise UserError("The new backbone has no name yet. Type one.")
        return start_adaptation(
            self.unlabelled,
            self.backbone,
            self.name,
            self.settings,
            self.holding_out,
            device=self.device.name,
        )

    def command(self) -> str:
        """The same for the shell."""
        wanted = {
            "data": self.address,
            "backbone": self.backbone.name,
            "name": self.name,
            "sequence": self.column,
        }
        return adapt_command(wanted, self.settings, self.holding_out, size_millions(self.backbone))


def adapt_command(
    wanted: dict[str, Any], settings: AdaptationSettings, holding_out: HoldingOut, millions: float | None
) -> str:
    """The verb `adapt`, without what is at its default.

    Args:
        wanted: data, name and backbone, or what makes a new one.
        settings: as chosen.
        holding_out: as chosen.
        millions: parameters of the backbone, which decide the usual step size; None where it is not here any more.
    """
    rate = AdaptationSettings.learning_rate if millions is None else usual_learning_rate(millions)
    usual = asdict(AdaptationSettings(tokens=settings.tokens, learning_rate=rate))
    changed = {name: value for name, value in asdict(settings).items() if value != usual[name]}
    standard = asdict(HoldingOut())
    held = {name: value for name, value in asdict(holding_out).items() if value != standard[name]}
    if "kind" in held:
        held["hold_out"] = held.pop("kind")
    return shell_command(
        "adapt", wanted | {"name": wanted["name"] or "NAME", "letters": settings.tokens} | held | changed
    )


def choose_adaptation(device: Device) -> AdaptationChoice | None:
    """Draw the choices, each with a default already made; None as long as there are no sequences."""
    st.markdown("**1. The sequences it shall read**")
    source = choose_source()
    if source is None:
        return None
    backbone = _choose_backbone(source.modality)
    try:
        unlabelled, column = read_source(source, backbone.modality)
    except UserError as error:
        draw_error(error)
        return None
    _draw_what_was_found(unlabelled)
    try:
        return _choose_rest(source, backbone, unlabelled, column, device)
    except UserError as error:
        draw_error(error)
        return None


def _choose_backbone(modality: Modality) -> Backbone:
    known = [backbone for backbone in list_backbones() if can_be_adapted(backbone)]
    names = {backbone.name: backbone.title for backbone in known}
    fitting = [backbone.name for backbone in known if backbone.modality == modality]
    st.markdown("**2. The backbone that goes on learning**")
    name = st.selectbox(
        "Backbone", list(names), format_func=names.get, label_visibility="collapsed",
        help="Those on this computer that learn by naming hidden letters.",
        **kept(STORE, f"backbone-{modality}", (fitting or list(names))[0], names),
    )  # fmt: skip
    return find_backbone(name)


def _draw_what_was_found(unlabelled: Unlabelled) -> None:
    found = say_count(len(unlabelled.table), *NOUNS[unlabelled.modality])
    st.markdown(f"**{found}, {unlabelled.n_letters:,} letters** to learn from.")
    for note in unlabelled.notes:
        st.caption(plain_sentence(note))


def _choose_rest(
    source: Source, backbone: Backbone, unlabelled: Unlabelled, column: str | None, device: Device
) -> AdaptationChoice:
    st.markdown("**3. Its name, and how long it learns**")
    lengths = unlabelled.table["sequence"].str.len()
    left, right = st.columns(2)
    with left:
        name = st.text_input(
            "How the new backbone is called", placeholder="my phages", **kept(STORE, "name", ""),
            help="The backbone itself stays as it is; what has learned is a new one beside it.",
        )  # fmt: skip
    expert = _draw_expert(backbone)
    usual = usual_letters(
        backbone, lengths.to_numpy(), AdaptationSettings(tokens=1, crop_length=expert["crop_length"]), device
    )
    with right:
        millions = st.number_input(
            "Letters to learn from, in millions", min_value=0.01, step=0.1, format="%.2f",
            help=f"{AdaptationSettings.__dataclass_fields__['tokens'].metadata['help']} More is better until the "
            "held-out perplexity rises again.",
            **kept(STORE, f"letters-{source.key}-{backbone.name}", usual / 1e6),
        )  # fmt: skip
        passes = 1e6 * millions / max(1, int(lengths.clip(upper=expert["crop_length"]).sum()))
        st.caption(f"Every sequence is read about {say_number(passes)} times.")
    holding_out = HoldingOut(expert.pop("kind"), expert.pop("share"), expert.pop("identity"))
    settings = AdaptationSettings(tokens=round(1e6 * millions), **expert)
    _draw_cost(backbone, lengths, settings, device)
    return AdaptationChoice(unlabelled, backbone, name, settings, holding_out, device, source.address, column)


def _draw_expert(backbone: Backbone) -> dict[str, Any]:
    """Settings with a default that usually does."""
    settings = {setting.name: setting for setting in fields(AdaptationSettings)}
    standard, chosen = HoldingOut(), {}
    with st.expander("More settings", icon=":material/tune:"):
        for column, names in zip(st.columns(3), _EXPERT, strict=True):
            for name in names:
                about = settings[name].metadata
                guess = (
                    usual_learning_rate(size_millions(backbone))
                    if name == "learning_rate"
                    else settings[name].default
                )
                is_whole = settings[name].type is int
                store = f"{name}-{backbone.name}" if name == "learning_rate" else name
                chosen[name] = column.number_input(
                    about["title"], min_value=about["low"], max_value=about["high"], help=about["help"],
                    step=1 if is_whole else guess / 2, format=None if is_whole else "%.3g", **kept(STORE, store, guess),
                )  # fmt: skip
        kind = st.segmented_control(
            "What it is judged by", list(HOLD_OUTS), required=True, format_func=lambda one: HOLD_OUTS[one][0],
            help=" ".join(f"**{title}**: {about}" for title, about in HOLD_OUTS.values()),
            **kept(STORE, "kind", standard.kind),
        )  # fmt: skip
        left, right = st.columns(2)
        share = left.slider(
            "Held out, share of the letters", 0.05, 0.5, **kept(STORE, "share", standard.share), step=0.05,
            help="Not learned from; perplexity is measured on them before and after.",
        )  # fmt: skip
        identity = standard.identity
        if kind == "similarity" and backbone.modality != "molecule":
            identity = right.slider(
                "Similar from this identity on",
                0.3,
                0.9,
                step=0.05,
                **kept(STORE, "identity", standard.identity),
            )
    return chosen | {"kind": kind, "share": share, "identity": identity}


def _draw_cost(backbone: Backbone, lengths: pd.Series, settings: AdaptationSettings, device: Device) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        told = say_cost(backbone, lengths.to_numpy(), settings, device)
        st.markdown(f":material/timer: **{plain_sentence(told)}**", width="content")
        if is_probing():
            draw_running_probe()
        elif not read_speed(backbone, device).is_measured:
            typical = (
                lengths.clip(upper=settings.crop_length).sample(20, replace=True, random_state=0).tolist()
            )
            st.button(
                "Measure it here", icon=":material/speed:", type="tertiary", on_click=start_probe,
                args=(backbone, device, typical), key="adapt-probe",
                help="Runs this backbone for some seconds on this computer, so that the time is no longer guessed.",
            )  # fmt: skip
