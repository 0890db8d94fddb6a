"""The report of a finished run: all that a reader, a reviewer and a successor need, in one file."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from biotl_core.data.dataset import PARTS
from biotl_core.data.tasks import TASKS
from biotl_core.plots import (
    plot_comparison,
    plot_confusion,
    plot_history,
    plot_lengths,
    plot_parts,
    plot_precision_recall,
    plot_predicted_against_true,
    plot_reliability,
    plot_residuals,
    plot_roc,
    plot_targets,
)
from biotl_core.plots.new_sequences import plot_error_by_identity
from biotl_core.plots.standalone import drawn
from biotl_core.reports.citations import citations_of
from biotl_core.reports.dome import dome_checklist
from biotl_core.reports.methods import limits, methods_paragraph
from biotl_core.reports.page import Section, bullets, copied, make_page, paragraph, table
from biotl_core.reports.record import Record, read_record
from biotl_core.runs.json_files import to_plain
from biotl_core.runs.verdict import (
    answer_sentence,
    baseline_title,
    metric_title,
    passes_words,
    shares_words,
    solved_sentence,
    transfer_sentence,
)
from biotl_core.wording import say_count, say_interval, say_number, say_seconds

_SHOWN_CHANGES = 50
_FACTS = (
    "task",
    "headline",
    "test",
    "test_interval",
    "baselines",
    "counts",
    "dataset_hash",
    "settings",
    "versions",
)


def write_report(run_folder: Path, output: Path) -> Path:
    """Write the report of a finished run; UserError for any other run. The file."""
    page = make_report(read_record(run_folder))
    aside = output.with_name(output.name + ".new")
    aside.write_text(page, encoding="utf-8")
    aside.replace(output)
    return output


def make_report(record: Record) -> str:
    """The report as HTML."""
    sections = [
        Section("answer", "The answer", _answer(record)),
        Section("data", "Data", _data(record)),
        Section("split", "Split and leaks", _split(record)),
        Section("model", "Model and training", _model(record)),
        Section("quality", "How good is it?", _quality(record)),
        Section("transfer", "Did transfer help?", _transfer(record)),
        Section("trust", "Can one trust a prediction?", _trust(record)),
        Section("round", "The round before", _round(record)),
        Section("limits", "Limits", bullets(limits(record))),
        Section("methods", "Methods, ready to paste", _methods(record)),
        Section("dome", "DOME checklist", _dome(record)),
        Section("record", "Record", _record(record)),
    ]
    made = datetime.now().strftime("%Y-%m-%d %H:%M")
    subtitle = f"{record.config.get('source') or ''} · {record.backbone.title} · report made {made} by BioTL"
    facts = to_plain({key: record.result[key] for key in _FACTS if key in record.result})
    return make_page(f"Run {record.name}", subtitle, sections, facts)


def _answer(record: Record) -> str:
    return (
        paragraph(answer_sentence(record.result), "answer")
        + table(record.score_rows(), ("On the test part", "Value", "What it means"))
        + drawn(
            plot_comparison(record.result),
            "figure-comparison",
            "This model beside simple methods, test part.",
        )
    )


def _data(record: Record) -> str:
    result, dataset = record.result, record.dataset
    n = sum(result["counts"].values())
    facts = [
        ("File", record.config.get("source") or "not told"),
        ("Rows", f"{n:,} {record.things}; {record.counts_text}"),
        ("Target", f"{record.target_name}: {record.task.title.lower()}"),
        *([("Classes", ", ".join(result["classes"]))] if result.get("classes") else []),
        ("SHA-256 of the table with its parts", result.get("dataset_hash") or "not told"),
    ]
    return (
        table(facts)
        + drawn(plot_lengths(dataset), "figure-lengths", "How long the sequences are.")
        + drawn(plot_targets(dataset), "figure-targets", "What was measured.")
        + "<h3>Findings and repairs</h3>"
        + _changes(record)
    )


def _changes(record: Record) -> str:
    changes = record.changes
    if changes.empty:
        return paragraph("Nothing in the table was changed before training.")
    counts = changes["why"].value_counts()
    shown = changes.head(_SHOWN_CHANGES)
    more = len(changes) - len(shown)
    return (
        paragraph(f"{say_count(len(changes), 'change')} to the table before training:")
        + table(((why, f"{n:,}") for why, n in counts.items()), ("Why", "Times"))
        + table(_cells(shown.itertuples(index=False)), ("Row", "Column", "Before", "After", "Why"))
        + (paragraph(f"and {more:,} more, in changes.csv of the run.", "quiet") if more > 0 else "")
    )


def _cells(rows: Any) -> list[list[str]]:
    """Cells that are never empty, since an empty one asks the authors."""
    return [[str(value) if str(value) else "(blank)" for value in row] for row in rows]


def _split(record: Record) -> str:
    result, leak = record.result, record.result.get("leak") or {}
    body = paragraph(record.split_sentence)
    body += drawn(plot_parts(result["counts"]), "figure-parts", "Sequences in each part.")
    if leak.get("warning"):
        body += paragraph(leak["warning"], "warning")
    if leak.get("sentence"):
        body += paragraph(leak["sentence"])
    identity = record.test.identity
    known = identity[np.isfinite(identity)]
    if len(known):
        quantiles = np.quantile(known, [0, 0.25, 0.5, 0.75, 1])
        names = ("lowest", "a quarter below", "median", "three quarters below", "highest")
        rows = [(name, f"{value:.1%}") for name, value in zip(names, quantiles, strict=True)]
        body += "<h3>Identity of test items to their nearest training item</h3>" + table(rows)
    return body + _bands(record)


def _bands(record: Record) -> str:
    """The score per band of identity, where the run judged it."""
    bands = [band for band in record.result.get("bands") or [] if {"low", "high", "score"} <= set(band)]
    if not bands:
        return ""
    rows = []
    for band in bands:
        ends = (band.get("score_low"), band.get("score_high"))
        score = say_number(band["score"]) + (f" {say_interval(*ends)}" if None not in ends else "")
        rows.append((f"{band['low']:.0%} to {band['high']:.0%}", f"{band.get('n', 0):,}", score))
    head = ("Identity to training", "Test items", metric_title(record.result["headline"]))
    return "<h3>The score by distance from training</h3>" + table(rows, head)


def _model(record: Record) -> str:
    result, backbone = record.result, record.backbone
    millions = backbone.parameters_millions
    facts = [
        ("Backbone", f"{backbone.title} ({backbone.name})"),
        ("From", backbone.hub_id or "comes with BioTL, or a folder of one's own"),
        ("Revision", backbone.revision or "the one on this computer"),
        ("Parameters", f"{say_number(millions)} million" if millions else "not told"),
        ("Licence", backbone.licence or "not told"),
        ("Reference", backbone.reference or "not told"),
        ("How it learned", record.method_title),
        ("Layer on top", result.get("said_head", "")),
        ("Its say by kind of features", shares_words(result)),
        ("Passes", passes_words(result)),
    ]
    settings = table(
        ((title, value, name) for name, title, value in record.setting_rows()), ("Setting", "Value", "Name")
    )
    curves = ""
    if sentence := solved_sentence(record.history, result["headline"]):
        curves = paragraph(sentence)
    elif record.history:
        figure = plot_history(record.history, result["headline"])
        curves = drawn(figure, "figure-history", "Loss and validation score over the passes.")
    return table(fact for fact in facts if fact[1]) + curves + "<h3>Settings</h3>" + settings


def _quality(record: Record) -> str:
    test, points = record.test, record.test.points
    if not len(points.true):
        return paragraph("The test part holds nothing that was measured.")
    if not test.task.is_class:
        about = (points.true, points.predicted, points.names, test.target_name)
        against = plot_predicted_against_true(*about, things=points.things)
        left = plot_residuals(*about, things=points.things)
        return drawn(against, "figure-against", "Test part: predicted against measured.") + drawn(
            left, "figure-residuals", "What is left over: a drift away from zero is a bias."
        )
    task = "multilabel" if test.task_name == "multilabel" else "classification"
    about = (task, test.classes, points.true, points.predicted)
    body = drawn(plot_roc(*about), "figure-roc", "Found against false alarms (ROC), test part.")
    body += drawn(
        plot_precision_recall(*about), "figure-pr", "Right against found (precision-recall), test part."
    )
    if task == "classification":
        figure = plot_confusion(test.classes, points.true, points.predicted)
        body += drawn(figure, "figure-confusion", "What each class was taken for, test part.")
    return body


def _transfer(record: Record) -> str:
    result = record.result
    metrics = [name for name in TASKS[result["task"]].metrics if name in result["test"]]
    rows = [
        ("This model", *(_score(result["test"], result.get("test_interval", {}), name) for name in metrics))
    ]
    for key, scores in result.get("baselines", {}).items():
        intervals = result.get("baseline_intervals", {}).get(key, {})
        rows.append((baseline_title(result, key), *(_score(scores, intervals, name) for name in metrics)))
    sentence = transfer_sentence(result)
    body = paragraph(sentence) if sentence else ""
    body += table(rows, ("Method", *map(metric_title, metrics)))
    return body + paragraph("All on identical parts; in brackets the interval of 95 % (bootstrap).", "quiet")


def _score(scores: dict[str, Any], intervals: dict[str, Any], name: str) -> str:
    ends = intervals.get(name)
    known = ends is not None and None not in ends
    return say_number(scores.get(name)) + (f" {say_interval(*ends)}" if known else "")


def _trust(record: Record) -> str:
    test, body = record.test, _certainty(record)
    if test.task.is_class and len(test.points.true):
        task = "multilabel" if test.task_name == "multilabel" else "classification"
        figure = plot_reliability(task, test.classes, test.points.true, test.points.predicted)
        body += drawn(
            figure, "figure-reliability", "Do probabilities keep their word? (reliability diagram, test part)"
        )
    if np.isfinite(test.identity).any():
        figure = plot_error_by_identity(test.identity, test.errors, test.table["name"].tolist(), "Error")
        body += drawn(figure, "figure-identity", "Error over the identity to the nearest training item.")
    return body


def _certainty(record: Record) -> str:
    certainty = record.result.get("certainty")
    if not certainty:
        return ""
    test = certainty.get("test") or {}
    what = "sets of classes" if record.task.is_class else "ranges"
    rows = [("Asked", f"{what} that hold {certainty.get('coverage', 0.9):.0%} of the measurements")]
    if test.get("share") is not None:
        rows.append(("Held on the test part", f"{test['share']:.1%}"))
    named = {
        "n_calibration": "Calibrated on so many validation items",
        "temperature": "Temperature of the probabilities",
        "calibration_error_before": "Calibration error before",
        "calibration_error": "Calibration error after",
    }
    rows += [
        (title, say_number(certainty[key])) for key, title in named.items() if certainty.get(key) is not None
    ]
    return table(rows)


def _round(record: Record) -> str:
    review = record.review
    if review is None:
        return ""
    rows = [
        ("Measurements that had been predicted", f"{review['n']:,}"),
        ("Spearman of prediction and measurement", say_number(review["spearman"])),
        ("Mean distance", say_number(review["mean_error"])),
        (
            "Hits",
            f"{review['n_hits']:,} ({review['hit_rate']:.0%}), beyond {say_number(review['threshold'])}",
        ),
        (
            "Best before, best in this round",
            f"{say_number(review['best_before'])}, {say_number(review['best_now'])}",
        ),
    ]
    if review.get("coverage") is not None:
        rows.append(("Within their interval of 90 %", f"{review['coverage']:.0%}"))
    return paragraph(
        f"Round {record.config.get('round', 2)}, after {record.config.get('previous_run', '')}."
    ) + table(rows)


def _methods(record: Record) -> str:
    bibtex = "\n\n".join(one.bibtex for one in citations_of(record))
    return (
        copied(methods_paragraph(record), "methods-text", "p")
        + "<h3>BibTeX</h3>"
        + copied(bibtex, "bibtex-text")
    )


def _dome(record: Record) -> str:
    items = dome_checklist(record)
    body = paragraph(
        "After Walsh et al. 2021, Nature Methods 18:1122; filled in as far as the run knows.", "quiet"
    )
    for part in dict.fromkeys(item.part for item in items):
        body += f"<h3>{part}</h3>" + table(
            (item.question, item.answer) for item in items if item.part == part
        )
    return body


def _record(record: Record) -> str:
    result, config = record.result, record.config
    difference = result.get("reload_difference")
    said = (
        "not told"
        if difference is None
        else f"predictions differ by at most {difference:.1g} of their spread"
    )
    rows = [
        ("Run", record.name),
        ("Created", config.get("created") or "not told"),
        ("Device", result["device"]),
        ("Time", say_seconds(result["seconds"])),
        ("Random seed", record.settings.seed),
        ("Saved model against training", said),
        *((f"Version of {name}", version) for name, version in record.versions.items()),
        ("Rows of each part", ", ".join(f"{part} {result['counts'].get(part, 0):,}" for part in PARTS)),
    ]
    return table(rows)
