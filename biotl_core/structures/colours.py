"""One colour a residue, and the legend that says what the colours mean."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.structures.confidence import BANDS, CONFIDENCES
from biotl_core.structures.secondary_structure import COIL, HELIX, STRAND
from biotl_core.structures.structure import Structure
from biotl_core.structures.values import ResidueValues
from biotl_core.wording import say_number

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7A5195")
"""Okabe and Ito's colour-blind safe palette; purple for black, which vanishes on a dark ground."""
NO_VALUE = "#9AA5A2"
"""Residues without a value, and everything after the eighth category."""
CIVIDIS = (
    "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#E1CC55", "#FEE838",
)  # fmt: skip
"""Cividis (Nuñez, Anderton and Renslow, PLoS ONE 13, e0199239, 2018) without its darkest tenth, low to high."""
RED_BLUE = (
    "#2166AC", "#4393C3", "#92C5DE", "#D1E5F0", "#F0F0F0", "#FDDBC7", "#F4A582", "#D6604D", "#B2182B",
)  # fmt: skip
"""ColorBrewer RdBu reversed: blue below the centre, red above."""
RAINBOW = ("#3B4CC0", "#2C8FD1", "#1FB5A3", "#6BBF4B", "#E3C338", "#EE8A2C", "#C9342B")
"""From the first residue (blue) to the last (red)."""
HYDROPATHY = {
    "A": 1.8, "R": -4.5, "N": -3.5, "D": -3.5, "C": 2.5, "Q": -3.5, "E": -3.5, "G": -0.4, "H": -3.2, "I": 4.5,
    "L": 3.8, "K": -3.9, "M": 1.9, "F": 2.8, "P": -1.6, "S": -0.8, "T": -0.7, "W": -0.9, "Y": -1.3, "V": 4.2,
}  # fmt: skip
"""Hydropathy of Kyte and Doolittle (J Mol Biol 157, 105, 1982): positive is water-avoiding."""
SECONDARY_STRUCTURE = {HELIX: "#D55E00", STRAND: "#0072B2", COIL: "#B8C2BF"}


class LegendEntry(NamedTuple):
    """A colour and what it means."""

    colour: str
    text: str


@dataclass(frozen=True)
class Colouring:
    """Colours for the residues of a structure."""

    colours: tuple[str, ...]
    """A `#RRGGBB` for each row of `Structure.residues`."""
    title: str
    """What is shown, with its unit."""
    legend: tuple[LegendEntry, ...]
    """Categories or bands; for a gradient its stops from low to high, text at some of them."""
    is_gradient: bool = False
    """The legend is a continuous bar."""
    note: str = ""
    """What stands below the legend."""
    values: tuple[str, ...] = ()
    """What to say of each residue when it is pointed at; empty where nothing."""


@dataclass(frozen=True)
class Scheme:
    """A way to colour a structure."""

    title: str
    explanation: str
    """One sentence for the help."""
    colour: Callable[[Structure], Colouring]
    fits: Callable[[Structure], bool] = lambda structure: True
    """Whether the structure has what is shown."""


def gradient(
    values: np.ndarray, low: float, high: float, stops: tuple[str, ...] = CIVIDIS
) -> tuple[str, ...]:
    """Colours between stops for values from low to high; `NO_VALUE` for nan, the ends for what lies outside.

    >>> gradient(np.array([0.0, 1.0, np.nan]), 0, 1, ("#000000", "#FFFFFF"))
    ('#000000', '#FFFFFF', '#9AA5A2')
    """
    table = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    share = np.clip((np.asarray(values, dtype=float) - low) / ((high - low) or 1.0), 0, 1)
    place = np.nan_to_num(share) * (len(stops) - 1)
    channels = [np.interp(place, np.arange(len(stops)), table[:, c]) for c in range(3)]
    rounded = np.rint(np.stack(channels, axis=-1)).astype(int)
    return tuple(
        NO_VALUE if np.isnan(s) else f"#{r:02X}{g:02X}{b:02X}"
        for s, (r, g, b) in zip(share, rounded, strict=True)
    )


