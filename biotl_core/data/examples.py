"""EXAMPLES: one small table for each kind of data, made by this project with `examples/make_examples.py`."""

from dataclasses import dataclass
from pathlib import Path

from biotl_core.data.dataset import Modality

EXAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    """A built-in table."""

    title: str
    """What it holds, in a few words."""
    file: Path
    """The table as it would be uploaded."""
    modality: Modality
    how_made: str
    """Where it comes from, said honestly; two or three sentences."""


EXAMPLES: dict[str, Example] = {
    "protein_variants": Example(
        "900 protein variants, one number each (simulated fitness)",
        EXAMPLES_FOLDER / "protein_variants.csv",
        "protein",
        "Simulated, not measured: variants of human ubiquitin with one to four substitutions. Each costs fitness by "
        "how unlike the new residue is and how much its position matters; fifteen pairs of positions help or hurt each "
        "other; noise is added.",
    ),
    "dna_promoters": Example(
        "1,000 DNA sequences, one class each (promoter or shuffled)",
        EXAMPLES_FOLDER / "dna_promoters.csv",
        "dna",
        "Simulated: random DNA with the two boxes of a bacterial promoter (TTGACA, TATAAT, 16 to 18 letters apart, "
        "12 % of their letters drawn anew), against the same kind of DNA with its letters shuffled.",
    ),
    "molecule_logp": Example(
        "800 small molecules, one number each (computed logP)",
        EXAMPLES_FOLDER / "molecule_logp.csv",
        "molecule",
        "Molecules put together from fourteen cores and twenty side groups. The number is computed, not measured: "
        "Crippen's octanol-water partition coefficient from RDKit.",
    ),
    "molecule_alerts": Example(
        "600 small molecules, four yes/no labels each, some blank",
        EXAMPLES_FOLDER / "molecule_alerts.csv",
        "molecule",
        "The same kind of molecules; each label says whether a group of atoms is there (an aromatic amide, a halogen, "
        "a basic amine, an acid or ester), found by RDKit. 15 % of the labels are left blank on purpose.",
    ),
    "protein_residues": Example(
        "320 proteins, one class per residue (helix, strand, coil)",
        EXAMPLES_FOLDER / "protein_residues.csv",
        "protein",
        "Simulated: helices, strands and coils of typical lengths follow one another, and each residue is drawn with "
        "the propensity of its state (Chou and Fasman). The table names its own parts.",
    ),
}
