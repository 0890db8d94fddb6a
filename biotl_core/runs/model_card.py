"""The card of a tuned model: what it is, what it was trained on, how good it is, and where not to trust it."""

from pathlib import Path
from typing import Any

from biotl_core.data.dataset import PARTS
from biotl_core.data.tasks import TASKS
from biotl_core.learning.settings import METHODS
from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.verdict import (
    answer_sentence,
    baseline_title,
    metric_title,
    passes_words,
    score_text,
    shares_words,
)
from biotl_core.wording import say_number


def model_card(folder: Path) -> str:
    """The card of a finished run as Markdown, followed by how to load the model; "" where there is no result."""
    result = read_result(folder)
    if result is None:
        return ""
    config = read_config(folder)
    loading = folder / "model" / "README.md"
    how = loading.read_text() if loading.exists() else ""
    how = how.replace("# A model tuned with BioTL", "## How to load it", 1).strip()
    parts = [_head(folder, config, result), _facts(config, result), _scores(result), _limits(result), how]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(folder: Path, config: dict[str, Any], result: dict[str, Any]) -> str:
    return (
        f"# {folder.name}\n\nA model of {_line(result.get('target_name') or 'target')}, tuned with BioTL.\n\n"
        + (answer_sentence(result))
    )


def _facts(config: dict[str, Any], result: dict[str, Any]) -> str:
    method = METHODS[result["method"]][0] if result["method"] in METHODS else result["method"]
    settings = result.get("settings") or {}
    leak = result.get("leak") or {}
    rows = {
        "Predicts": TASKS[result["task"]].title.lower() + _classes(result),
        "Reads": result["modality"],
        "Backbone": result["backbone"],
        "Tuned by": method,
        "Data": f"{_line(config.get('source') or 'not told')}; "
        + ", ".join(f"{part} {result['counts'].get(part, 0):,}" for part in PARTS),
        "Fingerprint of the data (SHA-256)": result.get("dataset_hash") or "not told",
        "Split": _line((config.get("split") or {}).get("sentence") or result.get("split") or "not told"),
        "Nearness of the test part": _line(leak.get("sentence") or ""),
        "Layer on top": result.get("said_head", ""),
        "Its say by kind of features": shares_words(result),
        "Passes": passes_words(result),
        "Random seed": str(settings.get("seed", "not told")),
        "Versions": ", ".join(
            f"{name} {version}" for name, version in (result.get("versions") or {}).items()
        ),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *lines])


def _classes(result: dict[str, Any]) -> str:
    return f": {_line(', '.join(result['classes']))}" if result.get("classes") else ""


def _scores(result: dict[str, Any]) -> str:
    metric = result["headline"]
    lines = ["## On the test part", "", "| Metric | Value |", "|---|---|"]
    lines += [f"| {metric_title(name)} | {score_text(result, name)} |" for name in result["test"]]
    lines += ["", f"| Beside it | {metric_title(metric)} |", "|---|---|"]
    for name, scores in result.get("baselines", {}).items():
        lines.append(f"| {_line(baseline_title(result, name))} | {say_number(scores.get(metric))} |")
    return "\n".join(lines)


def _limits(result: dict[str, Any]) -> str:
    leak = result.get("leak") or {}
    said = [
        "The score holds for sequences like those of the test part; further away nothing was measured.",
        "Not for decisions about the health of a person.",
        *([leak["warning"]] if leak.get("warning") else []),
        *(result.get("notes") or []),
    ]
    return "## Limits\n\n" + "\n".join(f"- {_line(one)}" for one in said)


def _line(text: object) -> str:
    """A user's text in one line of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")
