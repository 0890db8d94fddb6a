"""How a measured potency is written, and its negative logarithm in mol/l, on which everything is learned.

A limit is kept as one: "> 10 uM" is a molecule weaker than 10 uM, so its pX lies below 5.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Side = Literal[-1, 0, 1]
"""-1: the true value lies below the number, 1: above it, 0: it is the number."""


@dataclass(frozen=True)
class Unit:
    """A unit that a column of potencies may be in."""

    title: str
    molar: float | None = None
    """Mol/l that one of it is; None where the number is no concentration."""


UNITS: dict[str, Unit] = {
    "pX": Unit("already a negative logarithm (pIC50, pKd, pKi)"),
    "pM": Unit("pM", 1e-12),
    "nM": Unit("nM", 1e-9),
    "uM": Unit("µM", 1e-6),
    "mM": Unit("mM", 1e-3),
    "M": Unit("mol/l", 1.0),
    "percent": Unit("% inhibition at one concentration"),
    "active": Unit("active or inactive"),
    "as written": Unit("something else, learned as it is written"),
}
"""Every unit by its name in the shell."""

_UNIT_WORDS = {
    "pm": "pM", "nm": "nM", "um": "uM", "µm": "uM", "μm": "uM", "mm": "mM", "nmol/l": "nM", "umol/l": "uM",
    "µmol/l": "uM", "nanomolar": "nM", "micromolar": "uM", "m": "M", "mol/l": "M", "%": "percent",
}  # fmt: skip
_NUMBER = re.compile(
    r"^(?P<relation><=|>=|=<|=>|≤|≥|<<|>>|<|>|~|=)?\s*(?P<number>[+-]?\d[\d ,.]*(?:[eE][+-]?\d+)?|[+-]?\.\d+)"
    r"\s*(?P<unit>[%a-zA-Zµμ/]+)?$"
)
_SPREAD = re.compile(r"\s*(±|\+/-|\+-).*$")
_YES = {"active", "yes", "true", "hit", "binder", "1", "1.0", "positive", "a"}
_NO = {"inactive", "no", "false", "non-binder", "nonbinder", "0", "0.0", "negative", "i", "decoy"}
LOWEST_PERCENT, HIGHEST_PERCENT = 1.0, 99.0
"""Outside of these an inhibition says only on which side the potency lies."""


class Measurement(NamedTuple):
    """One cell as a number."""

    value: float
    side: Side
    unit: str | None
    """The unit written behind the number, a name in UNITS; None where there is none."""


def read_measurement(text: str) -> Measurement | None:
    """A cell as a number with its relation and unit; None where it is no number.

    >>> read_measurement("> 10 uM"), read_measurement("5,2"), read_measurement("n.d.")
    (Measurement(value=10.0, side=1, unit='uM'), Measurement(value=5.2, side=0, unit=None), None)
    >>> read_measurement("1,250 nM"), read_measurement("3.1 ± 0.4"), read_measurement("12 ug/ml")
    (Measurement(value=1250.0, side=0, unit='nM'), Measurement(value=3.1, side=0, unit=None), None)
    """
    found = _NUMBER.match(_SPREAD.sub("", text.strip()))
    if found is None:
        return None
    value = _read_number(found["number"])
    unit = _UNIT_WORDS.get((found["unit"] or "").lower()) if found["unit"] else None
    if value is None or (found["unit"] and unit is None):
        return None
    relation = found["relation"] or ""
    side: Side = -1 if "<" in relation or relation == "≤" else 1 if ">" in relation or relation == "≥" else 0
    return Measurement(value, side, unit)


def _read_number(text: str) -> float | None:
    text = text.replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    elif "," in text and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_activity(text: str) -> float | None:
    """1 for a word that says active, 0 for one that says inactive, else None.

    >>> read_activity("Active"), read_activity("0"), read_activity("maybe")
    (1.0, 0.0, None)
    """
    word = text.strip().lower()
    return 1.0 if word in _YES else 0.0 if word in _NO else None


def as_potency(
    measured: Measurement, unit: str, concentration_molar: float | None = None
) -> tuple[float, Side] | str:
    """A measurement as pX and the side of it on which the truth lies, or why it cannot be one.

    The unit in the cell goes before that of the column. An inhibition I at concentration c stands for the pIC50
    of a curve of slope 1: -log10(c) + log10(I / (100 - I)).

    >>> as_potency(Measurement(10.0, 1, "uM"), "nM"), as_potency(Measurement(7.2, 0, None), "pX")
    ((5.0, -1), (7.2, 0))
    >>> as_potency(Measurement(50.0, 0, None), "percent", 1e-6)
    (6.0, 0)
    """
    unit = measured.unit or unit
    if unit == "percent" and concentration_molar is not None:
        return _from_inhibition(measured, concentration_molar)
    molar = UNITS[unit].molar
    if molar is None:
        return measured.value, measured.side
    if measured.value <= 0:
        return f"{measured.value:g} {UNITS[unit].title} is no concentration; it must be above 0."
    return round(-math.log10(measured.value * molar), 6), -measured.side


def _from_inhibition(measured: Measurement, molar: float) -> tuple[float, Side]:
    percent = min(max(measured.value, LOWEST_PERCENT), HIGHEST_PERCENT)
    side = measured.side
    if measured.value <= LOWEST_PERCENT:
        side = -1
    elif measured.value >= HIGHEST_PERCENT:
        side = 1
    return round(-math.log10(molar) + math.log10(percent / (100 - percent)), 6), side


def guess_unit(column: str, cells: list[str]) -> str:
    """The unit of a column by its name, by what stands in its cells, and last by the numbers themselves.

    >>> guess_unit("IC50 (nM)", ["5"]), guess_unit("pIC50", ["5.1"]), guess_unit("IC50", ["3 uM", "2 uM"])
    ('nM', 'pX', 'uM')
    >>> guess_unit("class", ["0", "1"]), guess_unit("inhibition_%", ["20"]), guess_unit("logS", ["-2.1"])
    ('active', 'percent', 'as written')
    """
    filled = [cell for cell in cells if cell.strip()]
    if filled and sum(read_activity(cell) is not None for cell in filled) > 0.9 * len(filled):
        return "active"
    words = re.split(r"[^a-zA-Zµμ%/]+", column)
    for word in words:
        if word.lower() in _UNIT_WORDS and word.lower() != "m":
            return _UNIT_WORDS[word.lower()]
    if re.search(r"inhib|percent", column, re.IGNORECASE):
        return "percent"
    if re.match(r"-?\s*log|p(ic|ec|k|x|chembl|ac|act|aff|value)", column.strip().lower()):
        numbers = [m.value for m in map(read_measurement, filled) if m is not None]
        if numbers and all(0 <= number <= 16 for number in numbers[:500]):
            return "pX"
    inside = [m.unit for m in map(read_measurement, filled) if m is not None and m.unit]
    return max(set(inside), key=inside.count) if len(inside) > 0.5 * len(filled) else "as written"
