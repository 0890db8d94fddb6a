"""The Genomes page through the router, on a comparison that was really made."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.genomes.examples import write_example
from biotl_core.genomes.pair import PairSettings
from biotl_core.genomes.residue_alignment import view_residues
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.genome_requests import create_genome_run
from biotl_core.runs.genome_run import genome_run
from biotl_core.runs.status import RunStatus, write_status
from tests.simulated_genomes import simulated_pair, write_genomes
from tests.test_pages_runs import button, texts
from widgets.genome_view import QUESTIONS

ROOT = Path(__file__).resolve().parents[1]


def open_genomes(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/genomes.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def finish(files, name: str, **asked) -> Path:
    plain = {"controls": False, "map_of_proteins": False}  # they cost seconds; one test asks for them
    folder = create_genome_run(files, PairSettings(), name=name, **plain | asked)
    sentence = genome_run(folder, Control())
    write_status(folder, RunStatus("finished", sentence))
    return folder


@pytest.fixture
def launched(monkeypatch) -> list[Path]:
    folders: list[Path] = []
    monkeypatch.setattr("widgets.genome_source.launch", folders.append)
    return folders


def test_the_example_is_one_click(biotl_home, launched):
    at = open_genomes()
    button(at, "Three small genomes of one ancestor (simulated)").click().run()
    assert not at.exception
    assert len(read_config(launched[0])["files"]) == 6
    assert at.query_params["run"] == launched[0].name


def test_without_files_it_says_what_to_bring(biotl_home, launched):
    at = open_genomes()
    button(at, "Compare").click().run()
    assert "Add two or more genomes first" in at.warning[0].value
    assert launched == []


def test_uploads_become_a_comparison_with_the_chosen_thresholds(biotl_home, launched, tmp_path):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1)))
    at = open_genomes()
    for file in files:
        at.file_uploader[0].upload(file.name, file.read_bytes(), "text/plain")
    at.run()
    button(at, "Compare").click().run()
    assert not at.exception
    config = read_config(launched[0])
    assert config["files"] == [file.name for file in files]
    assert config["settings"]["max_evalue"] == 1.0


def test_a_finished_pair_answers_every_question(biotl_home, tmp_path):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1, n_inversions=1, n_gains=5)))
    reference = tmp_path / "reference.faa"
    reference.write_text(f">x citrate synthase OS=None\n{'MKTAYIAKQRQISFVKSHFSRQ' * 5}\n")
    finish(files, "two", reference=reference, controls=True, map_of_proteins=True)
    at = open_genomes(run="two")
    assert "genes in common" in texts(at)
    assert [metric.label for metric in at.metric][:3] == [
        "Identical DNA",
        "Genes in common",
        "Blocks of gene order",
    ]
    heading_of = {
        "How alike?": "All pairs",
        "What do they do?": "Functions from your reference",
        "Really unique?": "Map of the proteins",
        "What was done?": "Can the search by embedding be trusted here?",
    }
    for question in QUESTIONS[1:]:
        one = next(control for control in at.segmented_control if control.label == "Question")
        one.set_value(question).run()
        assert not at.exception, question
        assert heading_of[question] in texts(at)
    assert "Where the time went" in texts(at)
    assert "compare-genomes first.fna first.gff3" in at.code[-1].value
    assert "--functions reference.faa" in at.code[-1].value


def residues_page(folder: str) -> None:
    """What the page draws below the table once a row of it is chosen."""
    from pathlib import Path

    from widgets.genome_residues import draw_residues
    from widgets.genome_view import open_result

    draw_residues(open_result(Path(folder)), 0, 1, 3)


def test_a_chosen_pair_is_shown_residue_by_residue(biotl_home, tmp_path, monkeypatch):
    def view(first, second, control):
        rng = np.random.default_rng(0)
        return view_residues(*(rng.normal(size=(len(protein), 8)) for protein in (first, second)))

    monkeypatch.setattr("widgets.genome_residues.residue_view", view)
    # Computed at once and not beside the page: what is asked here is what is drawn, however slow the machine.
    monkeypatch.setattr("widgets.genome_residues.wait_for", lambda what, key, compute: compute(Control()))
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1)))
    folder = finish(files, "chosen", backbone=None)
    at = AppTest.from_function(residues_page, default_timeout=120, args=(str(folder),)).run()
    assert not at.exception
    assert "residue by residue" in texts(at)
    assert "By the model's vectors" in texts(at)
    assert len(at.code) == 2
    assert [one.label for one in at.get("download_button")] == [
        "Aligned residues as TSV",
        "This figure as HTML",
    ]


def test_every_view_of_the_order_is_drawn(biotl_home, tmp_path):
    finish(write_example(tmp_path / "example"), "three")
    at = open_genomes(run="three")
    for view in ("DNA", "Ribbons", "Genes"):
        next(control for control in at.segmented_control if control.label == "Show").set_value(view).run()
        assert not at.exception, view
    at.selectbox[1].set_value(2).run()
    assert not at.exception
    assert "Best both ways" in texts(at) or "Same place" in texts(at)


def test_bare_dna_is_shown_without_genes(biotl_home, tmp_path, monkeypatch):
    monkeypatch.setattr("biotl_core.genomes.calling.find_program", lambda: None)
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.05)))[::2]
    finish(files, "bare")
    at = open_genomes(run="bare")
    assert "there are no genes to compare" in texts(at)
    assert "pip install pyrodigal" in at.info[0].value
    for question in QUESTIONS[1:]:
        next(control for control in at.segmented_control if control.label == "Question").set_value(
            question
        ).run()
        assert not at.exception, question


def test_a_failed_comparison_says_why(biotl_home, tmp_path):
    files = write_genomes(tmp_path, simulated_pair(0.1)[0].genome)
    folder = create_genome_run(files, PairSettings(), name="one")
    write_status(folder, RunStatus("failed", "A comparison needs two or more genomes; one was given."))
    assert "needs two or more genomes" in at_error(open_genomes(run="one"))


def test_a_stopped_comparison_can_be_started_again(biotl_home, tmp_path, monkeypatch):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1)))
    folder = create_genome_run(files, PairSettings(), name="stopped")
    write_status(folder, RunStatus("stopped", "Stopped before the end."))
    again: list[Path] = []
    monkeypatch.setattr("biotl_core.runs.folder.launch", again.append)
    button(open_genomes(run="stopped"), "Start again").click().run()
    assert again == [folder]


def at_error(at: AppTest) -> str:
    return " ".join(error.value for error in at.error)


def test_a_comparison_that_is_gone_is_told(biotl_home):
    assert "There is no comparison called" in open_genomes(run="gone").warning[0].value
