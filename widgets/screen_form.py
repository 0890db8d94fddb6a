"""Which library to rank with a learned assay, and the button that does."""

from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.runs.folder import list_runs, read_config
from biotl_core.runs.screening_requests import start_screen
from biotl_core.runs.target_proteins import TargetProtein
from biotl_core.screening.examples import EXAMPLE_LIBRARY
from biotl_core.screening.ranking import AIMS
from biotl_core.wording import plain, say_seconds
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import link_page
from widgets.table_source import find_table, keep_file, table_title

_UPLOAD, _PATH = "library-upload", "library-path"
_SHOWN_SCREENS = 8
_MOLECULES_A_SECOND = 5_000
"""Read and described a second and core, about; measured by `benchmarks.screening`."""
_BYTES_A_MOLECULE = 55
_FORMATS = "SMILES, CSV, TSV, SDF or Parquet of any length; plain or gzipped."


def draw_screen_form(run: Path, result: dict[str, Any], target: TargetProtein | None = None) -> None:
    """Choose a library, see how long it takes, start; for a run of pairs with the target protein."""
    library = _choose_library()
    left, middle, right = st.columns([1, 2, 2], vertical_alignment="bottom")
    top = left.number_input("How many to keep", 10, 10_000, step=50, **kept("screen", "top", 200))
    aim = middle.selectbox(
        "Which first", list(AIMS), format_func=lambda name: AIMS[name][0],
        help=" ".join(f"**{title}**: {text}" for title, text in AIMS.values()), **kept("screen", "aim", "best"),
    )  # fmt: skip
    with right:
        is_asked = st.button("Rank the library", type="primary", icon=":material/play_arrow:")
    if library is not None:
        st.caption(_say_cost(library[0], result))
    if is_asked and library is None:
        st.warning("Bring a library first: upload a file, give its path, or take the example.")
    elif is_asked:
        path, source = library
        try:
            screen = start_screen(
                run, path, source, top=int(top), aim=aim, target=target, n_expected=_guess_size(path)
            )
        except UserError as error:
            draw_error(error)
        else:
            open_screen(screen)
    _draw_earlier(run)


def _choose_library() -> tuple[Path, str] | None:
    """The file and what it is called; None as long as none was brought."""
    library_id = choices("screen").get("library")
    if library_id:
        path, title = _find(library_id)
        if path is not None:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/draft: **{plain(title)}**", width="content")
                st.button(
                    "Choose another library", type="tertiary", icon=":material/swap_horiz:", on_click=_forget
                )
            return path, title
        st.warning("The library is no longer there. Bring it again.")
    left, middle, right = st.columns([3, 3, 2], gap="medium")
    with left:
        st.file_uploader("Upload a file", help=_FORMATS, key=_UPLOAD, on_change=_keep_upload)
    with middle:
        st.text_input(
            "Or the path of a large file on this computer", key=_PATH, on_change=_keep_path,
            placeholder="/data/enamine_1M.smi.gz", help=f"It is read where it lies. {_FORMATS}",
        )  # fmt: skip
    with right:
        st.button(
            "Try with a simulated library", icon=":material/science:", on_click=_take, args=("example",)
        )
    return None


def _find(library_id: str) -> tuple[Path | None, str]:
    if library_id == "example":
        return EXAMPLE_LIBRARY, EXAMPLE_LIBRARY.name
    if library_id.startswith("path:"):
        path = Path(library_id.removeprefix("path:"))
        return (path if path.is_file() else None), path.name
    try:
        return find_table(library_id), table_title(library_id)
    except UserError:
        return None, ""


def _keep_upload() -> None:
    if (uploaded := st.session_state[_UPLOAD]) is not None:
        _take(keep_file(uploaded, uploaded.name, "upload"))


def _keep_path() -> None:
    if text := st.session_state[_PATH].strip():
        _take(f"path:{Path(text).expanduser()}")


def _take(library_id: str) -> None:
    choices("screen")["library"] = library_id


def _forget() -> None:
    choices("screen").pop("library", None)


def _guess_size(path: Path) -> int:
    """About how many molecules a file of SMILES holds."""
    factor = 4 if path.suffix == ".gz" else 1
    return int(factor * path.stat().st_size / _BYTES_A_MOLECULE)


def _say_cost(path: Path, result: dict[str, Any]) -> str:
    n = _guess_size(path)
    cores = resolve_device("cpu").n_cores
    seconds = say_seconds(max(10.0, n / (_MOLECULES_A_SECOND * cores)))
    if result["chosen"] == "backbone":
        return f"About {n:,} molecules. The pretrained model reads some dozens a second: a large library takes hours."
    return f"About {n:,} molecules: roughly {seconds} on {cores} cores. They are kept, so the next model only scores."


def open_screen(folder: Path) -> NoReturn:
    """Show a screen, and put it into the address."""
    st.query_params["screen"] = folder.name
    st.rerun()


def _draw_earlier(run: Path) -> None:
    mine = [s for s in list_runs("screen") if _is_of(s.folder, run)][:_SHOWN_SCREENS]
    kind = read_config(run)["kind"]
    if mine:
        st.caption("Ranked with it:")
        with st.container(horizontal=True):
            for screen in mine:
                link_page(
                    "screening", plain(screen.name), ":material/list:", **{kind: run.name}, screen=screen.name
                )


def _is_of(screen: Path, run: Path) -> bool:
    try:
        return Path(read_config(screen).get("run", "")).name == run.name
    except UserError:
        return False
