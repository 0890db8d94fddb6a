"""The Screening page through the router, without a browser."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.progress import Control
from biotl_core.runs.assay_run import assay_run
from biotl_core.runs.folder import read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.pair_run import pair_run
from biotl_core.runs.screen_run import screen_run
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.screening.examples import EXAMPLE_LIBRARY
from biotl_core.screening.models import MODELS
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from tests.test_pages_runs import button, texts
from tests.test_pairs import pair_table

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> list[Path]:
    """Runs are done at once and in this process, with the quick models."""
    monkeypatch.setenv("BIOTL_THREADS", "1")
    monkeypatch.setattr("widgets.background.PATIENCE_SECONDS", 60)
    for name in ("forest", "boosting", "together"):
        monkeypatch.delitem(MODELS, name)

    def here(folder: Path) -> None:
        config = read_config(folder)
        if config["kind"] == "pairs":
            config["towers"] = {"steps": 50, "hidden": 32, "width": 16}
            write_json_atomically(folder / "config.json", config)
        work = {"assay": assay_run, "screen": screen_run, "pairs": pair_run}[config["kind"]]
        write_status(folder, RunStatus("finished", work(folder, Control())))

    monkeypatch.setattr("biotl_core.runs.screening_requests.launch", here)


def open_page(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/screening.py")
    for word, value in query.items():
        at.query_params[word] = value
    at.run()
    assert not at.exception
    return at


def test_from_the_example_to_a_ranked_library(biotl_home):
    at = open_page()
    button(at, "Try with a simulated assay").click().run()
    assert not at.exception
    assert "300 molecules from 318 rows" in texts(at)
    assert at.dataframe[0].value["row"].tolist() == [313, 314, 315, 316, 317, 318]
    uploader = next(one for one in at.file_uploader if one.label == "or its file")
    uploader.upload("hairpin.pdb", EXAMPLE_STRUCTURES["hairpin"].file.read_bytes(), "text/plain").run()
    assert "Chain A" in texts(at)
    button(at, "Learn from these molecules").click().run()
    assert not at.exception
    assert at.query_params["assay"] == "simulated-assay"
    assert "new kinds of molecule" in texts(at)
    assert "Contradicting measurements" in texts(at)
    button(at, "Rank the library").click().run()
    assert "Bring a library first" in at.warning[0].value
    button(at, "Try with a simulated library").click().run()
    button(at, "Rank the library").click().run()
    assert not at.exception
    assert "Of 1,500 molecules" in texts(at)
    assert "The target's structure" in texts(at)
    hits = at.dataframe[-1].value
    assert len(hits) == 200 and hits["prediction"].is_monotonic_decreasing
    next(one for one in at.button if one.key == "hit-3").click().run()
    assert not at.exception
    assert any(head.value.startswith("3. lib") for head in at.subheader)
    at.pills[0].set_value(["fresh", "diverse", "no_pains", "lipinski"]).run()
    shown = at.dataframe[-1].value
    assert not at.exception and 0 < len(shown) < 200 and (shown["pains"] == "").all()


def test_data_and_train_lead_to_learning_pairs(biotl_home):
    table = pair_table(200)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/data.py").run()
    at.file_uploader[0].upload("pairs.csv", table.to_csv(index=False).encode(), "text/csv").run()
    assert not at.exception and "Learned as pairs" in texts(at)
    table_id = at.query_params["table"]
    next(box for box in at.selectbox if box.label == "Column of the sequences").select("smiles").run()
    button(at, "Continue to training").click().run()
    assert not at.exception and "Learned as pairs" in texts(at)
    at = open_page(table=table_id)
    assert "target proteins in *sequence*" in texts(at)


def test_adjusting_pretrained_models_comes_with_a_caution(biotl_home):
    at = open_page()
    at.file_uploader[0].upload("pairs.csv", pair_table(400).to_csv(index=False).encode(), "text/csv").run()
    choice = {box.label: box for box in at.selectbox}
    assert "Adjust a small part of them too" not in choice
    choice["A pretrained protein model for the towers"].select("biotl-protein").run()
    next(box for box in at.selectbox if box.label == "Adjust a small part of them too").select("lora").run()
    assert not at.exception and any("next to nothing" in one.value for one in at.caption)
    next(one for one in at.radio if one.label == "What will you ask next?").set_value("cold_target").run()
    assert any("next to nothing" in one.value for one in at.warning)


def test_known_actives_come_with_a_caution(biotl_home, tmp_path):
    lines = [line.split() for line in EXAMPLE_LIBRARY.read_text().splitlines()[:150]]
    rows = [f"{smiles},{name},{int(smiles.startswith('Nc1ncc'))}" for smiles, name in lines]
    path = tmp_path / "labelled.csv"
    path.write_text("\n".join(["smiles,name,active", *rows]))
    at = open_page(table="example/assay")
    button(at, "Learn from these molecules").click().run()
    next(box for box in at.text_input if box.label.startswith("Or the path")).set_value(str(path)).run()
    button(at, "Rank the library").click().run()
    assert not at.exception
    said = texts(at) + " ".join(one.value for one in at.caption)
    assert "known actives of the library" in said and "Decoys" in said
    table = next(one.value for one in at.dataframe if "BEDROC" in one.value)
    assert len(table) == 3 and table["AUROC"].notna().all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "is a picture"),
        (b"smiles,ic50\nCCO,1\nCCN,2\n", "at least 20"),
        (b"smiles,ic50\n" + b"MKTAYIAKQRQISFVKSHFSRQ,5\n" * 30, ""),
        (b"smiles,result\n" + b"".join(b"C%sO,unclear\n" % (b"C" * i) for i in range(30)), ""),
        (b"smiles,pIC50\n" + b"".join(b"C%sO,5\n" % (b"C" * i) for i in range(30)), "the same"),
    ],
)
def test_bad_tables_give_a_sentence_and_a_way_on(biotl_home, content, said):
    at = open_page()
    at.file_uploader[0].upload("mine.csv", content, "text/csv").run()
    assert not at.exception
    told = [one.value for one in (*at.error, *at.info)]
    assert len(told) == 1 and said in told[0] and "Traceback" not in told[0]
    assert any(one.label == "Choose another table" for one in at.button)


def test_a_broken_tenth_of_the_rows_is_listed_and_the_rest_is_learned(biotl_home):
    rows = [f"C{'C' * i}c1ccccc1,{100 + 7 * i}" for i in range(40)]
    rows[::10] = ["broken(,5", "CCO,n.d.", f"{'C' * 5000},3", ",9"]
    at = open_page()
    at.file_uploader[0].upload("mine.csv", "\n".join(["smiles,IC50 (nM)", *rows]).encode(), "text/csv").run()
    assert not at.exception and not at.error
    assert "36 molecules from 40 rows" in texts(at) and "4 rows could not be used" in texts(at)
    assert at.dataframe[0].value["reason"].str.len().min() > 10


def test_columns_and_unit_can_be_changed(biotl_home):
    rows = [f"C{'C' * i}O,{5 + i / 10},{100 * (i + 1)}" for i in range(30)]
    at = open_page()
    at.file_uploader[0].upload(
        "mine.csv", "\n".join(["smiles,first,second", *rows]).encode(), "text/csv"
    ).run()
    assert "which column holds what was measured" in at.info[0].value
    choice = {box.label: box for box in at.selectbox}
    choice["Column of what was measured"].select("second").run()
    assert not at.exception and "second from 100 to" in texts(at)
    {box.label: box for box in at.selectbox}["In which unit"].select("nM").run()
    assert not at.exception and "psecond from" in texts(at)


def test_an_address_that_leads_nowhere_is_said(biotl_home):
    at = open_page(assay="never", screen="never")
    assert "There is no assay called never" in at.warning[0].value
    at = open_page(table="upload/0123456789abcdef/none.csv")
    assert "no longer here" in at.error[0].value


def test_a_failed_assay_says_why(biotl_home):
    folder = biotl_home / "assays" / "broken"
    folder.mkdir(parents=True)
    config = {"kind": "assay", "name": "broken", "source": "x.csv", "target_name": "pIC50"}
    (folder / "config.json").write_text(json.dumps(config))
    write_status(folder, RunStatus("failed", "It broke."))
    assert "It broke" in open_page(assay="broken").error[0].value


def test_a_screen_alone_in_the_address_leads_to_its_run(biotl_home):
    for kind, folder, about in (
        ("assay", biotl_home / "assays" / "mine", {}),
        ("screen", biotl_home / "screens" / "ranked", {"run": str(biotl_home / "assays" / "mine")}),
    ):
        folder.mkdir(parents=True)
        config = {"kind": kind, "name": folder.name, "source": "x.csv", "target_name": "pIC50"} | about
        (folder / "config.json").write_text(json.dumps(config))
        write_status(folder, RunStatus("failed", "It broke."))
    at = open_page(screen="ranked")
    assert "mine" in at.subheader[0].value and at.query_params["assay"] == "mine"


def test_a_table_with_target_proteins_is_learned_as_pairs_and_ranks_against_one(biotl_home, monkeypatch):
    table = pair_table(400)
    table["year"] = [str(2001 + i % 12) for i in range(len(table))]
    at = open_page()
    at.file_uploader[0].upload("pairs.csv", table.to_csv(index=False).encode(), "text/csv").run()
    assert not at.exception
    assert "target proteins in *sequence*" in texts(at)
    next(one for one in at.radio if one.label == "What will you ask next?").set_value("time").run()
    choice = {box.label: box for box in (*at.selectbox, *at.number_input)}
    assert choice["Column of dates or years"].value == "year"
    choice["A pretrained protein model for the towers"].select("biotl-protein").run()
    choice["Repeat with so many seeds"].set_value(2).run()
    button(at, "Learn molecules and targets together").click().run()
    assert not at.exception
    assert at.query_params["pairs"] == "pairs"
    assert "Over 2 seeds" in texts(at) and "The towers read biotl\\-protein" in texts(at)
    assert "held\\-out pairs" in texts(at) and "Target proteins that share one sequence" in texts(at)
    next(one for one in at.selectbox if one.label == "Rank against this target protein").select(3).run()
    button(at, "Try with a simulated library").click().run()
    button(at, "Rank the library").click().run()
    assert not at.exception
    assert "Of 1,500 molecules" in texts(at)
