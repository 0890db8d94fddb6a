"""Train: tune a backbone on the chosen dataset."""

from widgets import begin_page, require_dataset

begin_page("train", "Tune a pretrained model to your data; it tells before the start how long it will take.")
dataset = require_dataset()
