"""The structures page through the router, without a browser."""

from pathlib import Path

import pandas as pd
import pytest
from run_folders import make_run
from streamlit.testing.v1 import AppTest
from structure_texts import HELIX_TEXT, SEQUENCE, chain_lines, pdb_text
from test_structures import BROKEN

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.data.new_sequences import check_new_sequences, read_pasted_sequences
from biotl_core.progress import Control
from biotl_core.runs.scan_run import scan_run
from biotl_core.runs.scans import start_backbone_scan
from biotl_core.runs.status import RunStatus, write_status

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def app() -> AppTest:
    """The structures page of an application on an empty home."""
    root = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return root.switch_page("pages/structures.py").run()


def choice(app: AppTest, label: str):
    """The one select box of that label."""
    return next(box for box in app.selectbox if box.label == label)


def texts(app: AppTest) -> str:
    """All that is written on the page."""
    return "\n".join(part.value for kind in (app.markdown, app.caption, app.error) for part in kind)


def open_text(app: AppTest, text: str | bytes, name: str = "mine.pdb") -> AppTest:
    """Upload a structure."""
    content = text if isinstance(text, bytes) else text.encode()
    app.file_uploader[0].upload(name, content, "chemical/x-pdb").run()
    assert not app.exception
    return app


def test_without_a_structure_it_offers_a_file_or_an_example(app):
    assert not app.exception
    assert [title.value for title in app.title] == ["Structures"]
    assert {"Three-helix bundle", "Beta hairpin"} <= {button.label for button in app.button}


@pytest.mark.parametrize("button", ["bundle", "hairpin", "dimer"])
def test_an_example_opens_and_says_how_it_was_made(app, button):
    app.button(key=f"structure-example-{button}").click().run()
    assert not app.exception
    assert "Example:" in texts(app)
    assert app.query_params["structure"] == f"example/{button}"
    assert len(app.dataframe) == 1


def test_an_upload_is_kept_below_the_home_and_found_again_by_its_address(app, biotl_home):
    open_text(app, HELIX_TEXT)
    assert "20 residues" in texts(app)
    [file] = (biotl_home / "uploads").glob("*/mine.pdb")
    assert file.read_text() == HELIX_TEXT
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    again.query_params["structure"] = app.query_params["structure"]
    again.run().switch_page("pages/structures.py").run()
    assert "20 residues" in texts(again)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_shows_one_sentence_and_the_way_to_another(app, kind):
    content, _ = BROKEN[kind]
    open_text(app, content)
    assert len(app.error) == 1
    assert "Traceback" not in app.error[0].value
    assert len(app.file_uploader) == 1


@pytest.mark.parametrize(
    "address", ["upload/../../etc/passwd", "upload/0123456789abcdef/x.pdb", "example/none", "<b>"]
)
def test_an_address_that_leads_nowhere_is_said(address):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["structure"] = address
    app.run().switch_page("pages/structures.py").run()
    assert not app.exception
    assert "no longer here" in app.error[0].value


def test_every_style_and_colour_can_be_drawn(app):
    open_text(app, pdb_text(*chain_lines(SEQUENCE), *chain_lines(SEQUENCE, chain="B", offset=(0, 15, 0))))
    for label in ("Draw as", "Colour by", "Chain"):
        for option in choice(app, label).options:
            choice(app, label).select(option).run()
            assert not app.exception, (label, option)
            assert not app.error, (label, option)


def test_b_factors_can_be_called_confidence_by_the_user(app):
    open_text(app, pdb_text(*chain_lines(SEQUENCE, b=[0.5 + i / 100 for i in range(20)])))
    assert "Confidence" not in choice(app, "Colour by").options
    choice(app, "The B column holds").select("pLDDT").run()
    assert "Confidence" in choice(app, "Colour by").options
    assert app.dataframe[0].value["Confidence (pLDDT)"].iloc[0] == pytest.approx(50)


def test_another_model_is_read(app):
    models = [chain_lines(SEQUENCE, b=[float(k) * 30 + i for i in range(20)]) for k in (1, 2)]
    lines = [line for k, m in enumerate(models, 1) for line in (f"MODEL     {k:4}", *m, "ENDMDL")]
    open_text(app, "\n".join([*lines, "END"]))
    assert app.dataframe[0].value.iloc[0, -1] == 30.0
    app.number_input[0].set_value(2).run()
    assert app.dataframe[0].value.iloc[0, -1] == 60.0


