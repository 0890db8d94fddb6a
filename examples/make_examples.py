"""Makes the example tables beside this file: `python examples/make_examples.py [FOLDER]`.

Everything here is simulated or computed from a fixed seed, so that each table has a known answer: a biologist can try
every page in a minute, and a test knows what a model can find. None of it is measured.
"""

import csv
import itertools
import math
import sys
from pathlib import Path

import numpy as np

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
# Human ubiquitin (UniProt P0CG48, residues 1-76): the wild type of the simulated mutants.
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
# Kyte and Doolittle, J. Mol. Biol. 157, 105 (1982).
HYDROPATHY = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            1.8,
            -4.5,
            -3.5,
            -3.5,
            2.5,
            -3.5,
            -3.5,
            -0.4,
            -3.2,
            4.5,
            3.8,
            -3.9,
            1.9,
            2.8,
            -1.6,
            -0.8,
            -0.7,
            -0.9,
            -1.3,
            4.2,
        ),
        strict=True,
    )
)
# Chou and Fasman, Adv. Enzymol. 47, 45 (1978): how often a residue is in a helix or a strand, relative to chance.
HELIX = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            1.42,
            0.98,
            0.67,
            1.01,
            0.70,
            1.11,
            1.51,
            0.57,
            1.00,
            1.08,
            1.21,
            1.16,
            1.45,
            1.13,
            0.57,
            0.77,
            0.83,
            1.08,
            0.69,
            1.06,
        ),
        strict=True,
    )
)
STRAND = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            0.83,
            0.93,
            0.89,
            0.54,
            1.19,
            1.10,
            0.37,
            0.75,
            0.87,
            1.60,
            1.30,
            0.74,
            1.05,
            1.38,
            0.55,
            0.75,
            1.19,
            1.37,
            1.47,
            1.70,
        ),
        strict=True,
    )
)


def make_protein_variants(n: int = 900, seed: int = 1) -> list[dict[str, object]]:
    """Mutants of ubiquitin with one to four substitutions and a simulated fitness (wild type = 1).

    Each substitution costs its dissimilarity (BLOSUM62) times the weight of its position (larger where the wild type
    is hydrophobic, as in a protein's core), proline costs more; fifteen pairs of positions help or hurt each other;
    a sigmoid turns the sum into a fitness, and noise (standard deviation 0.03) is added.
    """
    from Bio.Align import substitution_matrices

    rng = np.random.default_rng(seed)
    blosum = substitution_matrices.load("BLOSUM62")
    core = np.array([1.0 if HYDROPATHY[letter] > 1.5 else 0.35 for letter in UBIQUITIN])
    weight = core * rng.uniform(0.5, 1.5, len(UBIQUITIN))
    pairs = {
        tuple(sorted(rng.choice(len(UBIQUITIN), 2, replace=False))): rng.normal(0, 2.0) for _ in range(15)
    }
    rows, seen = [], set()
    while len(rows) < n:
        n_mutations = int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.15, 0.1]))
        positions = sorted(rng.choice(np.arange(1, len(UBIQUITIN)), n_mutations, replace=False).tolist())
        letters = list(UBIQUITIN)
        cost = 0.0
        for position in positions:
            wild = UBIQUITIN[position]
            letters[position] = str(rng.choice([letter for letter in AMINO_ACIDS if letter != wild]))
            cost += weight[position] * (4 - blosum[wild][letters[position]]) / 4
            cost += 1.0 if letters[position] == "P" else 0.0
        cost -= sum(effect for pair, effect in pairs.items() if set(pair) <= set(positions))
        variant = ",".join(f"{UBIQUITIN[p]}{p + 1}{letters[p]}" for p in positions)
        if variant in seen:
            continue
        seen.add(variant)
        fitness = (1 + math.exp(-2.5)) / (1 + math.exp(1.6 * cost - 2.5)) + rng.normal(0, 0.03)
        rows.append({"variant": variant, "sequence": "".join(letters), "fitness": round(float(fitness), 3)})
    return rows


