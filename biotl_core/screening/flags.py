"""What a chemist asks of a hit before ordering it: drug-likeness, rules, and groups of atoms that mislead assays.

Flags are told, and nothing is ever dropped for one: aspirin and a third of the drugs on the market have some.
"""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from biotl_core.progress import Control

FLAG_COLUMNS = ("qed", "weight", "logp", "donors", "acceptors", "lipinski_misses", "pains", "brenk")


def describe_hits(smiles: Sequence[str], control: Control | None = None) -> pd.DataFrame:
    """One row a molecule, in their order: the columns of FLAG_COLUMNS.

    `qed` is the quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al., Nature Chemistry 4, 90, 2012);
    `lipinski_misses` how many of the rule of five are broken (Lipinski et al., Adv. Drug Deliv. Rev. 23, 3,
    1997); `pains`
    and `brenk` name the patterns found, "" for none (Baell and Holloway, J. Med. Chem. 53, 2719, 2010; Brenk et al.,
    ChemMedChem 3, 435, 2008), as RDKit's FilterCatalog holds them.
    """
    control = control or Control()
    rows = []
    for i, text in enumerate(smiles):
        if i % 100 == 0:
            control.step("Looking at the hits", i, len(smiles))
        rows.append(_describe(text))
    return pd.DataFrame(rows, columns=list(FLAG_COLUMNS))


def _describe(smiles: str) -> tuple:
    from rdkit import Chem, rdBase
    from rdkit.Chem import QED, Crippen, Descriptors, Lipinski

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        weight, logp = Descriptors.MolWt(molecule), Crippen.MolLogP(molecule)
        donors, acceptors = Lipinski.NumHDonors(molecule), Lipinski.NumHAcceptors(molecule)
        misses = int(weight > 500) + int(logp > 5) + int(donors > 5) + int(acceptors > 10)
        qed = QED.qed(molecule)
    return (
        round(qed, 3), round(weight, 1), round(logp, 2), donors, acceptors, misses,
        _matches(molecule, "PAINS"), _matches(molecule, "BRENK"),
    )  # fmt: skip


def _matches(molecule: object, catalogue: str) -> str:
    found = [entry.GetDescription() for entry in _catalogue(catalogue).GetMatches(molecule)]
    return ", ".join(dict.fromkeys(found))


@lru_cache(maxsize=2)
def _catalogue(name: str) -> object:
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    parameters = FilterCatalogParams()
    parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog(parameters)
