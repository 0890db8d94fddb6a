"""A finished comparison of genomes: its answer, its cards, and the questions one asks of it."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from biotl_core.genomes.comparison import Comparison, load_comparison
from biotl_core.genomes.pair import Pair
from biotl_core.wording import plain, plain_sentence, say_number
from widgets.answers import NumberCard, draw_answer, draw_number_cards
from widgets.genome_alike import draw_alike
from widgets.genome_functions import draw_functions, draw_reference
from widgets.genome_map import draw_map
from widgets.genome_order import draw_order
from widgets.genome_record import draw_record
from widgets.genome_unique import draw_unique
from widgets.kept import kept

QUESTIONS = ("In which order?", "How alike?", "What do they do?", "Really unique?", "What was done?")


@st.cache_resource(max_entries=3, show_spinner="Opening the comparison")
def _load(folder: str, changed_at: int) -> Comparison:
    return load_comparison(Path(folder))


def open_result(folder: Path) -> Comparison:
    """A finished comparison, read from disk once."""
    return _load(str(folder), (folder / "comparison.json").stat().st_mtime_ns)


def draw_comparison(folder: Path, result: dict[str, Any]) -> None:
    """Everything about a finished comparison: the sentence first, then cards, then one question at a time."""
    comparison = open_result(folder)
    store = f"genomes-{folder.name}"
    draw_answer(plain_sentence(result["sentence"]))
    for genome in comparison.genomes:
        if genome.coding.empty and genome.notes:
            st.info(f"**{plain(genome.name)}**: {plain_sentence(genome.notes[-1])}")
    a, b = _choose_pair(comparison, store)
    _draw_cards(comparison, a, b)
    question = st.segmented_control(
        "Question", QUESTIONS, label_visibility="collapsed", required=True,
        **kept(store, "question", QUESTIONS[0], QUESTIONS),
    )  # fmt: skip
    drawn = draw_order, draw_alike, draw_functions, partial(draw_unique, folder=folder)
    draw = dict(zip(QUESTIONS, drawn, strict=False))
    if question == QUESTIONS[-1]:
        draw_record(comparison, result)
        return
    if result.get("head", "embedded") != "embedded":
        st.caption(f"Relatives are judged by the head of the run {plain(result['head'])}.")
    draw[question](comparison, a, b, store)
    if question == "What do they do?":
        draw_reference(comparison, folder)
    elif question == "Really unique?":
        draw_map(comparison, folder, result, a, b)


def _choose_pair(comparison: Comparison, store: str) -> tuple[int, int]:
    """The two genomes that are looked at; with more than two, the reference and another can be chosen."""
    n = len(comparison.genomes)
    if n == 2:
        return 0, 1
    names = [genome.name for genome in comparison.genomes]
    left, right = st.columns(2)
    a = left.selectbox("Reference", range(n), format_func=names.__getitem__, **kept(store, "a", 0, range(n)))
    others = [i for i in range(n) if i != a]
    guess = 1 if a != 1 else 0
    b = right.selectbox("Beside it", others, format_func=names.__getitem__, **kept(store, "b", guess, others))
    return (a, b) if a < b else (b, a)


def _draw_cards(comparison: Comparison, a: int, b: int) -> None:
    first, second = comparison.genomes[a], comparison.genomes[b]
    pair = comparison.pairs[a, b]
    cards = [_identity_card(pair)]
    if len(first.coding) and len(second.coding):
        shared = pair.orthologs[pair.orthologs["tier"] != "embedding only"]
        n = len(shared)
        inside = (pair.orthologs["block"] >= 0).mean() if len(pair.orthologs) else 0.0
        counts = pair.rearrangements
        cards += [
            NumberCard(
                "Genes in common", n, note=f"{inside:.0%} in blocks", help="Orthologs; a block is a run of one order."
            ),
            NumberCard(
                "Blocks of gene order", counts.n_blocks, note=f"{counts.n_inverted:,} turned",
                help=f"Runs of genes in one order. Breakpoints between them: {counts.n_breakpoints:,}.",
            ),
        ]  # fmt: skip
        for genome, mine in ((first, "rank_a"), (second, "rank_b")):
            alone = len(genome.coding) - shared[mine].nunique()
            about = f"{say_number(genome.size / 1e6)} million letters, GC {genome.gc_share:.1%}."
            title = f"Only in {plain(genome.name)[:18]}"
            note = f"of {len(genome.coding):,} genes"
            cards.append(NumberCard(title, alone, note=note, help=f"Genes without a partner. {about}"))
    draw_number_cards(cards)


def _identity_card(pair: Pair) -> NumberCard:
    if pair.ani.identity is not None:
        note = f"over {pair.ani.fraction_a:.0%} and {pair.ani.fraction_b:.0%}"
        return NumberCard(
            "Identical DNA",
            f"{pair.ani.identity:.2%}",
            note=note,
            help="Average nucleotide identity (ANI), over the parts of each genome that align.",
        )
    help = "Average amino-acid identity (AAI): the DNA is too unlike for an average nucleotide identity."
    return NumberCard(
        "Identical proteins", f"{pair.aai:.1%}" if pair.aai else "no answer", note="DNA too unlike", help=help
    )
