"""Two genomes as DNA: average nucleotide identity, and the segments that align, turned ones among them."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from biotl_core.genomes.genome import Genome

_SMALL = 200_000
"""Letters below which a genome is sketched more finely: a phage has few words to sample."""
SEGMENT_COLUMNS = (
    "contig_a", "start_a", "end_a", "contig_b", "start_b", "end_b", "direction", "identity", "length",
)  # fmt: skip
MIN_SEGMENT = 500
"""Letters of an aligned segment at least."""


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


def find_segments(first: Genome, second: Genome, min_length: int = MIN_SEGMENT) -> pd.DataFrame:
    """Stretches of DNA that align, by minimap2 (Li 2018, Bioinformatics 34:3094; preset asm20).

    Returns:
        `SEGMENT_COLUMNS`: 0-based places, ends behind the last letter, `direction` -1 where the second genome runs the
        other way, `identity` 0..1, `length` letters of the first genome; the longest first.
    """
    import mappy

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "a.fna"
        names = list(first.contigs)
        fasta.write_text("".join(f">{i}\n{first.contigs[name]}\n" for i, name in enumerate(names)))
        index = mappy.Aligner(str(fasta), preset="asm20", n_threads=1)
        for contig, dna in second.contigs.items():
            for hit in index.map(dna):
                if hit.r_en - hit.r_st < min_length or not hit.is_primary:
                    continue
                place_a = (names[int(hit.ctg)], hit.r_st, hit.r_en)
                identity = hit.mlen / max(hit.blen, 1)
                rows.append((*place_a, contig, hit.q_st, hit.q_en, hit.strand, identity, hit.r_en - hit.r_st))
    table = pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))
    return table.sort_values("length", ascending=False, kind="stable", ignore_index=True)
