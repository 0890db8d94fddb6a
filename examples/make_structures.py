"""Make the example structures: ideal backbones from bond lengths, angles and dihedrals, no measured coordinates.

    python examples/make_structures.py          writes examples/structures/*.pdb and the table of values
    python examples/make_structures.py --search prints the dihedrals of the loops anew (about five minutes)

Every atom is placed by natural extension (NeRF: Parsons et al., J Comput Chem 26, 1063, 2005) from the bond lengths
and angles of Engh and Huber (Acta Cryst A47, 392, 1991). The dihedrals of helices and strands are textbook values;
those of the loops were found by the search below, which asks for helices 10 Å apart that do not overlap.
"""

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "structures"

BOND = {"N-CA": 1.458, "CA-C": 1.525, "C-N": 1.329, "C-O": 1.231}
ANGLE = {"N-CA-C": 111.2, "CA-C-N": 116.2, "C-N-CA": 121.7, "CA-C-O": 120.8}
HELIX = (-63.0, -42.0)
STRAND = (-115.0, 132.0)
THREE_LETTERS = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP",
    "Y": "TYR", "V": "VAL",
}  # fmt: skip

# Heptads with leucine and alanine where the helices meet, charges outside; glycine and serine in the loops.
HELICES = ("SEELLKKLEELLKKAEEL", "DPELVKRLLELAKKLLELAE", "SEELIRRAEEVLKKLLEEAKR")
LOOPS = ("GNPGS", "GDPSG")
HAIRPIN = "KTVEVRYTNGKTVEVEVK"
# Found by --search: phi and psi of the loops that put the helices 10 Å apart.
LOOP_DIHEDRALS = (
    ((62.0, 38.6), (39.2, 44.0), (-71.9, -26.6), (-125.2, 148.6), (-63.0, -48.2)),
    ((-44.2, 85.4), (57.9, 27.3), (-71.6, -171.9), (-75.6, -43.4), (-135.6, 88.4)),
)


def place(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, dihedral: float
) -> np.ndarray:
    """The atom bound to c, so that b-c-new has the angle and a-b-c-new the dihedral (degrees, Å)."""
    theta, phi = np.radians(180 - angle), np.radians(dihedral)
    step = bond * np.array([np.cos(theta), np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)])
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    return c + np.stack([along, np.cross(normal, along), normal], axis=1) @ step


def build(dihedrals: list[tuple[float, float]]) -> np.ndarray:
    """N, CA, C, O and CB of a chain, shape (length, 5, 3), from (phi, psi) of each residue; omega is 180 degrees."""
    atoms = np.zeros((len(dihedrals), 5, 3))
    n, ca = np.zeros(3), np.array([BOND["N-CA"], 0.0, 0.0])
    bend = np.radians(180 - ANGLE["N-CA-C"])
    c = ca + BOND["CA-C"] * np.array([np.cos(bend), np.sin(bend), 0.0])
    for i, (_, psi) in enumerate(dihedrals):
        atoms[i, 0], atoms[i, 1], atoms[i, 2] = n, ca, c
        atoms[i, 3] = place(n, ca, c, BOND["C-O"], ANGLE["CA-C-O"], psi + 180)
        atoms[i, 4] = beta_carbon(n, ca, c)
        if i + 1 < len(dihedrals):
            next_n = place(n, ca, c, BOND["C-N"], ANGLE["CA-C-N"], psi)
            next_ca = place(ca, c, next_n, BOND["N-CA"], ANGLE["C-N-CA"], 180.0)
            next_c = place(c, next_n, next_ca, BOND["CA-C"], ANGLE["N-CA-C"], dihedrals[i + 1][0])
            n, ca, c = next_n, next_ca, next_c
    return atoms


