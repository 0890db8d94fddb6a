"""Makes the example of the Screening page: `python examples/make_screening.py [FOLDER]`.

Nothing is measured. Molecules are put together from cores, linkers and tails; the potency of each is a sum of what its
parts add, one pair of parts that help each other, and noise. So the example has a known answer: tertiary amines on the
linker and the pyrimidine core are what makes a molecule strong.
"""

import itertools
import sys
from pathlib import Path

import numpy as np

CORES = {
    "c1ccc({t})cc1": 0.0, "c1ncc({t})cn1": 0.9, "c1ccc2[nH]cc({t})c2c1": 0.5, "c1ccc2ncc({t})cc2c1": 0.7,
    "c1csc({t})c1": 0.1, "Cc1noc(C)c1{t}": -0.3, "c1ccc(-c2ccc({t})cc2)cc1": 0.3, "C1CCC({t})CC1": -0.6,
    "Clc1ccc({t})cc1": 0.4, "Fc1ccc({t})c(F)c1": 0.3, "COc1ccc({t})cc1": 0.2, "N#Cc1ccc({t})cc1": 0.1,
    "Nc1ncc({t})cn1": 1.2,
}  # fmt: skip
LINKERS = {
    "C(=O)N{e}": 0.6, "NC(=O){e}": 0.4, "S(=O)(=O)N{e}": 0.2, "CN(C){e}": 0.8, "O{e}": -0.2, "C(=O)N8CCN({e})CC8": 1.0,
    "CC{e}": -0.5, "NC(=O)N{e}": 0.5,
}  # fmt: skip
TAILS = {
    "C": -0.4, "CC": -0.2, "C(C)C": 0.0, "CC(C)C": 0.1, "c9ccccc9": 0.6, "Cc9ccccc9": 0.8, "c9ccc(F)cc9": 0.7,
    "c9ccc(Cl)cc9": 0.9, "c9ccc(OC)cc9": 0.5, "c9cccnc9": 0.6, "Cc9ccncc9": 0.7, "C9CCCCC9": 0.3, "C9CC9": 0.0,
    "CCN(C)C": 0.4, "CCO": -0.3, "CCOC": -0.2, "CC(F)(F)F": 0.2, "c9ccc(C(F)(F)F)cc9": 0.8, "c9ccc(C#N)cc9": 0.5,
    "Cc9ccc(Cl)cc9": 1.0, "c9nccs9": 0.5, "C9CCOCC9": 0.2, "C9CCN(C)CC9": 0.7, "c9ccc(N)cc9": 0.3, "c9ccccc9C": 0.4,
}  # fmt: skip
HELPING = ("n", "Cl")
"""A core with an aromatic nitrogen and a tail with chlorine add this much more."""
HELP = 0.7
NOISE = 0.3
WEAKEST_NM = 30_000.0
"""The assay sees no further: weaker ones are written as "> 30000"."""


def make_molecules() -> list[tuple[str, float]]:
    """Every molecule as canonical SMILES with its potency (pIC50), without noise, in a fixed order."""
    from rdkit import Chem, rdBase

    found: dict[str, float] = {}
    with rdBase.BlockLogs():
        for (core, a), (linker, b), (tail, c) in itertools.product(
            CORES.items(), LINKERS.items(), TAILS.items()
        ):
            molecule = Chem.MolFromSmiles(core.replace("{t}", linker.replace("{e}", tail)))
            if molecule is not None:
                helped = HELP if HELPING[0] in core and HELPING[1] in tail else 0.0
                found.setdefault(Chem.MolToSmiles(molecule), 4.3 + a + b + c + helped)
    return sorted(found.items())


def make_assay(n: int = 300, seed: int = 11) -> list[str]:
    """The lines of the assay table: IC50 in nM, a few repeats, salts, limits and rows that cannot be read."""
    from rdkit import Chem

    rng = np.random.default_rng(seed)
    molecules = make_molecules()
    lines = ["compound,smiles,IC50 (nM)"]
    for i, row in enumerate(rng.choice(len(molecules), n, replace=False)):
        smiles, potency = molecules[row]
        lines.append(f"cpd_{i + 1:03d},{_written(smiles, i)},{_ic50(potency, rng)}")
        if i % 25 == 7:  # measured again, written in another way
            again = Chem.MolToSmiles(Chem.MolFromSmiles(smiles), doRandom=True, canonical=False)
            lines.append(f"cpd_{i + 1:03d}_b,{again},{_ic50(potency + (1.6 if i == 57 else 0.0), rng)}")
    broken = [
        "cpd_301,c1ccccc1C(,120", "cpd_302,not tested,", "cpd_303,CCOC(=O)c1ccccc1,n.d.", "cpd_304,,55",
        "cpd_305,MKTAYIAKQRQISFVKSHFSRQLEERLG,800", "cpd_306,[Na+].[Cl-],900",
    ]  # fmt: skip
    return [*lines, *broken]


def make_library(n: int = 1_500, seed: int = 12) -> list[str]:
    """The lines of a SMILES file: molecules of the same kind, in random order; some are in the assay."""
    molecules = make_molecules()
    rows = np.random.default_rng(seed).choice(len(molecules), n, replace=False)
    return [f"{molecules[row][0]} lib_{i + 1:04d}" for i, row in enumerate(rows)]


def _written(smiles: str, i: int) -> str:
    return f"{smiles}.Cl" if i % 60 == 20 else smiles


def _ic50(potency: float, rng: np.random.Generator) -> str:
    nanomolar = 10 ** (9 - potency - rng.normal(0, NOISE))
    if nanomolar > WEAKEST_NM:
        return f"> {WEAKEST_NM:.0f}"
    return f"{nanomolar:.3g}" if nanomolar < 1000 else f"{nanomolar:.0f}"


def write_screening(folder: Path) -> None:
    """Write `assay.csv` and `library.smi` into a folder."""
    from rdkit import rdBase

    rdBase.SeedRandomNumberGenerator(11)
    (folder / "assay.csv").write_text("\n".join(make_assay()) + "\n", encoding="utf-8")
    (folder / "library.smi").write_text("\n".join(make_library()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_screening(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "screening")
