"""The pages of the application: their list, their addresses, and the way from one to another."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import streamlit as st

from biotl_core.runs.folder import RunKind

_ROOT = Path(__file__).resolve().parents[1]
# A picture of our own: for a Material icon the browser would ask a host outside for it.
BROWSER_ICON = str(_ROOT / "static" / "icon.png")


@dataclass(frozen=True)
class PageEntry:
    """A page in the navigation."""

    name: str
    """The file in `pages/` and the address."""
    title: str
    icon: str
    section: str
    help: str
    """One sentence: what one gets there."""


PAGES: dict[str, PageEntry] = {
    entry.name: entry
    for entry in (
        PageEntry("data", "Data", ":material/table:", "Workflow", "Check, mend and split a table."),
        PageEntry("train", "Train", ":material/model_training:", "Workflow", "Tune a backbone."),
        PageEntry("runs", "Runs", ":material/monitoring:", "Workflow", "Watch, judge and compare."),
        PageEntry("predict", "Predict", ":material/online_prediction:", "Workflow", "Predict new sequences."),
        PageEntry("scan", "Scan", ":material/grid_on:", "Workflow", "See the effect of every mutation."),
        PageEntry("next", "Next round", ":material/next_plan:", "Workflow", "Choose what to measure next."),
        PageEntry(
            "structures", "Structures", ":material/deployed_code:", "Applications", "See values in 3D."
        ),
        PageEntry(
            "genomes", "Genomes", ":material/genetics:", "Applications", "Compare genomes gene by gene."
        ),
        PageEntry(
            "screening", "Screening", ":material/science:", "Applications", "Rank molecules against a target."
        ),
        PageEntry(
            "models", "Models", ":material/hub:", "Library", "See which backbones are here, get others."
        ),
    )
}
"""Every page, in the order of the navigation. A new page is one entry here and one file in `pages/`."""

RUN_PLACES: dict[RunKind, tuple[str, str]] = {
    "train": ("runs", "run"),
    "study": ("runs", "study"),
    "predict": ("predict", "prediction"),
    "download": ("models", "download"),
    "scan": ("scan", "scan"),
    "plan": ("next", "plan"),
    "fold": ("structures", "fold"),
    "genomes": ("genomes", "run"),
    "assay": ("screening", "assay"),
    "pairs": ("screening", "pairs"),
    "screen": ("screening", "screen"),
    "adapt": ("models", "adapt"),
    "distances": ("runs", "distances"),
    "homology": ("runs", "homology"),
}
"""Where the runs of each kind are shown: the page, and the word that names one in its address."""

_is_routed = False
"""Whether `st.navigation` was called in this process (Streamlit keeps that per process as well)."""


def page_target(name: str) -> st.Page:
    """The page to link to. (A path like "pages/x.py" would be looked up beside whichever file runs first.)"""
    entry = PAGES[name]
    file = _ROOT / "pages" / f"{name}.py"
    return st.Page(file, title=entry.title, icon=entry.icon, url_path=name, help=entry.help)


def draw_navigation() -> st.Page:
    """Register all pages by section, and return the one to run.

    The root address is a hidden page that leads to Data: Streamlit's default page answers at the root alone,
    and `/data` has to work as well.
    """
    global _is_routed
    _is_routed = True
    st.set_page_config(page_icon=BROWSER_ICON)  # before st.navigation, which else takes the page's icon
    sections: dict[str, list[st.Page]] = {}
    for entry in PAGES.values():
        sections.setdefault(entry.section, []).append(page_target(entry.name))
    start = st.Page(_open_first_page, title="BioTL", url_path="start", default=True, visibility="hidden")
    sections["Workflow"].append(start)
    return st.navigation(sections)


def ensure_navigation() -> None:
    """Call `st.navigation` from a page that runs without `app.py`.

    On a fresh server a deep link (`/train`) does so, and the sidebar would list the bare files of `pages/`:
    Streamlit hands over to `app.py` only once `st.navigation` was called by anyone.
    """
    if not _is_routed:
        draw_navigation()
        st.rerun()  # through app.py from now on; else the first click or upload here would be lost


def _open_first_page() -> None:
    st.switch_page(page_target("data"), query_params=dict(st.query_params))


def open_page(name: str, **query: str) -> NoReturn:
    """Go to another page at once, with words in its address."""
    st.switch_page(page_target(name), query_params=query)


def link_page(name: str, label: str | None = None, icon: str | None = None, **query: str) -> None:
    """A link to another page, with words in its address; `label` is Markdown."""
    st.page_link(page_target(name), label=label, icon=icon, help="", query_params=query)
