"""A run that learned contacts or distances: live curves, the answer, what stands beside it, and each test chain."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from biotl_core.plots.distances import plot_distance_history, plot_pair_rivals
from biotl_core.plots.structure_maps import plot_pair_map
from biotl_core.runs.distances import (
    LETTERS,
    OWN,
    TRUTH,
    UNADAPTED,
    read_chains_table,
    read_distances,
    read_folds,
    read_map,
    read_twin_history,
    rivals,
    say_answer,
)
from biotl_core.runs.folder import read_config, read_history
from biotl_core.runs.verdict import lower_first
from biotl_core.shell import shell_command
from biotl_core.structures.distance_settings import ESMFOLD
from biotl_core.structures.pair_measures import PAIR_METRICS, true_contacts
from biotl_core.structures.pair_sets import PAIR_TARGETS, PairSet
from biotl_core.wording import plain, plain_sentence
from widgets.answers import (
    NumberCard,
    download_json,
    download_table,
    draw_answer,
    draw_number_cards,
    draw_shell_command,
)
from widgets.kept import choices, kept
from widgets.kept_results import choose_result, draw_head
from widgets.navigation import open_page

_STORE = "distances"
_ROW_PIXELS, _SHOWN_ROWS = 35, 8
_SHORT = {TRUTH: "true structure", OWN: "this run", LETTERS: "letters alone", UNADAPTED: "ESMFold as it was"}
"""What stands above the folds of a chain side by side."""
_COMPUTED = """
- **Network**: the features of both residues of a pair, their products and the steps between them go through a small
  dilated residual network over pairs; it tells the probability of 18 distance bins between alpha and between beta
  carbons (Senior et al., Nature 577, 706, 2020). The backbone itself does not change.
- **Test part**: chains that training never saw, whole groups of like sequences; the best pass was chosen on the
  validation part. Intervals: the test chains drawn with replacement, 1,000 times; differences on the same draws.
- **Letters alone**: the same network, trained just so, on one-hot letters in place of the backbone's features.
- **Attention**: a logistic line through the attention maps, symmetric and corrected for the average product (Rao et
  al., ICLR 2021). **Steps along the chain**: how far residues so many steps apart lie in the training part.
- **Nearest training structure**: the template engine's model on the training part; where it refuses, the steps.
- **ESMFold adapted** (where it was): LoRA (Hu et al., ICLR 2022) in its trunk, and its distance head, learned by
  the cross-entropy of its distance bins in random pieces, one pass through the trunk; the pass with the least loss on
  the validation part is kept, which may be the one before learning.
- **Folding**: gradient descent on the expected distances; lDDT (Mariani et al., Bioinformatics 29, 2722, 2013) and
  TM-score (Zhang and Skolnick, Proteins 57, 702, 2004) against the true structure.
