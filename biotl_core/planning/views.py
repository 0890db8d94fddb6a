"""Views: how the surrogate sees sequences, each one a kernel; the measurements decide which of them matter."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from biotl_core.data.dataset import Modality
from biotl_core.data.variants import find_variants
from biotl_core.evaluation.exchanges import Exchanges
from biotl_core.evaluation.features import fingerprints, kmers
from biotl_core.planning.surrogate import View

_KMER_SIZES: dict[Modality, tuple[int, ...]] = {"protein": (1, 2), "dna": (1, 2, 3, 4)}
_DIRECTIONS = 64
"""Principal directions of the backbone's features that are looked at."""
_DIRECTION_ROWS = 5_000


def make_views(
    sequences: Sequence[str],
    modality: Modality,
    features: np.ndarray | None = None,
    likelihood: np.ndarray | None = None,
) -> list[View]:
    """All views of some sequences.

    Args:
        sequences: measured ones and candidates together, n of them.
        modality: what they are.
        features: mean vectors of a backbone `(n, width)`, where there are some.
        likelihood: zero-shot scores `(n,)`, where there are some.
    """
    sequences = list(sequences)
    if modality == "molecule":
        views = _molecule_views(sequences)
    elif (variants := find_variants(sequences)) is not None:
        views = _variant_views(variants.letters, variants.consensus, modality)
    else:
        views = [View("short words", kmers(sequences, _KMER_SIZES[modality]))]
    if features is not None:
        turned = _half_whitened(features)
        views += [
            View("what the backbone sees", turned),
            View("what the backbone sees", turned, is_smooth=True),
        ]
    if likelihood is not None and np.ptp(likelihood) > 0:
        views.append(
            View("how likely the backbone finds it", np.asarray(likelihood, dtype=np.float64)[:, None])
        )
    return views


def _variant_views(letters: np.ndarray, parent: np.ndarray, modality: Modality) -> list[View]:
    """Of variants of one sequence: uint8 letters `(n, length)` and the parent's `(length,)`."""
    exchanges = Exchanges.of(letters, parent)
    views = [
        View("which letters stand where", exchanges.letters()),
        View("which places are changed", exchanges.places()),
    ]
    if modality == "protein":
        views.append(View("alike letters at a place", exchanges.steps()))
        kinds = exchanges.kinds()
        spread = kinds.std(axis=0)
        kinds = kinds[:, spread > 0] / spread[spread > 0]
        views += [View("kinds of exchange", kinds), View("kinds of exchange", kinds, is_smooth=True)]
    return views


def _molecule_views(smiles: list[str]) -> list[View]:
    """Groups of atoms, and a few properties of the whole molecule."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import Crippen, rdMolDescriptors

    groups = fingerprints(smiles)
    norms = np.sqrt(groups.multiply(groups).sum(axis=1))
    unit = sparse.csr_array(sparse.diags_array(1 / np.maximum(norms, 1e-12)) @ groups, dtype=np.float64)
    whole = np.zeros((len(smiles), 8))
    with rdBase.BlockLogs():
        for i, text in enumerate(smiles):
            if (molecule := Chem.MolFromSmiles(text)) is not None:
                whole[i] = (
                    Crippen.MolLogP(molecule), Crippen.MolMR(molecule), rdMolDescriptors.CalcTPSA(molecule),
                    rdMolDescriptors.CalcNumHBD(molecule), rdMolDescriptors.CalcNumHBA(molecule),
                    rdMolDescriptors.CalcNumRotatableBonds(molecule), rdMolDescriptors.CalcNumAromaticRings(molecule),
                    rdMolDescriptors.CalcFractionCSP3(molecule),
                )  # fmt: skip
    spread = whole.std(axis=0)
    whole = whole[:, spread > 0] / spread[spread > 0]
    size = "size, polarity, flexibility"
    return [
        View("groups of atoms", unit),
        View("groups of atoms", unit, is_smooth=True),
        View(size, whole),
        View(size, whole, is_smooth=True),
    ]


def _half_whitened(features: np.ndarray) -> np.ndarray:
    """The main directions of the backbone's features, brought half-way to one spread, `(n, at most 64)`.

    What tells close relatives apart lies in small directions; whitened fully these would be noise.
    """
    features = np.asarray(features, dtype=np.float64)
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    some = scaled[np.random.default_rng(0).permutation(len(scaled))[:_DIRECTION_ROWS]]
    values, vectors = np.linalg.eigh(some.T @ some / len(some))
    values, vectors = np.maximum(values[::-1], 0)[:_DIRECTIONS], vectors[:, ::-1][:, :_DIRECTIONS]
    return scaled @ vectors / (values + 1e-3) ** 0.25
