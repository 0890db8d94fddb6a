"""A finished comparison of genomes: its answer, its cards, and the questions one asks of it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.genomes.alignment import alignment_text, clean
from biotl_core.genomes.comparison import (
    Comparison,
    count_shares,
    functions_by_share,
    gene_names,
    load_comparison,
)
from biotl_core.genomes.dna import SEGMENTS_ABSENT, can_find_segments
from biotl_core.genomes.dna_tasks import DNA_TASKS, make_table, possible_tasks
from biotl_core.genomes.exports import block_table, genome_gff, group_table, ortholog_table
from biotl_core.genomes.families import RELIABILITY
from biotl_core.genomes.function_transfer import ENOUGH_PAIRS, transfer_functions
from biotl_core.genomes.pair import TIERS, Pair
from biotl_core.genomes.unique import VERDICTS, explain_unique
from biotl_core.home import safe_name
from biotl_core.plots.genomes import (
    plot_alikeness,
    plot_functions,
    plot_gene_order,
    plot_identities,
    plot_locus,
    plot_ribbons,
    plot_segments,
    plot_times,
    plot_transfer_reliability,
)
from biotl_core.wording import plain, plain_sentence, say_bytes, say_number, say_seconds
from widgets.answers import NumberCard, draw_answer, draw_number_cards
from widgets.frame import draw_error
from widgets.kept import choices, kept
from widgets.navigation import open_page
from widgets.table_source import keep_file

QUESTIONS = ("In which order?", "How alike?", "What do they do?", "Really unique?", "What was done?")
SVG = {"toImageButtonOptions": {"format": "svg"}, "displaylogo": False}
"""The camera button of a figure saves a picture that can be edited."""
_MOST_RIBBONS = 12
_FIRST_COLUMNS = [
    "symbol_a", "gene_a", "symbol_b", "gene_b", "product_a", "identity", "tier", "bits", "evalue", "coverage_a",
    "coverage_b", "relation",
]  # fmt: skip
"""Of the table of pairs, what is shown first."""


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
    draw = dict(zip(QUESTIONS, (_draw_order, _draw_alike, _draw_functions, _draw_unique), strict=False))
    if question in draw:
        draw[question](comparison, a, b, store)
    else:
        _draw_record(comparison, result)


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


def _draw_order(comparison: Comparison, a: int, b: int, store: str) -> None:
    first, second, pair = comparison.genomes[a], comparison.genomes[b], comparison.pairs[a, b]
    views = ["Genes", "DNA", "Ribbons"] if len(pair.orthologs) else ["DNA"]
    view = st.segmented_control(
        "Show", views, required=True,
        help="**Genes**: each pair of genes a dot; click one to see its neighbourhood. **DNA**: stretches that align. "
        "**Ribbons**: blocks of gene order, turned ones in orange.",
        **kept(store, "view", views[0], views),
    )  # fmt: skip
    if view == "DNA" and not can_find_segments():
        st.markdown(f":material/info: {SEGMENTS_ABSENT}")
    elif view == "DNA":
        figure = plot_segments(first, second, pair)
        st.plotly_chart(figure, key="dna", config=SVG)
    elif view == "Ribbons":
        shown = list(range(len(comparison.genomes)))[:_MOST_RIBBONS]
        figure = plot_ribbons(comparison, shown if len(comparison.genomes) > 2 else [a, b])
        st.plotly_chart(figure, key="ribbons", config=SVG)
    else:
        figure = plot_gene_order(first, second, pair)
        clicked = st.plotly_chart(
            figure, key=f"dots-{a}-{b}", on_select="rerun", selection_mode="points", config=SVG
        )
        if points := clicked["selection"]["points"]:
            choices(store)["pair"] = int(points[0]["customdata"][0])
    _download_html(figure, f"{view.lower()}.html")
    if len(pair.orthologs):
        _draw_locus(comparison, a, b, store)
        table = block_table(comparison, a, b)
        st.markdown(
            "**Blocks of gene order**",
            help="From the longest run of genes to the shortest; places count from 1.",
        )
        st.dataframe(table.sort_values("genes", ascending=False), hide_index=True, height=240)
        _download(table, "blocks.tsv", "Blocks as TSV")


def _draw_locus(comparison: Comparison, a: int, b: int, store: str) -> None:
    """The neighbourhood of a chosen pair, its evidence and its alignment."""
    first, second, pair = comparison.genomes[a], comparison.genomes[b], comparison.pairs[a, b]
    orthologs = pair.orthologs
    names_a, names_b = gene_names(first), gene_names(second)
    labels = {
        index: f"{names_a[x]} · {names_b[y]}"
        for index, x, y in zip(orthologs.index, orthologs["rank_a"], orthologs["rank_b"], strict=True)
    }
    index = st.selectbox(
        "Neighbourhood of", orthologs.index, format_func=labels.__getitem__,
        help="Click a dot above, or search here by gene name.",
        **kept(store, "pair", _first_in_order(orthologs), orthologs.index),
    )  # fmt: skip
    figure = plot_locus(first, second, pair, index)
    st.plotly_chart(figure, key="locus", config=SVG)
    row = orthologs.loc[index]
    st.caption(_say_evidence(row))
    left, right = st.columns([1, 5])
    with left:
        _download_html(figure, "locus.html", "This view as HTML")
    with right, st.expander("Alignment of the two proteins"):
        proteins = first.proteins[int(row["rank_a"])], second.proteins[int(row["rank_b"])]
        st.code(alignment_text(*map(clean, proteins)), language=None)


def _first_in_order(orthologs: pd.DataFrame) -> int:
    inside = orthologs[orthologs["block"] >= 0]
    rows = inside if len(inside) else orthologs
    return int(rows.index[len(rows) // 3])


def _say_evidence(row: pd.Series) -> str:
    words = [f"**{row['tier'][0].upper()}{row['tier'][1:]}**: {TIERS[row['tier']]}"]
    if np.isfinite(row["bits"]):
        words.append(
            f"{say_number(row['bits'])} bits, E-value {row['evalue']:.1g}, {row['identity']:.0%} identical over "
            f"{row['coverage_a']:.0%} and {row['coverage_b']:.0%} of the proteins."
        )
    if np.isfinite(row["probability"]):
        words.append(f"Probability {row['probability']:.0%}.")
    return " ".join(words)


def _draw_alike(comparison: Comparison, a: int, b: int, store: str) -> None:
    if len(comparison.genomes) > 2:
        st.markdown("**Every genome against every other**")
        st.plotly_chart(plot_alikeness(comparison), key="alikeness", config=SVG)
    orthologs = comparison.pairs[a, b].orthologs
    if orthologs.empty:
        st.info("There are no pairs of genes to show.")
        return
    figure = plot_identities(orthologs)
    st.plotly_chart(figure, key="identities", config=SVG)
    present = [tier for tier in TIERS if (orthologs["tier"] == tier).any()]
    st.caption("  \n".join(f"**{tier}**: {TIERS[tier]}" for tier in present))
    table = ortholog_table(comparison, a, b)
    st.dataframe(
        table[[*_FIRST_COLUMNS, *table.columns.difference(_FIRST_COLUMNS, sort=False)]],
        hide_index=True, height=320, lazy=True,
        column_config={
            "identity": st.column_config.ProgressColumn("identity", min_value=0, max_value=1, format="percent"),
            "evalue": st.column_config.NumberColumn("E-value", format="%.1e"),
            "coverage_a": st.column_config.NumberColumn(format="percent"),
            "coverage_b": st.column_config.NumberColumn(format="percent"),
        },
    )  # fmt: skip
    with st.container(horizontal=True):
        _download(table, "orthologs.tsv", "Pairs as TSV")
        _download_html(figure, "identities.html")


def _draw_functions(comparison: Comparison, a: int, b: int, store: str) -> None:
    counts = count_shares(comparison.groups)
    cards = [
        NumberCard("Core", counts["core"], note="groups in every genome"),
        NumberCard("Accessory", counts["accessory"], note="groups in some genomes"),
        NumberCard("Unique", counts["unique"], note="groups in one genome"),
    ]
    draw_number_cards(cards if len(comparison.genomes) > 2 else [cards[0], cards[2]])
    if comparison.groups.empty:
        return
    figure = plot_functions(functions_by_share(comparison.genomes, comparison.groups))
    st.plotly_chart(figure, key="functions", config=SVG)
    st.caption(
        "Classes are told from the words of each gene's annotation; what it does not say is 'not known'."
    )
    _draw_transfer(comparison, a, b, store)
    st.markdown("**Groups of genes**", help="Orthogroups: genes of all genomes that descend from one gene.")
    table = _groups(comparison)
    st.dataframe(table, hide_index=True, height=320, lazy=True)
    with st.container(horizontal=True):
        _download(table, "orthogroups.tsv", "Groups as TSV")
        _download_html(figure, "functions.html")


def _draw_transfer(comparison: Comparison, a: int, b: int, store: str) -> None:
    """Genes whose annotation is silent and whose partner's is not."""
    genomes, orthologs = (comparison.genomes[a], comparison.genomes[b]), comparison.pairs[a, b].orthologs
    tables = [transfer_functions(genomes, orthologs, to) for to in (0, 1)]
    if not any(len(table) for table in tables):
        return
    st.markdown(
        "**Functions from a partner**",
        help="Genes without a known function whose partner has one. The reliability is counted here: of the "
        "pairs with as much evidence whose function is known on both sides, the share that agree in their class; "
        f"blank below {ENOUGH_PAIRS} pairs.",
    )
    names = [genome.name for genome in genomes]
    guess = int(len(tables[1]) > len(tables[0]))
    to = st.segmented_control(
        "For genes of", (0, 1), format_func=names.__getitem__, required=True, **kept(store, "to", guess)
    )
    st.dataframe(
        tables[to], hide_index=True, height=260, placeholder="",
        column_config={
            "identity": st.column_config.NumberColumn(format="percent"),
            "probability": st.column_config.NumberColumn(format="percent"),
            "reliability": st.column_config.ProgressColumn("reliability", min_value=0, max_value=1, format="percent"),
            "n_known": st.column_config.NumberColumn("counted on"),
        },
    )  # fmt: skip
    _download(tables[to], f"functions-{safe_name(names[to])}.tsv", "Functions as TSV")


