"""Helix, strand and coil from backbone hydrogen bonds, or from alpha carbons alone where there is no more.

Hydrogen bonds, turns and bridges are those of Kabsch and Sander (DSSP, Biopolymers 22, 2577, 1983), with all
three kinds of helix called helix and ladders of at least two bridges called strand; the second way is P-SEA
(Labesse et al., CABIOS 13, 291, 1997) as in biotite.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from biotite.structure import AtomArray

HELIX, STRAND, COIL = "helix", "strand", "coil"
_P_SEA = {"a": HELIX, "b": STRAND, "c": COIL, "": ""}
_MAX_BOND_ENERGY = -0.5
"""kcal/mol; a hydrogen bond is anything lower."""
_NEIGHBOUR_DISTANCE = 9.0
"""Å between alpha carbons beyond which no backbone hydrogen bond is possible."""
_MOST_NEIGHBOURS = 60
"""Alpha carbons within that distance, on average; a real protein has about fifteen. With more, chains lie on top of
one another (models written without MODEL lines), bonds mean nothing, and their number would exhaust the memory."""


def assign_secondary_structure(
    polymer: "AtomArray", starts: np.ndarray, is_protein: np.ndarray
) -> np.ndarray:
    """Helix, strand or coil for each residue, "" for nucleotides; shape (n_residues,).

    Args:
        polymer: the atoms of all chains.
        starts: index of the first atom of each residue.
        is_protein: whether each residue is an amino acid.
    """
    backbone = {name: _positions(polymer, starts, name) for name in ("N", "CA", "C", "O")}
    complete = is_protein & ~np.isnan(np.concatenate(list(backbone.values()), axis=1)).any(axis=1)
    found = np.where(is_protein, COIL, "").astype("U6")
    if complete.sum() >= 0.5 * is_protein.sum() and not _is_overcrowded(backbone["CA"][complete]):
        found[complete] = _from_hydrogen_bonds(
            *(positions[complete] for positions in backbone.values()),
            polymer.chain_id[starts][complete],
            polymer.res_name[starts][complete] == "PRO",
        )
        return found
    from biotite.structure import annotate_sse

    told = np.array([_P_SEA[code] for code in annotate_sse(polymer)])
    return np.where(is_protein & (told != ""), told, found)


def _is_overcrowded(ca: np.ndarray) -> bool:
    from scipy.spatial import cKDTree

    tree = cKDTree(ca)
    return bool(len(ca)) and tree.count_neighbors(tree, _NEIGHBOUR_DISTANCE) > _MOST_NEIGHBOURS * len(ca)


def _positions(polymer: "AtomArray", starts: np.ndarray, name: str) -> np.ndarray:
    """Where the atom of that name is in each residue, shape (n_residues, 3); nan where it is not."""
    positions = np.full((len(starts), 3), np.nan)
    atoms = np.flatnonzero(polymer.atom_name == name)
    positions[np.searchsorted(starts, atoms, side="right") - 1] = polymer.coord[atoms]
    return positions


EIGHT_STATES = {
    "H": "alpha helix", "B": "single bridge", "E": "strand", "G": "3-10 helix", "I": "pi helix", "T": "turn",
    "S": "bend", "C": "coil",
}  # fmt: skip
"""The eight states of DSSP, with C where DSSP writes a blank."""
_BEND = 70.0
"""Degrees by which the chain turns over five residues in a bend."""


def eight_states(
    n: np.ndarray, ca: np.ndarray, c: np.ndarray, o: np.ndarray, chain: np.ndarray, is_proline: np.ndarray
) -> np.ndarray:
    """The state of each residue by its letter in `EIGHT_STATES`, shape (length,), from backbone positions in Å.

    Args:
        n, ca, c, o: shape (length, 3), without nan.
        chain: name of the chain of each residue, shape (length,).
        is_proline: which residues have no hydrogen at the nitrogen, shape (length,).
    """
    length = len(n)
    found = np.full(length, "C", dtype="U1")
    if length < 5:
        return found
    patterns = _patterns(n, ca, c, o, chain, is_proline)
    found[_bends(ca, patterns.segment)] = "S"
    for letter, is_there in (
        ("T", patterns.turn),
        ("I", patterns.helix[5]),
        ("G", patterns.helix[3]),
        ("B", patterns.bridge),
        ("E", patterns.ladder),
        ("H", patterns.helix[4]),
    ):
        found[is_there] = letter
    return found


def _bends(ca: np.ndarray, segment: np.ndarray) -> np.ndarray:
    before, after = ca[2:-2] - ca[:-4], ca[4:] - ca[2:-2]
    cosine = (before * after).sum(axis=1) / (np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1))
    is_bend = np.zeros(len(ca), dtype=bool)
    is_bend[2:-2] = (cosine < np.cos(np.radians(_BEND))) & (segment[4:] == segment[:-4])
    return is_bend


class _Patterns(NamedTuple):
    """What hydrogen bonds make of each residue, arrays of shape (length,)."""

    segment: np.ndarray
    """Number of the unbroken stretch."""
    helix: dict[int, np.ndarray]
    """Within a helix of that span: 3, 4 (alpha) or 5."""
    turn: np.ndarray
    bridge: np.ndarray
    ladder: np.ndarray


def _from_hydrogen_bonds(
    n: np.ndarray, ca: np.ndarray, c: np.ndarray, o: np.ndarray, chain: np.ndarray, is_proline: np.ndarray
) -> np.ndarray:
    """Helix, strand or coil, shape (length,), from backbone positions (length, 3) in Å."""
    length = len(n)
    if length < 3:
        return np.full(length, COIL, dtype="U6")
    patterns = _patterns(n, ca, c, o, chain, is_proline)
    is_other_helix = (patterns.helix[3] | patterns.helix[5]) & ~patterns.ladder
    found = np.full(length, COIL, dtype="U6")
    found[patterns.ladder] = STRAND
    found[patterns.helix[4] | is_other_helix] = HELIX
    return found


def _patterns(n, ca, c, o, chain, is_proline) -> _Patterns:
    length = len(n)
    is_bonded_on = np.linalg.norm(c[:-1] - n[1:], axis=1) < 2.5
    segment = np.concatenate([[0], np.cumsum(~(is_bonded_on & (chain[1:] == chain[:-1])))])
    bonds = _hydrogen_bonds(n, ca, c, o, segment, is_proline)

    def bonded(acceptor: np.ndarray, donor: np.ndarray) -> np.ndarray:
        inside = (acceptor >= 0) & (acceptor < length) & (donor >= 0) & (donor < length)
        return inside & np.isin(acceptor * length + donor, bonds)

    def turns(span: int) -> np.ndarray:
        here = np.arange(length)
        there = np.minimum(here + span, length - 1)
        return bonded(here, here + span) & (segment[here] == segment[there])

    def helices(span: int) -> np.ndarray:
        is_turn = turns(span)
        begins = np.flatnonzero(is_turn[1:] & is_turn[:-1]) + 1
        inside = np.zeros(length + span, dtype=bool)
        for k in range(span):
            inside[begins + k] = True
        return inside[:length]

    is_turn = np.zeros(length + 5, dtype=bool)
    for span in (3, 4, 5):
        for k in range(1, span):
            is_turn[np.flatnonzero(turns(span)) + k] = True
    is_bridge, is_ladder = _ladders(ca, segment, bonded)
    return _Patterns(
        segment, {span: helices(span) for span in (3, 4, 5)}, is_turn[:length], is_bridge, is_ladder
    )


def _hydrogen_bonds(n, ca, c, o, segment, is_proline) -> np.ndarray:
    """Backbone hydrogen bonds as `acceptor * length + donor`, from the C=O of one to the N-H of another."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(ca).query_pairs(_NEIGHBOUR_DISTANCE, output_type="ndarray")
    acceptor, donor = np.concatenate([pairs, pairs[:, ::-1]]).T
    # The hydrogen lies opposite to the carbonyl before it; a chain's first residue and proline have none.
    has_hydrogen = np.concatenate([[False], segment[1:] == segment[:-1]]) & ~is_proline
    keep = has_hydrogen[donor] & (np.abs(acceptor - donor) >= 2)
    acceptor, donor = acceptor[keep], donor[keep]
    carbonyl = c[donor - 1] - o[donor - 1]
    hydrogen = n[donor] + carbonyl / np.linalg.norm(carbonyl, axis=1, keepdims=True)

    def inverse_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1 / np.maximum(np.linalg.norm(a - b, axis=1), 0.5)

    energy = 27.9 * (
        inverse_distance(o[acceptor], n[donor])
        + inverse_distance(c[acceptor], hydrogen)
        - inverse_distance(o[acceptor], hydrogen)
        - inverse_distance(c[acceptor], n[donor])
    )
    is_bond = energy < _MAX_BOND_ENERGY
    return np.unique(acceptor[is_bond].astype(np.int64) * len(n) + donor[is_bond])


