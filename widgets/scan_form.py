"""What shall be scanned, and who judges: a backbone as it is, or a finished run."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, find_backbone, list_backbones
from biotl_core.backbones.entries import Backbone
from biotl_core.data.dataset import Modality
from biotl_core.data.examples import EXAMPLES
from biotl_core.data.new_sequences import NewSequences, check_new_sequences, read_pasted_sequences
from biotl_core.data.reading import read_file
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.hardware import devices
from biotl_core.runs.folder import RunSummary, list_runs, read_config
from biotl_core.runs.scans import BackboneMethod, parent_of, start_backbone_scan, start_run_scan
from biotl_core.wording import plain, say_count
from widgets.frame import draw_error
from widgets.kept import kept
from widgets.run_choice import choose_finished_run

STORE = "scan"
_RUN, _BACKBONE = "A finished run", "A backbone, without measurements"
_TEXT_KEY = "scan-text"
_METHODS: dict[BackboneMethod, tuple[str, str]] = {
    "auto": (
        "Automatic",
        "The way this backbone is best at: quick for the embedded protein one, else careful.",
    ),
    "masked": ("Careful", "Each position is hidden while the backbone is asked about it (masked marginals)."),
    "wild_type": (
        "Quick",
        "The sequence is read once as it is (wild-type marginals); good for a first look.",
    ),
}


class ScanChoice(NamedTuple):
    """What was chosen; one of run and backbone is there."""

    run: RunSummary | None
    backbone: Backbone | None
    method: BackboneMethod
    outcome: str | None
    text: str
    """The sequence, as it was pasted."""

    @property
    def modality(self) -> Modality:
        """What is read."""
        return read_config(self.run.folder)["modality"] if self.run else self.backbone.modality

    def sequences(self) -> NewSequences:
        """What was pasted, checked; UserError where nothing of it can be used."""
        if not self.text.strip():
            raise UserError("Paste a sequence first, or fill one in with the button below the field.")
        return check_new_sequences(read_pasted_sequences(self.text), self.modality)

    def start(self) -> Path:
        """Launch the scan; its folder."""
        new = self.sequences()
        source = new.table["name"].iloc[0] if len(new.table) == 1 else f"{len(new.table)} sequences"
        if self.run:
            return start_run_scan(self.run.folder, new, source, self.outcome)
        return start_backbone_scan(self.backbone, new, source, self.method, devices()[0].name)

    def shell_options(self) -> dict:
        """The same for the verb `scan`."""
        text = "".join(self.text.split())
        data = text if text.isalpha() else "SEQUENCES.fasta"
        judge = {"run": self.run.folder} if self.run else {"backbone": self.backbone.name}
        quick = {} if self.run or self.method == "auto" else {"marginals": self.method}
        return {"data": data, **judge, **quick, "outcome": self.outcome, "output": "scan.csv"}


def choose_scan() -> ScanChoice:
    """Draw the choices, each with a default already made."""
    has_runs = any(run.status.state == "finished" and run.modality != "molecule" for run in list_runs())
    ways = [_RUN, _BACKBONE] if has_runs else [_BACKBONE]
    way = st.segmented_control(
        "Who judges", ways, required=True, **kept(STORE, "way", ways[0], ways),
        help="A run knows what you measured. A backbone only knows which letters nature uses where (zero-shot).",
    )  # fmt: skip
    if way == _RUN:
        run = choose_finished_run()
        outcome = _choose_outcome(run)
        return ScanChoice(run, None, "auto", outcome, _choose_sequence(run, None))
    left, right = st.columns([3, 2])
    with left:
        backbone = _choose_backbone()
    with right:
        method = st.segmented_control(
            "How", list(_METHODS), required=True, **kept(STORE, "method", "auto"),
            format_func=lambda name: _METHODS[name][0],
            help=" ".join(f"**{title}**: {about}" for title, about in _METHODS.values()),
        )  # fmt: skip
    return ScanChoice(None, backbone, method, None, _choose_sequence(None, backbone))


def _choose_backbone() -> Backbone:
    known = [one for one in list_backbones() if one.modality != "molecule" and one.letters_per_token == 1]
    here = {one.name: one for one in known if backbone_state(one) != "download"}
    name = st.selectbox(
        "Backbone", list(here), format_func=lambda name: here[name].title,
        help="Those on this computer that read letter by letter. Larger ones judge better: see the page Models.",
        **kept(STORE, "backbone", next(iter(here)), here),
    )  # fmt: skip
    return find_backbone(name)


def _choose_outcome(run: RunSummary) -> str | None:
    classes = list(read_config(run.folder).get("classes") or ())
    if not classes or run.task == "regression":
        return None
    return st.selectbox(
        "Follow the probability of", classes, **kept(STORE, f"outcome-{run.name}", classes[-1], classes)
    )


def _choose_sequence(run: RunSummary | None, backbone: Backbone | None) -> str:
    text = st.text_area(
        "Sequence", key=_TEXT_KEY, height=110, placeholder="MTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE",
        help="One sequence or several as FASTA. Positions are counted from its first letter.",
    )  # fmt: skip
    if text.strip():
        return text
    source = run.folder if run else backbone.modality
    label = (
        "Take the sequence that the variants of this run have in common"
        if run
        else "Take one of the examples"
    )
    st.button(label, type="tertiary", icon=":material/science:", on_click=_fill_in, args=(source,))
    return ""


def _fill_in(source: Path | Modality) -> None:
    parent = parent_of(source) if isinstance(source, Path) else _example_parent(source)
    if parent is None:
        st.toast("The sequences of this run are no variants of one; paste the one you mean.")
    else:
        st.session_state[_TEXT_KEY] = parent


def _example_parent(modality: Modality) -> str | None:
    for example in EXAMPLES.values():
        if example.modality == modality:
            raw = read_file(example.file)
            sequences = raw.table["sequence"].tolist()
            variants = find_variants(sequences)
            return sequences[0] if variants is None else variants.parent
    return None


def draw_sequences_found(choice: ScanChoice) -> None:
    """How much there is to do, or the sentence why not."""
    if not choice.text.strip():
        return
    try:
        new = choice.sequences()
    except UserError as error:
        draw_error(error)
        return
    n = int(new.table["sequence"].str.len().sum()) * (3 if choice.modality == "dna" else 19)
    names = plain(new.table["name"].iloc[0]) if len(new.table) == 1 else say_count(len(new.table), "sequence")
    st.markdown(f"**{say_count(n, 'substitution')}** of {names} will be judged.")
