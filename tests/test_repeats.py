"""Several seeds: mean and spread by hand."""

import pytest

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.screening.repeats import check_n_seeds, control_of_seed, join_repeats, say_repeats


def test_mean_and_spread_by_hand():
    judged = [{"a": {"r": 0.5}, "b": {"r": 0.1}}, {"a": {"r": 0.7}, "b": {"r": 0.3}}]
    joined = join_repeats(judged, ["a", "a"])
    assert joined["mean"]["a"]["r"] == pytest.approx(0.6) and joined["spread"]["a"]["r"] == pytest.approx(
        0.02**0.5
    )
    assert joined["chosen"] == {"a": 2} and joined["n"] == 2
    said = say_repeats(joined, {"a": "Model A"}, "r", "Pearson r")
    assert "Model A reaches Pearson r 0.600 ± 0.141" in said and "2 of 2" in said


def test_the_stage_names_the_seed():
    told = []
    control = Control(report=lambda stage, done, total: told.append(stage))
    control_of_seed(control, 2, 3).step("Learning", 0, 1)
    control_of_seed(control, 1, 1).step("Learning", 0, 1)
    assert told == ["Seed 2 of 3: Learning", "Learning"]


@pytest.mark.parametrize("wrong", [0, -1, 1000])
def test_the_number_of_seeds_is_checked(wrong):
    with pytest.raises(UserError):
        check_n_seeds(wrong)
