"""Where the template has no counterpart: loops and tails placed so that the chain closes."""

import numpy as np

from biotl_core.structures.folding import BOND, Restraints, minimize_energy

_JOINED = (2.7, 4.3)
"""Å between neighbouring alpha carbons of an unbroken chain, cis (2.9) and trans (3.8)."""
_LOOSENED = 2
"""Residues on each side of a gap that may move."""
_ROUNDS = 4
_STEPS = 200
_EMPTY = np.zeros(0)


def close_gaps(ca: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Alpha carbons of the whole chain, with loops and tails where there were none.

    Args:
        ca: positions copied from the template in Å, shape (length, 3); nan where there is no counterpart.

    Returns:
        Positions (length, 3) without nan, and which residues are not where the template has them (length,).
    """
    missing = np.isnan(ca).any(axis=1)
    is_free = missing | _beside_breaks(ca, missing)
    if not is_free.any():
        return ca.copy(), is_free
    start = _filled(ca, missing)
    # Each end of a loop that is too short for its span gives way a little more, until the span can be bridged.
    for _ in range(_ROUNDS):
        is_free = _give_way(start, is_free)
    restraints = _stay_near(start, is_free & ~missing, ~is_free)
    closed, _ = minimize_energy(start, restraints, scale=1.0, steps=_STEPS, fixed=~is_free)
    return closed, is_free


def _beside_breaks(ca: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Residues beside a gap, or beside a step between neighbours that no unbroken chain has."""
    beside = np.zeros(len(ca), dtype=bool)
    step = np.linalg.norm(np.diff(ca, axis=0), axis=1)
    with np.errstate(invalid="ignore"):
        is_break = (step < _JOINED[0]) | (step > _JOINED[1])
    for k in np.flatnonzero(is_break):
        beside[max(0, k - _LOOSENED + 1) : k + 1 + _LOOSENED] = True
    for k in np.flatnonzero(gap):
        beside[max(0, k - 1) : k + 2] = True
    return beside & ~gap


def _give_way(ca: np.ndarray, is_free: np.ndarray) -> np.ndarray:
    """Also the ends of loops that are too short for the span between them."""
    wider = is_free.copy()
    edges = np.diff(np.concatenate([[0], is_free.astype(int), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if start == 0 or stop == len(ca):
            continue
        if np.linalg.norm(ca[stop] - ca[start - 1]) > 0.95 * BOND * (stop - start + 1):
            wider[start - 1 : stop + 1] = True
    return wider


def _filled(ca: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """First positions of what is missing: arcs that bulge away from the centre, and tails that point outwards."""
    filled = ca.copy()
    centre = ca[~missing].mean(axis=0)
    n = len(ca)
    starts = np.flatnonzero(missing & ~np.concatenate([[False], missing[:-1]]))
    for start in starts:
        stop = start + int(np.argmin(np.append(missing[start:], False)))
        if start == 0 and stop == n:
            raise ValueError("no residue has a position")
        if start == 0:
            filled[:stop] = _tail(ca[stop], centre, stop)[::-1]
        elif stop == n:
            filled[start:] = _tail(ca[start - 1], centre, n - start)
        else:
            filled[start:stop] = _arc(ca[start - 1], ca[stop], centre, stop - start)
    return filled


def _tail(anchor: np.ndarray, centre: np.ndarray, n: int) -> np.ndarray:
    """A zigzag away from the centre, so that bonds and angles have room, shape (n, 3)."""
    out = anchor - centre
    out = out / max(np.linalg.norm(out), 1e-6)
    side = np.cross(out, np.eye(3)[np.abs(out).argmin()])
    side /= np.linalg.norm(side)
    k = np.arange(1, n + 1)[:, None]
    return anchor + 3.3 * k * out + 0.9 * np.where(k % 2, 1.0, -1.0) * side


def _arc(left: np.ndarray, right: np.ndarray, centre: np.ndarray, n: int) -> np.ndarray:
    """n points between two anchors on a half ellipse as long as the chain needs, shape (n, 3)."""
    span = np.linalg.norm(right - left)
    middle = (left + right) / 2
    line = (right - left) / max(span, 1e-6)
    out = middle - centre
    out = out - (out @ line) * line
    if np.linalg.norm(out) < 1e-3:
        out = np.cross(line, np.eye(3)[np.abs(line).argmin()])
    out /= np.linalg.norm(out)
    length = 0.9 * BOND * (n + 1)
    height = np.sqrt(max(length**2 - span**2, 0.0)) / 2.2
    angle = np.pi * np.arange(1, n + 1) / (n + 1)
    return middle - np.cos(angle)[:, None] * line * span / 2 + np.sin(angle)[:, None] * height * out


def _stay_near(ca: np.ndarray, loosened: np.ndarray, fixed: np.ndarray) -> Restraints:
    """Distances that hold loosened residues about where the template had them."""
    from scipy.spatial.distance import cdist

    mobile, firm = np.flatnonzero(loosened), np.flatnonzero(fixed)
    if len(mobile) == 0 or len(firm) == 0:
        whole = np.zeros(0, dtype=int)
        return Restraints(whole, whole, _EMPTY, _EMPTY, _EMPTY, np.zeros(0, dtype=bool))
    distance = cdist(ca[mobile], ca[firm])
    a, b = np.nonzero(distance < 12)
    d = distance[a, b]
    return Restraints(
        mobile[a], firm[b], d, np.full(len(d), 1.0), np.full(len(d), 0.3), np.zeros(len(d), dtype=bool)
    )
