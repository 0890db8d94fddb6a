"""Data: a table becomes a checked, mended and split dataset."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.home import safe_name
from biotl_core.shell import shell_command
from biotl_core.wording import plain_sentence
from widgets import begin_page, draw_answer, draw_error, draw_shell_command
from widgets.describe import describe_dataset, describe_left_out
from widgets.findings_view import chosen_repairs, draw_changes, draw_findings, undone_repairs
from widgets.pair_handover import draw_pair_handover
from widgets.reading_form import chosen_columns, draw_reading_form
from widgets.save_dataset import draw_saving, reading_options
from widgets.split_form import chosen_split, draw_leak, draw_part_column_choice, draw_parts, draw_split_form
from widgets.table_source import chosen_table, draw_chosen_table, draw_table_chooser, find_table, table_store
from widgets.table_steps import (
    clean_table,
    find_leak,
    find_problems,
    free_columns,
    kind_of_set,
    make_figures,
    possible_kinds,
    proposed_split,
    read_as,
    read_table,
    refuse_proposal,
    split_table,
)

begin_page("data", "Bring a table of sequences and what was measured. It is checked, mended and split here.")

table_id = chosen_table()
if table_id is None:
    draw_table_chooser()
    st.stop()
try:
    raw = read_table(table_id)
except UserError as error:
    draw_error(error)
    draw_table_chooser()
    st.stop()
store = table_store(table_id)
draw_chosen_table(table_id, raw)
draw_pair_handover(table_id, raw)
answer = st.container()

try:
    reading = read_as(table_id, chosen_columns(store))
except UserError as error:
    answer.info(plain_sentence(str(error)), icon=":material/help:")
    draw_reading_form(store, raw, None)
    st.stop()
draw_reading_form(store, raw, reading)

st.subheader("What was found in it", anchor=False)
try:
    findings = find_problems(table_id, reading)
except UserError as error:
    draw_error(error)
    st.stop()
repairs = chosen_repairs(store, findings)
draw_findings(store, reading, findings, repairs)
try:
    cleaned = clean_table(table_id, reading, repairs)
except UserError as error:
    if undone_repairs(findings, repairs):
        answer.info(f"As it stands: {plain_sentence(str(error))}", icon=":material/healing:")
    else:
        draw_error(error)
    st.stop()
dataset = cleaned.dataset
with answer:
    draw_answer("; ".join(filter(None, (describe_dataset(dataset), describe_left_out(cleaned)))))
draw_changes(cleaned, safe_name(dataset.source.split(".")[0], "table"))
for column, figure, name in zip(
    st.columns(2, gap="medium"), make_figures(table_id, reading, repairs), ("lengths", "targets"), strict=True
):
    column.plotly_chart(figure, key=name)

st.subheader(
    "What will you predict next?",
    anchor=False,
    help="The test part stands for what is to come: the more it resembles that, the more honest the numbers.",
)
kinds = possible_kinds(table_id, reading, repairs)
proposed, why_not = proposed_split(table_id, reading, repairs)
columns = free_columns(table_id, reading)
settings = chosen_split(store, proposed, kinds, columns)
question, parts = st.columns([5, 6], gap="medium")
with question:
    st.caption(kind_of_set(table_id, reading, repairs))
    draw_part_column_choice(store, reading)
    draw_split_form(store, settings, proposed, kinds, dataset.modality, columns)
with parts:
    try:
        result = split_table(table_id, reading, repairs, settings)
    except UserError as error:
        if settings == proposed:
            refuse_proposal(table_id, reading, repairs, error)
        st.info(plain_sentence(str(error)), icon=":material/info:")
        st.stop()
    draw_parts(result, why_not)
    likeness = st.container()

draw_saving(table_id, reading, repairs, cleaned, settings, result)
draw_shell_command(shell_command("check", {"data": find_table(table_id), **reading_options(reading)}))
with likeness:  # last, as it may take longer than a click, and all else is there meanwhile
    draw_leak(find_leak(table_id, reading, repairs, settings, result))
