"""Genomes: two or more files to shared genes, their order, their functions, and what is unique."""

import streamlit as st

from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.status import read_status
from biotl_core.shell import shell_command
from biotl_core.wording import plain
from widgets import begin_page, draw_shell_command, draw_state
from widgets.genome_source import close_comparison, draw_genome_chooser, draw_start_again
from widgets.genome_view import draw_comparison
from widgets.kept_results import choose_result
from widgets.live_run import draw_ended_without_result, draw_open_run
from widgets.one_run import draw_delete

begin_page(
    "genomes",
    "Lay genomes side by side: which genes they share, in which order, and which are really unique.",
)
folder = choose_result("genomes")
if folder is None:
    draw_genome_chooser()
    files, reference = ["GENOME_A.gbk", "GENOME_B.gbk"], ""
else:
    status, config = read_status(folder), read_config(folder)
    files, reference = config["files"], config.get("reference", "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(folder.name), anchor=False, width="content")
        draw_state(status.state)
        st.space("stretch")
        st.button("Compare others", icon=":material/folder_open:", on_click=close_comparison)
        if not status.is_open:
            draw_delete(folder, "run")
    result = read_result(folder)
    if status.is_open:
        draw_open_run(folder, status.state)
    elif status.state == "finished" and result is not None:
        draw_comparison(folder, result)
    else:
        draw_ended_without_result(folder, status, "genomes")
        draw_start_again(folder)

options = {"files": files, "output": "COMPARED"} | ({"functions": reference} if reference else {})
if folder is not None and config.get("head"):
    options["head"] = config["head"]
draw_shell_command(shell_command("compare-genomes", options))
with st.expander("How was this computed"):
    st.markdown(
        "Nucleotide identity: skani (Shaw and Yu, Nat. Methods 20, 1661, 2023). DNA segments: minimap2 (Li, "
        "Bioinformatics 34, 3094, 2018), preset asm20. Proteins that share rare words of five letters are aligned "
        "by Smith-Waterman (parasail: Daily, BMC Bioinformatics 17, 81, 2016; BLOSUM62, gaps 11 + 1, E-values "
        "after Karlin and Altschul); genes left over are searched harder. Pairs are best both ways; of nearly "
        "equal copies the one among the same neighbours counts. Blocks: chains of pairs in one direction. Groups "
        "over several genomes: best matches and in-paralogs (Remm et al., J. Mol. Biol. 314, 1041, 2001), cut by "
        "Markov clustering (van Dongen 2000). Genes of bare DNA: Prodigal (Hyatt et al., BMC Bioinformatics 11, "
        "119, 2010) through the separate program pyrodigal, where it is installed.\n\n"
        "Relatives by embedding: nearest both ways, corrected for hubs (CSLS: Conneau et al., ICLR 2018), by a head "
        "trained on families as in ProtTucker (Heinzinger et al., NAR Genom. Bioinform. 4, lqac043, 2022). Residues "
        "are aligned by the cosine of their vectors (Pantolini et al., Bioinformatics 40, btad786, 2024; Iovino and "
        "Ye, BMC Bioinformatics 25, 2024). Intervals of the controls: Wilson (1927). Map: principal components."
    )
