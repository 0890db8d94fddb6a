"""A race of screening: a library ranked against one target by matrix products, beside a loop over single pairs.

Seconds are those of the clock, since the library is read by several processes.
"""

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from biotl_core.learning.two_towers import encode, product
from biotl_core.progress import Control
from biotl_core.runs.target_screen import TargetScreen
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.library import open_library
from biotl_core.screening.library_store import LibraryStore
from biotl_core.screening.ranking import best_molecules, score_library

_TOP = 200
_LOOP_MOLECULES = 300


class ScreenRace(NamedTuple):
    """What it took."""

    n_molecules: int
    reading_seconds: float
    """From raw strings to kept fingerprints."""
    whole_seconds: float
    """From raw strings to the best molecules."""
    again_seconds: float
    """Ranking once all is kept."""
    processor_seconds: float
    """Of the whole, all processes together."""
    loop_seconds: float
    """What a loop over single pairs would take for all molecules, by those it was tried on."""
    memory_gb: float
    """At the peak of this process."""
    reader_gb: float
    """At the peak of the largest process that reads."""

    @property
    def times_from_raw(self) -> float:
        """Seconds of the loop for each second from raw strings."""
        return self.loop_seconds / self.whole_seconds

    @property
    def times_once_kept(self) -> float:
        """Seconds of the loop for each second of ranking what is kept."""
        return self.loop_seconds / self.again_seconds

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.n_molecules:,} molecules against one target",
                f"  from raw strings    {self.whole_seconds:7.1f} s by the clock "
                f"({self.reading_seconds:.1f} s reading; "
                f"{self.processor_seconds:.0f} s of the processor)",
                f"  ranked again        {self.again_seconds:7.2f} s",
                f"  memory at its peak  {self.memory_gb:7.2f} GB, each process that reads {self.reader_gb:.2f} GB",
                f"  a loop over pairs   {self.loop_seconds:7.0f} s (by {_LOOP_MOLECULES} molecules)",
                f"  times as long       {self.times_from_raw:7.1f} from raw strings, "
                f"{self.times_once_kept:,.0f} once kept",
            )
        )


def race_screen(target: TargetScreen, library: Path) -> ScreenRace:
    """Rank a library that was never read before, rank it again, and do it pair by pair.

    Args:
        target: a finished run of pairs and one target protein; ranked by its towers, whatever it would choose.
        library: a file of molecules.
    """
    scorer = target._replace(result=target.result | {"chosen": "towers"}).scorer()
    with _home_of_its_own():
        began, cpu = time.monotonic(), _processor_seconds()
        store = LibraryStore(open_library(library))
        store.fill(Control())
        read = time.monotonic()
        best_molecules(score_library(store, scorer, Control()), _TOP)
        ranked, spent = time.monotonic(), _processor_seconds() - cpu
        best_molecules(score_library(store, scorer, Control()), _TOP)
        again = time.monotonic() - ranked
        n_molecules = store.n_molecules
    memory, readers = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    smiles = [target.smiles[i % len(target.smiles)] for i in range(_LOOP_MOLECULES)]
    began_loop = time.monotonic()
    for one in smiles:
        predict_one(target, one)
    each = (time.monotonic() - began_loop) / len(smiles)
    return ScreenRace(
        n_molecules, read - began, ranked - began, again, spent, each * n_molecules, memory, readers
    )


@contextmanager
def _home_of_its_own() -> Iterator[None]:
    """Nothing that was kept before is found, and nothing is left."""
    was = os.environ.get("BIOTL_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["BIOTL_HOME"] = home
        try:
            yield
        finally:
            if was is None:
                del os.environ["BIOTL_HOME"]
            else:
                os.environ["BIOTL_HOME"] = was


def predict_one(target: TargetScreen, smiles: str) -> float:
    """One molecule and the target protein, both through the towers, as a loop over pairs has it."""
    group, reader = target.group, target.reader
    first = encode(group, "molecule", reader.molecules(fingerprints([smiles]), [smiles]))
    second = encode(group, "protein", reader.proteins([target.sequence]))
    return float(product(group, first, second)[0, 0])


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
