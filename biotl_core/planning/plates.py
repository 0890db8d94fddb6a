"""Plates: which well of a 96- or 384-well plate holds what, with controls, at random places."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.errors import UserError

PlateSize = Literal[96, 384]
ControlPlaces = Literal["spread", "first_column", "last_column"]
COLUMNS = ("plate", "well", "row", "column", "content", "name", "sequence", "replicate")


class Shape(NamedTuple):
    """Rows and columns of a plate."""

    n_rows: int
    n_columns: int


SHAPES: dict[PlateSize, Shape] = {96: Shape(8, 12), 384: Shape(16, 24)}
CONTROL_PLACES: dict[ControlPlaces, str] = {
    "spread": "spread at random",
    "first_column": "in the first columns",
    "last_column": "in the last columns",
}


@dataclass(frozen=True)
class PlateSettings:
    """How plates are filled."""

    size: PlateSize = 96
    replicates: int = 1
    """Wells of each candidate."""
    parent_wells: int = 4
    """Wells a plate with the parent (wild type): what the others are compared with, and how much the plate varies."""
    negative_wells: int = 2
    """Wells a plate with something known not to work (empty vector, solvent)."""
    positive_wells: int = 0
    """Wells a plate with something known to work."""
    blank_wells: int = 2
    """Wells a plate without anything, for the background."""
    controls: ControlPlaces = "spread"
    use_edge: bool = True
    """Whether wells at the rim are used; they dry out first."""
    shuffle: bool = True
    """Candidates at random places, so that the order of the list and the place on the plate are not one."""
    seed: int = 0

    @property
    def control_names(self) -> list[str]:
        """One entry a control well of a plate."""
        counts = {
            "parent": self.parent_wells,
            "negative control": self.negative_wells,
            "positive control": self.positive_wells,
            "blank": self.blank_wells,
        }
        return [name for name, count in counts.items() for _ in range(count)]


def lay_out_plates(
    names: Sequence[str], sequences: Sequence[str], settings: PlateSettings, parent: str = ""
) -> pd.DataFrame:
    """Fill plates one after the other, each with its own controls.

    Args:
        names: of the candidates, the first choice first.
        sequences: their letters.
        settings: how.
        parent: letters of the parent, for its wells.

    Returns:
        A row a well, plate after plate and row after row, columns as in `COLUMNS`; `content` is candidate, one of
        the controls, or empty.

    Raises:
        UserError: the controls leave no room, or a number is out of range.
    """
    if settings.size not in SHAPES:
        raise UserError(f"There are plates of 96 and of 384 wells, not of {settings.size}.")
    if not 1 <= settings.replicates <= 12:
        raise UserError(f"{settings.replicates} replicates: between 1 and 12 are possible.")
    wells = usable_wells(settings)
    n_room = len(wells) - len(settings.control_names)
    if n_room < 1:
        raise UserError(
            f"{len(settings.control_names)} controls leave none of {len(wells)} wells for a candidate. Take fewer "
            "controls, the edge wells, or a larger plate."
        )
    rng = np.random.default_rng(settings.seed)
    copies = [(i, copy) for copy in range(1, settings.replicates + 1) for i in range(len(names))]
    n_plates = max(1, -(-len(copies) // n_room))
    # The first choices of all replicates come first, so that a plate left out costs the least promising.
    copies.sort(key=lambda one: one[0])
    plates = []
    for plate in range(n_plates):
        share = copies[plate * n_room : (plate + 1) * n_room]
        content = _fill(share, wells, settings, rng)
        plates.append(_as_table(plate + 1, content, names, sequences, settings, parent))
    return pd.concat(plates, ignore_index=True)


def usable_wells(settings: PlateSettings) -> list[tuple[int, int]]:
    """Row and column of the wells that are used, column after column as a multichannel pipette goes."""
    shape = SHAPES[settings.size]
    margin = 0 if settings.use_edge else 1
    return [
        (row, column)
        for column in range(margin, shape.n_columns - margin)
        for row in range(margin, shape.n_rows - margin)
    ]


def well_name(row: int, column: int) -> str:
    """As it is printed on the plate.

    >>> well_name(0, 0), well_name(15, 23)
    ('A01', 'P24')
    """
    return f"{string.ascii_uppercase[row]}{column + 1:02d}"


_Content = tuple[str, int, int]
"""What is in a well, the candidate's number (-1 for none) and its replicate (0 for none)."""


def _fill(
    share: list[tuple[int, int]],
    wells: list[tuple[int, int]],
    settings: PlateSettings,
    rng: np.random.Generator,
) -> dict[tuple[int, int], _Content]:
    controls = settings.control_names
    if settings.controls == "spread":
        n_used = len(controls) + len(share)  # among the candidates, also where these fill half a plate
        places = [wells[i] for i in np.sort(rng.permutation(n_used)[: len(controls)])]
    elif settings.controls == "first_column":
        places = wells[: len(controls)]
    else:
        places = wells[len(wells) - len(controls) :]
    order = rng.permutation(len(controls))
    content: dict[tuple[int, int], _Content] = {
        place: (controls[i], -1, 0) for place, i in zip(places, order, strict=True)
    }
    free = [well for well in wells if well not in content][: len(share)]
    candidates = [share[i] for i in rng.permutation(len(share))] if settings.shuffle else share
    content |= {well: ("candidate", i, copy) for well, (i, copy) in zip(free, candidates, strict=True)}
    return content


def _as_table(
    plate: int,
    content: dict[tuple[int, int], _Content],
    names: Sequence[str],
    sequences: Sequence[str],
    settings: PlateSettings,
    parent: str,
) -> pd.DataFrame:
    shape, rows = SHAPES[settings.size], []
    for row in range(shape.n_rows):
        for column in range(shape.n_columns):
            what, i, copy = content.get((row, column), ("empty", -1, 0))
            is_candidate = what == "candidate"
            name = names[i] if is_candidate else "" if what == "empty" else what
            letters = sequences[i] if is_candidate else parent if what == "parent" else ""
            well = well_name(row, column)
            rows.append((plate, well, well[0], column + 1, what, name, letters, copy if is_candidate else ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))
