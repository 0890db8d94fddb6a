"""Training tables made from an annotated genome: DNA windows with a class told from the genes around them.

Parts go by stretches of the genome, so that neighbouring windows, which share letters or an operon, are in one part.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.alphabets import reverse_complement
from biotl_core.errors import UserError
from biotl_core.genomes.genome import CODING, Genome, read_exons

COLUMNS = ("name", "sequence", "class", "part")
MOST_OF_A_CLASS = 1_500
FEWEST_OF_A_CLASS = 20
_STRETCH = 20_000
_PARTS = ("train",) * 8 + ("validation", "test")
_CODING_LENGTH = 200
_UPSTREAM, _DOWNSTREAM = 80, 20
_SPLICE_HALF = 40


class Window(NamedTuple):
    """A stretch of DNA with its class."""

    contig: str
    start: int
    end: int
    strand: int
    label: str


class DnaTask(NamedTuple):
    """A question that the genes of a genome answer."""

    title: str
    help: str
    windows: Callable[[Genome, np.random.Generator], list[Window]]


def make_table(genome: Genome, task: str, seed: int = 0) -> pd.DataFrame:
    """A table `COLUMNS` for one of `DNA_TASKS`, as many windows of each class.

    Args:
        genome: with genes.
        task: name of the task.
        seed: of the choice of windows.

    Raises:
        UserError: the genome has too few such places.
    """
    rng = np.random.default_rng(seed)
    windows = [w for w in DNA_TASKS[task].windows(genome, rng) if _is_plain(genome, w)]
    classes = sorted({window.label for window in windows})
    counts = {label: sum(window.label == label for window in windows) for label in classes}
    n = min([*counts.values(), MOST_OF_A_CLASS]) if len(classes) == 2 else 0
    if n < FEWEST_OF_A_CLASS:
        raise UserError(
            f"'{genome.name}' has too few places for the task '{DNA_TASKS[task].title}' ({n:,}; it takes "
            f"{FEWEST_OF_A_CLASS} of each class). Choose another task or a larger annotated genome."
        )
    chosen = []
    for label in classes:
        of_class = [window for window in windows if window.label == label]
        chosen += [of_class[i] for i in rng.permutation(len(of_class))[:n]]
    chosen.sort()
    return pd.DataFrame(
        {
            "name": [f"{w.contig}:{w.start + 1}-{w.end}{'+' if w.strand > 0 else '-'}" for w in chosen],
            "sequence": [_letters(genome, window) for window in chosen],
            "class": [window.label for window in chosen],
            "part": _parts_by_stretch(chosen, seed),
        }
    )


def _letters(genome: Genome, window: Window) -> str:
    dna = genome.contigs[window.contig][window.start : window.end]
    return reverse_complement(dna) if window.strand < 0 else dna


def _is_plain(genome: Genome, window: Window) -> bool:
    is_inside = 0 <= window.start < window.end <= len(genome.contigs[window.contig])
    return is_inside and not set(_letters(genome, window)) - set("ACGT")


def _parts_by_stretch(windows: list[Window], seed: int) -> list[str]:
    """Stretches of the genome are dealt to the parts, eight of ten to training."""
    stretches = [(window.contig, (window.start + window.end) // 2 // _STRETCH) for window in windows]
    names = sorted(set(stretches))
    order = np.random.default_rng(seed).permutation(len(names))
    part_of = {names[number]: _PARTS[place % len(_PARTS)] for place, number in enumerate(order)}
    return [part_of[stretch] for stretch in stretches]


def _occupied(genome: Genome, contig: str) -> np.ndarray:
    """Whether each letter lies in any gene, bool `(length,)`."""
    taken = np.zeros(len(genome.contigs[contig]), dtype=bool)
    for start, end in genome.genes.loc[genome.genes["contig"] == contig, ["start", "end"]].to_numpy():
        taken[start:end] = True
    return taken


def _free_stretches(genome: Genome, least: int) -> Iterator[tuple[str, int, int]]:
    """Contig, start and end of what lies between genes, of so many letters at least."""
    for contig in genome.contigs:
        edges = np.flatnonzero(np.diff(_occupied(genome, contig).astype(np.int8), prepend=1, append=1))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= least:
                yield contig, int(start), int(end)


def _coding(genome: Genome) -> pd.DataFrame:
    return genome.genes[(genome.genes["kind"] == CODING) & (genome.genes["protein"] != "")]


def coding_windows(genome: Genome, rng: np.random.Generator) -> list[Window]:
    """Windows within coding exons, and between genes; each on a random strand, since genes lie on both."""
    size, windows = _CODING_LENGTH, []
    for row in _coding(genome).itertuples():
        for exon in read_exons(row.exons):
            if exon.end - exon.start >= size:
                at = int(rng.integers(exon.start, exon.end - size + 1))
                windows.append(Window(row.contig, at, at + size, int(rng.choice([-1, 1])), "coding"))
    for contig, start, end in _free_stretches(genome, size):
        for at in range(start, end - size + 1, size):
            windows.append(Window(contig, at, at + size, int(rng.choice([-1, 1])), "intergenic"))
    return windows


def promoter_windows(genome: Genome, rng: np.random.Generator) -> list[Window]:
    """What lies before a gene that begins a transcript, so far as one can tell, and windows inside genes."""
    taken = {contig: _occupied(genome, contig) for contig in genome.contigs}
    windows, size = [], _UPSTREAM + _DOWNSTREAM
    for row in _coding(genome).itertuples():
        if row.strand > 0:
            start, end, before = (
                row.start - _UPSTREAM,
                row.start + _DOWNSTREAM,
                (row.start - _UPSTREAM, row.start),
            )
        else:
            start, end, before = row.end - _DOWNSTREAM, row.end + _UPSTREAM, (row.end, row.end + _UPSTREAM)
        # Room for a promoter: within an operon the next gene follows at once.
        if start >= 0 and end <= len(taken[row.contig]) and not taken[row.contig][slice(*before)].any():
            windows.append(Window(row.contig, start, end, row.strand, "upstream"))
        if row.end - row.start >= 3 * size:
            at = int(rng.integers(row.start + size, row.end - 2 * size + 1))
            windows.append(Window(row.contig, at, at + size, row.strand, "inside a gene"))
    return windows


def splice_windows(genome: Genome, rng: np.random.Generator) -> list[Window]:
    """Windows around the first letters of introns (donor sites), and around other GT inside the same genes."""
    windows, half = [], _SPLICE_HALF
    for row in _coding(genome).itertuples():
        exons = read_exons(row.exons)
        donors = [exon.end for exon in exons[:-1]] if row.strand > 0 else [exon.start for exon in exons[1:]]
        windows += [Window(row.contig, at - half, at + half, row.strand, "donor site") for at in donors]
        dna = genome.contigs[row.contig][row.start : row.end]
        motif = "GT" if row.strand > 0 else "AC"
        places = [
            row.start + i + (0 if row.strand > 0 else 2)
            for i in range(len(dna) - 1)
            if dna[i : i + 2] == motif
        ]
        others = [at for at in places if at not in donors]
        picked = rng.choice(others, min(len(donors), len(others)), replace=False) if donors and others else []
        windows += [
            Window(row.contig, int(at) - half, int(at) + half, row.strand, "other GT") for at in picked
        ]
    return windows


DNA_TASKS: dict[str, DnaTask] = {
    "coding": DnaTask(
        "Coding or between genes",
        f"{_CODING_LENGTH} letters from inside a gene, or from between genes, on either strand.",
        coding_windows,
    ),
    "promoter": DnaTask(
        "Before a gene or inside one",
        f"{_UPSTREAM} letters before the start of a gene and {_DOWNSTREAM} behind it, where there is room for a "
        "promoter, or as many from inside genes. The class is told by place; no promoter was measured.",
        promoter_windows,
    ),
    "splice": DnaTask(
        "Splice donor or another GT",
        f"{2 * _SPLICE_HALF} letters around the start of an intron, or around another GT of the same gene; for genomes "
        "whose genes have introns.",
        splice_windows,
    ),
}
"""Every training table that an annotated genome gives by one click."""


def possible_tasks(genome: Genome) -> list[str]:
    """The tasks that a genome has the places for: splice sites only where genes have introns."""
    if genome.coding.empty:
        return []
    n_introns = int(genome.coding["exons"].str.count(",").sum())
    return [name for name in DNA_TASKS if name != "splice" or n_introns >= FEWEST_OF_A_CLASS]
