import doctest

from biotl_core import wording
from biotl_core.wording import plain, plain_sentence, say_bytes, say_number, say_seconds


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(wording).failed == 0


def test_three_significant_digits_survive_rounding_up():
    assert say_number(0.9996) == "1.00"
    assert say_number(99.96) == "100"
    assert say_number(-1234.5) == "-1,230"


def test_times_and_sizes_change_unit_where_they_round_up():
    assert say_seconds(59.7) == "1 min"
    assert say_bytes(999.9) == "1.0 kB"


def test_markup_in_a_users_text_is_shown_not_read():
    assert plain("<img src=x onerror=alert(1)>") == r"\<img src\=x onerror\=alert\(1\)\>"
    assert plain_sentence("Name one of them (in the shell: --sequence NAME).") == r"Name one of them\."
    assert plain("a\n# b") == r"a \# b"
    assert plain_sentence("Column *my_col*: found '<b>'.") == r"Column *my\_col*\: found '\<b\>'\."
