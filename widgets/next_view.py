"""A finished plan: what to measure, how far to trust the guesses, and the plate it goes on."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.planning.plates import CONTROL_PLACES, PlateSettings, lay_out_plates
from biotl_core.plots.planning import plot_candidates, plot_plate
from biotl_core.runs.plans import Plan, read_plan
from biotl_core.wording import plain, say_count, say_number
from widgets.answers import NumberCard, download_table, draw_answer, draw_number_cards
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.rows import all_ends

STORE = "plate"


def draw_plan(folder: Path) -> None:
    """Everything about a finished plan, the answer first; UserError when it cannot be read."""
    plan = _read(str(folder), (folder / "chosen.csv").stat().st_mtime_ns)
    draw_answer(say_answer(plan))
    draw_number_cards(_cards(plan))
    _draw_chosen(folder, plan)
    target = _target(plan)
    figure = plot_candidates(
        plan.ranked, plan.chosen["sequence"].tolist(), target, plan.result["best_measured"]
    )
    st.markdown(
        "**What was chosen from**", help="To the right what promises most, upwards what is least known."
    )
    st.plotly_chart(figure, key="candidates")
    _draw_views(plan)
    _draw_plates(folder, plan)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(folder: str, changed_at: int) -> Plan:
    return read_plan(Path(folder))


def _target(plan: Plan) -> str:
    outcome = plan.config["request"].get("outcome")
    return f"{outcome} (1 yes, 0 no)" if outcome else plan.config.get("target_name") or "target"


def say_answer(plan: Plan) -> str:
    """How many to measure, and what the first choice promises, as Markdown."""
    first = plan.chosen.iloc[0]
    n, of = say_count(len(plan.chosen), "candidate"), f"{plan.result['n_candidates']:,}"
    return (
        f"Measure these {n} of {of}; the first is {plain(first['name'])}: "
        f"{plain(_target(plan))} about {say_number(first['expected'])}, between {say_number(first['lower'])} and "
        f"{say_number(first['upper'])} 9 times of 10."
    )


def _cards(plan: Plan) -> list[NumberCard]:
    result = plan.result
    about = "Each measurement guessed from all the others (leave-one-out)."
    return [
        NumberCard(
            "Spearman of the guesses", result["spearman"], note=f"{result['n_used']:,} measurements", help=about
        ),
        NumberCard(
            "Within their interval", f"{result['coverage']:.0%}", note=f"{result['interval']:.0%} wanted",
            help=f"{about} The share of measurements that lie within the stated interval.",
        ),
        NumberCard("Best measured so far", result["best_measured"]),
    ]  # fmt: skip


def _draw_chosen(folder: Path, plan: Plan) -> None:
    shown = plan.chosen.assign(sequence=all_ends(plan.chosen["sequence"]))
    if (plan.chosen["mutations"] == plan.chosen["name"]).all() or (plan.chosen["mutations"] == "").all():
        shown = shown.drop(columns="mutations")
    numbers = {
        "expected": "Expected", "lower": "At least", "upper": "At most", "spread": "Uncertainty", "score": "Worth"
    }  # fmt: skip
    columns = {name: st.column_config.NumberColumn(title, format="%.3g") for name, title in numbers.items()}
    columns |= {"rank": "Rank", "name": "Name", "mutations": "Mutations", "sequence": "Sequence"}
    st.dataframe(shown, hide_index=True, height=320, column_config=columns, alt="What to measure")
    with st.container(horizontal=True):
        download_table(plan.chosen, f"{folder.name}.csv", "The choice (CSV)")
        download_table(plan.ranked, f"{folder.name}-all.csv", "All candidates (CSV)")


def _draw_views(plan: Plan) -> None:
    shares = plan.result["shares"]
    said = [
        f"{name} {share:.0%}"
        for name, share in sorted(shares.items(), key=lambda one: -one[1])
        if share >= 0.01
    ]
    st.caption("What the guesses go by, as the measurements decided: " + ", ".join(said) + ".")


def _draw_plates(folder: Path, plan: Plan) -> None:
    st.markdown(
        "**On the plate**",
        help="Controls on every plate; candidates at random places unless you say otherwise.",
    )
    try:
        settings = choose_plate()
        plates = lay_out_plates(
            plan.chosen["name"].tolist(),
            plan.chosen["sequence"].tolist(),
            settings,
            plan.result.get("parent") or "",
        )
    except UserError as error:
        draw_error(error)
        return
    n_plates = int(plates["plate"].max())
    number = 1
    if n_plates > 1:
        number = st.segmented_control(
            "Plate",
            list(range(1, n_plates + 1)),
            default=1,
            required=True,
            key=f"plate-{folder.name}-{n_plates}",
        )
    st.plotly_chart(plot_plate(plates[plates["plate"] == number], settings.size), key="plate-figure")
    st.caption(_say_plates(plates, n_plates))
    download_table(plates, f"{folder.name}-plates.csv", "Plate layout (CSV)")


def choose_plate() -> PlateSettings:
    """Draw the choices of a plate."""
    usual = PlateSettings()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.segmented_control("Wells", [96, 384], required=True, **kept(STORE, "size", usual.size))
        places = list(CONTROL_PLACES)
        controls = st.selectbox(
            "Controls",
            places,
            format_func=CONTROL_PLACES.get,
            width=190,
            **kept(STORE, "controls", usual.controls),
        )
        seed = st.number_input("Seed", 0, 9999, width=110, **kept(STORE, "seed", usual.seed))
    with st.container(horizontal=True):
        counts = {
            "replicates": ("Replicates", 1, 12), "parent_wells": ("Parent wells", 0, 24),
            "negative_wells": ("Negative controls", 0, 24), "positive_wells": ("Positive controls", 0, 24),
            "blank_wells": ("Blanks", 0, 24),
        }  # fmt: skip
        chosen = {
            name: int(st.number_input(title, low, high, width=130, **kept(STORE, name, getattr(usual, name))))
            for name, (title, low, high) in counts.items()
        }
    with st.container(horizontal=True):
        shuffle = st.toggle("Candidates at random places", **kept(STORE, "shuffle", usual.shuffle))
        use_edge = st.toggle(
            "Use the wells at the rim", help="They dry out first.", **kept(STORE, "use_edge", usual.use_edge)
        )
    return PlateSettings(
        size=size, controls=controls, seed=int(seed), shuffle=shuffle, use_edge=use_edge, **chosen
    )


def _say_plates(plates: pd.DataFrame, n_plates: int) -> str:
    counts = plates[plates["content"] != "empty"]["content"].value_counts()
    said = ", ".join(f"{n:,} {content}" for content, n in counts.items())
    return f"{say_count(n_plates, 'plate')}: {said}."