def make_promoters(n: int = 1000, length: int = 80, seed: int = 2) -> list[dict[str, object]]:
    """Half promoter-like DNA, half the same letters shuffled, so that the letters alone tell nothing.

    A promoter holds TTGACA, 16 to 18 letters later TATAAT, and TGTG before the end; each letter of a motif is replaced
    with probability 0.12, as the boxes of real E. coli promoters are rarely perfect.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        letters = rng.choice(list("ACGT"), length, p=[0.29, 0.21, 0.21, 0.29])
        start = int(rng.integers(15, 25))
        _plant(letters, "TTGACA", start, rng)
        _plant(letters, "TATAAT", start + 6 + int(rng.integers(16, 19)), rng)
        is_promoter = i % 2 == 0
        if not is_promoter:
            rng.shuffle(letters)
        label = "promoter" if is_promoter else "shuffled"
        rows.append({"name": f"dna_{i + 1:04d}", "sequence": "".join(letters), "label": label})
    return [rows[i] for i in rng.permutation(n)]


def _plant(letters: np.ndarray, motif: str, start: int, rng: np.random.Generator) -> None:
    for offset, letter in enumerate(motif):
        letters[start + offset] = letter if rng.random() > 0.12 else rng.choice(list("ACGT"))


CORES = (
    "c1ccc({a})cc1{b}", "c1ccc2c({a})cccc2c1{b}", "c1cc({a})ncc1{b}", "c1sc({a})cc1{b}", "C1CCC({a})CC1{b}",
    "C1CN({a})CCN1{b}", "c1nc({a})oc1{b}", "O=C(N{a})c1ccccc1{b}", "c1ccc(Oc2ccc({a})cc2)cc1{b}",
    "C1CCN({a})CC1{b}", "c1[nH]c2ccc({a})cc2c1{b}", "O=S(=O)(N{a})c1ccc({b})cc1", "c1cnc({a})nc1{b}", "CC({a})C{b}",
)  # fmt: skip
GROUPS = (
    "C", "CC", "C(C)C", "CCCC", "CO", "CCO", "CN", "CC(=O)O", "CC(N)=O", "C(F)(F)F", "CCl", "CC#N", "CCBr", "CCC(=O)OC",
    "c9ccccc9", "C9CC9", "CCS", "CC[N+](=O)[O-]", "CCN(C)C", "COC",
)  # fmt: skip


def _molecules(n: int, seed: int) -> list:
    """Molecules put together from cores and side groups, without duplicates, as RDKit molecules."""
    from rdkit import Chem, rdBase

    found = {}
    with rdBase.BlockLogs():
        for core, first, second in itertools.product(CORES, GROUPS, ("", *GROUPS[:8])):
            text = core.format(a=first, b="{b}")
            text = text.replace("({b})", f"({second})" if second else "").replace("{b}", second)
            molecule = Chem.MolFromSmiles(text)
            if molecule is not None:
                found.setdefault(Chem.MolToSmiles(molecule), molecule)
    names = sorted(found)
    chosen = np.random.default_rng(seed).choice(len(names), n, replace=False)
    return [found[names[i]] for i in chosen]


def make_logp(n: int = 800, seed: int = 3) -> list[dict[str, object]]:
    """Small molecules with their computed octanol-water partition coefficient.

    Wildman and Crippen, J. Chem. Inf. Comput. Sci. 39, 868 (1999), as computed by RDKit.
    """
    from rdkit import Chem
    from rdkit.Chem import Crippen

    return [
        {
            "name": f"molecule_{i + 1:03d}",
            "smiles": Chem.MolToSmiles(molecule),
            "logp": round(Crippen.MolLogP(molecule), 3),
        }
        for i, molecule in enumerate(_molecules(n, seed))
    ]


ALERTS = {
    "aromatic_amide": "c[CX3](=O)N",
    "halogen": "[F,Cl,Br]",
    "basic_amine": "[NX3;!$(NC=O);!$(NS=O);!$(Nc)]",
    "acid_or_ester": "C(=O)[OX2]",
}
"""Name and SMARTS pattern of what each label asks for."""


def make_alerts(n: int = 600, seed: int = 4) -> list[dict[str, object]]:
    """Small molecules with four yes/no labels: whether a group of atoms is there; 15 % of the labels are left blank."""
    from rdkit import Chem

    rng = np.random.default_rng(seed)
    patterns = {name: Chem.MolFromSmarts(smarts) for name, smarts in ALERTS.items()}
    rows = []
    for i, molecule in enumerate(_molecules(n, seed)):
        labels = {
            name: "" if rng.random() < 0.15 else int(molecule.HasSubstructMatch(pattern))
            for name, pattern in patterns.items()
        }
        rows.append({"compound_id": f"compound_{i + 1:03d}", "smiles": Chem.MolToSmiles(molecule), **labels})
    return rows


def make_residues(n: int = 320, seed: int = 5) -> list[dict[str, object]]:
    """Simulated proteins with a state for each residue: H helix, E strand, C coil.

    Segments of helix (8-18 residues), strand (4-8) and coil (3-9) follow one another; each residue is drawn with the
    propensities of its state (Chou and Fasman), squared to make the signal learnable from few examples.
    """
    rng = np.random.default_rng(seed)
    letters = list(AMINO_ACIDS)
    helix = np.array([HELIX[letter] ** 2 for letter in letters])
    strand = np.array([STRAND[letter] ** 2 for letter in letters])
    coil = 1.0 / (helix + strand)
    draw = {state: p / p.sum() for state, p in (("H", helix), ("E", strand), ("C", coil))}
    spans = {"H": (8, 19), "E": (4, 9), "C": (3, 10)}
    rows = []
    for i in range(n):
        states, length = "", int(rng.integers(50, 110))
        while len(states) < length:
            states += "C" * int(rng.integers(*spans["C"]))
            state = "H" if rng.random() < 0.55 else "E"
            states += state * int(rng.integers(*spans[state]))
        states = states[:length]
        sequence = "".join(str(rng.choice(letters, p=draw[state])) for state in states)
        part = "test" if i % 5 == 4 else "valid" if i % 10 == 3 else "train"
        rows.append({"id": f"chain_{i + 1:03d}", "sequence": sequence, "labels": states, "split": part})
    return rows


TABLES = {
    "protein_variants.csv": make_protein_variants,
    "dna_promoters.csv": make_promoters,
    "molecule_logp.csv": make_logp,
    "molecule_alerts.csv": make_alerts,
    "protein_residues.csv": make_residues,
}


def write_examples(folder: Path) -> None:
    """Write all tables into a folder."""
    for file_name, make in TABLES.items():
        rows = make()
        with (folder / file_name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    write_examples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
