"""Plates: every candidate in its wells, every control in its place."""

import pytest

from biotl_core.errors import UserError
from biotl_core.planning.plates import PlateSettings, lay_out_plates, usable_wells

NAMES = [f"v{i}" for i in range(200)]
SEQUENCES = [f"M{'K' * i}" for i in range(200)]


@pytest.mark.parametrize("size", [96, 384])
@pytest.mark.parametrize("use_edge", [True, False])
@pytest.mark.parametrize("controls", ["spread", "first_column", "last_column"])
def test_all_candidates_and_controls_are_there(size, use_edge, controls):
    settings = PlateSettings(size, replicates=2, use_edge=use_edge, controls=controls)
    plates = lay_out_plates(NAMES, SEQUENCES, settings, "MKT")
    counts = plates[plates["content"] == "candidate"]["name"].value_counts()
    assert (counts == 2).all() and len(counts) == 200
    for _, plate in plates.groupby("plate"):
        assert len(plate) == size and plate["well"].is_unique
        assert (plate["content"] == "parent").sum() == 4 and (plate["content"] == "blank").sum() == 2
    rim = plates[plates["row"].isin([plates["row"].min(), plates["row"].max()])]
    assert use_edge or (rim["content"] == "empty").all()
    assert (plates[plates["content"] == "parent"]["sequence"] == "MKT").all()


def test_first_choices_lie_on_the_first_plate():
    plates = lay_out_plates(NAMES, SEQUENCES, PlateSettings(96))
    first = plates[(plates["plate"] == 1) & (plates["content"] == "candidate")]
    assert set(first["name"]) == set(NAMES[: len(first)]) and len(first) == 88


def test_columns_of_controls():
    plates = lay_out_plates(NAMES[:10], SEQUENCES[:10], PlateSettings(96, controls="last_column"))
    controls = plates[~plates["content"].isin(["candidate", "empty"])]
    assert set(controls["column"]) == {12} and len(controls) == 8


def test_the_seed_decides_the_places():
    a, b = (lay_out_plates(NAMES, SEQUENCES, PlateSettings(seed=1)) for _ in range(2))
    assert a.equals(b)
    assert not a.equals(lay_out_plates(NAMES, SEQUENCES, PlateSettings(seed=2)))
    straight = lay_out_plates(NAMES[:5], SEQUENCES[:5], PlateSettings(shuffle=False, controls="last_column"))
    placed = straight[straight["content"] == "candidate"].sort_values(["column", "row"])
    assert placed["name"].tolist() == NAMES[:5] and placed["well"].iloc[1] == "B01"


def test_what_cannot_be_filled_is_told():
    assert len(usable_wells(PlateSettings(96, use_edge=False))) == 60
    with pytest.raises(UserError, match="leave none of 96 wells"):
        lay_out_plates(NAMES, SEQUENCES, PlateSettings(96, parent_wells=95))
    with pytest.raises(UserError, match="not of 24"):
        lay_out_plates(NAMES, SEQUENCES, PlateSettings(24))
    with pytest.raises(UserError, match="between 1 and 12"):
        lay_out_plates(NAMES, SEQUENCES, PlateSettings(replicates=0))
