"""The pages through the router, without a browser: from a table to a run that is asked for."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from biotl_core.data.dataset import Dataset
from biotl_core.data.examples import EXAMPLES
from biotl_core.data.saved_datasets import find_dataset, read_changes, read_origin, read_split
from biotl_core.data.splitting import SplitSettings
from biotl_core.runs.folder import create_run, list_runs, read_config
from biotl_core.runs.liveness import ALIVE_LOCK
from biotl_core.runs.status import RunStatus, write_status

ROOT = Path(__file__).resolve().parents[1]
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def make_table(n: int = 30) -> str:
    """A clean table of n proteins of one length, with a number each."""
    rows = [f"p{i},MKT{LETTERS[i % 20]}{LETTERS[i // 20]}IAKQRQISFVKSHFSRQ,{40 + i * 0.5}" for i in range(n)]
    return "\n".join(["id,sequence,tm", *rows]) + "\n"


DIRTY = make_table() + (
    "lower,mktayiakqrqisfvkshfsrq,48.4\n"
    "gap,MKTWW-IAKQRQISFVKSHFSRQ,47\n"
    "digit,MKTAYIAKQ1QISFVKSHFSRQ,52\n"
    "<b>bold</b>,MKTWYIAKQRQISFVKSHFSRQ,<img src=x onerror=alert(1)>\n"
)


@pytest.fixture
def app(monkeypatch) -> AppTest:
    """The application on an empty home, opened at its root; no worker is ever launched."""
    monkeypatch.setattr("biotl_core.runs.folder.launch", lambda folder: None)
    monkeypatch.setattr("widgets.background.PATIENCE_SECONDS", 60)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def upload(app: AppTest, content: bytes | str, name: str = "table.csv") -> AppTest:
    content = content.encode() if isinstance(content, str) else content
    return app.file_uploader[0].upload(name, content, "text/csv").run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def title(app: AppTest) -> str:
    assert not app.exception, app.exception
    return app.title[0].value


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in (*app.markdown, *app.caption, *app.info))


def test_the_root_leads_to_the_data_page(app):
    assert title(app) == "Data"


def test_train_without_a_dataset_offers_two_ways_to_one(app):
    app.switch_page("pages/train.py").run()
    assert title(app) == "Train"
    assert [button.label for button in app.button] == ["Bring a table", "Load an example"]
    assert title(app.button[0].click().run()) == "Data"


def test_from_an_upload_to_a_run_that_is_asked_for(app):
    upload(app, make_table())
    assert "30 proteins, one number each" in texts(app)
    press(app, "Continue to training")
    assert title(app) == "Train"
    dataset = Dataset.load(find_dataset("table"))
    assert set(dataset.table["part"]) == {"train", "validation", "test"}
    assert read_split(find_dataset("table"))["kind"] == "random"
    app.number_input(key="settings-epochs").set_value(7).run()
    press(app, "Start training")
    assert title(app) == "Runs"
    (run,) = list_runs()
    config = read_config(run.folder)
    assert config["settings"]["epochs"] == 7
    assert config["dataset_hash"] == dataset.content_hash
    assert config["split"]["sentence"]


def test_nothing_is_mended_before_it_is_asked_for_and_every_change_is_logged(app):
    upload(app, DIRTY)
    assert "30 proteins" in texts(app)
    press(app, "Repair all safe ones")
    assert "32 proteins" in texts(app)
    press(app, "Continue to training")
    changes = read_changes(find_dataset("table"))
    assert changes[changes["row"] == 31]["after"].tolist() == ["MKTAYIAKQRQISFVKSHFSRQ"]
    assert set(changes["row"]) == {31, 32, 33, 34}
    assert set(read_origin(find_dataset("table"))["repairs"]) >= {"lower_case", "gaps"}


def test_one_repair_can_be_switched_by_itself(app):
    upload(app, DIRTY)
    store = f"data {app.session_state['table']}"
    app.toggle(key=f"{store}-repair-gaps").set_value(True).run()
    assert "31 proteins" in texts(app)


def test_html_in_a_table_is_shown_as_text(app):
    upload(app, DIRTY.replace("id,sequence,tm", "id,sequence,<b>tm</b>"), "<script>x</script>.csv")
    assert title(app) == "Data"
    assert not any(element.proto.allow_html for element in (*app.markdown, *app.caption))
    assert r"\<b\>tm\</b\>" in texts(app)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("junk.csv", bytes(range(256)) * 20),
        ("zip.csv", b"PK\x03\x04" + b"0" * 100),
        ("broken.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50)[:40]),
        ("page.csv", b"<!doctype html><html><body>Not found</body></html>"),
        ("../../etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n"),
    ],
)
def test_a_file_that_holds_no_table_gets_one_sentence_and_another_try(app, name, content):
    upload(app, content, name)
    assert title(app) == "Data"
    sentences = [*app.error, *app.info]
    assert len(sentences) == 1
    assert "Traceback" not in sentences[0].value


def test_several_possible_columns_are_a_question_not_an_error(app):
    rows = [f"MKT{a}YIAKQRQISFVKSHFSRQ,MKTAY{a}AKQRQISFVKSHFSRQ,{i}.5" for i, a in enumerate(LETTERS)]
    upload(app, "seq_a,seq_b,tm\n" + "\n".join(rows))
    assert not app.error
    assert "several columns" in app.info[0].value
    store = f"data {app.session_state['table']}"
    app.selectbox(key=f"{store}-sequence").set_value("seq_b").run()
    assert "20 proteins" in texts(app)


def test_choices_outlive_a_visit_to_another_page(app):
    upload(app, DIRTY)
    press(app, "Repair all safe ones")
    app.switch_page("pages/train.py").run()
    app.switch_page("pages/data.py").run()
    assert "32 proteins" in texts(app)


def test_a_saved_dataset_opens_with_all_that_was_chosen(app):
    upload(app, DIRTY)
    press(app, "Repair all safe ones")
    press(app, "Continue to training")
    later = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    later.query_params["dataset"] = "table"
    later.run()
    assert title(later) == "Data"
    assert "32 proteins" in texts(later)


def test_a_table_that_is_gone_is_said_and_another_can_be_chosen(app):
    app.query_params["table"] = "upload/../../../etc/passwd"
    app.run()
    assert title(app) == "Data"
    assert len(app.error) == 1
    assert len(app.file_uploader) == 1


def test_a_pasted_table_is_read(app):
    app.text_area[0].set_value(make_table().replace(",", "\t")).run()
    press(app, "Use this table")
    assert "30 proteins" in texts(app)


def test_where_the_proposed_split_is_not_possible_a_random_one_is_taken_and_said(app, monkeypatch):
    monkeypatch.setattr("widgets.table_steps.propose_split", lambda dataset: SplitSettings("similarity"))
    rows = [f"MKTAYIAKQRQISFVKSHFSRQ{LETTERS[i]}{'W' * (i % 3)},{i}" for i in range(20)]
    upload(app, "sequence,tm\n" + "\n".join(rows))
    assert not app.info
    assert "at random" in texts(app)
    assert "one group" in texts(app)
    press(app, "Continue to training")
    assert read_split(find_dataset("table"))["kind"] == "random"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_ready_for_training_at_once(app, name):
    app.button(key=f"example-{name}").click().run()
    assert title(app) == "Data"
    assert not app.error
    press(app, "Continue to training")
    assert title(app) == "Train"
    assert find_dataset(EXAMPLES[name].file.stem)


def test_the_sidebar_shows_the_dataset_and_the_device(app):
    upload(app, make_table())
    press(app, "Continue to training")
    shown = "\n".join(element.value for element in app.sidebar.caption)
    assert "30 proteins" in shown
    assert "memory" in shown


def test_a_click_counts_that_comes_just_when_the_last_run_has_ended(app):
    folder = create_run({"backbone": "esm2-8m", "modality": "protein"}, kind="download", name="other")
    write_status(folder, RunStatus("running"))
    with FileLock(folder / ALIVE_LOCK):
        upload(app, make_table())
    write_status(folder, RunStatus("finished", finished_at=1.0))
    press(app, "Continue to training")
    assert title(app) == "Train"


def test_a_backbone_that_is_not_here_cannot_be_started_and_the_page_says_why(app):
    upload(app, make_table())
    press(app, "Continue to training")
    app.session_state["kept-backbone"] = {"where": "To download"}
    app.run()
    start = next(button for button in app.button if button.label == "Start training")
    assert start.disabled
    assert "has to be fetched first" in texts(app)
    assert not app.error


def test_no_page_imports_torch_to_be_drawn():
    """The first paint must not wait for torch and transformers, which take seconds to import."""
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from widgets.navigation import PAGES\n"
        f"app = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=120).run()\n"
        "for name in PAGES:\n"
        "    app.switch_page(f'pages/{name}.py').run()\n"
        "    assert not app.exception, (name, app.exception)\n"
        "heavy = {'torch', 'transformers', 'peft', 'rdkit', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