def test_the_residue_list_marks_a_residue_and_tells_about_it(app):
    open_text(app, HELIX_TEXT)
    choice(app, "Residue").select(4).run()
    assert "Place in the chain: **5 of 20**" in texts(app)
    assert "**TYR 5**" in texts(app)


def paint_own(app: AppTest, table: str) -> AppTest:
    choice(app, "Colour by").select("own values").run()
    app.file_uploader[0].upload("values.csv", table.encode(), "text/csv").run()
    assert not app.exception
    return app


def test_a_table_is_painted_by_number(app):
    open_text(app, HELIX_TEXT)
    paint_own(app, "residue,effect\n" + "\n".join(f"{i},{i - 10}" for i in range(1, 21)))
    assert app.dataframe[0].value["effect"].tolist() == [float(i - 10) for i in range(1, 21)]
    assert "100%" in texts(app)
    assert any(toggle.label.startswith("Blue to red") and toggle.value for toggle in app.toggle)


def test_a_table_that_does_not_fit_is_said_and_the_page_goes_on(app):
    open_text(app, HELIX_TEXT)
    paint_own(app, "residue,effect\n500,1\n501,2\n")
    assert "No residue number" in app.error[0].value
    assert len(app.dataframe) == 1


def test_the_examples_values_can_be_painted(app):
    app.button(key="structure-example-bundle").click().run()
    choice(app, "Colour by").select("own values").run()
    next(button for button in app.button if button.label == "Use the example's values").click().run()
    assert not app.exception
    assert "burial" in app.dataframe[0].value
    choice(app, "Column").select("layer").run()
    assert set(app.dataframe[0].value["layer"]) == {"core", "boundary", "surface"}


def test_a_finished_runs_predictions_are_painted(app, biotl_home):
    run = make_run(biotl_home, "helices", "residue_classification")
    table = pd.read_csv(run / "predictions.csv", dtype=str)
    row = table.index[3]
    open_text(app, pdb_text(*chain_lines(table.loc[row, "sequence"])))
    choice(app, "Colour by").select("own values").run()
    source = next(control for control in app.segmented_control if control.label == "Values from")
    source.set_value("A run's predictions").run()
    assert not app.exception
    assert choice(app, "Sequence of the run").value == row
    assert "".join(app.dataframe[0].value["prediction"]) == table.loc[row, "prediction"]


def test_a_scan_and_a_table_of_mutants_are_painted_by_alignment(app, monkeypatch, biotl_home):
    def do(folder):
        write_status(folder, RunStatus("finished", scan_run(folder, Control())))

    monkeypatch.setattr("biotl_core.runs.scans.launch", do)
    new = check_new_sequences(read_pasted_sequences(f">mine\nMK{SEQUENCE}"), "protein", reader="backbone")
    start_backbone_scan(find_backbone("biotl-protein"), new, "mine", "wild_type")
    open_text(app, HELIX_TEXT)
    table = "mutant,score\n" + "\n".join(f"{letter}{k + 7}W,{k}" for k, letter in enumerate(SEQUENCE))
    paint_own(app, table)
    assert "score, mean of the mutants" in app.dataframe[0].value
    source = next(control for control in app.segmented_control if control.label == "Values from")
    source.set_value("A scan of mutations").run()
    assert not app.exception
    painted = [name for name in app.dataframe[0].value if name.startswith("Mean effect of the substitutions")]
    assert app.dataframe[0].value[painted[0]].notna().all() and "Aligned to chain A" in texts(app)


def test_side_chains_labels_and_background_are_choices(app):
    open_text(app, HELIX_TEXT)
    for name in ("Side chains", "Labels"):
        next(toggle for toggle in app.toggle if toggle.label == name).set_value(True).run()
    next(one for one in app.segmented_control if one.label == "Background").set_value("black").run()
    assert not app.exception


def test_html_in_a_name_is_shown_as_text(app):
    open_text(app, HELIX_TEXT, "<b>bold</b>.pdb")
    assert "<b>" not in texts(app).replace("\\<b", "")
