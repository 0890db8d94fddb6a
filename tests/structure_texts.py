"""Small structure files for the tests: ideal helices with any subset of atoms, and what can be wrong with them."""

import numpy as np

from examples.make_structures import HELIX, STRAND, THREE_LETTERS, build

NAMES = ("N", "CA", "C", "O", "CB")


def atom_line(
    serial: int, atom: str, residue: str, chain: str, number: int, position, *, insertion: str = " ", altloc: str = " ",
    occupancy: float = 1.0, b: float = 10.0, record: str = "ATOM", element: str | None = None,
) -> str:  # fmt: skip
    """One line of a PDB file, in its columns."""
    x, y, z = position
    name = f" {atom:<3}" if len(element or atom[0]) == 1 else f"{atom:<4}"
    return (
        f"{record:<6}{serial % 100000:>5} {name}{altloc}{residue:>3} {chain}{number:>4}{insertion}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{b:6.2f}          {element or atom[0]:>2}"
    )


def chain_lines(
    sequence: str,
    *,
    chain: str = "A",
    atoms=NAMES,
    first: int = 1,
    offset=(0.0, 0.0, 0.0),
    b=None,
    dihedral=HELIX,
) -> list[str]:
    """ATOM lines of an ideal helix (or strand); `b` is a number for each residue."""
    positions = build([dihedral] * len(sequence)) + np.asarray(offset)
    lines = []
    for i, letter in enumerate(sequence):
        for name, position in zip(NAMES, positions[i], strict=True):
            if name in atoms and not (name == "CB" and letter == "G"):
                value = 10.0 + i if b is None else b[i]
                lines.append(
                    atom_line(
                        len(lines) + 1, name, THREE_LETTERS[letter], chain, first + i, position, b=value
                    )
                )
    return lines


def pdb_text(*lines: str, header: str = "") -> str:
    """A whole file."""
    return "\n".join([*([header] if header else []), *lines, "END", ""])


SEQUENCE = "MKTAYIAKQRQISFVKSHFS"
HELIX_TEXT = pdb_text(*chain_lines(SEQUENCE))
ALPHA_ONLY_TEXT = pdb_text(*chain_lines(SEQUENCE, atoms=("CA",)))
BACKBONE_TEXT = pdb_text(*chain_lines(SEQUENCE, atoms=("N", "CA", "C", "O")))
STRAND_TEXT = pdb_text(*chain_lines(SEQUENCE, dihedral=STRAND))
