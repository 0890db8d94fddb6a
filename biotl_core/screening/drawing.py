"""Molecules as pictures that load nothing from outside: 2D as SVG, atoms coloured by what they add, and 3D shapes."""

from collections.abc import Callable, Sequence

import numpy as np

from biotl_core.errors import UserError

_HIGH, _LOW = (0.0, 0.62, 0.45), (0.84, 0.37, 0.0)
"""Green raises the prediction, orange lowers it: told apart by colour-blind eyes."""
CONFORMER_SECONDS = 10


def draw_molecule(smiles: str, width: int = 260, height: int = 180, weights: np.ndarray | None = None) -> str:
    """An SVG of the molecule on a transparent ground; with weights `(n_atoms,)` each atom gets a disc of its colour.

    Raises:
        UserError: the SMILES cannot be read.
    """
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = _read(smiles)
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.clearBackground = False
    options.bondLineWidth = 1.4
    # A grey that can be read on white and on black, and hetero atoms in colours that stand on both.
    options.setAtomPalette(
        {-1: (0.46, 0.51, 0.49), 7: (0.22, 0.47, 0.86), 8: (0.86, 0.27, 0.22), 16: (0.72, 0.56, 0.0),
         9: (0.18, 0.6, 0.35), 17: (0.18, 0.6, 0.35), 35: (0.65, 0.3, 0.15), 15: (0.85, 0.45, 0.05)}
    )  # fmt: skip
    atoms, colours, radii = _discs(molecule, weights)
    rdMolDraw2D.PrepareAndDrawMolecule(
        drawer, molecule, highlightAtoms=atoms, highlightAtomColors=colours, highlightBonds=[],
        highlightAtomRadii=radii,
    )  # fmt: skip
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def _discs(
    molecule: object, weights: np.ndarray | None
) -> tuple[list[int], dict[int, tuple], dict[int, float]]:
    if weights is None:
        return [], {}, {}
    largest = max(float(np.abs(weights).max()), 1e-9)
    atoms = [i for i in range(molecule.GetNumAtoms()) if abs(weights[i]) > 0.08 * largest]
    colours = {i: (*(_HIGH if weights[i] > 0 else _LOW), 0.55 * abs(weights[i]) / largest) for i in atoms}
    return atoms, colours, {i: 0.2 + 0.25 * abs(weights[i]) / largest for i in atoms}


def atom_weights(smiles: str, predict: Callable[[Sequence[str]], np.ndarray]) -> np.ndarray:
    """What each atom adds to the prediction, `(n_atoms,)` in the order of the SMILES: the prediction with all atoms,
    minus that with the atom groups around it hidden.

    For models over fingerprints see `bit_weights`, which is exact there; this one asks any model, by putting another
    element in the atom's place (a dummy atom), and needs one prediction an atom.
    """
    from rdkit import Chem, rdBase

    molecule = _read(smiles)
    variants = []
    for atom in range(molecule.GetNumAtoms()):
        changed = Chem.RWMol(molecule)
        changed.ReplaceAtom(atom, Chem.Atom(0))
        with rdBase.BlockLogs():
            variants.append(Chem.MolToSmiles(changed))
    values = np.asarray(predict([Chem.MolToSmiles(molecule), *variants]), np.float64)
    return values[0] - values[1:]


def conformer(smiles: str, seed: int = 0) -> str:
    """One likely 3D shape as a molecule block: embedded by ETKDG and relaxed with MMFF94 where that has parameters.

    Riniker and Landrum, J. Chem. Inf. Model. 55, 2562 (2015); Halgren, J. Comput. Chem. 17, 490 (1996).

    Raises:
        UserError: no shape was found.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem

    with rdBase.BlockLogs():
        molecule = Chem.AddHs(_read(smiles))
        parameters = AllChem.ETKDGv3()
        parameters.randomSeed = seed + 1
        parameters.timeout = CONFORMER_SECONDS
        if AllChem.EmbedMolecule(molecule, parameters) < 0:
            parameters.useRandomCoords = True
            if AllChem.EmbedMolecule(molecule, parameters) < 0:
                raise UserError("No 3D shape was found for this molecule. Its 2D drawing is all there is.")
        if AllChem.MMFFHasAllMoleculeParams(molecule):
            AllChem.MMFFOptimizeMolecule(molecule, maxIters=500)
        return Chem.MolToMolBlock(molecule)


def as_sdf(hits: "object", columns: Sequence[str]) -> str:
    """Molecules as an SDF with 2D coordinates and the columns as data items.

    Args:
        hits: a table with `name` and `smiles`.
        columns: what else to write.
    """
    from rdkit import Chem
    from rdkit.Chem import AllChem

    blocks = []
    for row in hits.to_dict("records"):
        molecule = _read(row["smiles"])
        molecule.SetProp("_Name", str(row["name"]))
        AllChem.Compute2DCoords(molecule)
        items = "".join(f">  <{column}>\n{row[column]}\n\n" for column in columns)
        blocks.append(Chem.MolToMolBlock(molecule) + items + "$$$$\n")
    return "".join(blocks)


def _read(smiles: str) -> object:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise UserError(f"'{smiles[:40]}' is not a SMILES that can be read as a molecule.")
    return molecule
