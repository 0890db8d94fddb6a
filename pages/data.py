"""Data: a table becomes a checked, mended and split dataset."""

from widgets import begin_page

begin_page("data", "Bring a table of sequences and what you measured; it is checked, mended and split here.")
