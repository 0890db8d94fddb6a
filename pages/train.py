"""Train: choose a backbone and how much of it learns, see what it costs, start."""

import streamlit as st

from biotl_core.data.saved_datasets import find_dataset, read_changes, read_origin, read_split
from biotl_core.errors import UserError
from biotl_core.hardware import devices, resolve_device
from biotl_core.learning.cost import Workload, estimate_cost
from biotl_core.runs.folder import start_run
from biotl_core.runs.request import training_request
from biotl_core.wording import plain
from widgets import begin_page, chosen_dataset_name, draw_shell_command, link_page, open_page, require_dataset
from widgets.backbone_choice import choose_backbone
from widgets.cost_line import draw_cost, draw_fitting_choice, draw_obstacle, draw_speed_measurement
from widgets.describe import describe_dataset, describe_parts
from widgets.distance_training import draw_distance_training
from widgets.kept import kept
from widgets.method_ladder import cost_of_methods, draw_method_ladder
from widgets.pair_handover import draw_pair_handover_of
from widgets.settings_form import chosen_settings, draw_more_settings, draw_setting
from widgets.shell_twin import train_command

begin_page("train", "Tune a pretrained model to your data. You see what it costs before anything starts.")
if draw_distance_training():  # structures to learn contacts or distances from, by the address
    st.stop()
dataset = require_dataset()
folder = find_dataset(chosen_dataset_name() or "")
task, workload = dataset.task, Workload.of(dataset)
device_names = [device.name for device in devices()]
settings = chosen_settings(task, device_names, dataset.modality)
device = resolve_device(settings.device)

with st.container(horizontal=True, vertical_alignment="center"):
    st.markdown(
        f"**{plain(folder.name)}**: {describe_dataset(dataset)}; {describe_parts(dataset)}.", width="content"
    )
    link_page("data", "Change", ":material/edit:", dataset=folder.name)

draw_pair_handover_of(folder)

st.subheader("Which model to start from", anchor=False)
backbone = choose_backbone(dataset.modality, device)
if backbone is None:
    st.stop()

st.subheader("How much of it learns", anchor=False)
draw_method_ladder(settings, cost_of_methods(backbone, workload, settings, device))
for column, name in zip(st.columns(3), ("epochs", "loss"), strict=False):
    with column:
        draw_setting(name, settings, task, task.losses if name == "loss" else None)
random_twin = settings.method != "scratch" and st.checkbox(
    "Also train a twin from random weights",
    help="The same backbone without its pretraining, for comparison: the difference is what transfer brought. "
    "Takes about as long again (random initialisation).",
    **kept("train", "random_twin", False),
)
draw_more_settings(settings, task, device_names, dataset.modality)

st.subheader("What it will cost", anchor=False)
cost = estimate_cost(backbone, workload, settings, device)
with st.container(horizontal=True, vertical_alignment="center"):
    draw_cost(cost, random_twin)
    draw_speed_measurement(backbone, device, workload)
draw_fitting_choice(cost)
try:
    request = training_request(dataset, backbone.name, settings, read_split(folder), random_twin=random_twin)
except UserError as error:
    request = None
    draw_obstacle(backbone, error)
if st.button("Start training", type="primary", icon=":material/play_arrow:", disabled=request is None):
    run = start_run(request | {"origin": read_origin(folder)}, dataset, read_changes(folder), kind="train")
    open_page("runs", run=run.name)
st.caption("It runs in the background: you may close this page and come back.")
draw_shell_command(train_command(read_origin(folder), read_split(folder), backbone, settings, random_twin))
