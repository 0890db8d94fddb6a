"""The modalities: what a valid sequence is, the first bad letter and where, and guessing a modality."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from biotl_core.data.dataset import Modality


@dataclass(frozen=True)
class Alphabet:
    """The letters of a modality."""

    modality: Modality
    title: str
    """What a biologist calls a sequence of it."""
    plural: str
    letters: str
    """Letters with one meaning, upper case; for molecules every character a SMILES may hold."""
    ambiguous: str = ""
    """Letters that are valid but stand for several, for an unknown, or for a rare residue."""
    said: str = ""
    """How the letters are listed in a sentence."""

    @property
    def valid(self) -> str:
        """All letters that may stand in a Dataset."""
        return self.letters + self.ambiguous

    @property
    def bad_letter_pattern(self) -> str:
        """A regular expression of one letter that is not valid (case matters)."""
        return f"[^{re.escape(self.valid)}]"


ALPHABETS: dict[Modality, Alphabet] = {
    alphabet.modality: alphabet
    for alphabet in (
        Alphabet(
            "protein",
            "protein",
            "proteins",
            "ACDEFGHIKLMNPQRSTVWY",
            "BJOUXZ",
            "the 20 amino acids, and B, J, O, U, X, Z",
        ),
        # IUPAC codes of several bases: R = A or G, Y = C or T, ..., N = any.
        Alphabet("dna", "DNA", "DNA sequences", "ACGT", "NRYSWKMBDHV", "A, C, G, T, N and the IUPAC codes"),
        Alphabet(
            "molecule",
            "molecule",
            "molecules",
            "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvy0123456789@+-[]()=#$:/\\.%*~>&!,;?",
            said="the characters of a SMILES",
        ),
    )
}

# One SMILES: atoms, bracket atoms, bonds, branches, ring digits (OpenSMILES grammar, without nesting).
_ATOM = r"\[[^\[\]\s]+\]|Br|Cl|[BCNOPSFIbcnops*]"
SMILES_PATTERN = rf"(?:{_ATOM})(?:{_ATOM}|[=#$:/\\.\-+()~]|%?[0-9])*"
_SMILES_MARK = r"[\[\]()=#@/\\0-9]|Cl|Br|[cnops]"
DNA_PATTERN = r"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv.\-]+"
PROTEIN_PATTERN = r"[A-Za-z.\-]+\*?"


def first_bad_letter(sequence: str, modality: Modality) -> tuple[int, str] | None:
    """The first letter that may not stand in a sequence of this modality, and where (0-based).

    >>> first_bad_letter("ACGEACG", "dna"), first_bad_letter("MKV", "protein")
    ((3, 'E'), None)
    """
    found = re.search(ALPHABETS[modality].bad_letter_pattern, sequence)
    return (found.start(), found.group()) if found else None


def modality_shares(sequences: Iterable[str]) -> dict[Modality, float]:
    """The share of values that could be a sequence of each modality, by their letters alone (0..1).

    A DNA sequence also counts as a protein, since all its letters name amino acids too.
    """
    values = pd.Series(list(sequences), dtype="str")
    values = values[values != ""]
    if values.empty:
        return {"protein": 0.0, "dna": 0.0, "molecule": 0.0}
    return {
        "protein": float(values.str.fullmatch(PROTEIN_PATTERN).mean()),
        "dna": float((values.str.fullmatch(DNA_PATTERN) & (values.str.count("[ACGTUacgtu]") > 0)).mean()),
        "molecule": float(values.str.fullmatch(SMILES_PATTERN).mean()),
    }


def guess_modality(sequences: Iterable[str]) -> Modality:
    """The modality most of the sequences look like; protein where nothing speaks for another.

    SMILES are told by brackets, bonds, ring digits and aromatic lower case; DNA by having no letter but bases
    (mostly A, C, G, T or U). Blank values do not count.
    """
    values = pd.Series(list(sequences), dtype="str").str.strip()
    values = values[values != ""]
    if values.empty:
        return "protein"
    shares = modality_shares(values)
    bases, letters = values.str.count("[ACGTUacgtu]").sum(), values.str.len().sum()
    is_dna = shares["dna"] > 0.5 and bases > 0.8 * letters and len(set("".join(values.head(200)).upper())) > 2
    if is_dna:
        return "dna"
    smiles = values[values.str.fullmatch(SMILES_PATTERN)]
    marked = smiles.str.contains(_SMILES_MARK, regex=True).mean() if len(smiles) else 0.0
    # "CCO" alone could be a peptide: some values must hold what only a SMILES can.
    is_molecule = shares["molecule"] > 0.5 and marked > 0.2
    return "molecule" if is_molecule else "protein"


_COMPLEMENT = str.maketrans("ACGTUNRYSWKMBDHV", "TGCAANYRSWMKVHDB")


def reverse_complement(dna: str) -> str:
    """The other strand, read in its own direction.

    >>> reverse_complement("AACGTN")
    'NACGTT'
    """
    return dna.translate(_COMPLEMENT)[::-1]
