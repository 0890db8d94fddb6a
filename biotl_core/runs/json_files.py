"""JSON files that one process replaces while others read them."""

import json
import math
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """The content, or None when the file is not there or is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def write_json_atomically(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old content or the new, never half; nan becomes null."""
    text = json.dumps(to_plain(value), indent=1, allow_nan=False)
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        _replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def to_plain(value: Any) -> Any:
    """The same value made of what JSON knows: no nan, no NumPy types, no tuples, no paths."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # a NumPy array or number
        return to_plain(value.tolist())
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [to_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _replace(source: Path, target: Path) -> None:
    for _ in range(20):
        try:
            source.replace(target)
        except PermissionError:  # Windows, while a page has the file open for reading
            time.sleep(0.05)
        else:
            return
    source.replace(target)
