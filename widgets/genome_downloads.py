"""What a comparison hands over from its page: tables as TSV, figures as pages that need nothing from outside."""

from typing import Any

import pandas as pd
import streamlit as st

CHART = {"toImageButtonOptions": {"format": "svg"}, "displaylogo": False}
"""The camera button of a figure saves a picture that can be edited."""


def download_tsv(table: pd.DataFrame, name: str, label: str) -> None:
    """A button that hands over a table; the file is made only when it is asked for."""
    st.download_button(
        label, lambda: table.to_csv(index=False, sep="\t").encode(), name, "text/tab-separated-values",
        icon=":material/download:", on_click="ignore", key=f"download-{name}",
    )  # fmt: skip


def download_figure(figure: Any, name: str, label: str = "This figure as HTML") -> None:
    """A page of its own that needs nothing from outside."""
    st.download_button(
        label, lambda: figure.to_html(include_plotlyjs=True).encode(), name, "text/html",
        icon=":material/download:", on_click="ignore", key=f"html-{name}",
        help="Works without the internet. The camera button of the figure saves an SVG.",
    )  # fmt: skip
