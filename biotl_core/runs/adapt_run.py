"""The work of a run of kind "adapt": hold out, learn, judge, and put the new backbone among the others."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.importing import install_backbone
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.unlabelled import Unlabelled, hold_out
from biotl_core.learning.adaptation import adapt
from biotl_core.learning.adaptation_settings import AdaptationPoint, AdaptationResult, AdaptationSettings
from biotl_core.learning.blank_backbone import make_blank
from biotl_core.progress import Control
from biotl_core.runs.adaptations import say_outcome
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.wording import say_count, say_seconds

_PARTS = "parts.parquet"
_NOT_KNOWN = "licence not known"


class _Start(NamedTuple):
    """What learning begins from."""

    folder: Path
    title: str
    """Of the backbone; "" for random weights."""
    licence: str


def adapt_run(folder: Path, control: Control) -> str:
    """Do a run of kind "adapt": `input.parquet` (name, sequence) to a new backbone; the closing sentence.

    The training goes on from its checkpoint where there is one; what is written twice is the same.

    Raises:
        UserError: the backbone cannot be adapted, or nothing can be held out.
    """
    config = read_config(folder)
    table, held_out_by = _hold_out(folder, config, control)
    start = _find_start(folder, config)
    learned, judged = (table.loc[table["is_held_out"] == side, "sequence"].tolist() for side in (False, True))
    work = folder / "model"
    result = adapt(
        start.folder, learned, judged, config["modality"], work, AdaptationSettings(**config["settings"]),
        from_scratch=not config["backbone"], control=control, device=config["device"],
        follow=partial(_write_history, folder),
    )  # fmt: skip
    told = say_outcome(result)
    card = _card(config, start, result, len(learned), len(judged), held_out_by)
    made = install_backbone(
        work, config["title"], card, run=f"{config['name']} {config['created']}",
        title=_title(config, start), modality=config["modality"], licence=start.licence,
        adapted_from=start.title or "random weights", note=f"Read {config['source']}. {told}",
    )  # fmt: skip
    about = {"n_learned": len(learned), "n_held_out": len(judged), "held_out_by": held_out_by}
    write_json_atomically(
        folder / "result.json", {"adaptation": asdict(result), "made": made.name, "sentence": told, **about}
    )
    shutil.rmtree(work)  # it lies among the backbones now
    return f"{told} The backbone '{made.title}' can be chosen on the page Train."


def _hold_out(folder: Path, config: dict[str, Any], control: Control) -> tuple[pd.DataFrame, str]:
    """The sequences with `is_held_out`, and how those were chosen; chosen once and kept."""
    place, about = folder / _PARTS, folder / "held_out.json"
    if not about.exists():
        table = pd.read_parquet(folder / "input.parquet")
        unlabelled = Unlabelled(table, config["modality"], config["source"], table.head(0))
        seed = config["settings"]["seed"]
        chosen = hold_out(unlabelled, **config["holding_out"], seed=seed, control=control)
        table.assign(is_held_out=chosen.is_held_out).to_parquet(place, index=False)
        write_json_atomically(about, {"sentence": chosen.sentence})
    return pd.read_parquet(place), json.loads(about.read_text())["sentence"]


def _find_start(folder: Path, config: dict[str, Any]) -> _Start:
    if config["backbone"]:
        backbone: Backbone = find_backbone(config["backbone"], config["modality"])
        return _Start(locate_backbone(backbone), backbone.title, backbone.licence or _NOT_KNOWN)
    blank = make_blank(folder / "blank", config["modality"], **config["new_model"])
    return _Start(blank, "", "that of the data it learned from")


def _title(config: dict[str, Any], start: _Start) -> str:
    return (
        f"{config['title']} (adapted from {start.title})" if start.title else f"{config['title']} (made here)"
    )


def _write_history(folder: Path, points: Sequence[AdaptationPoint]) -> None:
    """All points anew: after a resume those that the checkpoint had not seen are made again."""
    unfinished = folder / ".history.jsonl"
    unfinished.write_text("".join(json.dumps(point._asdict()) + "\n" for point in points), encoding="utf-8")
    unfinished.replace(folder / "history.jsonl")


def _told(text: str) -> str:
    """A user's words without what would be markup in a card."""
    return " ".join(re.sub(r"[\[\]<>`|*\\]", " ", text).split())


def _card(
    config: dict[str, Any], start: _Start, result: AdaptationResult, n_learned: int, n_held_out: int, how: str
) -> str:
    """The README of the new backbone: what it is, has seen and cannot do."""
    settings = AdaptationSettings(**config["settings"])
    plural = ALPHABETS[config["modality"]].plural
    new = config.get("new_model", {})
    begun = start.title or f"random weights ({new['layers']} layers, width {new['width']})"
    notes = "".join(f"\n* {_told(note)}" for note in config["notes"])
    return f"""---
license: other
license_name: {json.dumps(start.licence)}
---
# {_told(_title(config, start))}

A language model for {plural}, begun from {_told(begun)} by masked language modelling on unlabelled sequences
with BioTL.

| | |
|---|---|
| Licence | {_told(start.licence)} |
| Data | {_told(config["source"])}: {say_count(n_learned, "sequence")} learned from, {n_held_out:,} held out |
| Held out | {_told(how)} |
| Letters seen | {result.tokens:,} in {result.steps:,} steps, {say_seconds(result.seconds)} on {config["device"]} |
| Step size | {settings.learning_rate:g} at its peak, {settings.batch_tokens:,} letters a step, seed {settings.seed} |
| Held-out perplexity | {result.perplexity_before:.2f} before, {result.perplexity_after:.2f} after |
| Labels seen | none |

{say_outcome(result)}
{notes}

## Limits

A lower perplexity says that it knows these sequences better, and not that every prediction gets better: train once with
it and once with the backbone as it was, and compare on the same parts. It has read the sequences it learned from: where
some of them stand in a test part as well, say so.
"""
