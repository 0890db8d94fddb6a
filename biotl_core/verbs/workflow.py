"""The verbs of the workflow: read the options, call the core, print the answer."""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from biotl_core.answers import (
    check_answer,
    dataset_as_table,
    format_backbones,
    format_check,
    format_refused,
    format_scores,
)
from biotl_core.backbones.catalogue import backbone_state, find_backbone, list_backbones, locate_backbone
from biotl_core.data.cleaning import clean, split_column
from biotl_core.data.dataset import Dataset
from biotl_core.data.new_sequences import check_new_sequences
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import SplitSettings, propose_split, split, split_or_random
from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control, print_progress
from biotl_core.runs.folder import create_run, launch, read_config, read_result, resume_run
from biotl_core.runs.predictions import start_prediction
from biotl_core.runs.request import training_request
from biotl_core.runs.status import read_status
from biotl_core.verbs.answering import finished_run, follow, named_run, print_json, tell, writable
from biotl_core.verbs.screening import do_pairs
from biotl_core.wording import say_count


def do_backbones(options: argparse.Namespace) -> int:
    """List the catalogue by modality."""
    found = [(backbone, backbone_state(backbone)) for backbone in list_backbones(options.modality)]
    if options.json:
        print_json({"backbones": [asdict(backbone) | {"state": state} for backbone, state in found]})
        return 0
    print(format_backbones(found))
    return 0


def do_check(options: argparse.Namespace) -> int:
    """Print what is wrong with a table, and write it mended."""
    output = writable(options.repair) if options.repair else None
    raw, reading = _read(options)
    cleaned = clean(raw, reading)
    parts = _told_parts(cleaned.dataset)
    if output is not None:
        dataset_as_table(cleaned.dataset).to_csv(output, index=False)
    if options.json:
        print_json(check_answer(raw, reading, cleaned) | {"parts": parts, "repaired": options.repair})
        return 0
    print("\n".join([format_check(raw, reading, cleaned.findings), "", *parts]).rstrip())
    if output is not None:
        n_rows, n_changes = len(cleaned.dataset.table), len(cleaned.changes)
        print(f"{output}: {say_count(n_rows, 'row')} after {say_count(n_changes, 'change')}.")
    return 0


def do_train(options: argparse.Namespace) -> int:
    """Train in a run folder of its own worker, watch it, and print the answer."""
    if options.partner is not None:
        return do_pairs(options)
    folder = _resume(options) if options.resume else _create_training(options)
    if not options.resume:
        launch(folder)
    tell(options, f"Run folder: {folder}")
    status = follow(folder, options)
    if status != 0:
        return status
    result = read_result(folder) or {}
    if options.json:
        print_json(result)
    else:
        print(read_status(folder).message)
        print(format_scores(result))
        print(f"Everything about it is in {folder}")
    return 0


def do_predict(options: argparse.Namespace) -> int:
    """New sequences through a finished run, as a CSV."""
    run_folder = finished_run(options.run)
    output = writable(options.output)
    raw = read_file(Path(options.data))
    modality = read_config(run_folder)["modality"]
    new = check_new_sequences(raw, modality, sequence=options.sequence, name=options.name_column)
    folder = start_prediction(run_folder, new, raw.source, options.coverage)
    status = follow(folder, options)
    if status != 0:
        return status
    shutil.copyfile(folder / "predictions.csv", output)
    if options.json:
        answer = {"run": str(run_folder), "output": str(output), "predicted": len(new.table)}
        print_json(answer | {"refused": new.refused.to_dict("records")})
        return 0
    print(f"{output}: {say_count(len(new.table), 'prediction')}.")
    print(format_refused(new.refused))
    return 0


def do_embed(options: argparse.Namespace) -> int:
    """What a backbone makes of sequences, as Parquet."""
    shard, n_shards = _parse_shard(options.shard)
    backbone = find_backbone(options.backbone)
    weights_folder = locate_backbone(backbone)
    output = writable(options.output)
    raw = read_file(Path(options.data))
    new = check_new_sequences(raw, backbone.modality, sequence=options.sequence, name=options.name_column)
    table = new.table.iloc[shard - 1 :: n_shards]

    from biotl_core.backbones.embeddings import embed_table  # costs seconds: only once all is well
    from biotl_core.backbones.encoder import load_encoder

    encoder = load_encoder(weights_folder, backbone.modality)
    control = Control() if options.quiet else Control(report=print_progress)
    embed_table(
        encoder, weights_folder, list(table["name"]), list(table["sequence"]), options.level, output, control
    )
    answer = {
        "output": str(output),
        "backbone": backbone.name,
        "level": options.level,
        "embedded": len(table),
    }
    answer |= {"width": encoder.width, "refused": new.refused.to_dict("records")}
    if options.json:
        print_json(answer)
    else:
        print(f"{output}: {say_count(len(table), 'sequence')}, {encoder.width} numbers each.")
    return 0


