"""The tasks of the Structures page: predict, compare, learn; each with what it says when something is missing."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from structure_texts import HELIX_TEXT
from test_pages_structures import ROOT, choice, texts
from test_structure_labels import SOLVED, chain_lines, pdb_text

from biotl_core.data.saved_datasets import find_dataset
from biotl_core.progress import Control
from biotl_core.runs.distance_run import distance_run
from biotl_core.runs.folder import create_run, read_config
from biotl_core.runs.folding_run import fold_run
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.structures.chains import read_chains
from biotl_core.structures.examples import EXAMPLE_STRUCTURES

BUNDLE = EXAMPLE_STRUCTURES["bundle"].file


def open_page(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def open_task(task: str, **query: str) -> AppTest:
    return open_page("structures", do=task, **query)


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


@pytest.fixture
def finished(biotl_home):
    """A finished prediction of one model."""
    request = {"engine": "template", "structures": [str(BUNDLE)], "settings": {}, "n_sequences": 1}
    folder = create_run(request, kind="fold", name="done")
    sequence = read_chains(BUNDLE)[0].sequence
    pd.DataFrame({"name": ["my *protein*"], "sequence": [sequence]}).to_parquet(folder / "input.parquet")
    told = fold_run(folder, Control())
    write_status(folder, RunStatus("finished", told))
    return folder


def test_engines_out_of_reach_say_so_before_anything_is_asked():
    app = open_task("predict")
    choice(app, "Engine").select("esmfold").run()
    assert "not on this computer yet" in texts(app) and "facebook/esmfold" in texts(app).replace("\\", "")
    assert button(app, "Predict the structure").disabled


def test_a_sequence_and_structures_start_a_run(monkeypatch, biotl_home):
    monkeypatch.setattr("biotl_core.runs.foldings.launch", lambda folder: None)
    app = open_task("predict")
    button(app, "Predict the structure").click().run()
    assert "Paste or upload a protein sequence" in app.warning[0].value
    button(app, "Use the example structures").click().run()
    assert "3 files, 4 protein chains" in texts(app)
    app.text_area[0].set_value(f">mine\n{read_chains(BUNDLE)[0].sequence}").run()
    button(app, "Predict the structure").click().run()
    assert not app.exception
    folder = biotl_home / "structures" / "mine-template"
    assert read_config(folder)["n_sequences"] == 1
    assert app.query_params["fold"] == "mine-template"


def test_a_wrong_letter_is_one_sentence(monkeypatch):
    app = open_task("predict")
    button(app, "Use the example structures").click().run()
    app.text_area[0].set_value("MKTAYIAKQRQ1").run()
    button(app, "Predict the structure").click().run()
    assert "position 12" in app.error[0].value.replace("\\", "")


def test_a_finished_prediction_is_opened_in_the_viewer(finished):
    app = open_task("predict", fold="done")
    assert "mean confidence" in texts(app)
    button(app, "Look at my *protein*").click().run()
    assert not app.exception
    assert app.query_params["structure"] == "fold/done/0001-my-protein"
    assert "69 residues" in texts(app) and "Modelled on" in texts(app)
    assert choice(app, "Colour by").value == "confidence"
    assert "Confidence (expected lDDT)" in app.dataframe[0].value


def test_a_prediction_that_is_gone_is_said():
    app = open_task("predict", fold="nothing")
    assert "no structure prediction called" in app.warning[0].value


def test_a_model_that_is_gone_is_said():
    app = open_task("look", structure="fold/nothing/0001-x")
    assert "no run called" in app.error[0].value


def test_a_model_is_compared_with_an_upload(finished):
    app = open_task("compare")
    assert "Two chains are needed" in texts(app)
    app.file_uploader[0].upload("bundle.pdb", BUNDLE.read_bytes(), "chemical/x-pdb").run()
    assert not app.exception
    assert "TM-score" in texts(app) and "the same fold" in texts(app)
    assert app.dataframe[0].value["tm_score"].iloc[0] > 0.99


def test_structures_become_a_dataset(tmp_path, biotl_home):
    rng = np.random.default_rng(0)
    for k in range(12):
        sequence = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40))
        (tmp_path / f"chain{k}.pdb").write_text(SOLVED + pdb_text(*chain_lines(sequence)))
    app = open_task("learn")
    field = next(one for one in app.text_input if "folder" in one.label)
    field.set_value(str(tmp_path)).run()
    assert "12 chains, 480 residues" in texts(app)
    button(app, "Continue to training").click().run()
    assert (find_dataset("structures-ss3") / "dataset.parquet").is_file()


def test_too_few_structures_to_learn_from_are_said(tmp_path):
    (tmp_path / "one.pdb").write_text(HELIX_TEXT)
    app = open_task("learn")
    field = next(one for one in app.text_input if "folder" in one.label)
    field.set_value(str(tmp_path)).run()
    assert "at least 10" in app.error[0].value
    field.set_value(str(tmp_path / "nowhere")).run()
    assert "no folder" in app.error[0].value


@pytest.fixture
def structure_folder(tmp_path):
    """Twelve files with one chain each, made of overlapping pieces of a real one."""
    import biotite.structure.io.pdb as pdb

    chain = read_chains(BUNDLE)[0]
    folder = tmp_path / "pieces"
    folder.mkdir()
    for k in range(12):
        file = pdb.PDBFile()
        file.set_structure(chain.cut(k, k + 45 + k).atoms)
        file.write(str(folder / f"piece{k}.pdb"))
    return folder


def test_contacts_are_learned_by_clicks_and_the_run_is_shown_and_used(
    structure_folder, monkeypatch, biotl_home
):
    monkeypatch.setattr("biotl_core.runs.distances.launch", lambda folder: None)
    app = open_task("learn")
    next(one for one in app.text_input if "folder" in one.label).set_value(str(structure_folder)).run()
    choice(app, "What to learn").select("distances").run()
    assert not app.exception
    assert "12 chains" in texts(app) and "at least 24 steps apart" in texts(app)
    button(app, "Continue to training").click().run()
    assert not app.exception
    assert app.query_params["structures"] == "structures-distances"
    app = open_page("train", structures="structures-distances")
    app.radio[0].set_value("esmfold").run()
    assert not app.exception
    assert "ESMFold is not on this computer yet" in texts(app) and button(app, "Start training").disabled
    app.radio[0].set_value("head").run()
    passes = next(one for one in app.number_input if one.label.startswith("Passes"))
    passes.set_value(1).run()
    button(app, "Start training").click().run()
    assert not app.exception
    name = app.query_params["distances"]
    app = open_page("runs", distances=name)
    folder = biotl_home / "distances" / name
    assert read_config(folder)["settings"]["passes"] == 1
    write_status(folder, RunStatus("finished", distance_run(folder, Control())))
    app.run()
    assert not app.exception
    assert "lDDT of distances" in texts(app) and "nearest training structure" in texts(app)
    assert len(app.dataframe[0].value) == read_config(folder)["counts"]["test"]
    button(app, "Lay its folds on the true structure, side by side").click().run()
    assert not app.exception
    assert "true structure" in choice(app, "Reference").value and "TM-score" in texts(app)
    app = open_page("runs", distances=name)
    button(app, "Fold new sequences with it").click().run()
    assert not app.exception
    assert choice(app, "Engine").value == "learned" and choice(app, "Run").value == name


def test_structures_that_are_gone_are_said_on_the_train_page():
    app = open_page("train", structures="nothing")
    assert "no structures called" in app.error[0].value
