"""Potencies as people write them."""

import pytest

from biotl_core.screening.units import (
    UNITS,
    Measurement,
    as_potency,
    guess_unit,
    read_activity,
    read_measurement,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.2", (5.2, 0, None)),
        ("5,2", (5.2, 0, None)),
        ("1,250", (1250.0, 0, None)),
        ("12,345.5", (12345.5, 0, None)),
        ("> 10 µM", (10.0, 1, "uM")),
        (">=10uM", (10.0, 1, "uM")),
        ("<0.3 nM", (0.3, -1, "nM")),
        ("≤ 4", (4.0, -1, None)),
        ("~ 7", (7.0, 0, None)),
        ("3.1 ± 0.4", (3.1, 0, None)),
        ("45 %", (45.0, 0, "percent")),
        ("1e-7 M", (1e-7, 0, "M")),
        (".5", (0.5, 0, None)),
    ],
)
def test_a_cell_is_read(text, expected):
    assert read_measurement(text) == Measurement(*expected)


@pytest.mark.parametrize("text", ["n.d.", "", "inactive", "5 ug/ml", "1-2", "MKTAYIAK", "inf", "nan", "--3"])
def test_what_is_no_number_is_none(text):
    assert read_measurement(text) is None


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("1", "nM", (9.0, 0)),
        ("10", "uM", (5.0, 0)),
        ("> 10", "uM", (5.0, -1)),
        ("< 1", "nM", (9.0, 1)),
        ("10 uM", "nM", (5.0, 0)),
        ("7.5", "pX", (7.5, 0)),
        ("> 7.5", "pX", (7.5, 1)),
        ("-2.1", "as written", (-2.1, 0)),
    ],
)
def test_potency_is_a_negative_logarithm_and_turns_limits_around(text, unit, expected):
    assert as_potency(read_measurement(text), unit) == expected


def test_inhibition_becomes_a_potency_at_its_concentration():
    half, most, none = (as_potency(read_measurement(text), "percent", 1e-5) for text in ("50", "100", "-3"))
    assert half == (5.0, 0)
    assert most[1] == 1 and most[0] > 6.9
    assert none[1] == -1 and none[0] < 3.1
    assert as_potency(read_measurement("80"), "percent") == (80.0, 0)


def test_a_concentration_of_zero_is_told():
    assert "must be above 0" in as_potency(read_measurement("0"), "nM")


@pytest.mark.parametrize(
    ("column", "cells", "unit"),
    [
        ("Kd_nM", ["5", "6"], "nM"),
        ("IC50 [µM]", ["5"], "uM"),
        ("pKi", ["8.1"], "pX"),
        ("pIC50", ["300", "5000"], "as written"),
        ("result", ["Active", "inactive"], "active"),
        ("IC50", ["5 nM", "2 nM", "> 10 uM"], "nM"),
        ("% inhibition", ["40"], "percent"),
        ("-logKd", ["6.2"], "pX"),
    ],
)
def test_the_unit_is_guessed_from_name_then_cells(column, cells, unit):
    assert guess_unit(column, cells) == unit
    assert unit in UNITS


def test_activity_words():
    assert [read_activity(word) for word in ("Yes", "0", "DECOY", "5.2", "")] == [1.0, 0.0, 0.0, None, None]
