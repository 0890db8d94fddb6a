"""The report: complete for every task, quiet about what is not there, safe with any text of a user."""

import json
import re
import zipfile

import pytest

from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.reports.citations import CITATIONS, citations_of
from biotl_core.reports.document import make_report, write_report
from biotl_core.reports.dome import dome_checklist
from biotl_core.reports.methods import limits, methods_paragraph
from biotl_core.reports.page import table
from biotl_core.reports.record import read_record
from biotl_core.runs.export import zip_model
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.model_card import model_card
from tests.run_folders import make_run


def without_script(page: str) -> str:
    """The page without Plotly's script and without the figures' data."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def change_result(folder, **more):
    path = folder / "result.json"
    write_json_atomically(path, json.loads(path.read_text()) | more)


@pytest.mark.parametrize("task", TASKS)
def test_a_report_of_every_task_is_complete(task, biotl_home):
    folder = make_run(biotl_home, "one", task, twin=True, n=80)
    page = make_report(read_record(folder))
    said = without_script(page)
    for title in (
        "The answer",
        "Data",
        "Split and leaks",
        "Model and training",
        "How good is it",
        "Limits",
        "DOME",
    ):
        assert title in said
    record = read_record(folder)
    assert record.result["dataset_hash"] in said
    assert page.count("Plotly.newPlot(") >= 6
    assert "Lower case letters" in said  # the log of repairs
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', page, re.DOTALL)[1])
    assert facts["test"] == record.result["test"]


def test_nothing_in_it_asks_for_anything_outside(biotl_home):
    page = make_report(read_record(make_run(biotl_home, "one")))
    for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", without_script(page)):
        assert "http" not in tag and "//" not in tag
    assert not re.search(r"<script[^>]*\bsrc=", page)


def test_what_other_work_adds_appears(biotl_home):
    folder = make_run(biotl_home, "one")
    change_result(folder, leak=None, certainty=None, bands=None)
    plain = without_script(make_report(read_record(folder)))
    assert "Held on the test part" not in plain and "by distance from training" not in plain
    change_result(
        folder,
        leak={
            "sentence": "The nearest test protein is 98 % alike.",
            "warning": "12 test proteins are near twins.",
        },
        certainty={"coverage": 0.9, "n_calibration": 60, "test": {"share": 0.887, "n": 80}},
        bands=[{"low": 0.0, "high": 0.5, "n": 30, "score": 0.4, "score_low": 0.2, "score_high": 0.6}],
        differences={"ridge": [0.1, 0.0, 0.2]},
        something_new={"never": "seen"},
    )
    write_json_atomically(
        folder / "review.json",
        {"n": 9, "spearman": 0.5, "mean_error": 0.2, "n_hits": 3, "hit_rate": 1 / 3, "threshold": 1.0}
        | {"best_before": 2.0, "best_now": 2.5, "coverage": None},
    )
    record = read_record(folder)
    said = without_script(make_report(record))
    for text in ("12 test proteins are near twins.", "88.7%", "0% to 50%", "0.400 [0.200, 0.600]", "3 (33%)"):
        assert text in said
    assert limits(record)[0] == "12 test proteins are near twins."
    assert "Vovk et al. 2005" in methods_paragraph(record)


def test_a_users_text_is_shown_and_never_run(biotl_home):
    evil = "<img src=x onerror=alert(1)></script>"
    folder = make_run(biotl_home, "one")
    for name in ("config.json", "result.json", "dataset.json"):
        path = folder / name
        path.write_text(path.read_text().replace("log fitness", evil).replace("regression.csv", evil))
    page = make_report(read_record(folder))
    assert "<img" not in page.split("</head>")[1]
    assert "&lt;img src=x" in page
    # Whatever stands in a script must not end it early.
    assert page.count("</script>") == len(re.findall(r"<script\b", page.replace("<\\/script", "")))


def test_the_methods_name_what_was_done(biotl_home):
    record = read_record(make_run(biotl_home, "one", method="lora", twin=True))
    said = methods_paragraph(record)
    for text in ("Hu et al. 2022", "random seed 0", "Spearman", "from random weights reached", "log fitness"):
        assert text in said
    keys = [one.key for one in citations_of(record)]
    assert "hu2022lora" in keys and "walsh2021dome" in keys and len(set(keys)) == len(keys)
    assert not re.search(r"\bNone\b|nan", said)


def test_the_methods_tell_of_averaged_weights_where_there_are_any(biotl_home):
    folder = make_run(biotl_home, "one")
    assert "running average" not in methods_paragraph(read_record(folder))
    change_result(folder, is_averaged=True)
    assert "the running average of the weights kept" in methods_paragraph(read_record(folder))


@pytest.mark.parametrize("key", CITATIONS)
def test_each_citation_is_bibtex(key):
    entry = CITATIONS[key].bibtex
    assert re.match(rf"@\w+\{{{key},\n", entry) and entry.count("{") == entry.count("}")


def test_the_checklist_asks_all_questions_and_leaves_open_what_a_run_cannot_know(biotl_home):
    items = dome_checklist(read_record(make_run(biotl_home, "one")))
    assert [
        sum(item.part == part for item in items) for part in ("Data", "Optimisation", "Model", "Evaluation")
    ] == [4, 8, 4, 5]
    assert "to be filled in by the authors" in items[0].answer
    assert "to be filled in by the authors" in table([("Question", "")])


def test_only_a_finished_training_has_a_report(biotl_home, tmp_path):
    folder = make_run(biotl_home, "broken", state="failed", message="It broke.")
    with pytest.raises(UserError, match="is not a finished training"):
        write_report(folder, tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()


def test_the_model_carries_its_card(biotl_home):
    folder = make_run(biotl_home, "one")
    (folder / "model" / "README.md").write_text("# A model tuned with BioTL\n\nThe backbone is x.\n")
    with zipfile.ZipFile(zip_model(folder)) as archive:
        assert archive.namelist().count("one/README.md") == 1
        card = archive.read("one/README.md").decode()
    assert card == model_card(folder)
    for text in (
        "# one",
        "log fitness",
        "## On the test part",
        "| Ridge on letters |",
        "## Limits",
        "## How to load it",
    ):
        assert text in card


def test_many_points_are_drawn_so_that_they_print():
    import numpy as np

    from biotl_core.plots import plot_predicted_against_true
    from biotl_core.plots.standalone import drawn, printable

    values = np.random.default_rng(0).normal(size=3000)
    figure = plot_predicted_against_true(values, values, [str(i) for i in range(3000)], "x")
    assert "scattergl" in {trace.type for trace in figure.data}
    copies = [printable(trace) for trace in figure.data]
    assert {trace.type for trace in copies} == {"scatter"}
    assert all((a.x == b.x).all() for a, b in zip(copies, figure.data, strict=True) if len(a.x) == 3000)
    assert "&lt;b&gt;" in drawn(figure, "one", "A <b>caption</b>")
