"""Training on pairs of residues on the page Train: the backbone, a few settings, what it costs, start."""

from dataclasses import asdict, fields

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.runs.distances import RIVAL_TITLES, say_cost, start_distances
from biotl_core.shell import shell_command
from biotl_core.structures.distance_settings import ESMFOLD, HEAD, METHODS, USUAL, DistanceSettings
from biotl_core.structures.pair_measures import PAIR_METRICS
from biotl_core.structures.pair_sets import PAIR_TARGETS, PairSet, find_pair_set
from biotl_core.wording import plain, plain_sentence, say_count
from widgets.answers import draw_shell_command
from widgets.backbone_choice import choose_backbone
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.navigation import link_page, open_page

_STORE = "distances"
_SHOWN = ("passes", "learning_rate", "seed")
_SHOWN_ESMFOLD = ("passes", "learning_rate", "crop", "rank", "seed")


def draw_distance_training() -> bool:
    """The form, where the address names structures (`?structures=`); whether it does."""
    name = st.query_params.get("structures")
    if not name:
        return False
    try:
        pair_set = PairSet.load(find_pair_set(name))
    except UserError as error:
        draw_error(error)
        link_page("structures", "Learn from structures", ":material/school:", do="learn")
        return True
    target = PAIR_TARGETS[pair_set.target]
    _draw_head(name, pair_set)
    method = _choose_method(pair_set)
    if method == ESMFOLD:
        title, settings = "esmfold", _draw_settings(_SHOWN_ESMFOLD, method=ESMFOLD)
    else:
        st.subheader("Which model to start from", anchor=False)
        backbone = choose_backbone("protein", resolve_device("auto"))
        if backbone is None:
            return True
        title, settings = backbone.name, _draw_settings(_SHOWN, backbone=backbone.name)
    st.subheader("What it will cost", anchor=False)
    obstacle = _draw_cost(pair_set, settings)
    if st.button("Start training", type="primary", icon=":material/play_arrow:", disabled=obstacle):
        try:
            run = start_distances(pair_set, settings, f"{name}-{title}")
        except UserError as error:
            draw_error(error)
        else:
            open_page("runs", distances=run.name)
    st.caption("It runs in the background: you may close this page and come back.")
    changed = {
        key: value for key, value in asdict(settings).items() if value != asdict(DistanceSettings())[key]
    }
    draw_shell_command(shell_command("train-distances", {"data": name, **changed}))
    with st.expander("How is this computed", icon=":material/function:"):
        beside = "; ".join(title.lower() for title in RIVAL_TITLES.values())
        st.markdown(
            f"The run is judged by {PAIR_METRICS[target.headline].title} on the test part, beside: {beside}. Network "
            "after Senior et al. (Nature 577, 706, 2020), attention after Rao et al. (ICLR 2021)."
        )
    return True


def _draw_head(name: str, pair_set: PairSet) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        counts = ", ".join(f"{n:,} {part}" for part, n in pair_set.counts.items())
        st.markdown(
            f"**{plain(name)}**: {PAIR_TARGETS[pair_set.target].title.lower()} in "
            f"{say_count(len(pair_set.chains), 'chain')}; {counts}.",
            width="content",
        )
        link_page("structures", "Change", ":material/edit:", do="learn")
    st.caption(plain_sentence(pair_set.sentence))


def _choose_method(pair_set: PairSet) -> str:
    """A network on a backbone, or for distances the expert's way through ESMFold."""
    if not PAIR_TARGETS[pair_set.target].folds:
        return HEAD
    st.subheader("What learns", anchor=False)
    return st.radio(
        "What learns",
        list(METHODS),
        format_func=lambda name: METHODS[name][0],
        captions=[text for _, text in METHODS.values()],
        label_visibility="collapsed",
        **kept(_STORE, "method", HEAD),
    )


def _draw_cost(pair_set: PairSet, settings: DistanceSettings) -> bool:
    """Time and memory, or why it does not go; whether it does not."""
    try:
        st.markdown(f":material/timer: **{plain_sentence(say_cost(pair_set, settings))}**")
    except UserError as error:
        with st.container(border=True):
            st.markdown(f":material/cloud_off: {plain_sentence(str(error))}")
            link_page("models", "Models", ":material/hub:")
        return True
    return False


def _draw_settings(names: tuple[str, ...], **given: str) -> DistanceSettings:
    about = {setting.name: setting for setting in fields(DistanceSettings)}
    method = given.get("method", HEAD)
    chosen = {}
    for column, name in zip(st.columns(len(names)), names, strict=True):
        setting = about[name]
        is_whole = isinstance(setting.default, int)
        usual = USUAL[method].get(name, setting.default)
        chosen[name] = column.number_input(
            setting.metadata["title"],
            min_value=setting.metadata["low"],
            max_value=setting.metadata["high"],
            step=1 if is_whole else usual / 4,
            format=None if is_whole else "%.5f",
            help=setting.metadata["help"],
            **kept(_STORE, f"{method}-{name}", usual),
        )
    return DistanceSettings(**given, **chosen)
