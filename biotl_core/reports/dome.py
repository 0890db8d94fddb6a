"""The DOME checklist (data, optimisation, model, evaluation) for machine learning in biology, as far as a run knows.

Walsh et al. 2021, Nature Methods 18:1122. What only the author can say is left open, and marked so.
"""

from typing import Literal, NamedTuple

from biotl_core.learning.settings import POOLING_TERMS, head_words, simple_features_words
from biotl_core.reports.record import Record
from biotl_core.runs.verdict import baseline_title, metric_title, passes_words
from biotl_core.wording import say_number, say_seconds

Part = Literal["Data", "Optimisation", "Model", "Evaluation"]
OPEN = ""


class DomeItem(NamedTuple):
    """One question of the checklist."""

    part: Part
    question: str
    answer: str
    """`OPEN` where the run cannot know it."""


def dome_checklist(record: Record) -> list[DomeItem]:
    """All questions in the order of the paper."""
    answers = {**_data(record), **_optimisation(record), **_model(record), **_evaluation(record)}
    return [DomeItem(part, question, answer) for (part, question), answer in answers.items()]


_Answers = dict[tuple[Part, str], str]


def _data(record: Record) -> _Answers:
    result = record.result
    n = sum(result["counts"].values())
    leak = result.get("leak") or {}
    redundancy = record.split_sentence + (f" {leak['sentence']}" if leak.get("sentence") else "")
    classes = f" Classes: {', '.join(result['classes'])}." if result.get("classes") else ""
    return {
        ("Data", "Provenance"): f"{record.config.get('source') or 'not told'}; {n:,} {record.things}; measured: "
        f"{record.target_name}.{classes} Where the measurements come from: to be filled in by the authors.",
        ("Data", "Dataset splits"): f"{record.counts_text}.",
        ("Data", "Redundancy between data splits"): redundancy,
        ("Data", "Availability of data"): f"SHA-256 of the table with its parts: {result.get('dataset_hash')}. "
        "Where the table can be had: to be filled in by the authors.",
    }  # fmt: skip


def _optimisation(record: Record) -> _Answers:
    settings, backbone = record.settings, record.backbone
    stop = (
        f"early stopping after {settings.patience} passes without improvement"
        if settings.patience
        else "no early stopping"
    )
    size = (
        f"{say_number(backbone.parameters_millions)} million parameters in the backbone"
        if backbone.parameters_millions
        else "see the model card"
    )
    modality = record.result["modality"]
    beside = record.result.get("beside", settings.kinds_beside)
    return {
        ("Optimisation", "Algorithm"): f"Transfer learning: {record.method_title.lower()} of {backbone.title}, "
        "with a head "
        f"({head_words(settings, modality, beside)}).",
        ("Optimisation", "Meta-predictions"): "No; the model takes no other predictor's output.",
        ("Optimisation", "Data encoding"): f"Letters as tokens of the backbone, at most {backbone.max_length:,} letters"
        + ("." if record.task.is_per_residue else f"; features pooled by {POOLING_TERMS[settings.pooling]}."),
        ("Optimisation", "Parameters"): f"{size}; chosen by loss {settings.loss or 'of the task'}, "
        f"{settings.optimizer}.",
        ("Optimisation", "Features"): "All features of the backbone; none selected by hand; beside them "
        f"{simple_features_words(beside, modality) or 'none'}.",
        ("Optimisation", "Fitting"): f"{passes_words(record.result)}.",
        ("Optimisation", "Regularisation"): f"Weight decay {settings.weight_decay:g}, dropout "
        f"{'as suits the method' if settings.dropout is None else f'{settings.dropout:g}'}, {stop}.",
        ("Optimisation", "Availability of configuration"): "All settings, versions and the seed are in this report.",
    }  # fmt: skip


def _model(record: Record) -> _Answers:
    kind = "classes with probabilities" if record.task.is_class else "numbers"
    return {
        ("Model", "Interpretability"): "A black box; a scan of all substitutions shows what it reacts to.",
        ("Model", "Output"): f"{record.task.title}: {kind}.",
        ("Model", "Execution time"): f"{say_seconds(record.result['seconds'])} for training and judging on "
        f"{record.result['device']}.",
        ("Model", "Availability of software"): "BioTL, Apache-2.0. The tuned weights: to be filled in by the "
        "authors; the "
        f"backbone: {record.backbone.hub_id or 'comes with BioTL'} ({record.backbone.licence or 'licence not known'}).",
    }  # fmt: skip


def _evaluation(record: Record) -> _Answers:
    result = record.result
    baselines = [
        f"{baseline_title(result, name)} {say_number(scores.get(result['headline']))}"
        for name, scores in result.get("baselines", {}).items()
    ]
    scores = [f"{title} {value}" for title, value, _ in record.score_rows()]
    certainty = result.get("certainty") or {}
    held = (certainty.get("test") or {}).get("share")
    sure = "95 % percentile bootstrap intervals over the test items"
    if held is not None:
        sure += f"; stated ranges or sets for {certainty.get('coverage', 0.9):.0%} held {held:.1%} on the test part"
    return {
        ("Evaluation", "Evaluation method"): "A test part that training and the choice of the best pass never saw; "
        f"split: {result.get('split')}.",
        ("Evaluation", "Performance measures"): f"{'; '.join(scores)}.",
        ("Evaluation", "Comparison"): f"In {metric_title(result['headline'])}, on the same parts: "
        f"{'; '.join(baselines)}."
        if baselines else OPEN,
        ("Evaluation", "Confidence"): f"{sure}.",
        ("Evaluation", "Availability of evaluation"): "predictions.csv holds every row with its part, target "
        "and prediction.",
    }  # fmt: skip
