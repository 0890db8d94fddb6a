"""Make an embedded backbone: `python -m pretraining.embedded protein --corpus corpus --tokens 3e7`.

The corpus is what `python -m pretraining.corpora` wrote. Interrupted, or ended by `--minutes`, the same command goes on
from the last checkpoint. The result is a plain Hugging Face folder in `biotl_core/backbones/weights/biotl-<modality>/`
with a model card that says what it has seen. On a graphics card the same line takes `--device cuda --batch-tokens
65536`.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from biotl_core.backbones.folders import MARGINALS_KEY
from biotl_core.data.dataset import Modality
from biotl_core.learning.adaptation import AdaptationResult, AdaptationSettings, adapt
from biotl_core.learning.blank_backbone import LETTERS, make_blank
from biotl_core.progress import Control, Stopped
from pretraining.corpora import Corpus, read_corpus
from pretraining.lessons import Families, lessons_of

WEIGHTS = Path(__file__).resolve().parent.parent / "biotl_core" / "backbones" / "weights"


def main() -> None:
    """Read the command line, train, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality", choices=list(LETTERS))
    parser.add_argument("--corpus", type=Path, required=True, help="folder that pretraining.corpora wrote")
    parser.add_argument("--tokens", type=float, default=3e7)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--without-lessons", action="store_true", help="hidden letters alone")
    parser.add_argument("--start", type=Path, help="folder of a backbone to go on from; else random weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="end this piece then; the same command goes on"
    )
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    choice = parser.parse_args()
    corpus = read_corpus(choice.corpus, choice.modality)
    print(f"{len(corpus.sequences):,} sequences, {sum(map(len, corpus.sequences)):,} letters", flush=True)
    folder = choice.output / f"biotl-{choice.modality}"
    start = choice.start or make_blank(folder / "blank", choice.modality, choice.width, choice.layers)
    settings = AdaptationSettings(
        tokens=int(choice.tokens), batch_tokens=choice.batch_tokens, learning_rate=choice.learning_rate
    )
    lessons = None if choice.without_lessons else lessons_of(corpus, choice.corpus, start, choice.modality)
    ends = time.monotonic() + 60 * choice.minutes
    try:
        result = adapt(
            start,
            corpus.sequences,
            corpus.held_out,
            choice.modality,
            folder,
            settings,
            from_scratch=choice.start is None,
            control=Control(should_stop=lambda: time.monotonic() > ends),
            device=choice.device,
            side_task=lessons,
        )
    except Stopped:
        sys.exit("The minutes are over; the same command goes on from here.")
    if lessons and any(isinstance(lesson, Families) for lesson in lessons.lessons):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {MARGINALS_KEY: "wild_type"}, indent=2))
    taught = [lesson.description for lesson in lessons.lessons] if lessons else []
    (folder / "README.md").write_text(
        model_card(choice.modality, corpus, taught, result, folder, choice.start)
    )
    shutil.rmtree(folder / "blank", ignore_errors=True)
    shutil.rmtree(folder / "checkpoint")
    print(result)


def model_card(
    modality: Modality,
    corpus: Corpus,
    taught: list[str],
    result: AdaptationResult,
    folder: Path,
    start: Path | None,
) -> str:
    """The README of the folder: data, licence, training, quality, limits.

    Args:
        modality: of the backbone.
        corpus: what it read.
        taught: the lessons beside the hidden letters, in words.
        result: of the training.
        folder: of the backbone.
        start: of the backbone that this one goes on from.
    """
    config = json.loads((folder / "config.json").read_text())
    before = (
        json.loads((start / "adaptation.json").read_text())["result"]
        if start
        else {"tokens": 0, "seconds": 0}
    )
    begin = "as it began here" if start else "with random weights"
    return f"""# biotl-{modality}

A small {modality} language model made by the BioTL project, from random weights, on a CPU and briefly.

| | |
|---|---|
| Architecture | ESM-like encoder, {config["num_hidden_layers"]} layers, width {config["hidden_size"]}, \
rotary positions, one token a letter |
| Trained by | masked language modelling, 15 % of letters hidden |
| Taught beside | {"; ".join(taught) or "nothing"} |
| Data | {corpus.sources} |
| Licence of the data | {corpus.licence} |
| Licence of the weights | Apache-2.0 |
| Letters seen | {before["tokens"] + result.tokens:,}, {(before["seconds"] + result.seconds) / 60:.0f} minutes on one \
CPU core |
| Held-out perplexity | {result.perplexity_before:.2f} {begin}, {result.perplexity_after:.2f} after |

## Limits

It saw thousands of times less than published models of its kind, and it is here so that BioTL works offline from the
first minute. Where a network is at hand, a published backbone will usually do better; compare on your own data.

## Made by

`python -m pretraining.embedded {modality} --corpus CORPUS --tokens {result.tokens} --width {config["hidden_size"]} \
--layers {config["num_hidden_layers"]}{" --start FORMER" if start else ""}`, the corpus made by
`python -m pretraining.corpora --data DATA --output CORPUS`
"""


if __name__ == "__main__":
    main()
