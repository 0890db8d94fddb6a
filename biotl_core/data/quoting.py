"""A user's own text inside a sentence: short, on one line, in quotes."""

from collections.abc import Iterable


def shown(value: object, max_length: int = 40) -> str:
    """A value in quotes, on one line and cut to `max_length` letters, for a sentence.

    >>> shown("n.d."), shown("line one\\nline two"), shown("A" * 100, 10)
    ("'n.d.'", "'line one line two'", "'AAAAAAAAA…'")
    """
    return f"'{cut(value, max_length)}'"


def cut(value: object, max_length: int = 40) -> str:
    """A value on one line, without control characters, cut to `max_length` letters.

    >>> cut("a\\x00b  c"), cut("abcdef", 4)
    ('a b c', 'abc…')
    """
    text = str(value)[: 4 * max_length + 4]
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= max_length else line[: max_length - 1] + "…"


def listed(names: Iterable[object], most: int = 8, max_length: int = 40) -> str:
    """Names in one line, the first `most` of them.

    >>> listed(["a", "b"]), listed("abcdef", most=3)
    ('a, b', 'a, b, c and 3 more')
    """
    names = list(names)
    head = ", ".join(cut(name, max_length) for name in names[:most])
    return head if len(names) <= most else f"{head} and {len(names) - most:,} more"
