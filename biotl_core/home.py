"""Where BioTL keeps what outlives a session: runs, uploads, downloaded backbones, cached embeddings."""

import os
import re
import unicodedata
from pathlib import Path


def home_folder() -> Path:
    """The folder of all that BioTL writes: `BIOTL_HOME`, else `.biotl` in the user's home."""
    return Path(os.environ.get("BIOTL_HOME") or Path.home() / ".biotl")


def home_subfolder(name: str) -> Path:
    """A folder below the home, made if it is not there yet."""
    folder = home_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def safe_name(text: str, fallback: str = "unnamed", max_length: int = 80) -> str:
    """A text as a file or folder name: letters, digits, `.`, `_` and `-`, no path, no leading dot.

    >>> safe_name("../../etc/passwd"), safe_name("my table (2).csv"), safe_name("...")
    ('etc-passwd', 'my-table-2-.csv', 'unnamed')
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_text).strip(".-_")[:max_length] or fallback
