"""Uploads lie below the home under a safe name; an address cannot reach any other file."""

import io

import pytest

from biotl_core.data.examples import EXAMPLES
from biotl_core.errors import UserError
from widgets.table_source import find_table, keep_file, table_title


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("my table (2).csv", "my-table-2-.csv"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "table"),
        ("数据", "table"),
    ],
)
def test_an_upload_is_kept_under_a_safe_name(biotl_home, name, kept):
    table_id = keep_file(io.BytesIO(b"a,b\n1,2\n"), name, "upload")
    file = find_table(table_id)
    assert file.name == kept == table_title(table_id)
    assert file.read_bytes() == b"a,b\n1,2\n"
    assert file.resolve().is_relative_to((biotl_home / "uploads").resolve())


def test_two_files_of_one_name_are_two_tables_and_the_same_file_twice_is_one():
    first = keep_file(io.BytesIO(b"one"), "table.csv", "upload")
    second = keep_file(io.BytesIO(b"two"), "table.csv", "upload")
    assert first != second
    assert find_table(first).read_bytes() == b"one"
    assert keep_file(io.BytesIO(b"one"), "table.csv", "upload") == first


@pytest.mark.parametrize(
    "table_id",
    [
        "",
        "upload/../../etc/passwd",
        "upload/0123456789abcdef/../../../secret",
        "upload/0123456789abcdef/.hidden",
        "example/../../secret",
        "/etc/passwd",
        "upload/0123456789abcdef/gone.csv",
    ],
)
def test_an_address_that_names_no_table_is_refused(table_id):
    with pytest.raises(UserError, match="no longer here"):
        find_table(table_id)


def test_every_example_is_a_table():
    assert all(find_table(f"example/{name}").is_file() for name in EXAMPLES)
