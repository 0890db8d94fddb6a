"""Names of residues and their one-letter codes."""

STANDARD = {
    "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G",
    "HIS": "H", "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S",
    "THR": "T", "TRP": "W", "TYR": "Y", "VAL": "V",
}  # fmt: skip
# How simulation programs write protonation states; the Chemical Component Dictionary does not know them.
FORCE_FIELD = {
    "HID": "H", "HIE": "H", "HIP": "H", "HSD": "H", "HSE": "H", "HSP": "H", "CYX": "C", "CYM": "C",
    "ASH": "D", "GLH": "E", "LYN": "K", "ARN": "R",
}  # fmt: skip
NUCLEOTIDES = {"A": "A", "C": "C", "G": "G", "U": "U", "DA": "A", "DC": "C", "DG": "G", "DT": "T", "DU": "U"}


def one_letter(name: str) -> str:
    """The one-letter code of a residue name; that of its parent for a modified one, `X` where there is none.

    >>> one_letter("TRP"), one_letter("MSE"), one_letter("HIE"), one_letter("DG"), one_letter("UNK")
    ('W', 'M', 'H', 'G', 'X')
    """
    for table in (STANDARD, FORCE_FIELD, NUCLEOTIDES):
        if name in table:
            return table[name]
    from biotite.structure.info import one_letter_code

    letter = one_letter_code(name)
    return letter.upper() if letter and letter.isalpha() and letter.isascii() else "X"
