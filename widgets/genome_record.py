"""What was done: genomes, notes, time and memory, and what the annotation can teach."""

from io import BytesIO
from typing import Any

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.genomes.comparison import Comparison
from biotl_core.genomes.controls import VIEWS, control_table, say_trust
from biotl_core.genomes.dna_tasks import DNA_TASKS, make_table, possible_tasks
from biotl_core.genomes.exports import genome_gff
from biotl_core.home import safe_name
from biotl_core.plots.gene_map import plot_controls
from biotl_core.plots.genomes import plot_times
from biotl_core.wording import plain, plain_sentence, say_bytes, say_seconds
from widgets.frame import draw_error
from widgets.genome_downloads import CHART, download_figure, download_tsv
from widgets.navigation import open_page
from widgets.table_source import keep_file


def draw_record(comparison: Comparison, result: dict[str, Any]) -> None:
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
    times = plot_times(seconds)
    st.plotly_chart(times, key="times", config=CHART)
    download_figure(times, "times.html")
    draw_controls(result)
    _draw_dna_tasks(comparison)
    st.markdown("**Genomes with their partners, as GFF3**")
    with st.container(horizontal=True):
        for number, genome in enumerate(comparison.genomes):
            st.download_button(
                plain(genome.name), lambda number=number: genome_gff(comparison, number).encode(),
                f"{safe_name(genome.name)}.gff3", "text/plain", icon=":material/download:", on_click="ignore",
                key=f"gff-{number}",
            )  # fmt: skip


def draw_controls(result: dict[str, Any]) -> None:
    """What the search by embedding found of hidden pairs, beside its rivals."""
    sentences = say_trust(result)
    if not sentences:
        return
    st.markdown(
        "**Can the search by embedding be trusted here?**",
        help="Pairs that alignment and gene order agree on are hidden among genes without a partner. Each way of "
        "seeing makes its pairs (nearest both ways); counted is how many hidden ones are among them.",
    )
    st.markdown(plain_sentence(" ".join(sentences)))
    if (controls := result["controls"]) is None:
        return
    table = control_table(controls["scores"])
    figure = plot_controls(table, controls["n_hidden"])
    st.plotly_chart(figure, key="controls", config=CHART)
    names = [plain(result["genomes"][controls[side]]["genome"]) for side in "ab"]
    st.caption(
        f"Measured on {names[0]} and {names[1]}, with {controls['n_strangers']:,} genes without a partner among "
        "them.  \n" + "  \n".join(f"**{view}**: {what}" for view, what in VIEWS.items())
    )
    with st.container(horizontal=True):
        download_tsv(table, "controls.tsv", "Controls as TSV")
        download_figure(figure, "controls.html")


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