def beta_carbon(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The beta carbon of an L residue: tetrahedral to N and C."""
    b, a = ca - n, c - ca
    return -0.58273431 * np.cross(b, a) + 0.56802827 * b - 0.54067466 * a + ca


def helix_axis(ca: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and direction (N to C) of a helix from its alpha carbons, shape (length, 3)."""
    centre = ca.mean(axis=0)
    direction = np.linalg.svd(ca - centre)[2][0]
    return centre, direction * np.sign(direction @ (ca[-4:].mean(axis=0) - ca[:4].mean(axis=0)))


def bundle_dihedrals(loops: tuple[tuple[tuple[float, float], ...], ...]) -> list[tuple[float, float]]:
    """Phi and psi of helix, loop, helix, loop, helix; fewer when fewer loops are given."""
    dihedrals = [HELIX] * len(HELICES[0])
    for loop, helix in zip(loops, HELICES[1:], strict=False):
        dihedrals += [*loop, *([HELIX] * len(helix))]
    return dihedrals


def bundle_misfit(atoms: np.ndarray) -> float:
    """How far the helices are from standing antiparallel at 10 Å, with a penalty for what overlaps."""
    axes, start = [], 0
    for helix, loop in zip(HELICES, (*LOOPS, ""), strict=True):
        if start < len(atoms):
            axes.append(helix_axis(atoms[start : start + len(helix), 1]))
        start += len(helix) + len(loop)
    misfit = 0.0
    for i, (centre, direction) in enumerate(axes):
        for j in range(i):
            offset = centre - axes[j][0]
            along = offset @ direction
            misfit += (np.linalg.norm(offset - along * direction) - 10.0) ** 2 + along**2
            wanted = -0.95 if (i - j) % 2 else 0.95
            misfit += 100 * (direction @ axes[j][1] - wanted) ** 2
    heavy = atoms.reshape(-1, 3)
    distance = np.linalg.norm(heavy[:, None] - heavy[None], axis=-1)
    owner = np.repeat(np.arange(len(atoms)), 5)
    far = (
        np.abs(owner[:, None] - owner[None]) > 4
    )  # inside a helix i and i+4 touch through their hydrogen bond
    return misfit + 20 * float((np.clip(3.9 - distance[far], 0, None) ** 2).sum())


def search_loops() -> None:
    """Find the dihedrals of one loop after the other: random draws from the allowed regions, the best refined."""
    from scipy.optimize import minimize

    random = np.random.default_rng(0)
    regions = np.array([HELIX, STRAND, (-75.0, 145.0), (57.0, 40.0)])
    found: list[tuple[tuple[float, float], ...]] = []

    def misfit(angles: np.ndarray) -> float:
        loop = tuple((float(phi), float(psi)) for phi, psi in angles.reshape(-1, 2))
        return bundle_misfit(build(bundle_dihedrals((*found, loop))))

    for loop in LOOPS:
        drawn = [
            regions[random.integers(0, len(regions), len(loop))] + random.normal(0, 15, (len(loop), 2))
            for _ in range(4000)
        ]
        drawn.sort(key=misfit)
        refined = [
            minimize(misfit, start.ravel(), method="Powell", options={"maxiter": 12}) for start in drawn[:4]
        ]
        best = min(refined, key=lambda result: result.fun)
        found.append(
            tuple((round(float(phi), 1), round(float(psi), 1)) for phi, psi in best.x.reshape(-1, 2))
        )
        print(f"# misfit {best.fun:.1f}", found[-1], sep="\n", flush=True)


def hairpin_dihedrals() -> list[tuple[float, float]]:
    """Phi and psi of two strands around a type I' turn, bent until the hydrogen bonds are 2.9 Å long."""
    from scipy.optimize import least_squares

    half = len(HAIRPIN) // 2
    ideal = np.array([STRAND] * (half - 1) + [(60.0, 30.0), (90.0, 0.0)] + [STRAND] * (half - 1))
    last = len(HAIRPIN) - 1
    # Across antiparallel strands bonded pairs of alpha carbons stand 5.5 Å apart and the others 4.5 Å.
    wanted = [(1, i, 1, last - i, 5.5 if i % 2 else 4.5) for i in range(half - 1)]
    for i in range(half - 2, 0, -2):
        for a, b in ((i, last - i), (last - i, i)):
            wanted += [(0, a, 3, b, 2.9), (0, a, 2, b, 3.8)]  # N to O, N to C of the hydrogen bond

    def misfit(angles: np.ndarray) -> np.ndarray:
        atoms = build([tuple(pair) for pair in angles.reshape(-1, 2)])
        off = [np.linalg.norm(atoms[a, x] - atoms[b, y]) - length for x, a, y, b, length in wanted]
        return np.concatenate([off, (angles - ideal.ravel()) / 40])

    fitted = least_squares(misfit, ideal.ravel(), max_nfev=60).x.reshape(-1, 2)
    return [(float(phi), float(psi)) for phi, psi in fitted]


def burial(atoms: np.ndarray) -> np.ndarray:
    """Beta carbons within 10 Å of each one's own: high inside, low outside."""
    beta = atoms[:, 4]
    return (np.linalg.norm(beta[:, None] - beta[None], axis=-1) < 10).sum(axis=1) - 1


def pdb_text(title: str, chains: list[tuple[str, str, np.ndarray]]) -> str:
    """A PDB file of chains, each with its name, its sequence and its atoms (length, 5, 3) around the origin."""
    lines = [
        f"TITLE     {title}",
        "REMARK   1 IDEAL GEOMETRY MADE BY EXAMPLES/MAKE_STRUCTURES.PY; NOT MEASURED",
    ]
    serial = 0
    centre = np.concatenate([atoms.reshape(-1, 3) for _, _, atoms in chains]).mean(axis=0)
    for chain, sequence, atoms in chains:
        for number, (letter, positions) in enumerate(zip(sequence, atoms - centre, strict=True), start=1):
            for name, (x, y, z) in zip(("N", "CA", "C", "O", "CB"), positions, strict=True):
                if name == "CB" and letter == "G":
                    continue
                serial += 1
                lines.append(
                    f"ATOM  {serial:>5}  {name:<3} {THREE_LETTERS[letter]} {chain}{number:>4}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {name[0]}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def write_all() -> None:
    """Write the example structures and the table of values."""
    FOLDER.mkdir(exist_ok=True)
    sequence = HELICES[0] + LOOPS[0] + HELICES[1] + LOOPS[1] + HELICES[2]
    bundle = build(bundle_dihedrals(LOOP_DIHEDRALS))
    (FOLDER / "three_helix_bundle.pdb").write_text(
        pdb_text("IDEAL THREE-HELIX BUNDLE", [("A", sequence, bundle)])
    )
    hairpin = build(hairpin_dihedrals())
    (FOLDER / "beta_hairpin.pdb").write_text(pdb_text("IDEAL BETA HAIRPIN", [("A", HAIRPIN, hairpin)]))
    centre = bundle.reshape(-1, 3).mean(axis=0)
    axis = helix_axis(bundle[: len(HELICES[0]), 1])[1]
    beside = np.linalg.svd((bundle - centre).reshape(-1, 3), full_matrices=False)[2][1]
    across = beside - (beside @ axis) * axis
    across *= 13.5 / np.linalg.norm(across)
    half_turn = 2 * np.outer(axis, axis) - np.eye(3)
    first = bundle - centre + across
    chains = [("A", sequence, first), ("B", sequence, first @ half_turn.T)]
    (FOLDER / "bundle_dimer.pdb").write_text(pdb_text("TWO IDEAL THREE-HELIX BUNDLES", chains))
    rows = ["residue,aa,burial,layer"]
    for number, (letter, n) in enumerate(zip(sequence, burial(bundle), strict=True), start=1):
        rows.append(f"{number},{letter},{n},{'core' if n >= 14 else 'boundary' if n >= 10 else 'surface'}")
    (FOLDER / "three_helix_bundle_values.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    if "--search" in sys.argv:
        search_loops()
    else:
        write_all()