def _told_parts(dataset: Dataset) -> list[str]:
    """What is to say about the parts that the table names; UserError where one of them cannot be made."""
    if not (dataset.table["part"] != "").any():
        return []
    parted = split(dataset, SplitSettings("given"))
    return [parted.sentence, *parted.notes]


def _read(options: argparse.Namespace) -> tuple[RawTable, Reading]:
    if options.data is None:
        raise UserError(
            "Name the table to train on: train DATA. (With --resume, name only the --run FOLDER.)"
        )
    raw = read_file(Path(options.data))
    reading = guess_reading(
        raw,
        sequence=options.sequence,
        targets=_split_targets(options.target, raw.columns),
        name=options.name_column,
        part=options.part,
        modality=options.modality,
        task=options.task,
    )
    return raw, reading


def _split_targets(given: Sequence[str] | None, columns: Sequence[str]) -> list[str] | None:
    """Repeated options and lists with commas; a column whose own name holds a comma is taken whole."""
    if given is None:
        return None
    lists = [[text] if text in columns else [name.strip() for name in text.split(",")] for text in given]
    return [name for names in lists for name in names if name]


def _create_training(options: argparse.Namespace) -> Path:
    """From the table to a run folder, told aloud once all of it went well."""
    settings = _settings(options)
    raw, reading = _read(options)
    cleaned = clean(raw, reading, None if options.repair else ())
    split_settings = _split_settings(options, cleaned.dataset)
    # Asked for by name, a split that is not possible is a mistake to mend; proposed by us, it is ours to replace.
    column = split_column(raw, cleaned, split_settings)
    parted = (split if options.split else split_or_random)(cleaned.dataset, split_settings, column=column)
    how = asdict(split_settings) | {"kind": parted.kind, "sentence": parted.sentence}
    request = training_request(
        parted.dataset, options.backbone, settings, how, random_twin=options.random_twin
    )
    run_folder = Path(options.run) if options.run else None
    folder = create_run(request, parted.dataset, cleaned.changes, kind="train", folder=run_folder)
    changes = f"The table was mended: {say_count(len(cleaned.changes), 'change')}, kept in changes.csv."
    mended = [changes] if len(cleaned.changes) else []
    for note in (*raw.notes, reading.sentence, *reading.notes, *mended, parted.sentence, *parted.notes):
        tell(options, note)
    return folder


def _settings(options: argparse.Namespace) -> TrainingSettings:
    given = {field.name for field in fields(TrainingSettings)} & set(vars(options))
    return TrainingSettings(**{name: getattr(options, name) for name in given})


def _split_settings(options: argparse.Namespace, dataset: Dataset) -> SplitSettings:
    given = {"kind": options.split, "identity": options.identity, "seed": getattr(options, "seed", None)}
    given |= {"coverage": options.coverage, "column": options.split_column}
    given["fractions"] = _parse_fractions(options.fractions)
    return replace(
        propose_split(dataset), **{name: value for name, value in given.items() if value is not None}
    )


def _parse_fractions(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        fractions = tuple(float(part) for part in text.split(","))
    except ValueError:
        fractions = ()
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 0.01:
        raise UserError(
            f"Option --fractions: found '{text}'; give the shares of train, validation and test, such "
            "as 0.8,0.1,0.1."
        )
    return fractions


def _parse_shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    shard, _, n_shards = text.partition("/")
    if not (shard.isdecimal() and n_shards.isdecimal() and 1 <= int(shard) <= int(n_shards)):
        raise UserError(f"Option --shard: found '{text}'; give I/N with I from 1 to N, such as 2/8.")
    return int(shard), int(n_shards)


def _resume(options: argparse.Namespace) -> Path:
    if options.run is None or options.data is not None:
        raise UserError("Name what to resume, and no table: train --resume --run FOLDER.")
    folder = named_run(options.run)
    resume_run(folder)
    return folder
