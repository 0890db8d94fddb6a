import importlib.util

import pytest

from biotl_core.data.cleaning import check, clean
from biotl_core.data.examples import EXAMPLES, EXAMPLES_FOLDER
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import propose_split, split

EXPECTED_TASKS = {
    "protein_variants": "regression",
    "dna_promoters": "classification",
    "molecule_logp": "regression",
    "molecule_alerts": "multilabel",
    "protein_residues": "residue_classification",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_needs_no_option_and_no_repair(name):
    example = EXAMPLES[name]
    raw = read_file(example.file)
    reading = guess_reading(raw)
    assert reading.modality == example.modality
    assert reading.task_name == EXPECTED_TASKS[name]
    assert len(check(raw, reading)) == 0
    cleaned = clean(raw, reading)
    assert cleaned.changes.empty
    assert 300 <= len(cleaned.dataset.table) <= 1500
    result = split(cleaned.dataset, propose_split(cleaned.dataset))
    assert min(result.counts.values()) >= 30


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_small_and_says_that_it_was_not_measured(name):
    example = EXAMPLES[name]
    assert example.file.stat().st_size < 200_000
    assert any(word in example.how_made for word in ("Simulated", "computed", "found by RDKit"))


def test_there_is_one_for_each_modality():
    assert {example.modality for example in EXAMPLES.values()} == {"protein", "dna", "molecule"}


def test_making_them_again_gives_the_same_tables(tmp_path):
    spec = importlib.util.spec_from_file_location("make_examples", EXAMPLES_FOLDER / "make_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_examples(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(EXAMPLES)
    for example in EXAMPLES.values():
        assert (tmp_path / example.file.name).read_text() == example.file.read_text()