def _ladders(ca: np.ndarray, segment: np.ndarray, bonded) -> tuple[np.ndarray, np.ndarray]:
    """Residues in any bridge; and those in at least two in a row, with the single residue of a bulge between such."""
    from scipy.spatial import cKDTree

    length = len(ca)
    pairs = cKDTree(ca).query_pairs(7.5, output_type="ndarray")
    i, j = pairs[np.abs(pairs[:, 0] - pairs[:, 1]) > 2].T
    is_inner = np.zeros(length, dtype=bool)
    is_inner[1:-1] = (segment[2:] == segment[1:-1]) & (segment[:-2] == segment[1:-1])
    both_inner = is_inner[i] & is_inner[j]
    i, j = i[both_inner], j[both_inner]
    parallel = (bonded(i - 1, j) & bonded(j, i + 1)) | (bonded(j - 1, i) & bonded(i, j + 1))
    antiparallel = (bonded(i, j) & bonded(j, i)) | (bonded(i - 1, j + 1) & bonded(j - 1, i + 1))
    is_strand, in_bridge = np.zeros(length, dtype=bool), np.zeros(length, dtype=bool)
    for is_bridge, step in ((parallel, 1), (antiparallel, -1)):
        first, second = i[is_bridge], j[is_bridge]
        in_bridge[first] = in_bridge[second] = True
        codes = first * length + second
        for direction in (1, -1):
            beside = (first + direction) * length + second + direction * step
            is_continued = np.isin(beside, codes)
            is_strand[first[is_continued]] = True
            is_strand[second[is_continued]] = True
    bulge = is_strand[:-2] & is_strand[2:] & (segment[:-2] == segment[2:])
    is_strand[1:-1] |= bulge
    return in_bridge, is_strand
