"""Which residue of one chain stands for which of another: by letters, by a family's letters, or by shape."""

from functools import cache
from typing import NamedTuple

import numpy as np

from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.measures import tm_d0

LETTERS = "ARNDCQEGHILKMFPSTWYVBZX*"
_OPEN, _EXTEND = -8.0, -1.0
_END = -0.5
"""What a residue that hangs over at an end costs: chains of a family may be longer, but slipping must not pay."""
_SAME_PLACE = 6.0
"""Å within which residues of two superposed chains stand for one another."""


class Alignment(NamedTuple):
    """Pairs of residues, one in each chain, in order."""

    score: float
    first: np.ndarray
    """Places in the first chain, shape (n,)."""
    second: np.ndarray
    """Places in the second chain, shape (n,)."""


def align_sequences(first: str, second: str) -> Alignment:
    """Two sequences by BLOSUM62 with affine gaps (-11, -1); ends that hang over cost little."""
    from Bio.Align.substitution_matrices import load

    aligner = _aligner(load("BLOSUM62"), -11.0)
    return _best_path(aligner, *(_known_letters(text) for text in (first, second)))


def align_scores(scores: np.ndarray) -> Alignment:
    """The best path through scores (n, m) of each residue with each, with affine gaps in units of BLOSUM62."""
    from Bio.Align.substitution_matrices import Array

    n, m = scores.shape
    square = np.zeros((max(n, m),) * 2)
    square[:n, :m] = scores
    matrix = Array(tuple(range(len(square))), 2)
    matrix[:] = square
    return _best_path(_aligner(matrix, _OPEN), np.arange(n, dtype=np.int32), np.arange(m, dtype=np.int32))


def _aligner(matrix, open_gap: float):
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner()
    aligner.substitution_matrix = matrix
    aligner.open_gap_score, aligner.extend_gap_score = open_gap, _EXTEND
    aligner.end_gap_score = _END
    return aligner


def _best_path(aligner, first, second) -> Alignment:
    alignment = aligner.align(first, second)[0]
    pairs = [np.zeros((2, 0), dtype=int)]
    for (start, stop), (other, _) in zip(*alignment.aligned, strict=True):
        pairs.append(np.stack([np.arange(start, stop), np.arange(other, other + stop - start)]))
    return Alignment(float(alignment.score), *np.concatenate(pairs, axis=1))


def _known_letters(text: str) -> str:
    return "".join(letter if letter in LETTERS else "X" for letter in text.upper())


def family_scores(
    sequence: str,
    chain: ProteinChain,
    relatives: list[tuple[ProteinChain, Alignment, float]],
    weight: float = 0.3,
) -> np.ndarray:
    """How well each letter of a sequence fits each place of a chain and of its relatives there, shape (n, m).

    Args:
        sequence: n letters.
        chain: m residues.
        relatives: chains of the same fold, with their structural alignment to `chain` (first) and its TM-score.
        weight: of a relative of TM-score 1 beside the chain itself.
    """
    query, blosum = _codes(sequence), _blosum()
    total = blosum[query[:, None], _codes(chain.sequence)]
    weights = np.ones(len(chain))
    for relative, pairs, likeness in relatives:
        letters = _codes(relative.sequence)[pairs.second]
        total[:, pairs.first] += weight * likeness * blosum[query[:, None], letters]
        weights[pairs.first] += weight * likeness
    return total / weights


def align_structures(first: ProteinChain, second: ProteinChain) -> tuple[float, Alignment]:
    """Residues of two chains that stand at the same place when their shapes are laid on one another.

    The search is biotite's (3Di letters, then as TM-align).

    Returns:
        TM-score normalised by the shorter chain, and the pairs within 6 Å; 0 and none where nothing fits.
    """
    from biotite.structure import BadStructureError, superimpose_structural_homologs

    nothing = Alignment(0.0, np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    atoms = [complete_residues(chain) for chain in (first, second)]
    if min(map(len, atoms)) == 0:
        return 0.0, nothing
    try:
        fitted, _, i, j = superimpose_structural_homologs(*atoms, max_iterations=10)
    except (BadStructureError, ValueError, IndexError):
        return 0.0, nothing
    distance = np.linalg.norm(fitted.coord[j] - atoms[0].coord[i], axis=1)
    shorter = min(int(first.is_resolved.sum()), int(second.is_resolved.sum()))
    likeness = float((1 / (1 + (distance / tm_d0(shorter)) ** 2)).sum() / shorter)
    near = distance < _SAME_PLACE
    return likeness, Alignment(likeness, atoms[0].res_id[i][near] - 1, atoms[1].res_id[j][near] - 1)


def complete_residues(chain: ProteinChain):
    """Backbone and beta carbons of a chain as biotite's atoms; rebuilt where only alpha carbons are known."""
    from biotl_core.structures.results import as_atoms

    return as_atoms(chain.sequence, filled_backbone(chain))


def filled_backbone(chain: ProteinChain) -> np.ndarray:
    """N, CA, C, O, CB of all resolved residues, shape (length, 5, 3): what the file lacks is rebuilt."""
    from biotl_core.structures.rebuilding import ideal_cb, rebuild_backbone

    backbone = chain.backbone.copy()
    lacks = chain.is_resolved & np.isnan(backbone[:, :4]).any(axis=(1, 2))
    if lacks.any():
        backbone[lacks] = rebuild_backbone(chain.ca)[lacks]
    lacks_cb = np.isnan(backbone[:, 4]).any(axis=1)
    backbone[lacks_cb, 4] = ideal_cb(backbone[lacks_cb, 0], backbone[lacks_cb, 1], backbone[lacks_cb, 2])
    return backbone


@cache
def _blosum() -> np.ndarray:
    from Bio.Align.substitution_matrices import load

    matrix = load("BLOSUM62")
    return np.array([[matrix[a, b] for b in LETTERS] for a in LETTERS], dtype=float)


def _codes(sequence: str) -> np.ndarray:
    table = np.full(256, LETTERS.index("X"))
    for k, letter in enumerate(LETTERS):
        table[ord(letter)] = k
    return table[np.frombuffer(sequence.upper().encode("latin-1", "replace"), dtype=np.uint8)]
