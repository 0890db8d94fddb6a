"""The example structures: ideal backbones made by `examples/make_structures.py`."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "examples" / "structures"


@dataclass(frozen=True)
class ExampleStructure:
    """A structure that comes with BioTL."""

    title: str
    file: Path
    how_made: str
    """One or two honest sentences."""
    values: Path | None = None
    """A table of per-residue values to paint on it."""


EXAMPLE_STRUCTURES: dict[str, ExampleStructure] = {
    "bundle": ExampleStructure(
        "Three-helix bundle",
        _FOLDER / "three_helix_bundle.pdb",
        "One designed chain of 69 residues, built from ideal bond lengths, angles and dihedrals; no protein was "
        "measured or predicted. The loops were searched so that the helices stand 10 Å apart. Side chains end at "
        "the beta carbon.",
        _FOLDER / "three_helix_bundle_values.csv",
    ),
    "hairpin": ExampleStructure(
        "Beta hairpin",
        _FOLDER / "beta_hairpin.pdb",
        "Two strands and a two-residue turn, built from ideal geometry and bent until the hydrogen bonds between "
        "the strands had their textbook length; no protein was measured or predicted.",
    ),
    "dimer": ExampleStructure(
        "Two bundles, two chains",
        _FOLDER / "bundle_dimer.pdb",
        "The three-helix bundle and its copy turned by half a circle around an axis beside it, to have two chains; "
        "not a real complex.",
    ),
}
