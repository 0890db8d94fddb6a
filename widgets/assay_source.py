"""Where an assay table comes from, how it is read, and the button that learns from it."""

from pathlib import Path
from typing import NoReturn

import streamlit as st

from biotl_core.backbones.catalogue import backbone_state, list_backbones
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file, read_pasted
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.runs.folder import list_runs
from biotl_core.runs.screening_requests import start_assay
from biotl_core.screening.choosing import SPLIT_TITLES
from biotl_core.screening.examples import EXAMPLE_ASSAY, HOW_MADE
from biotl_core.screening.intake import Assay, AssayReading, guess_assay_reading, read_assay
from biotl_core.screening.pairs import guess_partner_column
from biotl_core.screening.units import UNITS
from biotl_core.shell import shell_command
from biotl_core.wording import plain, plain_sentence, say_count
from widgets.answers import draw_answer
from widgets.background import wait_for
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import link_page
from widgets.pairs_start import draw_pairs_start
from widgets.screening_choices import draw_n_seeds, draw_time_column
from widgets.table_source import find_table, keep_file, table_title
from widgets.target_choice import draw_target_field

_UPLOAD, _PASTE, _EXAMPLE = "assay-upload", "assay-paste", "example/assay"
_FORMATS = "CSV, TSV, Excel, Parquet, SMILES or SDF, plain or gzipped."
_SHOWN_RUNS = 8
_HELD_OUT = {
    "scaffold": "Ring systems that training has not seen are held out: what a library brings (scaffold split).",
    "random": "A fair sample is held out: right for the next molecules of the same series (random split).",
    "time": "The latest molecules are held out, as in a project that goes on (split by time).",
}


def chosen_assay_table() -> str | None:
    """The id of the table in the address, or of this session; None before one was brought."""
    table_id = st.query_params.get("table") or st.session_state.get("assay-table")
    if table_id:
        st.session_state["assay-table"] = st.query_params["table"] = table_id
    return table_id


def find_assay_table(table_id: str) -> Path:
    """Its file; UserError when it is gone."""
    return EXAMPLE_ASSAY if table_id == _EXAMPLE else find_table(table_id)


