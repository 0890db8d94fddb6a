"""How numbers, times and sizes are written: three significant digits, units always."""

import math
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=@&])")

_FOR_THE_SHELL = re.compile(r" \(in the shell: [^)]*\)")
_TIME_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def say_number(value: float | None) -> str:
    """A number with three significant digits and separated thousands; whole numbers keep all their digits.

    >>> say_number(0.71234), say_number(1204), say_number(-0.0001234), say_number(48.96)
    ('0.712', '1,204', '-0.000123', '49.0')
    >>> say_number(1234567.8), say_number(float("nan")), say_number(0.0), say_number(2.3e-9)
    ('1,230,000', 'not known', '0', '2.30e-09')
    """
    if value is None or not math.isfinite(value):
        return "not known"
    if isinstance(value, int) or value == 0 or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    mantissa, exponent = f"{value:.2e}".split("e")
    if int(exponent) < -4:
        return f"{mantissa}e{exponent}"
    return f"{float(f'{value:.2e}'):,.{max(0, 2 - int(exponent))}f}"


def say_about(value: float, digits: int = 2) -> str:
    """An estimate, with no more digits than it deserves and no zeros behind.

    >>> say_about(4.63), say_about(1234.5), say_about(0.9), say_about(12.3, 1)
    ('4.6', '1,200', '0.9', '10')
    """
    return f"{float(f'{value:.{digits - 1}e}'):,.10g}"


def say_interval(low: float, high: float) -> str:
    """An interval in brackets.

    >>> say_interval(0.6512, 0.7498)
    '[0.651, 0.750]'
    """
    return f"[{say_number(low)}, {say_number(high)}]"


def say_seconds(seconds: float) -> str:
    """A duration in the two largest units that matter.

    >>> say_seconds(0.04), say_seconds(7.4), say_seconds(130), say_seconds(120)
    ('under 1 s', '7 s', '2 min 10 s', '2 min')
    >>> say_seconds(7380), say_seconds(180000)
    ('2 h 3 min', '2 d 2 h')
    """
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    for unit, name, below, below_name in _TIME_UNITS:
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name}" + (f" {rest} {below_name}" if rest else "")
    return f"{whole} s"


def say_bytes(size: float) -> str:
    """A size in the unit that fits, in steps of a thousand.

    >>> say_bytes(512), say_bytes(31_400_000), say_bytes(1_250_000_000), say_bytes(2_600)
    ('512 B', '31 MB', '1.2 GB', '2.6 kB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.1f} {unit}" if unit != "B" and size < 9.95 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB" if size < 9.95 else f"{size:.0f} TB"


def say_count(n: int, noun: str, plural: str | None = None) -> str:
    """A number of things.

    >>> say_count(1, "protein"), say_count(1204, "protein"), say_count(2, "class", "classes")
    ('1 protein', '1,204 proteins', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def plain(text: object) -> str:
    """A user's text for a place that reads Markdown: shown as it is, whatever it holds (HTML, formulas)."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def plain_sentence(text: str) -> str:
    """A `UserError` for a page: everything shown as it is, only the `*names*` in it are emphasised.

    What it says "(in the shell: ...)" is left out.
    """
    text = _FOR_THE_SHELL.sub("", text)
    return re.sub(r"\\\*(\w[^*]{0,60}?)\\\*", r"*\1*", plain(text))
