"""The report as one HTML page: nothing in it asks for anything outside, every text of the user is escaped."""

import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from biotl_core.plots.standalone import plotly_script

_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text() for name in ("report.css", "report.js"))


def text(value: object) -> str:
    """A user's text, or any other, as HTML that shows it as it is."""
    return html.escape(str(value))


def paragraph(value: object, kind: str = "") -> str:
    """A paragraph; `kind` is a class of the style: answer, quiet, warning, paste."""
    return f'<p class="{kind}">{text(value)}</p>' if kind else f"<p>{text(value)}</p>"


def bullets(values: Iterable[object]) -> str:
    """A list."""
    return "<ul>" + "".join(f"<li>{text(value)}</li>" for value in values) + "</ul>"


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """A table; without a head its first column names the rows. An empty cell says that the authors must fill it."""
    top = "<thead><tr>" + "".join(f"<th>{text(one)}</th>" for one in head) + "</tr></thead>" if head else ""
    body = []
    for row in rows:
        cells = [_cell(value, is_name=i == 0 and not head) for i, value in enumerate(row)]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{top}<tbody>{''.join(body)}</tbody></table>"


def _cell(value: object, is_name: bool) -> str:
    if is_name:
        return f"<th>{text(value)}</th>"
    return f"<td>{text(value)}</td>" if str(value) else '<td class="open">to be filled in by the authors</td>'


def copied(content: str, name: str, kind: str = "pre") -> str:
    """A text to copy, with a button; `kind` is pre or p."""
    body = f'<{kind} id="{name}" class="paste">{text(content)}</{kind}>'
    return f'<button data-copy="{name}">Copy</button>{body}'


class Section(NamedTuple):
    """A part of the report."""

    name: str
    """Its address on the page."""
    title: str
    body: str
    """HTML; a section without any is left out."""


def make_page(title: str, subtitle: str, sections: Sequence[Section], facts: dict) -> str:
    """The whole page.

    Args:
        title: in the head.
        subtitle: one line below it.
        sections: in their order.
        facts: what machines may read back, as JSON inside the page.
    """
    kept = [section for section in sections if section.body]
    links = "".join(f'<a href="#{one.name}">{text(one.title)}</a>' for one in kept)
    bodies = "".join(
        f'<section><h2 id="{one.name}">{text(one.title)}</h2>{one.body}</section>' for one in kept
    )
    # "</" would end the script element, whatever it stands in.
    said = json.dumps(facts, allow_nan=False).replace("</", "<\\/")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{text(title)}</title><style>{_STYLE}</style><script>{plotly_script()}</script></head>"
        f'<body><main><h1>{text(title)}</h1><p class="quiet">{text(subtitle)}</p><nav>{links}</nav>{bodies}</main>'
        f'<script type="application/json" id="facts">{said}</script><script>{_SCRIPT}</script></body></html>'
    )
