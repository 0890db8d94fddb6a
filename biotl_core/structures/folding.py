"""From distances to a fold: alpha carbons placed by multidimensional scaling and gradient descent, hand included."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from biotl_core.progress import Control

BOND = 3.8
"""Å between neighbouring alpha carbons (trans peptide)."""
ANGLE_RANGE = (5.0, 7.3)
"""Å between alpha carbons two residues apart, from tight turn to straight strand."""
CLASH = 4.0
"""Å below which alpha carbons at least three residues apart push each other away."""
_STEPS = 300
_POWERS = (0.75, 0.6, 0.9, 0.5, 1.0)
"""How long paths through the chain are shortened for the start, one fold each until one agrees with all restraints."""
_GOOD_ENERGY = 0.05
"""Energy a residue below which a fold agrees with its restraints."""
HAND_LOG_ODDS = (0.57, 1.83, 3.52, 1.35, -0.19, -0.82, -1.05, -1.20, -0.69)
"""Log of how much commoner a virtual dihedral of 0-20, 20-40, ... 160-180 degrees is than its negative: counted over
334 chains of the Protein Data Bank."""


class Restraints(NamedTuple):
    """What is known about pairs of residues i < j, all arrays of shape (n_pairs,)."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    """Å."""
    spread: np.ndarray
    """Å by which the distance may be off."""
    weight: np.ndarray
    """How much the pair counts, 0 to 1."""
    is_lower_bound: np.ndarray
    """The distance is at least this."""


@dataclass(frozen=True)
class Folded:
    """A fold found from distances."""

    ca: np.ndarray
    """Positions of alpha carbons in Å, shape (length, 3)."""
    energy: float
    """What the optimisation made small, per residue."""
    hand_margin: float
    """How much likelier this hand is than its mirror image: log odds a residue, at least 0."""


def restraints_from_distances(distances: np.ndarray, cutoff: float, spread: float = 0.5) -> Restraints:
    """Known distances (n, n) in Å below a cutoff; longer ones are only known to be longer; nan is not known."""
    i, j = np.triu_indices(len(distances), 1)
    d = distances[i, j]
    known = ~np.isnan(d)
    i, j, d = i[known], j[known], d[known]
    is_far = d >= cutoff
    return Restraints(i, j, np.where(is_far, cutoff, d), np.full(len(d), spread), np.ones(len(d)), is_far)


def fold(n: int, restraints: Restraints, control: Control | None = None) -> Folded:
    """Place n alpha carbons so that they agree with the restraints.

    The start is classical multidimensional scaling of shortest paths through the known distances; then
    quasi-Newton steps on distances (robust), bonds, angles and clashes. Other starts are tried as long as the fold
    does not agree with the restraints, and the best is kept. Distances know no hand: of the two mirror images the one
    is kept whose virtual dihedrals proteins have more often.
    """
    control = control or Control()
    ca, energy = np.zeros((n, 3)), np.inf
    for k, power in enumerate(_POWERS):
        control.step("Folding", k, len(_POWERS))
        coarse, _ = minimize_energy(_scaled(n, restraints, power), restraints, scale=4.0, steps=_STEPS // 3)
        found, value = minimize_energy(coarse, restraints, scale=1.0, steps=_STEPS)
        if value < energy:
            ca, energy = found, value
        if energy < _GOOD_ENERGY * n:
            break
    margin = hand_log_odds(ca)
    if margin < 0:
        ca = ca * np.array([1.0, 1.0, -1.0])
    return Folded(ca - ca.mean(axis=0), energy / n, abs(margin) / n)


def virtual_dihedrals(ca: np.ndarray) -> np.ndarray:
    """Dihedral of each four alpha carbons in a row in degrees, shape (n - 3,)."""
    b = np.diff(ca, axis=0)
    first, second = np.cross(b[:-2], b[1:-1]), np.cross(b[1:-1], b[2:])
    sine = np.linalg.norm(b[1:-1], axis=1) * np.einsum("ij,ij->i", b[:-2], second)
    return np.degrees(np.arctan2(sine, np.einsum("ij,ij->i", first, second)))


def hand_log_odds(ca: np.ndarray) -> float:
    """Log odds that alpha carbons (n, 3) are a protein and not the mirror image of one."""
    if len(ca) < 4:
        return 0.0
    tau = virtual_dihedrals(ca)
    tau = tau[np.isfinite(tau)]
    place = np.minimum(np.abs(tau) / 20, 8).astype(int)
    return float((np.sign(tau) * np.asarray(HAND_LOG_ODDS)[place]).sum())


def _scaled(n: int, restraints: Restraints, power: float) -> np.ndarray:
    """Classical multidimensional scaling of shortest paths, shape (n, 3)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    edges = np.full((n, n), np.inf)
    near = ~restraints.is_lower_bound & (restraints.weight > 0.3)
    edges[restraints.first[near], restraints.second[near]] = restraints.distance[near]
    k = np.arange(n - 1)
    edges[k, k + 1] = np.minimum(edges[k, k + 1], BOND)
    paths = shortest_path(csr_array(np.where(np.isfinite(edges), edges, 0)), directed=False)
    # A path along a chain is longer than the straight line; the power is that of a crumpled chain.
    longest_known = restraints.distance[near].max(initial=BOND)
    paths = np.where(paths > longest_known, longest_known * (paths / longest_known) ** power, paths)
    squared = paths**2
    centred = -0.5 * (squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean())
    values, vectors = np.linalg.eigh(centred)
    top = np.argsort(values)[::-1][:3]
    return vectors[:, top] * np.sqrt(np.maximum(values[top], 1e-3))


