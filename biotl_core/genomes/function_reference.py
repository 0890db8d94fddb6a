"""Functions from a reference of her own: proteins whose header says what they do, or an annotated genome."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.data.quoting import shown
from biotl_core.data.unpacking import decode, unpack
from biotl_core.errors import UserError
from biotl_core.genomes.alignment import clean, score_pairs
from biotl_core.genomes.function_transfer import count_reliability, pool_counts, transfer_functions
from biotl_core.genomes.functions import has_function
from biotl_core.genomes.genome import CODING, Genome, gene_table
from biotl_core.genomes.orthologs import SURE_EVALUE, Hits, describe_hits, is_ortholog
from biotl_core.genomes.reading import read_genome
from biotl_core.genomes.shortlist import SCHEMES, shared_words
from biotl_core.progress import Control

REFERENCE_FORMATS = (
    "proteins as FASTA with the function behind the name, or an annotated genome (GenBank, EMBL)"
)
_N_CANDIDATES = 5
_LEAST_COVERAGE = 0.5
"""Of both proteins: a function belongs to the whole of it, and not to a piece."""
_DNA = frozenset("ACGTUN")
# UniProt: "Protein words OS=Organism OX=1 GN=abc"; NCBI: "protein words [Organism]".
_BEHIND = re.compile(r"\s+(OS=|OX=|GN=|PE=|SV=).*$|\s*\[[^\[\]]*\]\s*$")
_SYMBOL = re.compile(r"\bGN=(\S+)")


def read_reference(file: Path) -> Genome:
    """Proteins with their functions, as a genome without DNA where the file holds proteins alone.

    Raises:
        UserError: the file is neither, or says of no protein what it does.
    """
    text, _ = decode(unpack(file.read_bytes(), file.name), file.name)
    is_fasta = text.lstrip().startswith(">")
    reference = _from_fasta(text, file) if is_fasta else read_genome(file)
    if not any(map(has_function, reference.coding["product"])):
        raise UserError(
            f"{shown(file.name)} says of none of its {len(reference.coding):,} proteins what it does. Give "
            f"{REFERENCE_FORMATS}."
        )
    return reference


def _from_fasta(text: str, file: Path) -> Genome:
    rows = []
    for number, block in enumerate(re.split(r"(?m)^>", text.lstrip())[1:], 1):
        header, _, body = block.partition("\n")
        name, _, words = header.strip().partition(" ")
        symbol = _SYMBOL.search(words)
        rows.append(
            {
                "gene": name or f"protein_{number}", "contig": "reference", "start": 0, "end": 0, "strand": 1,
                "kind": CODING, "symbol": symbol.group(1) if symbol else "", "product": product_of(words), "exons": "",
                "protein": "".join(body.split()).upper().rstrip("*"),
            }
        )  # fmt: skip
    letters = set("".join(row["protein"] for row in rows))
    if letters <= _DNA:
        what = "DNA without annotation" if letters else "no letters"
        raise UserError(
            f"{shown(file.name)} holds {what}, which says nothing of functions. Give {REFERENCE_FORMATS}."
        )
    return Genome(file.name.split(".")[0], {}, gene_table(rows))


def product_of(words: str) -> str:
    """The function in a FASTA header, without organism, gene name and the like.

    >>> product_of("Thr operon leader peptide OS=Escherichia coli OX=83333 GN=thrL PE=1 SV=1")
    'Thr operon leader peptide'
    >>> product_of("homoserine kinase [Escherichia coli]")
    'homoserine kinase'
    """
    return _BEHIND.sub("", f" {words}").strip()


def transfer_from_reference(
    genomes: Sequence[Genome], reference: Genome, control: Control | None = None
) -> pd.DataFrame:
    """Functions for the genes of all genomes whose own annotation is silent.

    The reliability is counted on proteins whose function is known on both sides: genes of these genomes with their
    match in the reference, and each protein of the reference with its nearest other one there.

    Returns:
        `genome` (its number) and the columns of `function_transfer.transfer_functions`.
    """
    control = control or Control()
    matches = []
    for number, genome in enumerate(genomes):
        control.step("Looking up functions in the reference", number, len(genomes) + 1)
        matches.append(match(genome, reference))
    control.step("Counting how reliable its functions are", len(genomes), len(genomes) + 1)
    within = match(reference, reference, but_itself=True)
    counted = pool_counts(
        [
            *(
                count_reliability(genome, reference, one)
                for genome, one in zip(genomes, matches, strict=True)
            ),
            count_reliability(reference, reference, within),
        ]
    )
    parts = [
        transfer_functions((genome, reference), one, 0, counted).assign(genome=number)
        for number, (genome, one) in enumerate(zip(genomes, matches, strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def match(genome: Genome, reference: Genome, *, but_itself: bool = False) -> pd.DataFrame:
    """The best alignment of each gene in the reference, where it is sure and covers half of both proteins.

    Args:
        genome: whose genes ask.
        reference: whose proteins answer.
        but_itself: the two are one; equal proteins are passed over, since a copy tells nothing.

    Returns:
        The columns of `orthologs.describe_hits`, `tier` and `probability`, as `Pair.orthologs` has them.
    """
    first, second = [clean(p) for p in genome.proteins], [clean(p) for p in reference.proteins]
    rows, columns = shared_words(first, second, _N_CANDIDATES + but_itself, SCHEMES["distant"])
    if but_itself:
        other = np.array([first[i] != second[j] for i, j in zip(rows, columns, strict=True)], dtype=bool)
        rows, columns = rows[other], columns[other]
    hits = Hits(rows, columns, score_pairs(first, second, rows, columns))
    order = np.lexsort((columns, -hits.scores.astype(np.float64), rows))
    best = order[np.diff(rows[order], prepend=-1) != 0]
    found = describe_hits(hits, best, genome.proteins, reference.proteins)
    kept = found[is_ortholog(found, SURE_EVALUE, _LEAST_COVERAGE)].reset_index(drop=True)
    return kept.assign(tier="in the reference", probability=np.nan)
