"""Pieces that more than one page draws; the only modules beside the pages that know Streamlit."""

from widgets.answers import (
    NumberCard,
    download_json,
    download_table,
    draw_answer,
    draw_number_cards,
    draw_shell_command,
    draw_state,
)
from widgets.describe import NOUNS, describe_dataset, describe_target, say_rows
from widgets.frame import begin_page, draw_error, draw_guard, require_dataset
from widgets.navigation import PAGES, link_page, open_page
from widgets.readers import chosen_dataset_name, read_dataset
from widgets.sidebar import draw_progress

__all__ = [
    "NOUNS",
    "PAGES",
    "NumberCard",
    "begin_page",
    "chosen_dataset_name",
    "describe_dataset",
    "describe_target",
    "download_json",
    "download_table",
    "draw_answer",
    "draw_error",
    "draw_guard",
    "draw_number_cards",
    "draw_progress",
    "draw_shell_command",
    "draw_state",
    "link_page",
    "open_page",
    "read_dataset",
    "require_dataset",
    "say_rows",
]
