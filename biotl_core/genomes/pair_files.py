"""A compared pair on disk: in the folder of a run, and in the cache that other runs take it from."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.genomes.dna import Ani, can_find_segments
from biotl_core.genomes.gene_order import Arrangement, Rearrangements
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.pair import Pair, PairSettings
from biotl_core.home import home_subfolder

_VERSION = 5
"""Raised when the same genomes would give another result."""
_TABLES = ("orthologs", "blocks", "segments", "nearest")


def save_pair(pair: Pair, folder: Path) -> None:
    """Write a pair into a new folder; nobody sees it half written."""
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in _TABLES:
        getattr(pair, name).to_parquet(fresh / f"{name}.parquet", index=False)
    (fresh / "pair.json").write_text(json.dumps(pair.summary, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def load_pair(folder: Path) -> Pair:
    """A saved pair."""
    about = json.loads((folder / "pair.json").read_text(encoding="utf-8"))
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES}
    arrangement = about["arrangement"]
    return Pair(
        Ani(about["ani"], about["fraction_a"], about["fraction_b"]),
        about["aai"],
        arrangement=Arrangement(tuple(arrangement["order"]), tuple(arrangement["flipped"])),
        rearrangements=Rearrangements(**about["rearrangements"]),
        seconds=about["seconds"],
        **tables,
    )


def cached_folder(first: Genome, second: Genome, settings: PairSettings, extra: Any = None) -> Path:
    """Where this very pair lies in the cache: named by the content of both genomes and by all that was set."""
    asked = [_VERSION, can_find_segments(), first.content_hash, second.content_hash, asdict(settings), extra]
    name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    return home_subfolder("genome-pairs") / name


def read_cached(folder: Path) -> Pair | None:
    """The pair in the cache; None where it is not, or cannot be read any more."""
    try:
        return load_pair(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
