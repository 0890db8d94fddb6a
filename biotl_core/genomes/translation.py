"""From DNA to protein: genetic codes, both strands, and the code that a genome seems to use."""

from functools import cache

import numpy as np

_CODES = np.full(256, 4, dtype=np.int64)  # 4: any letter that is not plain
for _code, _letter in enumerate("ACGT"):
    _CODES[ord(_letter)] = _code
STOP = "*"
CANDIDATE_CODES = (11, 4, 1, 2, 5)
"""Genetic codes that are tried, the commonest first: bacteria and plastids, mycoplasmas, nuclei, mitochondria of
vertebrates and of invertebrates (NCBI's numbers)."""


@cache
def _codon_letters(genetic_code: int) -> np.ndarray:
    """The amino acid of codon 25 a + 5 b + c (letters coded 0 to 4), uint8 `(125,)`; X with an unclear letter."""
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    forward = unambiguous_dna_by_id[genetic_code].forward_table
    letters = np.full((5, 5, 5), ord("X"), dtype=np.uint8)
    for a, first in enumerate("ACGT"):
        for b, second in enumerate("ACGT"):
            for c, third in enumerate("ACGT"):
                letters[a, b, c] = ord(forward.get(first + second + third, STOP))
    return letters.ravel()


@cache
def start_codons(genetic_code: int) -> frozenset[str]:
    """Codons that begin a protein with M."""
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    return frozenset(unambiguous_dna_by_id[genetic_code].start_codons)


def translate(coding_dna: str, genetic_code: int = 11) -> str:
    """Amino acids of whole codons, `*` for a stop; a rest of one or two letters is left out.

    >>> translate("ATGAAATGA"), translate("ATGAAATGA", 4)
    ('MK*', 'MKW')
    """
    codes = _CODES[np.frombuffer(coding_dna.encode("ascii", "replace"), dtype=np.uint8)]
    codons = codes[: len(codes) // 3 * 3].reshape(-1, 3)
    return _codon_letters(genetic_code)[codons @ np.array([25, 5, 1])].tobytes().decode()


def protein_of(coding_dna: str, genetic_code: int = 11) -> str:
    """The protein of a gene: translated, its last stop left out, an alternative start read as M.

    Stops inside stay as `*`, which tells that the reading frame does not hold.
    """
    protein = translate(coding_dna, genetic_code)
    if protein.endswith(STOP):
        protein = protein[:-1]
        # Only a gene that is whole at its end is taken to be whole at its start.
        if coding_dna[:3] in start_codons(genetic_code):
            protein = "M" + protein[1:]
    return protein


def n_broken(coding_dna: list[str], genetic_code: int) -> int:
    """How many genes have a stop inside with this code."""
    return sum(STOP in translate(dna, genetic_code)[:-1] for dna in coding_dna)


def guess_genetic_code(coding_dna: list[str]) -> int:
    """The first of `CANDIDATE_CODES` that breaks less than a third of the genes that the best before it breaks.

    A mycoplasma reads TGA as tryptophan: with the common code almost half of its genes hold a stop.
    """
    best, fewest = CANDIDATE_CODES[0], n_broken(coding_dna, CANDIDATE_CODES[0])
    for code in CANDIDATE_CODES[1:]:
        if fewest <= 0.05 * len(coding_dna):
            break
        broken = n_broken(coding_dna, code)
        if broken < fewest / 3:
            best, fewest = code, broken
    return best
