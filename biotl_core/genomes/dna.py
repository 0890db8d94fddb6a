"""Two genomes as DNA: average nucleotide identity, and the segments that align, turned ones among them."""

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from biotl_core.genomes.genome import Genome

_SMALL = 200_000
"""Letters below which a genome is sketched more finely: a phage has few words to sample."""
SEGMENT_COLUMNS = (
    "contig_a", "start_a", "end_a", "contig_b", "start_b", "end_b", "direction", "identity", "length",
)  # fmt: skip
_TELL_MATCHES = 0x4000000
"""minimap2's --eqx: equal and unequal letters are told apart."""
_LARGE_INDEL = 100
"""Letters that only one genome has: from here on the alignment is cut, for nothing aligns with them."""
MIN_SEGMENT = 500
"""Letters of an aligned segment at least."""
SEGMENTS_ABSENT = (
    "DNA was not aligned, since the package mappy (minimap2) is not installed here; genes were compared all the same. "
    "`pip install mappy` needs a C compiler."
)


class Ani(NamedTuple):
    """How alike two genomes are as DNA; identity None where too little aligns (below about 80 %)."""

    identity: float | None
    """Average nucleotide identity, 0..1."""
    fraction_a: float
    """Share of the first genome that aligns, 0..1."""
    fraction_b: float


def measure_ani(first: Genome, second: Genome) -> Ani:
    """Average nucleotide identity and aligned fractions, by skani (Shaw and Yu 2023, Nat. Methods 20:1661)."""
    import pyskani

    is_small = min(first.size, second.size) < _SMALL
    database = pyskani.Database(compression=30, marker_compression=200) if is_small else pyskani.Database()
    database.sketch("a", *(dna.encode() for dna in first.contigs.values()))
    found = database.query("b", *(dna.encode() for dna in second.contigs.values()))
    if not found:
        return Ani(None, 0.0, 0.0)
    return Ani(found[0].identity, found[0].reference_fraction, found[0].query_fraction)


def can_find_segments() -> bool:
    """Whether minimap2 is here; it is the one package that has to be compiled on some computers."""
    return importlib.util.find_spec("mappy") is not None


def find_segments(first: Genome, second: Genome, min_length: int = MIN_SEGMENT) -> pd.DataFrame:
    """Stretches of DNA that align, by minimap2 (Li 2018, Bioinformatics 34:3094; preset asm20); none without it.

    Returns:
        `SEGMENT_COLUMNS`: 0-based places, ends behind the last letter, `direction` -1 where the second genome runs the
        other way, `identity` 0..1, `length` letters of the first genome; the longest first.
    """
    if not can_find_segments():
        return pd.DataFrame(columns=list(SEGMENT_COLUMNS))
    import mappy

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "a.fna"
        names = list(first.contigs)
        fasta.write_text("".join(f">{i}\n{first.contigs[name]}\n" for i, name in enumerate(names)))
        index = mappy.Aligner(str(fasta), preset="asm20", n_threads=1, extra_flags=_TELL_MATCHES)
        for contig, dna in second.contigs.items():
            for hit in index.map(dna):
                if hit.is_primary:
                    name = names[int(hit.ctg)]
                    rows += [(name, *piece[:2], contig, *piece[2:]) for piece in _pieces(hit)]
    rows = [row for row in rows if row[2] - row[1] >= min_length]
    table = pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))
    return table.sort_values("length", ascending=False, kind="stable", ignore_index=True)


def _pieces(hit: Any) -> Iterator[tuple[int, int, int, int, int, float, int]]:
    """A hit cut at its large insertions and deletions: places in both, direction, identity, letters of the first."""
    at_a, at_b = hit.r_st, hit.q_st if hit.strand > 0 else hit.q_en
    begin_a, begin_b, n_equal, n_columns = at_a, at_b, 0, 0
    for length, kind in [*hit.cigar, (_LARGE_INDEL, _END)]:
        is_gap = kind in (1, 2, 3, _END)
        if is_gap and length >= _LARGE_INDEL:
            if at_a > begin_a:
                place_b = sorted((begin_b, at_b))
                yield begin_a, at_a, *place_b, hit.strand, n_equal / max(n_columns, 1), at_a - begin_a
        else:
            n_equal, n_columns = n_equal + length * (kind == 7), n_columns + length
        at_a += length if kind in (2, 3, 7, 8) else 0
        at_b += length * hit.strand if kind in (1, 7, 8) else 0
        if is_gap and length >= _LARGE_INDEL:
            begin_a, begin_b, n_equal, n_columns = at_a, at_b, 0, 0


_END = -1
"""Stands for the end of the alignment in the list of its operations."""