def draw_assay_chooser() -> None:
    """A file, pasted rows or the example; choosing one starts the page anew with it. Below, earlier assays."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Bring an assay table**")
        st.file_uploader(
            "Assay table", help=_FORMATS, label_visibility="collapsed", key=_UPLOAD, on_change=_open_upload
        )
        st.caption(f"A column of molecules (SMILES) and one of what was measured. {_FORMATS}")
    with right:
        st.markdown("**Or paste rows from a spreadsheet, with their head**")
        st.text_area(
            "Rows", height=110, label_visibility="collapsed", key=_PASTE, on_change=_open_paste,
            placeholder="smiles\tIC50 (nM)\nCC(=O)Oc1ccccc1C(=O)O\t> 10000\n...",
        )  # fmt: skip
        st.button(
            "Try with a simulated assay",
            icon=":material/science:",
            on_click=_open,
            args=(_EXAMPLE,),
            help=HOW_MADE,
        )
    if runs := [*list_runs("assay"), *list_runs("pairs")][:_SHOWN_RUNS]:
        st.caption("Or go on with one learned before:")
        with st.container(horizontal=True):
            for run in runs:
                link_page("screening", plain(run.name), ":material/science:", **{run.kind: run.name})


def _open_upload() -> None:
    if (uploaded := st.session_state[_UPLOAD]) is not None:
        _open(keep_file(uploaded, uploaded.name, "upload"))


def _open_paste() -> None:
    from io import BytesIO

    if text := st.session_state[_PASTE].strip():
        _open(keep_file(BytesIO(text.encode()), "pasted-table.txt", "paste"))


def _open(table_id: str) -> None:
    st.query_params.clear()
    st.session_state["assay-table"] = st.query_params["table"] = table_id


def forget_assay_table() -> None:
    """Back to choosing."""
    st.session_state.pop("assay-table", None)
    st.query_params.clear()


@st.cache_resource(max_entries=4, show_spinner="Reading the file")
def _read_table(path: str, changed_at: int, is_pasted: bool) -> RawTable:
    return read_pasted(Path(path).read_text()) if is_pasted else read_file(Path(path))


def draw_new_assay(table_id: str) -> str | None:
    """The table, how it is read, what was found in it, and the start; the shell's words for what is chosen.

    None where the table cannot be read; what stands in the way is said.
    """
    try:
        path = find_assay_table(table_id)
        raw = _read_table(str(path), path.stat().st_mtime_ns, table_id.startswith("paste/"))
    except UserError as error:
        draw_error(error)
        st.button("Choose another table", icon=":material/swap_horiz:", on_click=forget_assay_table)
        return None
    _draw_table_line(table_id, raw)
    store = f"assay {table_id}"
    partner = guess_partner_column(raw)
    if partner is not None and st.toggle(
        f"Learn together with the target proteins in column {plain(partner)}", **kept(store, "pairs", True)
    ):
        return draw_pairs_start(store, path, _source(table_id), raw, partner)
    answer = st.container()
    reading = _draw_reading(store, raw)
    if reading is None:
        return None
    try:
        assay = wait_for(
            "Reading molecules", (str(path), reading), lambda control: _read(raw, reading, control)
        )
    except UserError as error:
        draw_error(error)
        return None
    with answer:
        draw_answer(plain(assay.sentence))
    _draw_left_out(assay)
    options = _draw_options(store, assay)
    if st.button("Learn from these molecules", type="primary", icon=":material/play_arrow:"):
        try:
            run = start_assay(path, _source(table_id), reading, **options)
        except UserError as error:
            draw_error(error)
        else:
            _show_run(run)
    st.caption("It runs in the background: you may close this page and come back.")
    if table_id != _EXAMPLE:
        link_page(
            "data",
            "Tune a pretrained model to this table instead",
            ":material/model_training:",
            table=table_id,
        )
    said = {
        "data": path.as_posix(), "value": reading.value_column, "unit": reading.unit, "split": options["split"],
        "backbone": options["backbone"], "threshold": options["threshold"],
        "seeds": None if options["n_seeds"] == 1 else options["n_seeds"],
    }  # fmt: skip
    return shell_command("assay", said)


def _read(raw: RawTable, reading: AssayReading, control: Control) -> Assay:
    return read_assay(raw, reading, control)


def _source(table_id: str) -> str:
    return "simulated assay.csv" if table_id == _EXAMPLE else table_title(table_id)


def _show_run(run: Path) -> NoReturn:
    st.query_params.clear()
    st.query_params["assay"] = run.name
    st.session_state.pop("assay-table", None)
    st.rerun()


def _draw_table_line(table_id: str, raw: RawTable) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/draft: **{plain(_source(table_id))}** "
            f":gray[{raw.file_format}, {say_count(len(raw.table), 'row')}]",
            width="content",
        )
        st.button(
            "Choose another table", type="tertiary", icon=":material/swap_horiz:", on_click=forget_assay_table
        )
    if table_id == _EXAMPLE:
        st.caption(f"Example: {HOW_MADE}")


def _draw_reading(store: str, raw: RawTable) -> AssayReading | None:
    """Which column is what: guessed, shown and open to change; None as long as it cannot be told."""
    chosen = {name: choices(store).get(name) for name in ("smiles", "value", "unit", "name", "time")}
    micromolar = choices(store).get("concentration")
    try:
        reading = guess_assay_reading(raw, **chosen, concentration_molar=micromolar and micromolar * 1e-6)
    except UserError as error:
        reading = None
        st.info(plain_sentence(str(error)), icon=":material/help:")
    columns = st.columns([3, 3, 3, 2])
    options = raw.columns
    columns[0].selectbox(
        "Column of the molecules", options, placeholder="Choose a column",
        **kept(store, "smiles", reading.smiles_column if reading else None),
    )  # fmt: skip
    columns[1].selectbox(
        "Column of what was measured", options, placeholder="Choose a column",
        **kept(store, "value", reading.value_column if reading else None),
    )  # fmt: skip
    columns[2].selectbox(
        "In which unit", list(UNITS), format_func=lambda name: UNITS[name].title,
        help="Concentrations become negative logarithms (pIC50): 9 is 1 nM, 6 is 1 µM. A unit written in a cell goes "
        "before this one; > and < are kept as limits.",
        **kept(store, "unit", reading.unit if reading else None),
    )  # fmt: skip
    if reading is not None and reading.unit == "percent":
        columns[3].number_input(
            "At (µM)", min_value=0.0001, placeholder="as %",
            help="The concentration of the inhibition; empty learns the percentage itself.",
            **kept(store, "concentration", None),
        )  # fmt: skip
    else:
        columns[3].selectbox(
            "Column of the names", options, placeholder="None",
            **kept(store, "name", reading.name_column if reading else None),
        )  # fmt: skip
    draw_time_column(store, options, reading.time_column if reading else None)
    return reading


def _draw_left_out(assay: Assay) -> None:
    bad = assay.rows[assay.rows["reason"] != ""]
    if bad.empty:
        return
    with st.expander(f"Why {say_count(len(bad), 'row')} cannot be used", icon=":material/rule:"):
        st.dataframe(
            bad[["row", "written", "cell", "reason"]], hide_index=True, alt="Rows that cannot be used",
            column_config={"row": "Row", "written": "Molecule", "cell": "Value", "reason": "Why"},
        )  # fmt: skip


def _draw_options(store: str, assay: Assay) -> dict:
    """What will be screened next, and what else is tried; the arguments of `start_assay`."""
    st.subheader("What will you screen next?", anchor=False)
    kinds = [kind for kind in SPLIT_TITLES if kind != "time" or assay.reading.time_column]
    split = st.radio(
        "What will you screen next?", kinds, format_func=SPLIT_TITLES.get, label_visibility="collapsed",
        captions=[_HELD_OUT[kind] for kind in kinds], **kept(store, "split", "scaffold", kinds),
    )  # fmt: skip
    with st.expander("More settings"):
        ready = [b.name for b in list_backbones("molecule") if backbone_state(b) != "download"]
        backbone = st.selectbox(
            "Also try a pretrained molecule model", ready, placeholder="None",
            help="Frozen, with a straight line on top. A whole library takes hours with it on a processor, while "
            "fingerprints take minutes.",
            **kept(store, "backbone", None),
        )  # fmt: skip
        threshold = None
        if assay.kind == "number":
            threshold = st.number_input(
                f"Call a molecule active from {assay.reading.value_name}", value=None, step=0.5, placeholder="not used",
                help="Adds the scores of early recognition (enrichment factor, BEDROC).", key=f"{store}-threshold",
            )  # fmt: skip
        target = draw_target_field(
            store,
            "Sequence of the target protein",
            "Kept with the run; a structure is shown beside the hits.",
        )
        n_seeds = draw_n_seeds(store)
    return {
        "split": split, "backbone": backbone, "threshold": threshold, "target": target, "n_seeds": n_seeds,
    }  # fmt: skip