@st.cache_resource(max_entries=3, show_spinner=False)
def _groups(_comparison: Comparison) -> pd.DataFrame:
    return group_table(_comparison)


def _draw_unique(comparison: Comparison, a: int, b: int, store: str) -> None:
    """Genes without a partner, each with what speaks against its being unique."""
    genomes, pair = (comparison.genomes[a], comparison.genomes[b]), comparison.pairs[a, b]
    names = [genome.name for genome in genomes]
    side = st.segmented_control(
        "Genes only in", (0, 1), format_func=names.__getitem__, required=True, **kept(store, "side", 0)
    )
    table = explain_unique(genomes, pair.orthologs, pair.nearest, pair.segments, side)
    counts = table["verdict"].value_counts()
    n_doubtful = len(table) - int(counts.get("nothing alike", 0))
    st.markdown(
        f"**{len(table):,} genes** of {plain(names[side])} have no partner in {plain(names[1 - side])}; "
        f"for **{n_doubtful:,}** of them something speaks against their being unique."
    )
    if not can_find_segments():
        st.caption(f":material/info: {SEGMENTS_ABSENT}")
    verdicts = [verdict for verdict in VERDICTS if verdict in counts]
    st.caption(
        "  \n".join(f"**{verdict}** ({counts[verdict]:,}): {VERDICTS[verdict]}" for verdict in verdicts)
    )
    st.dataframe(
        table.drop(columns="rank"), hide_index=True, height=400, placeholder="",
        column_config={
            "product": st.column_config.TextColumn(width="medium"),
            "nearest_gene": "nearest gene",
            "evalue": st.column_config.NumberColumn("E-value", format="%.1e"),
            "identity": st.column_config.NumberColumn(format="percent"),
            "coverage": st.column_config.NumberColumn("part aligned", format="percent"),
            "dna_covered": st.column_config.ProgressColumn("DNA found", min_value=0, max_value=1, format="percent"),
            "probability": st.column_config.NumberColumn(format="percent"),
        },
    )  # fmt: skip
    _download(table, f"unique-{safe_name(names[side])}.tsv", "This table as TSV")
    if table["probability"].notna().any():
        with st.expander("How far can the probabilities be trusted?"):
            st.plotly_chart(
                plot_transfer_reliability(pd.read_csv(RELIABILITY)), key="reliability", config=SVG
            )
            st.caption(
                "Candidates among labelled proteins (SCOPe) that a plain alignment does not match, from folds that "
                "neither the head nor its calibration saw. On the line, a probability says how often it is right."
            )


