"""What to fold, with which engine, from which structures: the form of a structure prediction."""

from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from biotl_core.data.new_sequences import read_pasted_sequences
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.runs.distances import ADAPTER_FILE, finished_runs
from biotl_core.runs.foldings import sequences_of, start_folding
from biotl_core.shell import shell_command
from biotl_core.structures.chains import ProteinChain, read_files, structure_files
from biotl_core.structures.engines import ENGINES, Engine, FoldSettings, why_out_of_reach
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.wording import plain, plain_sentence, say_count
from widgets.answers import draw_shell_command
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import open_page
from widgets.structure_source import FORMATS, MAX_MEGABYTES, keep_upload

STORE = "fold"
_PLACEHOLDER = (
    ">my protein\nMTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE\n(FASTA, or one sequence a line)"
)


class Asked(NamedTuple):
    """What is to be folded."""

    sequences: pd.DataFrame
    source: str


def draw_folding_form() -> Path | None:
    """Draw the form; the folder of the run when one was started just now."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        asked = _draw_sequences()
    with right:
        engine = _draw_engine()
        files = draw_relatives(STORE) if engine.needs_structures else []
    settings = _draw_settings(engine)
    missing = why_out_of_reach(engine)
    if missing:
        with st.container(border=True):
            st.markdown(f":material/cloud_off: {plain_sentence(missing)}")
            if st.button("See it on the page Models", icon=":material/hub:"):
                open_page("models", backbone=engine.hub_id)
    started = None
    if st.button(
        "Predict the structure", type="primary", icon=":material/deployed_code:", disabled=bool(missing)
    ):
        started = _start(asked, engine, files, settings)
    _draw_command(asked, engine, files, settings)
    return started


def _draw_sequences() -> Asked | None:
    st.markdown("**Sequences**")
    way = st.segmented_control(
        "Sequences",
        ["Paste", "Upload a file"],
        label_visibility="collapsed",
        required=True,
        **kept(STORE, "way", "Paste"),
    )
    try:
        raw = _pasted() if way == "Paste" else _uploaded()
        if raw is None:
            return None
        asked = Asked(sequences_of(raw), raw.source)
    except UserError as error:
        draw_error(error)
        return None
    lengths = asked.sequences["sequence"].str.len()
    st.caption(f"{say_count(len(lengths), 'sequence')}, {lengths.min():,} to {lengths.max():,} letters.")
    return asked


def _pasted() -> RawTable | None:
    text = st.text_area(
        "Sequences to fold",
        height=170,
        placeholder=_PLACEHOLDER,
        label_visibility="collapsed",
        **kept(STORE, "text", ""),
    )
    return read_pasted_sequences(text) if text and text.strip() else None


def _uploaded() -> RawTable | None:
    def keep() -> None:
        if (uploaded := st.session_state["fold-upload"]) is not None:
            choices(STORE)["file"] = str(keep_upload(uploaded.getvalue(), uploaded.name))

    st.file_uploader("FASTA or a table of sequences", key="fold-upload", on_change=keep)
    path = choices(STORE).get("file")
    if not path or not Path(path).is_file():
        return None
    st.caption(f":material/draft: {plain(Path(path).name)}")
    return read_file(Path(path))


def _draw_engine() -> Engine:
    ready = [name for name, engine in ENGINES.items() if why_out_of_reach(engine) is None]
    default = next((name for name in ("esmfold2", "esmfold") if name in ready), "template")
    name = st.selectbox(
        "Engine",
        list(ENGINES),
        format_func=lambda name: ENGINES[name].title + ("" if name in ready else " (not on this computer)"),
        help="How the structure is predicted.",
        **kept(STORE, "engine", default),
    )
    engine = ENGINES[name]
    needs = f" Needs {engine.needs}." if engine.needs else ""
    st.caption(f"{engine.reach}{needs} Licence: {engine.licence}.")
    return engine


def draw_relatives(store: str, title: str = "Structures of relatives") -> list[Path]:
    """Structure files that serve as templates or to learn from: uploaded, or a folder of this computer."""

    def keep() -> None:
        kept_files = [
            str(keep_upload(file.getvalue(), file.name))
            for file in st.session_state[f"{store}-relatives-upload"]
        ]
        choices(store)["relatives"] = [*choices(store).get("relatives", []), *kept_files]

    st.markdown(f"**{title}**")
    st.file_uploader(
        title,
        help=f"{FORMATS} As many as you have; each chain counts.",
        accept_multiple_files=True,
        max_upload_size=MAX_MEGABYTES,
        label_visibility="collapsed",
        key=f"{store}-relatives-upload",
        on_change=keep,
    )
    folder = st.text_input(
        "or a folder on the computer that runs BioTL",
        placeholder="/data/my_structures",
        **kept(store, "folder", ""),
    )
    files = list(
        dict.fromkeys(Path(file) for file in choices(store).get("relatives", []) if Path(file).is_file())
    )
    try:
        if folder.strip():
            files += structure_files(Path(folder.strip()).expanduser())
        if not files:
            st.button(
                "Use the example structures",
                type="tertiary",
                icon=":material/science:",
                on_click=_use_examples,
                args=(store,),
            )
            return []
        chains, problems = read_relatives(files)
    except UserError as error:
        draw_error(error)
        return []
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{say_count(len(files), 'file')}, {say_count(len(chains), 'protein chain')}.")
        if choices(store).get("relatives"):
            st.button("Forget them", type="tertiary", on_click=_forget, args=(store,))
    for problem in problems[:5]:
        st.caption(f":material/warning: {plain_sentence(problem)}")
    return files


def read_relatives(files: list[Path]) -> tuple[list[ProteinChain], list[str]]:
    """The chains of some files, read once for all reruns."""
    return _read(tuple((str(file), file.stat().st_mtime_ns) for file in files))


@st.cache_resource(max_entries=4, show_spinner="Reading the structures")
def _read(files: tuple[tuple[str, int], ...]) -> tuple[list[ProteinChain], list[str]]:
    return read_files(Path(path) for path, _ in files)


def _use_examples(store: str) -> None:
    choices(store)["relatives"] = [str(example.file) for example in EXAMPLE_STRUCTURES.values()]


def _forget(store: str) -> None:
    choices(store)["relatives"] = []


def _draw_settings(engine: Engine) -> FoldSettings:
    given = {}
    shown = [entry for entry in fields(FoldSettings) if engine.name in entry.metadata["engines"]]
    if not shown:
        return FoldSettings()
    options = {"head": list(finished_runs()), "adapter": ["", *finished_runs(ADAPTER_FILE)]}
    # The one setting without a default is not hidden.
    with st.expander("More settings", expanded=any(entry.name == "head" for entry in shown)):
        for entry in shown:
            arguments = kept(STORE, f"setting-{entry.name}", entry.default)
            about = entry.metadata["help"]
            if entry.name in options:
                names = options[entry.name]
                arguments = kept(STORE, f"setting-{entry.name}", names[0] if names else None, names)
                given[entry.name] = (
                    st.selectbox(
                        entry.metadata["title"],
                        names,
                        format_func=lambda name: name or "none: as it is",
                        help=about,
                        **arguments,
                    )
                    or ""
                )
            elif isinstance(entry.default, bool):
                given[entry.name] = st.toggle(entry.metadata["title"], help=about, **arguments)
            elif isinstance(entry.default, int):
                given[entry.name] = st.number_input(entry.metadata["title"], step=1, help=about, **arguments)
            else:
                given[entry.name] = st.text_input(entry.metadata["title"], help=about, **arguments)
    try:
        return FoldSettings(**given)
    except UserError as error:
        draw_error(error)
        return FoldSettings()


def _start(asked: Asked | None, engine: Engine, files: list[Path], settings: FoldSettings) -> Path | None:
    if asked is None:
        st.warning("Paste or upload a protein sequence first.")
        return None
    try:
        return start_folding(asked.sequences, engine.name, files, settings, asked.source)
    except UserError as error:
        draw_error(error)
        return None


def _draw_command(asked: Asked | None, engine: Engine, files: list[Path], settings: FoldSettings) -> None:
    standard = FoldSettings().of(engine.name)
    chosen = {name: value for name, value in settings.of(engine.name).items() if value != standard[name]}
    data = asked.source if asked and not asked.source.startswith("pasted") else "SEQUENCES.fasta"
    folder = choices(STORE).get("folder") or ("FOLDER_OF_STRUCTURES" if files else None)
    draw_shell_command(
        shell_command(
            "fold", {"data": data, "output": "models", "engine": engine.name, "structures": folder, **chosen}
        )
    )