def _bar(
    low: float, high: float, stops: tuple[str, ...], ends: tuple[str, str] = ("", "")
) -> tuple[LegendEntry, ...]:
    """The legend of a gradient: numbers at the ends and in the middle."""
    texts = [""] * len(stops)
    texts[0] = ends[0] or say_number(low)
    texts[-1] = ends[1] or say_number(high)
    if not any(ends):
        texts[len(stops) // 2] = say_number((low + high) / 2)
    return tuple(LegendEntry(stop, text) for stop, text in zip(stops, texts, strict=True))


def by_chain(structure: Structure) -> Colouring:
    """A colour a chain, in the order of the file; grey after the eighth."""
    colour_of = {c: OKABE_ITO[i] if i < len(OKABE_ITO) else NO_VALUE for i, c in enumerate(structure.chains)}
    legend = [
        LegendEntry(colour, f"Chain {chain}") for chain, colour in list(colour_of.items())[: len(OKABE_ITO)]
    ]
    if len(colour_of) > len(OKABE_ITO):
        legend.append(LegendEntry(NO_VALUE, f"{len(colour_of) - len(OKABE_ITO)} more chains"))
    colours = tuple(structure.residues["chain"].map(colour_of))
    return Colouring(colours, "Chain", tuple(legend))


def band_colour(plddt: float) -> str:
    """The official colour of a confidence (0 to 100): the band starts above its lower bound.

    >>> band_colour(90.0), band_colour(90.1), band_colour(12)
    ('#65CBF3', '#0053D6', '#FF7D45')
    """
    return next((colour for lowest, colour, _ in BANDS if plddt > lowest), BANDS[-1][1])


def by_confidence(structure: Structure) -> Colouring:
    """The four bands of a predictor's confidence, called what it is."""
    values, kind = structure.residues["b_factor"], structure.confidence_kind
    legend = tuple(LegendEntry(colour, text) for _, colour, text in BANDS)
    said = tuple(f"{kind} {value:.0f}" for value in values)
    return Colouring(tuple(map(band_colour, values)), f"Predicted confidence ({kind})", legend, values=said)


def by_b_factor(structure: Structure) -> Colouring:
    """B-factors from the 2nd to the 98th percentile, so that one loose end does not flatten the rest."""
    values = structure.residues["b_factor"].to_numpy()
    low, high = np.percentile(values, (2, 98))
    said = tuple(f"B {value:.0f} Å²" for value in values)
    return Colouring(
        gradient(values, low, high), "B-factor (Å²)", _bar(low, high, CIVIDIS), True, values=said
    )


def by_position(structure: Structure) -> Colouring:
    """From the first (blue) to the last residue (red) of each chain."""
    place = structure.residues.groupby("chain", sort=False).cumcount()
    length = structure.residues.groupby("chain", sort=False)["number"].transform("size")
    share = (place / (length - 1).clip(lower=1)).to_numpy(float)
    return Colouring(
        gradient(share, 0, 1, RAINBOW), "Position in the chain", _bar(0, 1, RAINBOW, ("first", "last")), True
    )


def by_hydropathy(structure: Structure) -> Colouring:
    """Kyte and Doolittle's hydropathy of the residue."""
    is_protein = structure.residues["kind"] == "protein"
    values = structure.residues["letter"].map(HYDROPATHY).where(is_protein).to_numpy(float)
    legend = _bar(-4.5, 4.5, RED_BLUE, ("water-loving", "water-avoiding"))
    said = tuple("" if np.isnan(value) else f"hydropathy {value:+.1f}" for value in values)
    return Colouring(
        gradient(values, -4.5, 4.5, RED_BLUE), "Hydropathy (Kyte-Doolittle)", legend, True, values=said
    )


def by_secondary_structure(structure: Structure) -> Colouring:
    """Helix, strand and coil."""
    kinds = structure.residues["secondary_structure"]
    shares = kinds.value_counts(normalize=True)
    legend = [
        LegendEntry(colour, f"{name.capitalize()} ({shares[name]:.0%})")
        for name, colour in SECONDARY_STRUCTURE.items()
        if name in shares
    ]
    colours = tuple(SECONDARY_STRUCTURE.get(kind, NO_VALUE) for kind in kinds)
    return Colouring(colours, "Secondary structure", tuple(legend), values=tuple(kinds))


def by_values(values: ResidueValues, centre: float | None = None) -> Colouring:
    """Any values: categories in Okabe-Ito, numbers in cividis, or blue to red around a given centre."""
    if not values.is_number:
        return _by_category(values)
    numbers = values.values.to_numpy(float)
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    stops = CIVIDIS
    if centre is not None:
        reach = max(abs(low - centre), abs(high - centre)) or 1.0
        low, high, stops = centre - reach, centre + reach, RED_BLUE
    said = tuple("" if np.isnan(n) else f"{values.title} {say_number(n)}" for n in numbers)
    note = "" if np.isfinite(numbers).all() else "grey: no value"
    colours = gradient(numbers, low, high, stops)
    return Colouring(colours, values.title, _bar(low, high, stops), True, note, said)


def _by_category(values: ResidueValues) -> Colouring:
    cells = values.values.astype(str)
    counts = cells[cells != ""].value_counts()
    # In alphabetical order, so that a class keeps its colour from protein to protein.
    shown = sorted(counts.index[: len(OKABE_ITO)])
    colour_of = dict(zip(shown, OKABE_ITO, strict=False))
    legend = [LegendEntry(colour_of[name], f"{name} ({counts[name]:,})") for name in shown]
    if (n_other := len(counts) - len(shown)) > 0:
        legend.append(LegendEntry(NO_VALUE, f"{n_other:,} other"))
    if (cells == "").any():
        legend.append(LegendEntry(NO_VALUE, "no value"))
    colours = tuple(colour_of.get(cell, NO_VALUE) for cell in cells)
    said = tuple(f"{values.title} {cell}" if cell else "" for cell in cells)
    return Colouring(colours, values.title, tuple(legend), values=said)


def is_around_zero(values: pd.Series) -> bool:
    """Numbers on both sides of zero, for which blue to red around zero is the better default."""
    return bool((values < 0).any() and (values > 0).any())


SCHEMES: dict[str, Scheme] = {
    "confidence": Scheme(
        "Confidence",
        "How sure the predictor was of each residue, in the four bands of the AlphaFold database.",
        by_confidence,
        lambda structure: structure.confidence_kind in CONFIDENCES,
    ),
    "chain": Scheme("Chain", "One colour for each chain.", by_chain),
    "secondary_structure": Scheme(
        "Secondary structure",
        "Helix, strand and coil, told from the alpha carbons (P-SEA).",
        by_secondary_structure,
        lambda structure: bool((structure.residues["secondary_structure"] != "").any()),
    ),
    "b_factor": Scheme(
        "B-factor",
        "How far atoms smear out in the experiment (temperature factor): high is mobile or ill resolved.",
        by_b_factor,
        lambda structure: structure.confidence_kind == "B-factor",
    ),
    "position": Scheme(
        "Position in the chain", "From the first residue (blue) to the last (red).", by_position
    ),
    "hydropathy": Scheme(
        "Hydropathy",
        "Which residues avoid water (red) and which seek it (blue), after Kyte and Doolittle.",
        by_hydropathy,
        lambda structure: bool((structure.residues["kind"] == "protein").any()),
    ),
}
"""Every colouring that needs nothing but the structure; the first that fits is the default."""