def _draw_record(comparison: Comparison, result: dict[str, Any]) -> None:
    """Genomes, notes, time and memory, and all tables to take away."""
    st.dataframe(
        pd.DataFrame(result["genomes"]), hide_index=True,
        column_config={
            "gc": st.column_config.NumberColumn("GC", format="percent"),
            "letters": st.column_config.NumberColumn(format="localized"),
        },
    )  # fmt: skip
    for name, notes in result["notes"].items():
        for note in notes:
            st.caption(f"**{plain(name)}**: {plain_sentence(note)}")
    memory = result.get("peak_memory_gb")
    said = f"{say_seconds(result['cpu_seconds'])} of computing" + (
        f", {say_bytes(memory * 1e9)} of memory" if memory else ""
    )
    cached = f"; {result['n_cached']:,} pairs taken from earlier comparisons" if result["n_cached"] else ""
    st.markdown(f"**Where the time went**: {said}{cached}.")
    seconds = dict(result["seconds"])
    if len(result["pairs"]) == 1 and not result["n_cached"]:
        seconds.pop("pairs", None)
        seconds |= result["pairs"][0]["seconds"]
    st.plotly_chart(plot_times(seconds), key="times", config=SVG)
    _draw_dna_tasks(comparison)
    st.markdown("**Genomes with their partners, as GFF3**")
    with st.container(horizontal=True):
        for number, genome in enumerate(comparison.genomes):
            st.download_button(
                plain(genome.name), lambda number=number: genome_gff(comparison, number).encode(),
                f"{safe_name(genome.name)}.gff3", "text/plain", icon=":material/download:", on_click="ignore",
                key=f"gff-{number}",
            )  # fmt: skip