"""


def draw_chosen_distances() -> bool:
    """The run that the address names (`?distances=`); whether there is one."""
    folder = choose_result("distances")
    if folder is None:
        return False
    config = read_config(folder)
    origin = (
        f"{plain(config['source'])} · {plain(config['target_name'])} · {plain(Path(config['backbone']).name)}"
    )
    if draw_head("distances", folder, origin=origin, another="All runs", draw_live=_draw_history):
        _draw_finished(folder, config)
    return True


def _draw_history(folder: Path) -> None:
    history = read_history(folder)
    if history:
        headline = PAIR_TARGETS[read_config(folder)["target"]].headline
        st.plotly_chart(
            plot_distance_history(history, read_twin_history(folder), headline), key="distance-history"
        )


def _draw_finished(folder: Path, config: dict[str, Any]) -> None:
    result = read_distances(folder)
    draw_answer(plain_sentence(say_answer(result)))
    draw_number_cards(
        [_card(result, metric) for metric, value in result["test"].items() if value is not None]
    )
    if st.button("Fold new sequences with it", type="primary", icon=":material/deployed_code:"):
        is_esmfold = result["method"] == ESMFOLD
        choices("fold").update(
            {"engine": "esmfold", "setting-adapter": folder.name}
            if is_esmfold
            else {"engine": "learned", "setting-head": folder.name}
        )
        open_page("structures", do="predict")
    _draw_rivals(result)
    _draw_chains(folder)
    with st.expander("How it learned", icon=":material/show_chart:"):
        _draw_history(folder)
    download_json(result, f"{folder.name}.json", "Everything (JSON)")
    draw_shell_command(
        shell_command(
            "train-distances",
            {
                "data": "FOLDER_OF_STRUCTURES",
                "what": config["target"],
                "backbone": config["backbone"],
                "passes": config["settings"]["passes"],
            },
        )
    )
    with st.expander("How was this computed", icon=":material/function:"):
        st.markdown(f"- **Parts**: {plain_sentence(result['split'])}\n{_COMPUTED.strip()}")


def _card(result: dict[str, Any], metric: str) -> NumberCard:
    low, high = result["test_interval"][metric]
    interval = None if low is None else (low, high)
    about = PAIR_METRICS[metric]
    return NumberCard(about.title, result["test"][metric], interval, help=about.explanation)


def _draw_rivals(result: dict[str, Any]) -> None:
    st.subheader("Beside what needs less", anchor=False)
    metrics = [metric for metric in result["test"] if rivals(result, metric)]
    metric = st.selectbox(
        "Judged by",
        metrics,
        format_func=lambda name: PAIR_METRICS[name].title,
        help=" ".join(
            f"**{PAIR_METRICS[name].title}**: {PAIR_METRICS[name].explanation}" for name in metrics
        ),
        **kept(_STORE, "metric", result["headline"], metrics),
    )
    st.plotly_chart(plot_pair_rivals(result, metric, result.get("own_title", "This head")), key="pair-rivals")
    said = [f"{lower_first(one.title)}: {one.said_gain}" for one in rivals(result, metric)]
    st.caption(plain_sentence(f"Gain on the same test chains, with its interval, over {'; '.join(said)}."))


def _draw_chains(folder: Path) -> None:
    st.subheader("Test chains", anchor=False)
    table = read_chains_table(folder)
    own = [name for name in table.columns if name in PAIR_METRICS]
    event = st.dataframe(
        table[["name", "length", *own]],
        key=f"chains-of-{folder.name}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=_ROW_PIXELS * (min(len(table), _SHOWN_ROWS) + 1) + 3,
        column_config={
            "name": "Chain",
            "length": st.column_config.NumberColumn("Residues"),
            **{
                name: st.column_config.NumberColumn(
                    PAIR_METRICS[name].title, format="%.3f", help=PAIR_METRICS[name].explanation
                )
                for name in own
            },
        },
        alt="Test chains",
    )
    download_table(table, f"{folder.name}-chains.csv", "All test chains (CSV)")
    selected = list(event["selection"]["rows"])
    number = selected[0] if selected else 0
    _draw_map(folder, number, str(table["name"].iloc[number]))
    _draw_compare(folder, number, str(table["name"].iloc[number]))


def _draw_map(folder: Path, number: int, name: str) -> None:
    """Expected contacts above the diagonal, true ones below."""
    expected = read_map(folder, number)
    chain = _test_chains(str(folder))[number]
    true = true_contacts(chain)
    lower = np.tril(np.ones_like(true, dtype=bool))
    labels = [f"{letter}{place}" for place, letter in enumerate(chain.sequence, start=1)]
    st.markdown(f"**{plain(name)}**: expected contacts above the diagonal, true ones below it.")
    st.plotly_chart(plot_pair_map("contacts", np.where(lower, true, expected), labels), key=f"map-{number}")


def _draw_compare(folder: Path, number: int, name: str) -> None:
    folds = read_folds(folder, number, name)
    if not folds:
        return
    named = {f"{name}, {_SHORT.get(kind, kind)}": str(file) for kind, file in folds.items()}
    st.button(
        "Lay its folds on the true structure, side by side",
        icon=":material/compare:",
        on_click=_prepare_comparison,
        args=(named,),
        key="compare-folds",
    )
    if st.session_state.pop("open-comparison", False):
        open_page("structures", do="compare")


def _prepare_comparison(named: dict[str, str]) -> None:
    reference, *models = named
    choices("compare").update(
        {
            "named": named,
            "reference": reference,
            "models": models,
            "view": "Side by side",
        }
    )
    st.session_state["open-comparison"] = True


@st.cache_resource(max_entries=2, show_spinner=False)
def _test_chains(folder: str) -> list:
    return PairSet.load(Path(folder)).part("test")
