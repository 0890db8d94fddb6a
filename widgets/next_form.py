"""What the next round shall bring: where candidates come from, how many, and what makes one worth measuring."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from biotl_core.data.new_sequences import NewSequences
from biotl_core.planning.candidates import MOST_DOUBLES, CandidateKind
from biotl_core.planning.selection import AIMS
from biotl_core.runs.folder import RunSummary, read_config
from biotl_core.runs.plans import MOST_CHOSEN, PlanRequest, start_plan
from biotl_core.runs.scans import parent_of
from biotl_core.wording import plain
from widgets.kept import kept
from widgets.new_sequences_form import choose_new_sequences

STORE = "next"
_KINDS: dict[CandidateKind, str] = {
    "singles": "All single mutants",
    "doubles": "Double mutants",
    "list": "My own list",
}


class NextChoice(NamedTuple):
    """What was chosen."""

    run: RunSummary
    request: PlanRequest
    brought: tuple[NewSequences, str] | None

    def start(self) -> Path:
        """Launch the plan; its folder."""
        new, source = self.brought or (None, "")
        return start_plan(self.run.folder, self.request, new, source)

    def shell_options(self) -> dict:
        """The same for the verb `next`."""
        asked, usual = self.request, PlanRequest()
        listed = asked.kind == "list"
        options = {
            "run": self.run.folder,
            "candidates": (self.brought[1] if self.brought else "CANDIDATES.csv") if listed else None,
            "mutants": None if listed else asked.kind,
            "number": asked.n,
        }
        for name in ("aim", "boldness", "diversity", "parent", "outcome"):
            value = getattr(asked, name)
            options[name] = None if value == getattr(usual, name) else value
        return options | {"minimise": not asked.maximise, "output": "next.csv"}


@st.cache_data(max_entries=8, show_spinner=False)
def _parent(run_folder: str, changed_at: int) -> str | None:
    return parent_of(Path(run_folder))


def choose_next(run: RunSummary) -> NextChoice:
    """Draw the choices, each with a default already made."""
    config = read_config(run.folder)
    parent = None
    if config["modality"] != "molecule":
        parent = _parent(str(run.folder), (run.folder / "dataset.parquet").stat().st_mtime_ns)
    kinds = ["list"] if config["modality"] == "molecule" else list(_KINDS)
    first = kinds[0] if parent else "list"
    left, right = st.columns([3, 1])
    with left:
        kind = st.segmented_control(
            "Choose from", kinds, required=True, format_func=_KINDS.get,
            help=f"Doubles are made of the most promising singles, at most {MOST_DOUBLES:,} of them.",
            **kept(STORE, f"kind-{run.name}", first, kinds),
        )  # fmt: skip
    with right:
        n = st.number_input("How many to measure", 1, MOST_CHOSEN, step=8, **kept(STORE, "n", 48))
    brought = choose_new_sequences(run.folder, config["modality"]) if kind == "list" else None
    if kind != "list":
        parent = _choose_parent(run, parent)
    aim = st.segmented_control(
        "What makes one worth measuring", list(AIMS), required=True, format_func=lambda name: AIMS[name][0],
        help=" ".join(f"**{title}**: {about}" for title, about in AIMS.values()), **kept(STORE, "aim", "upper_bound"),
    )  # fmt: skip
    maximise, outcome = _choose_direction(run, config)
    boldness, diversity = _choose_more()
    request = PlanRequest(
        kind, int(n), aim, maximise, boldness, diversity, outcome, parent if kind != "list" else None
    )
    return NextChoice(run, request, brought)


def _choose_parent(run: RunSummary, parent: str | None) -> str | None:
    text = st.text_input(
        "Parent", help="The sequence to mutate; by default what the run's variants have in common.",
        **kept(STORE, f"parent-{run.name}", parent or ""),
    )  # fmt: skip
    return "".join(text.split()).upper() or None


def _choose_direction(run: RunSummary, config: dict) -> tuple[bool, str | None]:
    if config.get("task") == "classification":
        classes = list(config["classes"])
        wanted = st.selectbox("Wanted", classes, **kept(STORE, f"wanted-{run.name}", classes[-1], classes))
        return True, wanted
    target = plain(config.get("target_name") or "target")
    choice = st.segmented_control(
        f"Wanted of {target}", ["high", "low"], required=True, **kept(STORE, f"direction-{run.name}", "high")
    )
    return choice == "high", None


def _choose_more() -> tuple[float, float]:
    usual = PlanRequest()
    with st.expander("More settings", icon=":material/tune:"):
        boldness = st.slider(
            "Boldness", 0.0, 3.0, step=0.25, **kept(STORE, "boldness", usual.boldness),
            help="How many standard deviations above the guess count as possible: more explores what is unknown.",
        )  # fmt: skip
        diversity = st.slider(
            "Diversity", 0.0, 1.0, step=0.05, **kept(STORE, "diversity", usual.diversity),
            help="How much a candidate loses for resembling one chosen before it (maximal marginal relevance).",
        )  # fmt: skip
    return float(boldness), float(diversity)