def _draw_dna_tasks(comparison: Comparison) -> None:
    """Training tables that the annotation gives: one click, and the Data page opens with one."""
    able = [genome for genome in comparison.genomes if possible_tasks(genome)]
    if not able:
        return
    st.markdown("**Train a DNA model on this annotation**")
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    genome = left.selectbox("Genome", able, format_func=lambda one: one.name, key="dna-genome")
    tasks = possible_tasks(genome)
    task = middle.selectbox(
        "Question", tasks, format_func=lambda name: DNA_TASKS[name].title, key="dna-task",
        help=" ".join(f"**{DNA_TASKS[name].title}**: {DNA_TASKS[name].help}" for name in tasks),
    )  # fmt: skip
    if right.button("Make the table", icon=":material/table:", width="stretch"):
        try:
            table = make_table(genome, task)
        except UserError as error:
            draw_error(error)
            return
        content = BytesIO(table.to_csv(index=False).encode())
        open_page("data", table=keep_file(content, f"{safe_name(genome.name)}-{task}.csv", "upload"))


def _download(table: pd.DataFrame, name: str, label: str) -> None:
    st.download_button(
        label, lambda: table.to_csv(index=False, sep="\t").encode(), name, "text/tab-separated-values",
        icon=":material/download:", on_click="ignore", key=f"download-{name}",
    )  # fmt: skip


def _download_html(figure, name: str, label: str = "This figure as HTML") -> None:
    """A page of its own that needs nothing from outside."""
    st.download_button(
        label, lambda: figure.to_html(include_plotlyjs=True).encode(), name, "text/html",
        icon=":material/download:", on_click="ignore", key=f"html-{name}",
        help="Works without the internet. The camera button of the figure saves an SVG.",
    )  # fmt: skip
