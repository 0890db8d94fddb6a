"""From alpha carbons to N, CA, C, O and CB: each peptide plane turned so that the whole chain is as proteins are."""

import numpy as np

from biotl_core.structures.chains import BACKBONE

# A trans peptide in its plane in Å: along the line from one alpha carbon to the next (3.8 Å), and across it.
_PEPTIDE = {"C": (1.425, 0.544), "O": (1.628, 1.758), "N": (2.389, -0.370)}
_BOND = 3.8
_BROKEN = 4.6
"""Å between neighbouring alpha carbons above which the chain is broken there."""
_STATES = 36
_ANGLE, _ANGLE_SPREAD = 111.0, 4.0
"""Degrees between N, CA and C."""
_BASINS = (
    # phi, psi, spread in degrees, share: where backbones are found (Ramachandran)
    (-63, -43, 12, 0.45),
    (-120, 130, 25, 0.28),
    (-70, 145, 18, 0.18),
    (-90, 0, 20, 0.06),
    (57, 40, 15, 0.025),
    (80, 5, 15, 0.005),
)


def rebuild_backbone(ca: np.ndarray) -> np.ndarray:
    """Positions of N, CA, C, O, CB in Å, shape (n, 5, 3), on a trace of alpha carbons (n, 3); nan stays nan.

    Each peptide plane may turn around its line of alpha carbons; dynamic programming finds the turns of the whole
    chain whose angles N-CA-C and dihedrals phi, psi are likeliest together.
    """
    built = np.full((len(ca), len(BACKBONE), 3), np.nan)
    for start, stop in stretches(ca):
        built[start:stop] = _rebuild_stretch(ca[start:stop])
    return built


def stretches(ca: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of residues (start, stop) without a break; unresolved residues (nan) are in none."""
    known = ~np.isnan(ca).any(axis=1)
    step = np.linalg.norm(np.diff(ca, axis=0), axis=1)
    is_joined = np.concatenate([[False], known[1:] & known[:-1] & (step < _BROKEN)])
    starts = np.flatnonzero(known & ~is_joined)
    ends = np.flatnonzero(known & ~np.append(is_joined[1:], False)) + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def ideal_cb(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Where beta carbons stand on N, CA, C (each (n, 3)): ideal tetrahedral geometry of an L amino acid."""
    b, c = ca - n, c - ca
    return ca - 0.58273431 * np.cross(b, c) + 0.56802827 * b - 0.54067466 * c


def place_atom(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, dihedral: float
) -> np.ndarray:
    """The fourth atom after a, b, c (each (3,)): bond in Å to c, angle and dihedral in degrees."""
    angle, dihedral = np.radians(angle), np.radians(dihedral)
    axis = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, axis)
    normal /= max(np.linalg.norm(normal), 1e-9)
    across = np.cross(normal, axis)
    local = bond * np.array(
        [-np.cos(angle), np.sin(angle) * np.cos(dihedral), np.sin(angle) * np.sin(dihedral)]
    )
    return c + local[0] * axis + local[1] * across + local[2] * normal


def dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Dihedral of four atoms in degrees, over any leading shape (..., 3)."""
    ab, bc, cd = b - a, c - b, d - c
    first, second = np.cross(ab, bc), np.cross(bc, cd)
    sine = np.linalg.norm(bc, axis=-1) * (ab * second).sum(-1)
    return np.degrees(np.arctan2(sine, (first * second).sum(-1)))


def _rebuild_stretch(ca: np.ndarray) -> np.ndarray:
    length = len(ca)
    built = np.full((length, len(BACKBONE), 3), np.nan)
    built[:, 1] = ca
    if length < 3:
        return built
    planes = {name: _turned(ca, *place) for name, place in _PEPTIDE.items()}  # each (length - 1, states, 3)
    chosen = _likeliest(_turn_energies(ca, planes))
    row = np.arange(length - 1)
    built[1:, 0], built[:-1, 2], built[:-1, 3] = (planes[name][row, chosen] for name in ("N", "C", "O"))
    built[0, 0] = place_atom(built[1, 0], built[0, 2], ca[0], 1.459, _ANGLE, 140.0)
    built[-1, 2] = place_atom(built[-2, 2], built[-1, 0], ca[-1], 1.525, _ANGLE, -65.0)
    built[-1, 3] = place_atom(built[-1, 0], ca[-1], built[-1, 2], 1.231, 120.4, 140.0)
    built[:, 4] = ideal_cb(built[:, 0], ca, built[:, 2])
    return built


def _turned(ca: np.ndarray, along: float, across: float) -> np.ndarray:
    """An atom of each peptide at each turn of its plane, shape (length - 1, states, 3)."""
    line = np.diff(ca, axis=0)
    axis = line / np.linalg.norm(line, axis=1, keepdims=True)
    helper = np.eye(3)[np.abs(axis).argmin(axis=1)]
    u = np.cross(axis, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(axis, u)
    turn = np.linspace(0, 2 * np.pi, _STATES, endpoint=False)
    direction = np.cos(turn)[None, :, None] * u[:, None] + np.sin(turn)[None, :, None] * v[:, None]
    return (ca[:-1] + line * (along / _BOND))[:, None] + across * direction


def _turn_energies(ca: np.ndarray, planes: dict[str, np.ndarray]) -> np.ndarray:
    """How unlikely each inner residue is for each turn of the planes beside it, (length - 2, states, states)."""
    here = ca[1:-1, None, None]
    c_before, n_here = planes["C"][:-1, :, None], planes["N"][:-1, :, None]
    c_here, n_after = planes["C"][1:, None], planes["N"][1:, None]
    to_n, to_c = n_here - here, c_here - here
    cosine = (to_n * to_c).sum(-1) / (np.linalg.norm(to_n, axis=-1) * np.linalg.norm(to_c, axis=-1))
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    phi, psi = dihedral(c_before, n_here, here, c_here), dihedral(n_here, here, c_here, n_after)
    likely = np.full(phi.shape, 1e-5)
    for phi0, psi0, spread, share in _BASINS:
        off = ((phi - phi0 + 180) % 360 - 180) ** 2 + ((psi - psi0 + 180) % 360 - 180) ** 2
        likely += share * (12 / spread) ** 2 * np.exp(-off / (2 * spread**2))
    return ((angle - _ANGLE) / _ANGLE_SPREAD) ** 2 - np.log(likely)


def _likeliest(energies: np.ndarray) -> np.ndarray:
    """The turn of each plane on the path with the least summed energy, shape (n_residues + 1,) (Viterbi)."""
    best = np.zeros(energies.shape[1])
    came_from = []
    for energy in energies:
        total = best[:, None] + energy
        came_from.append(total.argmin(axis=0))
        best = total.min(axis=0)
    path = [int(best.argmin())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return np.array(path[::-1])
