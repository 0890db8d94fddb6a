"""The methods paragraph, ready to paste, and the limits that a reader must know."""

from biotl_core.data.dataset import PARTS
from biotl_core.learning.settings import POOLING_TERMS, head_words
from biotl_core.reports.citations import CITATIONS, backbone_key
from biotl_core.reports.record import Record
from biotl_core.runs.verdict import TWIN, best_simple, metric_title, passes_words
from biotl_core.wording import say_number

_PURPOSES = {"train": "training", "validation": "validation", "test": "testing"}
_HOW = {
    "frozen": "The backbone was kept as it is, and a head was trained on its features",
    "lora": "Low-rank matrices of rank {rank} added to the backbone were trained together with a head (LoRA; {lora})",
    "full": "All weights of the backbone were trained together with a head",
    "scratch": "The same architecture was trained from random weights together with a head",
}


def methods_paragraph(record: Record) -> str:
    """What was done, as for a paper; citations as author and year."""
    result, settings = record.result, record.settings
    cite = {key: one.short for key, one in CITATIONS.items()}
    counts = [f"{result['counts'].get(part, 0):,} for {_PURPOSES[part]}" for part in PARTS]
    n = sum(result["counts"].values())
    sentences = [
        f"Models of {record.target_name} ({record.task.title.lower()}) were trained with BioTL on {n:,} {record.things}"
        f" ({', '.join(counts)}; SHA-256 of the table {str(result.get('dataset_hash') or '')[:16]}).",
        record.split_sentence,
        f"The backbone was {record.backbone.title}{_size(record)} ({_backbone_source(record)}).",
        _HOW[result["method"]].format(rank=settings.lora_rank, lora=cite["hu2022lora"])
        + f"{_training(record)}.",
        f"{passes_words(result)}; random seed {settings.seed}.",
        f"On the test part, which training never saw, the model reached {record.headline_text} (95 % percentile "
        f"bootstrap over test items; {cite['efron1993bootstrap']}).",
    ]
    if (best := best_simple(result)) is not None:
        sentences.append(
            f"The best of {len([key for key in result['baselines'] if key != TWIN])} simple methods trained on "
            "the same "
            f"parts, {best.title[0].lower() + best.title[1:]}, reached {say_number(best.value)}."
        )
    if (
        TWIN in result.get("baselines", {})
        and (value := result["baselines"][TWIN].get(result["headline"])) is not None
    ):
        sentences.append(f"The same backbone from random weights reached {say_number(value)}.")
    sentences += _certainty(record, cite)
    sentences.append(_software(record, cite))
    return " ".join(sentence.strip() for sentence in sentences if sentence.strip())


def _size(record: Record) -> str:
    millions = record.backbone.parameters_millions
    return f", {say_number(millions)} million parameters" if millions else ""


def _backbone_source(record: Record) -> str:
    key = backbone_key(record)
    source = CITATIONS[key].short if key else record.backbone.reference
    where = record.backbone.hub_id or ""
    revision = f" at {record.backbone.revision[:12]}" if record.backbone.revision else ""
    return ", ".join(part for part in (source, where + revision) if part) or "a folder of our own"


def _training(record: Record) -> str:
    s = record.settings
    words = [
        head_words(s, record.result["modality"], record.result.get("beside", s.kinds_beside)),
        "the middle and the last layer read" if s.layers == "middle_last" else "",
        f"the uppermost {s.tuned_layers} layers learning"
        if s.tuned_layers and s.method in ("lora", "full")
        else "",
        ""
        if s.head == "kernel"
        else f"{s.optimizer}" + (f" with a step size of {s.learning_rate:g}" if s.learning_rate else ""),
        f"batches of {s.batch_size}" if s.batch_size and s.head != "kernel" else "",
        "the running average of the weights kept" if record.result.get("is_averaged") else "",
    ]
    if not record.task.is_per_residue:
        if s.both_strands:
            words.insert(0, "features of both strands averaged")
        words.insert(0, f"{POOLING_TERMS[s.pooling]} pooling")
    return f" ({', '.join(word for word in words if word)})"


def _certainty(record: Record, cite: dict[str, str]) -> list[str]:
    certainty = record.result.get("certainty")
    if not certainty:
        return []
    held = (certainty.get("test") or {}).get("share")
    what = "Prediction sets" if record.task.is_class else "Prediction intervals"
    said = f"{what} for {certainty.get('coverage', 0.9):.0%} coverage were calibrated on the validation part "
    said += f"(split conformal prediction; {cite['vovk2005conformal']})"
    return [
        f"{said}; on the test part they held {held:.1%} of the measurements."
        if held is not None
        else f"{said}."
    ]


def _software(record: Record, cite: dict[str, str]) -> str:
    known = {
        "torch": "paszke2019pytorch",
        "transformers": "wolf2020transformers",
        "scikit-learn": "pedregosa2011sklearn",
    }
    words = [
        f"{name} {version}" + (f" ({cite[known[name]]})" if name in known else "")
        for name, version in record.versions.items()
    ]
    return f"Software: {', '.join(words)}." if words else ""


def limits(record: Record) -> list[str]:
    """What the numbers do not say, each in a sentence."""
    result = record.result
    n_test = result["counts"].get("test", 0)
    found = [
        f"The test part holds {n_test:,} {record.things}; the interval tells how the score would change with "
        "other test "
        "items of the same kind, not with another training set or another kind of sequence.",
        "The score is that of this split. A split by likeness, scaffold or position asks a harder question than "
        "a random "
        "one, and the two must not be compared.",
    ]
    leak = result.get("leak") or {}
    if leak.get("warning"):
        found.insert(0, str(leak["warning"]))
    if n_test < 100:
        found.append(
            "The test part is small (under 100 items): treat differences within the interval as chance."
        )
    best = best_simple(result)
    if best is not None and best.gain <= 0:
        found.append(
            f"A simple method ({best.title}) does at least as well in {metric_title(result['headline'])}; nothing here "
            "shows that transfer learning was needed."
        )
    if result["method"] != "scratch" and TWIN not in result.get("baselines", {}):
        found.append(
            "No twin from random weights was trained, so it is not shown whether pretraining or the shape of "
            "the network "
            "made the difference."
        )
    found.append("One random seed was used; other seeds give somewhat other numbers.")
    if record.backbone.name.startswith("biotl-"):
        found.append(
            "The backbone is one of the small embedded ones, pretrained briefly; a published backbone will usually do "
            "better."
        )
    identity = record.test.identity
    known = identity[identity == identity]
    if len(known):
        found.append(
            f"Test items lie at {say_number(float(known.min()))} to {say_number(float(known.max()))} identity to the "
            "nearest training item; for new sequences further away than that, nothing was measured."
        )
    return found + [str(note) for note in result.get("notes") or ()]
