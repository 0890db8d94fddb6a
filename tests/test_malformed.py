import re

import pytest

from biotl_core.data.cleaning import check, clean
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import propose_split, split_or_random
from biotl_core.errors import UserError
from tests.malformed_inputs import Malformed, malformed_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> dict[str, Malformed]:
    found = malformed_inputs(tmp_path_factory.mktemp("malformed"))
    assert len({item.name for item in found}) == len(found)
    return {item.name: item for item in found}


def _through_all_steps(item: Malformed) -> Dataset:
    raw = read_file(item.path)
    reading = guess_reading(raw, part=item.part)
    check(raw, reading, max_length=512)
    cleaned = clean(raw, reading)
    assert len(cleaned.dataset.table) + cleaned.n_set_aside == len(raw.table)
    result = split_or_random(cleaned.dataset, propose_split(cleaned.dataset))
    result.dataset.target_values()
    return result.dataset


def test_there_are_at_least_fifty(inputs):
    assert len(inputs) >= 50


def test_each_ends_in_a_dataset_or_in_one_clear_sentence(inputs):
    wrong = []
    for item in inputs.values():
        try:
            dataset = _through_all_steps(item)
        except UserError as error:
            if item.expect == "ok":
                wrong.append(f"{item.name}: should give a dataset, but: {error}")
            wrong += [f"{item.name}: {fault}: {error}" for fault in _faults(str(error))]
        else:
            if item.expect == "error":
                wrong.append(f"{item.name}: should be refused, but gave {len(dataset.table)} rows")
            assert set(dataset.table["part"]) == {"train", "validation", "test"}
    assert not wrong, "\n".join(wrong)


def _faults(message: str) -> list[str]:
    """What keeps a message from being one or two clear sentences."""
    words = (
        r"Traceback|Error\b|Exception|NoneType|KeyError|File \"|line \d+ in|0x[0-9a-f]{6}|\bnan\b, \bdtype"
    )
    faults = []
    if "\n" in message or not message.isprintable():
        faults.append("more than a line")
    if not 20 < len(message) < 400:
        faults.append(f"{len(message)} letters")
    if re.search(words, message):
        faults.append("programmers' words")
    if not message.rstrip().endswith("."):
        faults.append("no full stop")
    return faults


def test_html_in_names_is_kept_as_text(inputs):
    dataset = _through_all_steps(inputs["html_in_names"])
    assert dataset.table["name"].iloc[3] == "<script>alert(3)</script><b>x</b>"


def test_set_aside_rows_are_told_with_their_reason(inputs):
    raw = read_file(inputs["words_among_targets"].path)
    changes = clean(raw, guess_reading(raw)).changes
    assert changes["row"].tolist() == [1, 2, 3]
    assert changes["before"].tolist() == ["n.d.", ">100", "<0.1"]
    assert changes["why"].str.len().min() > 5
