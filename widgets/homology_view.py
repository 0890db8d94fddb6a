"""A run that learned which proteins are related: the answer, every way of judging, and how far to trust it."""

from pathlib import Path

import pandas as pd
import streamlit as st

from biotl_core.errors import UserError
from biotl_core.genomes.homology_pairs import read_pairs
from biotl_core.plots.genomes import plot_transfer_reliability
from biotl_core.runs.folder import launch, read_config, read_result
from biotl_core.runs.homology import MODEL, create_homology, score_table
from biotl_core.shell import shell_command
from biotl_core.wording import plain, plain_sentence
from widgets.answers import download_json, download_table, draw_answer, draw_shell_command
from widgets.frame import draw_error
from widgets.genome_downloads import CHART
from widgets.kept_results import choose_result, draw_head
from widgets.navigation import open_page
from widgets.structure_source import keep_upload

_COMPUTED = """
- **Head**: a small layer on the frozen protein backbone, trained so that each protein finds its homolog among all
  others of a batch (InfoNCE; as ProtTucker, Heinzinger et al., NAR Genom. Bioinform. 4, lqac043, 2022).
- **Families apart**: proteins that homologous pairs join are one family, and so are those that are 30 % identical over
  80 % of both, where MMseqs2 is installed (Steinegger and Söding, Nat. Biotechnol. 35, 1026, 2017). Half of the
  families are learned from, a fifth calibrates, the others are the test. A judged pair has no
  protein of a family learned from.
- **Intervals**: test families drawn with replacement, 1,000 times; gains on the same draws.
- **Probability**: a logistic model of the evidence of candidate pairs that alignment leaves alone.
"""


def draw_chosen_homology() -> bool:
    """The run that the address names (`?homology=`); whether there is one."""
    folder = choose_result("homology")
    if folder is None:
        return False
    origin = f"{plain(read_config(folder)['source'])} · homologous and unrelated proteins"
    if draw_head("homology", folder, origin=origin, another="All runs"):
        _draw_finished(folder)
    return True


def _draw_finished(folder: Path) -> None:
    result = read_result(folder) or {}
    draw_answer(plain_sentence(result["sentence"]))
    table = score_table(result)
    st.subheader("Beside what needs less", anchor=False)
    shown = [name for name in table.columns if not name.startswith("auroc gain")]
    titles = {
        name: name.replace("_", " ").capitalize().replace("Auroc", "AUROC") for name in shown if name != "way"
    }
    st.dataframe(
        table[shown], hide_index=True, alt="Ways of judging a pair",
        column_config={
            "way": "Way of judging",
            **{
                name: st.column_config.NumberColumn(title, format="%.3f")
                for name, title in titles.items()
            },
        },
    )  # fmt: skip
    st.caption(
        "Recall: share of homologous test pairs that score above all but 1 % of the unrelated ones. Low and high: 95 % "
        "interval. Gain: of the trained head over that way, on the same pairs."
    )
    download_table(table, f"{folder.name}-scores.csv", "This table (CSV)")
    download_table(pd.read_csv(folder / "test_pairs.csv"), f"{folder.name}-test.csv", "All test pairs (CSV)")
    st.subheader("What its probability is worth", anchor=False)
    st.caption(plain_sentence(result["calibration"]["sentence"]))
    reliability = folder / MODEL / "reliability.csv"
    if reliability.is_file():
        st.plotly_chart(plot_transfer_reliability(pd.read_csv(reliability)), key="reliability", config=CHART)
    download_json(result, f"{folder.name}.json", "Everything (JSON)")
    draw_shell_command(shell_command("train-homology", {"pairs": "PAIRS.csv"}))
    with st.expander("How was this computed", icon=":material/function:"):
        st.markdown(_COMPUTED)


def draw_teaching() -> None:
    """A folded way to bring labelled pairs and to train a head on them."""
    with st.expander("Teach it your own pairs", icon=":material/school:"):
        st.caption(
            "A table with a row a pair: two proteins, then 1 for homologs or 0 for unrelated ones. At least 20 pairs "
            "of homologs, and some unrelated pairs."
        )
        one, two = st.columns(2)
        pairs = one.file_uploader("Labelled pairs", key="homology-pairs")
        sequences = two.file_uploader(
            "Sequences, where the table has ids", key="homology-sequences", help="FASTA, or id and sequence."
        )
        if st.button("Train", icon=":material/play_arrow:", disabled=pairs is None, key="homology-start"):
            files = [keep_upload(one.getvalue(), one.name) if one else None for one in (pairs, sequences)]
            try:
                run = create_homology(read_pairs(files[0], sequences=files[1]), source=pairs.name)
            except UserError as error:
                draw_error(error)
            else:
                launch(run)
                open_page("runs", homology=run.name)
