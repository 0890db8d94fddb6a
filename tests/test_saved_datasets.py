"""A saved dataset comes back as it was, with how it was made."""

import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.data.saved_datasets import (
    find_dataset,
    list_datasets,
    read_changes,
    read_origin,
    read_split,
    save_dataset,
)
from biotl_core.errors import UserError

DATASET = Dataset(
    pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "sequence": ["MKV", "MKL", "MKI"],
            "target": [1.0, 2.0, 3.5],
            "part": ["train", "validation", "test"],
        }
    ),
    "protein",
    "regression",
    source="three.csv",
    target_name="tm",
)
CHANGES = pd.DataFrame(
    {"row": [2], "column": ["sequence"], "before": ["mkl"], "after": ["MKL"], "why": ["Lower case"]}
)


def test_what_was_saved_is_read_back():
    folder = save_dataset("three", DATASET, CHANGES, {"kind": "random", "seed": 3}, {"table": "example/x"})
    assert find_dataset("three") == folder
    assert Dataset.load(folder).content_hash == DATASET.content_hash
    assert read_split(folder) == {"kind": "random", "seed": 3}
    assert read_origin(folder) == {"table": "example/x"}
    pd.testing.assert_frame_equal(read_changes(folder), CHANGES, check_dtype=False)


def test_saving_again_replaces_all_of_it():
    save_dataset("three", DATASET, CHANGES, {"kind": "random"}, {"table": "a"})
    folder = save_dataset("three", DATASET, CHANGES.iloc[:0], {"kind": "given"}, {"table": "b"})
    assert read_split(folder) == {"kind": "given"}
    assert len(read_changes(folder)) == 0
    assert list_datasets() == ["three"]


@pytest.mark.parametrize("name", ["", "../three", "a/b", ".hidden", "two words"])
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(UserError):
        save_dataset(name, DATASET, CHANGES, {}, {})
    with pytest.raises(UserError):
        find_dataset(name)
    assert list_datasets() == []