def minimize_energy(
    start: np.ndarray, restraints: Restraints, scale: float, steps: int, fixed: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Quasi-Newton descent from positions (n, 3); those that are fixed stay."""
    from scipy.optimize import minimize

    free = np.ones(len(start), dtype=bool) if fixed is None else ~fixed
    positions = start.copy()

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        positions[free] = flat.reshape(-1, 3)
        value, gradient = chain_energy(positions, restraints, scale)
        return value, gradient[free].ravel()

    done = minimize(
        energy, start[free].ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 20}
    )
    positions[free] = done.x.reshape(-1, 3)
    return positions, float(done.fun)


def chain_energy(x: np.ndarray, restraints: Restraints, scale: float = 1.0) -> tuple[float, np.ndarray]:
    """Energy of alpha carbons (n, 3) and its gradient (n, 3).

    Restraints count as w * log(1 + (miss / spread)^2) with the spread widened by `scale`, so that a wrong one among
    many right ones gives way; bonds, angles and clashes as squares.
    """
    n = len(x)
    gradient = np.zeros_like(x)
    total = 0.0
    if len(restraints.first):
        d, unit = _distances(x, restraints.first, restraints.second)
        miss = d - restraints.distance
        miss = np.where(restraints.is_lower_bound, np.minimum(miss, 0), miss)
        ratio = miss / (restraints.spread * scale)
        total += float((restraints.weight * np.log1p(ratio**2)).sum())
        slope = restraints.weight * 2 * ratio / (1 + ratio**2) / (restraints.spread * scale)
        _add(gradient, restraints.first, restraints.second, slope, unit)
    for apart, low, high, stiffness in ((1, BOND, BOND, 20.0), (2, *ANGLE_RANGE, 10.0)):
        k = np.arange(n - apart)
        d, unit = _distances(x, k, k + apart)
        miss = d - np.clip(d, low, high)
        total += float(stiffness * (miss**2).sum())
        _add(gradient, k, k + apart, 2 * stiffness * miss, unit)
    i, j = _close_pairs(x)
    d, unit = _distances(x, i, j)
    miss = np.minimum(d - CLASH, 0)
    total += float(10 * (miss**2).sum())
    _add(gradient, i, j, 20 * miss, unit)
    return total, gradient


def _close_pairs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import cKDTree

    pairs = cKDTree(x).query_pairs(CLASH, output_type="ndarray")
    pairs = pairs[pairs[:, 1] - pairs[:, 0] > 2]
    return pairs[:, 0], pairs[:, 1]


def _distances(x: np.ndarray, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pairs, and the unit vectors from j to i."""
    difference = x[i] - x[j]
    d = np.sqrt(np.einsum("ij,ij->i", difference, difference) + 1e-9)
    return d, difference / d[:, None]


def _add(gradient: np.ndarray, i: np.ndarray, j: np.ndarray, slope: np.ndarray, unit: np.ndarray) -> None:
    push = slope[:, None] * unit
    for axis in range(3):
        gradient[:, axis] += np.bincount(i, push[:, axis], len(gradient))
        gradient[:, axis] -= np.bincount(j, push[:, axis], len(gradient))
